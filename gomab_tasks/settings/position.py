"""Find the lines of keys in a TOML text.

The parser gives positions for syntax errors only. So growing prefixes of the
text are parsed: the first one that holds a key ends with the statement that
sets it. That costs a parse for each line, and is done only to report problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import tomli

from gomab_tasks.settings.problem import KeyPath

# What may be missing where a statement is cut at the end of a line.
_CLOSERS = ("", "]", "}", "}]", "]}", "]]", "]}]", '"""', "'''", '"""]', "''']")


def find_lines(text: str, paths: Iterable[KeyPath], first: str) -> dict[KeyPath, int]:
    """Give the line, from 1, on which each key or item begins; those not found are left out.

    Args:
        text: the whole document.
        paths: from the top of the document.
        first: a key that all paths pass. The search begins at the first header
            with it, and at the top for what is not found below that.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    header = re.compile(rf"\s*\[[^\]]*(?<![\w-]){first}(?![\w-])")
    above = next((number for number, line in enumerate(lines) if header.match(line)), 0)
    found = {path: above + line for path, line in _search(lines[above:], set(paths)).items()}
    missing = set(paths) - found.keys()
    return found | _search(lines, missing) if above and missing else found


def _search(lines: Sequence[str], pending: set[KeyPath]) -> dict[KeyPath, int]:
    found: dict[KeyPath, int] = {}
    whole = 0
    for number in range(1, len(lines) + 1):
        document = parse_lines(lines[:number])
        if document is None:
            continue
        held = {path for path in pending if _holds(document, path)}
        found |= {path: _line_in_statement(lines, whole + 1, number, path) for path in held}
        pending = pending - held
        whole = number
        if not pending:
            break
    return found


def _line_in_statement(lines: Sequence[str], start: int, end: int, path: KeyPath) -> int:
    """Find the line in a statement of several lines at which it holds the path."""
    for number in range(start, end):
        if any(_holds(parse_lines([*lines[:number], closer]), path) for closer in _CLOSERS):
            return number
    # A cut inside a key's own value may parse with no closer; items and inline keys end with theirs.
    return end if any(isinstance(part, int) for part in path) else start


def parse_lines(lines: Sequence[str]) -> dict[str, Any] | None:
    """Read a TOML text; none where it is not whole."""
    try:
        return tomli.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return None


def _holds(value: Any, path: KeyPath) -> bool:  # noqa: ANN401 - any TOML value
    for part in path:
        if isinstance(part, int):
            if not isinstance(value, list) or part >= len(value):
                return False
        elif not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True
