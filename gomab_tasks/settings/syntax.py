"""Say what is no TOML. Imported only when there is something to say."""

from __future__ import annotations

import ast
import re

import tomli

from gomab_tasks.settings.position import parse_lines
from gomab_tasks.settings.problem import FILE, dotted

_NAMED = r"Cannot (declare|mutate immutable namespace|redefine namespace) (\(.*\))(?: twice)?"


def explain_syntax(text: str, error: tomli.TOMLDecodeError) -> str:
    """Give one line: where, what it is about, and what to do where the parser knows only what it minds."""
    line, column, reason = error.lineno, error.colno, error.msg
    if reason == "Cannot overwrite a value":
        line, column, key = _find_statement(text, line)
        reason = f"{key} has a value already; keep one of the two"
    elif named := re.fullmatch(_NAMED, reason):
        key = dotted(ast.literal_eval(named[2]))
        is_doubled = named[1] == "declare"
        reason = (
            f"the table {key} is there twice; put its keys into one"
            if is_doubled
            else f"{key} is written whole above; add to it there"
        )
    else:
        reason = reason[:1].lower() + reason[1:]
    return f"{FILE}:{line}:{column}: this is not TOML: {reason}"


def _find_statement(text: str, last: int) -> tuple[int, int, str]:
    """Give line, column and key of the statement that ends on line `last`; the parser points at its end."""
    lines = text.replace("\r\n", "\n").split("\n")
    above = next(number for number in range(last - 1, -1, -1) if parse_lines(lines[:number]) is not None)
    first = next(
        number for number in range(above, last) if lines[number].strip() and lines[number].strip()[0] != "#"
    )
    found = lines[first]
    column = len(found) - len(found.lstrip()) + 1
    return first + 1, column, found.partition("=")[0].strip()
