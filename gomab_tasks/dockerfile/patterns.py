"""Tell which files the lines of a .dockerignore leave out.

They are no lines of a .gitignore: each begins at the root, and a file below a
folder that is left out may be let through.
Source: moby/patternmatcher, patternmatcher.go and ignorefile/ignorefile.go.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

_TOKEN = re.compile(r"\*\*/?|\\.|\[(?:\\.|[^\]\\])+\]|.", re.DOTALL)
_WILD = {"*": "[^/]*", "?": "[^/]"}
_ANY_END = re.compile(r"\*\*([^/*?\[\]\\]+)")
_NOTHING = re.compile(r"(?!)")


class _Line(Struct, frozen=True):
    """Hold one line: whether it hides what it fits, or lets it through."""

    hides: bool
    pattern: re.Pattern[str]


def find_hidden(lines: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Give those of the paths that are left out; the last line that fits a path or a folder above decides."""
    walk = _Walk(tuple(_read(lines)))
    return [path for path in paths if walk.look(path)[0]]


class _Walk:
    """Go down to paths as BuildKit does, which looks at a line only where it would change something."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        self._lines = lines
        self._seen: dict[str, tuple[bool, tuple[bool, ...]]] = {"": (False, (False,) * len(lines))}

    def look(self, path: str) -> tuple[bool, tuple[bool, ...]]:
        """Tell whether a path is left out, and which lines fit it or a folder above."""
        if path not in self._seen:
            self._seen[path] = self._judge(path, self.look(path.rpartition("/")[0])[1])
        return self._seen[path]

    def _judge(self, path: str, above: Sequence[bool]) -> tuple[bool, tuple[bool, ...]]:
        is_hidden, fits = False, list(above)
        for number, line in enumerate(self._lines):
            if not above[number] and line.hides != is_hidden:
                fits[number] = bool(line.pattern.fullmatch(path))
            if fits[number]:
                is_hidden = line.hides
        return is_hidden, tuple(fits)


def _read(lines: Iterable[str]) -> Iterator[_Line]:
    for line in lines:
        text = "" if line.startswith("#") else line.strip()
        pattern = text.removeprefix("!").strip()
        if pattern:
            yield _Line(not text.startswith("!"), _compile(posixpath.normpath(pattern).lstrip("/")))


def _compile(pattern: str) -> re.Pattern[str]:
    """Translate a pattern; one that is none fits nothing, for BuildKit refuses it itself."""
    if end := _ANY_END.fullmatch(pattern):  # without a slash, and with no other wildcard
        return re.compile(f".*{re.escape(end[1])}", re.DOTALL)
    parts = (_translate(found, len(pattern)) for found in _TOKEN.finditer(pattern))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return _NOTHING


def _translate(found: re.Match[str], end: int) -> str:
    token = found[0]
    if token.startswith("**"):
        return ".*" if found.end() == end else "(?:.*/)?"
    if token.startswith("[") and len(token) > 1:
        return token
    return _WILD.get(token) or re.escape(token[-1])
