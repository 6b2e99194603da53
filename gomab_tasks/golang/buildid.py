"""Read the ID that Go's linker stores in a program: it names the program's content.

Source: Go's cmd/internal/buildid and cmd/go/internal/work/buildid.go.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from gomab_tasks.golang.elf import read_elf
from gomab_tasks.golang.slices import FormatError, Slices

_SECTION = ".note.go.buildid"
_HEADER = 12
_NAME = b"Go\0\0"
_TYPE = 4
# Hashes of action and content, of main package and program.
_ID = re.compile(r"[\w-]{20}(?:/[\w-]{20}){3}", re.ASCII)


def read_build_id(path: Path) -> str:
    """Give the build ID of an ELF program; empty where it has none of Go's own making.

    The part behind the last slash is a hash of the program, so equal IDs mean
    equal bytes. `-ldflags=-buildid=…` sets another, which says nothing. Raises
    nothing: what is no such program has no ID.
    """
    try:
        with path.open("rb") as file:
            source = Slices(file)
            elf = read_elf(source)
            section = elf.section(_SECTION)
            note = source.read(section.offset, section.size, _SECTION) if section else b""
    except (OSError, FormatError):
        return ""
    order = "<" if elf.byte_order == "little" else ">"
    return _description(note, order)


def _description(note: bytes, order: str) -> str:
    if len(note) < _HEADER:
        return ""
    name_size, size, kind = struct.unpack_from(f"{order}III", note)
    start = _HEADER + len(_NAME)
    if (name_size, kind) != (len(_NAME), _TYPE) or note[_HEADER:start] != _NAME:
        return ""
    text = note[start : start + size].decode("ascii", "replace")
    return text if _ID.fullmatch(text) else ""
