"""Add lines to a Python file, and keep everything else of it byte for byte."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from msgspec import Struct

from gomab_tasks.errors import SettingsError


class PythonFile(Struct, frozen=True):
    """Hold a file and what it means.

    Attributes:
        text: with its own line ends.
        encoding: as its declaration or byte order mark has it.
    """

    name: str
    text: str
    encoding: str
    tree: ast.Module

    @property
    def line_end(self) -> str:
        """How its lines end: as the first one does."""
        return "\r\n" if self.text.partition("\n")[0].endswith("\r") else "\n"

    @property
    def lines(self) -> list[str]:
        """Its lines with their ends, as Python counts them."""
        return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", self.text)

    def imported(self, module: str, name: str = "") -> str:
        """Give what the file calls a module, or a name of it; nothing if it does not import that."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module == module and not node.level:
                for alias in node.names:
                    if alias.name == name:
                        return alias.asname or alias.name
            elif isinstance(node, ast.Import) and not name:
                for alias in node.names:
                    if alias.name == module:
                        return alias.asname or alias.name
        return ""

    def imports_from(self, module: str) -> bool:
        """Tell whether it imports a module or anything of it, in whatever way."""
        return any(module in _imported_modules(node) for node in ast.walk(self.tree))

    def aliases(self, name: str) -> set[str]:
        """List what the file calls a name that it imports from anywhere."""
        imports = (node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom))
        return {alias.asname or name for node in imports for alias in node.names if alias.name == name}

    @property
    def names(self) -> set[str]:
        """Every name that the file binds at its top level."""
        return set(_bound(self.tree.body))

    def encoded(self) -> bytes:
        """Give the bytes of the file."""
        return self.text.encode(self.encoding)


def read_python(name: str, content: bytes) -> PythonFile:
    """Read a Python file.

    Raises `SettingsError` with the line that Python does not understand.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
        tree = ast.parse(content, name)
    except SyntaxError as error:
        raise SettingsError(f"{name}:{error.lineno or 1}: Python cannot read this: {error.msg}") from None
    except ValueError as error:  # a wrong byte, a NUL
        raise SettingsError(f"{name}: Python cannot read this: {error}") from None
    return PythonFile(name, text, encoding, tree)


def with_lines(file: PythonFile, imports: list[str], ending: list[str]) -> PythonFile:
    """Add imports below those at the top, and lines at the end, above `if __name__ == …:`.

    Raises `SettingsError`, so that nothing is written, where the file would mean
    anything else than before besides.
    """
    lines = file.lines
    if lines and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += file.line_end
    top, end = _below_imports(file), _ending(file, len(lines))
    made = [
        *lines[:top],
        *(line + file.line_end for line in _apart(imports, file, lines[top - 1 : top + 1] if top else [])),
        *lines[top:end],
        *(line + file.line_end for line in [*_gap(file, lines[:end]), *ending]),
        *lines[end:],
    ]
    return _checked(file, "".join(made))


def _apart(imports: list[str], file: PythonFile, around: list[str]) -> list[str]:
    """Set the first imports of a file apart from what stands above and below."""
    if not imports or _leading_imports(file):
        return imports
    above = [""] if around and around[0].strip() else []
    below = [""] if not around or (around[1:] and around[1].strip()) else []
    return [*above, *imports, *below]


def _gap(file: PythonFile, lines: list[str]) -> list[str]:
    """Give the blank lines between a file's last statement and what is added."""
    statements = [node for node in file.tree.body if node.lineno <= len(lines)]
    wanted = 2 if statements and isinstance(statements[-1], ast.FunctionDef | ast.ClassDef) else 1
    there = 0
    while there < min(wanted, len(lines)) and not lines[-1 - there].strip():
        there += 1
    return [""] * (wanted - there) if lines else []


def _checked(file: PythonFile, text: str) -> PythonFile:
    """Hold what was made against what was there: its statements are all there, in their order."""
    made = read_python(file.name, text.encode(file.encoding))
    statements = iter([ast.dump(node) for node in made.tree.body])
    if not all(ast.dump(node) in statements for node in file.tree.body):
        raise SettingsError(f"{file.name}: lines cannot be added safely; add them by hand, see the README")
    return made


def _below_imports(file: PythonFile) -> int:
    """Give the number of lines above which imports may stand: docstring, imports, comments at the top."""
    if imports := _leading_imports(file):
        return imports[-1].end_lineno or 0
    first = file.tree.body[0] if file.tree.body else None
    if first and isinstance(first, ast.Expr) and ast.get_docstring(file.tree) is not None:
        return first.end_lineno or 0
    lines = file.lines
    return next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _leading_imports(file: PythonFile) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in file.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif found or not isinstance(node, ast.Expr):
            break
    return found


def _ending(file: PythonFile, number: int) -> int:
    """Give the number of lines above what is added: all, or to where `if __name__ == …:` comes last."""
    *before, last = file.tree.body or [ast.Pass()]
    is_guard = isinstance(last, ast.If) and "__name__" in ast.dump(last.test)
    return (before[-1].end_lineno or 0) if is_guard and before else number


def _imported_modules(node: ast.AST) -> list[str]:
    """List what may be a module of an import: `from a import b` has `a` and perhaps `a.b`."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return []


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """List the names that statements bind where they stand, blocks included, functions not."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id
            elif isinstance(part, ast.alias):
                yield (part.asname or part.name).partition(".")[0]
            elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield part.name
