"""Say what is no TOML. Imported only when there is something to say."""

from __future__ import annotations

import ast
import re

import tomli

from gomab_tasks.settings.position import parse_lines
from gomab_tasks.settings.problem import FILE, dotted

_NAMED = r"Cannot (declare|mutate immutable namespace|redefine namespace) (\(.*\))(?: twice)?"
_UNCLOSED = ("Unclosed array", "Unclosed inline table")


def explain_syntax(text: str, error: tomli.TOMLDecodeError) -> str:
    """Give one line: where, what it is about, and what to do where the parser knows only what it minds."""
    line, column, reason = error.lineno, error.colno, error.msg
    if _is_unended(text, error):
        line, _, key = _find_statement(text, line)
        column = _value_column(text, line)
        reason = f"the value of {key} does not end; close its bracket or quotes"
    elif reason in _UNCLOSED:
        first, _, _ = _find_statement(text, line)
        reason = f"{reason.lower()}{f', begun on line {first}' if first < line else ''}"
    elif reason == "Cannot overwrite a value":
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


def _is_unended(text: str, error: tomli.TOMLDecodeError) -> bool:
    """Tell whether the text ends within a value; the parser then points behind it, at no line of the file."""
    lines = _lines(text)
    behind = [lines[error.lineno - 1][error.colno - 1 :], *lines[error.lineno :]]
    is_last = not any(line.strip() for line in behind)
    return is_last and (error.msg in _UNCLOSED or not lines[error.lineno - 1].strip())


def _value_column(text: str, line: int) -> int:
    key, sign, value = _lines(text)[line - 1].partition("=")
    return len(key) + len(sign) + len(value) - len(value.lstrip()) + 1


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _find_statement(text: str, last: int) -> tuple[int, int, str]:
    """Give line, column and key of the statement that ends on line `last`; the parser points at its end."""
    lines = _lines(text)
    above = next(number for number in range(last - 1, -1, -1) if parse_lines(lines[:number]) is not None)
    first = next(
        number for number in range(above, last) if lines[number].strip() and lines[number].strip()[0] != "#"
    )
    found = lines[first]
    column = len(found) - len(found.lstrip()) + 1
    return first + 1, column, found.partition("=")[0].strip()
