"""Write the YAML of workflows: mappings, lists and scalars, quoted where they must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct


class Remarked(Struct, frozen=True):
    """Hold a string with a comment behind it."""

    text: str
    remark: str


Value = str | bool | int | Remarked | Sequence["Value"] | Mapping[str, "Value"]

# Everything else is quoted, also what other readers of YAML take for a number or a truth value.
_PLAIN = re.compile(r"""\.?[A-Za-z/][\w./@+,*$"'-]*(?:[ =]+[\w./@+,*$"'-]+)*""")
_WORDS = re.compile(r"(?i)y|n|yes|no|true|false|on|off|null|\.nan|\.inf")
_EXPRESSION = re.compile(r"\$\{\{[^\n#]*\}\}")


def dump(document: Mapping[str, Value]) -> str:
    """Write a document, with an empty line between its top keys."""
    return "\n".join("".join(f"{line}\n" for line in _mapping({key: document[key]})) for key in document)


def _mapping(mapping: Mapping[str, Value]) -> Iterator[str]:
    for key, value in mapping.items():
        yield from _entry(f"{key}:", value)


def _entry(start: str, value: Value) -> Iterator[str]:
    """Write a value behind its key, or below it."""
    if isinstance(value, str) and "\n" in value:
        yield f"{start} |"
        yield from (f"  {line}".rstrip() for line in value.rstrip("\n").split("\n"))
    elif isinstance(value, (str, int, Remarked)) or not value:
        yield f"{start} {_scalar(value)}"
    else:
        yield start
        lines = _mapping(value) if isinstance(value, Mapping) else _list(value)
        yield from (f"  {line}" if line else "" for line in lines)


def _list(values: Sequence[Value]) -> Iterator[str]:
    for value in values:
        lines = list(_mapping(value)) if isinstance(value, Mapping) else [_scalar(value)]
        yield f"- {lines[0]}"
        yield from (f"  {line}" if line else "" for line in lines[1:])


def _scalar(value: Value) -> str:
    if isinstance(value, Remarked):
        return f"{_scalar(value.text)} # {value.remark}"
    if isinstance(value, str):
        is_plain = (_PLAIN.fullmatch(value) and not _WORDS.fullmatch(value)) or _EXPRESSION.fullmatch(value)
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{}"
    return json.dumps(value)
