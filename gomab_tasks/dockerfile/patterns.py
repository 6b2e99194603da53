"""Tell which files the lines of a .dockerignore leave out.

They are no lines of a .gitignore: each begins at the root, and a file below a
folder that is left out may be let through.
Source: moby/patternmatcher, patternmatcher.go and ignorefile/ignorefile.go.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

_TOKEN = re.compile(r"\*\*/?|\\.|\[(?:\\.|[^\]\\])+\]|.", re.DOTALL)
_WILD = {"*": "[^/]*", "?": "[^/]"}
_NOTHING = re.compile(r"(?!)")


def find_hidden(lines: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Give those of the paths that are left out; the last line that fits a path or a folder above decides."""
    patterns = list(_read(lines))[::-1]
    return [
        path for path in paths if next((hides for hides, fits in patterns if fits.fullmatch(path)), False)
    ]


def _read(lines: Iterable[str]) -> Iterator[tuple[bool, re.Pattern[str]]]:
    """Give for each line whether it hides, and what it fits."""
    for line in lines:
        text = "" if line.startswith("#") else line.strip()
        pattern = text.removeprefix("!").strip()
        if pattern:
            yield not text.startswith("!"), _compile(posixpath.normpath(pattern).lstrip("/"))


def _compile(pattern: str) -> re.Pattern[str]:
    """Translate a pattern; one that is none fits nothing, for BuildKit refuses it itself."""
    parts = (_translate(found, len(pattern)) for found in _TOKEN.finditer(pattern))
    try:
        return re.compile(f"{''.join(parts)}(?:/.*)?", re.DOTALL)
    except re.error:
        return _NOTHING


def _translate(found: re.Match[str], end: int) -> str:
    token = found[0]
    if token.startswith("**"):
        return ".*" if found.end() == end else "(?:.*/)?"
    if token.startswith("[") and len(token) > 1:
        return token
    return _WILD.get(token) or re.escape(token[-1])
