"""Write `[tool.gomab]` as TOML, with comments where they help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from gomab_tasks.adoption.findings import Path, Value

_HEADING = "# Every key has a default; these are the ones that differ. `gomab plan` shows what they make.\n"
_SUBTABLES = frozenset({"dockerfile", "go", "image", "images", "env", "labels", "variables"})
_ORDER = ("module", "platforms", "go", "image", "images", "dockerfile", "main", "base")
_WIDTH = 100
EMPTY_TABLE = re.compile(r"^\[tool\.gomab\][ \t]*(?:#[^\r\n]*)?(?=\r?$)", re.MULTILINE)
"""The line of a table that has no keys yet."""
_UNPINNED = "# Best with its digest as well: NAME:TAG@sha256:…"
_PUBLIC = "# They can be read in the program: no place for secrets."


def write_table(keys: Mapping[Path, Value]) -> str:
    """Write the table and those below it; without keys, an empty one."""
    tables: dict[Path, dict[str, Value]] = {(): {}}
    images = list(dict.fromkeys(path[1] for path in keys if path[0] == "images"))
    for path, value in sorted(keys.items(), key=lambda item: _rank(item[0], images)):
        table, name = _place(path)
        tables.setdefault(table, {})[name] = value
    said: set[str] = set()
    blocks = ["\n".join(_block(table, values, said)) for table, values in tables.items()]
    return (_HEADING if keys else "") + "\n\n".join(blocks) + "\n"


def append_table(before: bytes, table: bytes, line_end: bytes) -> bytes:
    """Put a table below all that stands in a file."""
    gap = line_end if before and not before.endswith(b"\n") else b""
    gap += line_end if before.strip() else b""
    return before + gap + table


def fill_table(before: bytes, table: bytes) -> bytes:
    """Put a table in the place of an empty one, whose line stays."""
    above, heading, below = table.partition(b"[tool.gomab]")
    assert heading
    place = re.search(EMPTY_TABLE.pattern.encode(), before, re.MULTILINE)
    assert place
    return before[: place.start()] + above + place[0] + below.rstrip() + before[place.end() :]


def _rank(path: Path, images: Sequence[str]) -> list[tuple[bool, int]]:
    """Put plain keys above tables, as TOML wants it, else in the order of the reference, image by image."""
    table, name = _place(path)
    numbers = [_ORDER.index(part) if part in _ORDER else len(_ORDER) for part in (*table, name)]
    if table[:1] == ("images",):
        numbers[1] = images.index(table[1])
    return [(depth < len(table), number) for depth, number in enumerate(numbers)]


def _place(path: Path) -> tuple[Path, str]:
    """Divide a path into its table and the key in it; names of variables stay whole."""
    depth = 0
    while depth < len(path) - 1 and (path[depth] in _SUBTABLES or path[:depth] == ("images",)):
        depth += 1
    return path[:depth], path[depth]


def _block(table: Path, values: Mapping[str, Value], said: set[str]) -> Iterator[str]:
    """Give the lines of a table; a comment comes once."""
    if table[-1:] == ("variables",):
        yield from {_PUBLIC} - said
        said.add(_PUBLIC)
    yield f"[{toml_path(('tool', 'gomab', *table))}]"
    for name, value in values.items():
        if name == "base" and "@" not in str(value):
            yield from {_UNPINNED} - said
            said.add(_UNPINNED)
        yield f"{_key(name)} = {_value(value)}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _string(name)


def toml_path(path: Path) -> str:
    """Spell a path with dots."""
    return ".".join(map(_key, path))


def toml_line(value: Value | dict[str, str]) -> str:
    """Spell a value on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case dict():
            return f"{{ {', '.join(f'{_key(name)} = {_string(item)}' for name, item in value.items())} }}"
    return f"[{', '.join(map(toml_line, value))}]"


def _value(value: Value) -> str:
    """Spell a value; a long list on several lines."""
    line = toml_line(value)
    if not isinstance(value, list) or len(line) <= _WIDTH:
        return line
    return "\n".join(["[", *(f"    {toml_line(item)}," for item in value), "]"])


def _string(text: str) -> str:
    """Quote as TOML does; its escapes are JSON's, and DEL needs one too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
