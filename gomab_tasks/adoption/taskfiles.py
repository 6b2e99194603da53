"""Add gomab's tasks to a noxfile.py or tasks.py, or write a noxfile."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from itertools import chain, count

from msgspec import Struct

from gomab_tasks.adoption.pythonfile import PythonFile, read_python, with_lines
from gomab_tasks.adoption.sessions import read_sessions
from gomab_tasks.errors import SettingsError
from gomab_tasks.script_block import BLOCK, dependencies_of, read_dependencies

PACKAGE = "gomab-tasks"
NEW_NOXFILE = '''\
# /// script
# dependencies = ["nox>=2026.8.10", "gomab-tasks"]
# ///
"""Sessions of the project: `nox -l`."""

import nox

from gomab_tasks.nox import register

register()

if __name__ == "__main__":
    nox.main()
'''
INVOKE_IMPORT = re.compile(r"(?m)^[ \t]*(?:import|from)[ \t]+invoke\b")
PACKAGE_LINES = (
    "from pathlib import Path",
    "from gomab_tasks.invoke import collection",
    'ns.add_collection(collection(root=Path(__file__).parents[1]), name="go")',
)
"""What the namespace of a package `tasks` needs."""
_DEPENDENCIES = re.compile(
    r"(?ms)^# *dependencies *= *\[(?P<items>.*?)(?P<end>\r?\n# *)?\](?=[ \t]*(?:#[^\n]*)?\r?$)"
)


def extend_noxfile(content: bytes, tasks: Collection[str]) -> bytes:
    """Add `register()` as the last thing, and gomab to the file's own dependencies if it names any.

    Args:
        tasks: gomab's names; where a session has one, gomab's get a prefix.

    Raises `SettingsError` with the line that Python does not understand.
    """
    file = read_python("noxfile.py", content)
    if file.imports_from("gomab_tasks.nox"):
        return content
    needed = _Needed(file, [])
    register = needed.name("gomab_tasks.nox", "register")
    prefix = find_prefix(content, tasks)
    argument = f'prefix="{prefix}"' if prefix else ""
    made = with_lines(file, needed.imports, [f"{register}({argument})"])
    return _with_dependency(made).encoded()


def find_prefix(content: bytes, tasks: Collection[str]) -> str:
    """Give what gomab's sessions begin with in a noxfile that has not got them; empty if nothing is needed.

    Raises `SettingsError` with the line that Python does not understand.
    """
    file = read_python("noxfile.py", content)
    sessions = read_sessions(file)
    names = {*sessions.names, *(sessions.texts & set(tasks))}
    prefixes = chain([] if sessions.are_made else [""], (f"{name}-" for name in _names()))
    return next(prefix for prefix in prefixes if not names & {f"{prefix}{task}" for task in tasks})


def is_for_invoke(content: bytes) -> bool:
    """Tell whether a tasks.py is Invoke's, or may become so: other programs have files of that name."""
    file = read_python("tasks.py", content)
    return bool(INVOKE_IMPORT.search(file.text)) or not file.tree.body


def extend_tasks(content: bytes) -> bytes:
    """Add a collection `go` to the file's namespace; without one, make one of the tasks it defines.

    Raises `SettingsError` with the line that Python does not understand.
    """
    file = read_python("tasks.py", content)
    if file.imports_from("gomab_tasks.invoke"):
        return content
    needed, ending = _Needed(file, []), []
    namespace = next((name for name in ("ns", "namespace") if name in file.names), "")
    if not namespace:
        # With a namespace Invoke looks for tasks nowhere else.
        module = f"{needed.name('sys')}.modules[__name__]"
        ending = [f"ns = {needed.name('invoke', 'Collection')}.from_module({module})"]
    root = f"{needed.name('pathlib', 'Path')}(__file__).parent"
    collection = needed.name("gomab_tasks.invoke", "collection")
    name = next(name for name in _names() if not _has_namesake(file, name))
    ending.append(f'{namespace or "ns"}.add_collection({collection}(root={root}), name="{name}")')
    return with_lines(file, needed.imports, ending).encoded()


def names_package(content: bytes) -> bool:
    """Tell whether a task file names gomab in its block of PEP 723, so that whoever runs it installs it."""
    return any(_is_package(item, PACKAGE) for item in read_dependencies(content.decode("utf-8", "replace")))


class _Needed(Struct, frozen=True):
    """Hold the imports that a file lacks for what is added to it."""

    file: PythonFile
    imports: list[str]

    def name(self, module: str, name: str = "") -> str:
        """Give what a module, or a name of it, is called in the file; import it if it is not there."""
        if known := self.file.imported(module, name):
            return known
        wanted = name or module
        called = f"gomab_{wanted}" if wanted in self.file.names else wanted
        alias = f" as {called}" if called != wanted else ""
        self.imports.append(f"from {module} import {name}{alias}" if name else f"import {module}{alias}")
        return called


def _names() -> Iterator[str]:
    """Give what gomab's tasks can be put under, the likeliest first."""
    yield from ("go", "gomab")
    yield from (f"gomab-{number}" for number in count(2))


def _has_namesake(file: PythonFile, name: str) -> bool:
    """Tell whether the file may have a task or collection of a name already."""
    texts = {node.value for node in ast.walk(file.tree) if isinstance(node, ast.Constant)}
    return name in file.names or name in texts


def _with_dependency(file: PythonFile) -> PythonFile:
    """Add gomab to the block of PEP 723, if there is one that can be read."""
    block = BLOCK.search(file.text)
    before = dependencies_of(block["content"]) if block else None
    if block is None or before is None or any(_is_package(item, PACKAGE) for item in before):
        return file
    # Nox refuses a list that it is not in itself.
    new = [name for name in ("nox", PACKAGE) if not any(_is_package(item, name) for item in before)]
    start, end = block.span("content")
    text = file.text[:start] + _added(block["content"], new, file.line_end) + file.text[end:]
    made = read_python(file.name, text.encode(file.encoding))
    again = BLOCK.search(made.text)
    if not again or dependencies_of(again["content"]) != [*before, *new]:
        raise SettingsError(
            f'{file.name}: add "{PACKAGE}" to the dependencies of its script block, then start this again'
        )
    return made


def _is_package(item: str, package: str) -> bool:
    name = re.split(r"[^A-Za-z0-9._-]", item.strip())[0]
    return re.sub(r"[-_.]+", "-", name).lower() == package


def _added(content: str, new: list[str], line_end: str) -> str:
    listed = _DEPENDENCIES.search(content)
    quoted = [f'"{name}"' for name in new]
    if listed is None:
        return f"{content}# dependencies = [{', '.join(quoted)}]{line_end}"
    items = listed["items"].rstrip()
    comma = "," if items and not items.endswith(",") else ""
    if listed["end"] is None:
        text = f"{items}{comma}{' ' if items else ''}{', '.join(quoted)}"
    else:
        text = f"{items}{comma}{''.join(f'{line_end}#     {name},' for name in quoted)}"
    start, end = listed.span("items")
    return content[:start] + text + content[end:]
