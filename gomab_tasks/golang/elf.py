"""Read the headers of an ELF file: what it is, what it needs, where its parts stand.

Source: System V ABI, chapters 4 and 5 (https://gabi.xinuos.com). Only headers
and the few strings they point to are read, so the cost does not grow with the
file, and every number is taken to be hostile.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO, Literal, NamedTuple

from msgspec import Struct

from gomab_tasks.golang.slices import FormatError, Slices, terminated

MAGIC = b"\x7fELF"

ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PF_X, PF_W = 1, 2
_SHT_NOBITS = 8
SHF_EXECINSTR = 4

_DT_NULL, _DT_NEEDED, _DT_STRTAB = 0, 1, 5
_NEEDED_LIMIT = 1024
_NAME_LIMIT = 512
_NARROW = 32

# Values that mean "look into section header 0" (gABI, "ELF header").
_PN_XNUM = _SHN_XINDEX = 0xFFFF


class Segment(Struct, frozen=True, kw_only=True):
    """Hold a program header; `address` is where `offset` is mapped."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int


class Section(Struct, frozen=True, kw_only=True):
    """Hold a section header; `file_size` is 0 for what only takes memory (.bss)."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int

    @property
    def file_size(self) -> int:
        """Give the bytes the section takes in the file."""
        return 0 if self.type == _SHT_NOBITS else self.size


class Elf(Struct, frozen=True, kw_only=True):
    """Hold what the headers say.

    Attributes:
        bits: 32 or 64.
        flags: e_flags, such as 0x5000002 for ARM EABI 5.
        interpreter: the loader that the kernel starts in the program's place,
            such as `/lib64/ld-linux-x86-64.so.2`.
        needed: shared libraries, in order.
    """

    bits: Literal[32, 64]
    byte_order: Literal["little", "big"]
    type: int
    machine: int
    entry: int
    flags: int
    interpreter: str | None
    needed: tuple[str, ...]
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]

    def section(self, name: str) -> Section | None:
        """Give the first section of that name."""
        return next((section for section in self.sections if section.name == name), None)

    def offset(self, address: int) -> int | None:
        """Translate an address to its place in the file."""
        return _file_offset(self.segments, address)


class _Layout(NamedTuple):
    """Hold the shapes for one class; rows come in the order of Segment's and Section's fields."""

    header: struct.Struct
    segment: struct.Struct
    section: struct.Struct
    dynamic: struct.Struct
    segment_order: tuple[int, ...]


class _Header(NamedTuple):
    """Name the fields of the ELF header behind e_ident."""

    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


def _layout(bits: int, mark: str) -> _Layout:
    is_narrow = bits == _NARROW
    word = "I" if is_narrow else "Q"
    # type, flags, offset, address, file size, memory size
    order = (0, 6, 1, 2, 4, 5) if is_narrow else (0, 1, 2, 3, 5, 6)
    return _Layout(
        header=struct.Struct(f"{mark}16xHHI{word * 3}I6H"),
        segment=struct.Struct(mark + ("8I" if is_narrow else "2I6Q")),
        section=struct.Struct(f"{mark}II{word * 4}II{word * 2}"),
        dynamic=struct.Struct(mark + word * 2),
        segment_order=order,
    )


def read_elf(file: BinaryIO | Slices) -> Elf:
    """Read the headers of an open ELF file.

    Raises `FormatError` where the file is none, is cut short, or contradicts itself.
    """
    source = file if isinstance(file, Slices) else Slices(file)
    ident = source.read(0, 16, "the ELF identification")
    bits, byte_order = _identity(ident)
    layout = _layout(bits, "<" if byte_order == "little" else ">")
    header = _Header(*source.unpack(layout.header, 0, "the ELF header"))
    _check_header(header, layout, bits)
    rows = _section_rows(source, header, layout)
    segments = _segments(source, header, layout, rows)
    return Elf(
        bits=bits,
        byte_order=byte_order,
        type=header.type,
        machine=header.machine,
        entry=header.entry,
        flags=header.flags,
        interpreter=_interpreter(source, segments),
        needed=_needed(source, layout, segments),
        segments=segments,
        sections=_sections(source, header, rows),
    )


def _identity(ident: bytes) -> tuple[Literal[32, 64], Literal["little", "big"]]:
    if ident[:4] != MAGIC:
        raise FormatError("it does not begin as an ELF file does")
    if ident[4] not in (1, 2) or ident[5] not in (1, 2) or ident[6] != 1:
        raise FormatError(f"the ELF identification {ident[:7].hex(' ')} has no known class, order or version")
    return (32 if ident[4] == 1 else 64), ("little" if ident[5] == 1 else "big")


def _check_header(header: _Header, layout: _Layout, bits: int) -> None:
    """Hold the sizes that the header states against its class.

    With the class or the byte order changed in one byte, all other fields are garbage.
    """
    if header.version != 1:
        raise FormatError(f"e_version is {header.version:#x} where 1 belongs: wrong class or byte order")
    stated = {"e_ehsize": (header.ehsize, layout.header.size)}
    if header.phoff:
        stated["e_phentsize"] = (header.phentsize, layout.segment.size)
    if header.shoff:
        stated["e_shentsize"] = (header.shentsize, layout.section.size)
    for name, (found, right) in stated.items():
        if found != right:
            raise FormatError(
                f"{name} is {found}, but {right} in a {bits}-bit file: wrong class or byte order"
            )


def _section_rows(source: Slices, header: _Header, layout: _Layout) -> list[tuple[int, ...]]:
    if not header.shoff:
        return []
    count = header.shnum
    if count == 0:
        first = source.unpack(layout.section, header.shoff, "the first section header")
        count = first[5]
    return source.table(layout.section, header.shoff, count, "the section headers")


def _segments(
    source: Slices, header: _Header, layout: _Layout, rows: Sequence[tuple[int, ...]]
) -> tuple[Segment, ...]:
    count = rows[0][7] if header.phnum == _PN_XNUM and rows else header.phnum
    if not header.phoff or not count:
        return ()
    segments = []
    for row in source.table(layout.segment, header.phoff, count, "the program headers"):
        kind, flags, offset, address, file_size, memory_size = (row[at] for at in layout.segment_order)
        source.check(offset, file_size, f"a segment of type {kind}")
        segments.append(
            Segment(
                type=kind,
                flags=flags,
                offset=offset,
                address=address,
                file_size=file_size,
                memory_size=memory_size,
            )
        )
    return tuple(segments)


def _sections(source: Slices, header: _Header, rows: Sequence[tuple[int, ...]]) -> tuple[Section, ...]:
    if not rows:
        return ()
    index = rows[0][6] if header.shstrndx == _SHN_XINDEX else header.shstrndx
    if index >= len(rows):
        raise FormatError(f"e_shstrndx is {index}, but there are {len(rows)} sections")
    names = source.read(rows[index][4], rows[index][5], "the section names", 16 << 20) if index else b"\0"
    sections = []
    for row in rows:
        section = Section(
            name=terminated(names, row[0], "a section's name", _NAME_LIMIT) if index else "",
            type=row[1],
            flags=row[2],
            address=row[3],
            offset=row[4],
            size=row[5] if row[1] else 0,
        )
        source.check(section.offset, section.file_size, f"section '{section.name}'")
        sections.append(section)
    return tuple(sections)


def _interpreter(source: Slices, segments: Sequence[Segment]) -> str | None:
    found = next((segment for segment in segments if segment.type == PT_INTERP), None)
    return source.text(found.offset, "the interpreter's path") if found else None


def _needed(source: Slices, layout: _Layout, segments: Sequence[Segment]) -> tuple[str, ...]:
    dynamic = next((segment for segment in segments if segment.type == PT_DYNAMIC), None)
    if dynamic is None:
        return ()
    offsets, strings = [], None
    count = dynamic.file_size // layout.dynamic.size
    for tag, value in source.table(layout.dynamic, dynamic.offset, count, "the dynamic entries"):
        if tag == _DT_NULL:
            break
        if tag == _DT_NEEDED:
            offsets.append(value)
        elif tag == _DT_STRTAB:
            strings = value
    if len(offsets) > _NEEDED_LIMIT:
        raise FormatError(f"{len(offsets)} needed libraries; more than {_NEEDED_LIMIT} are not believed")
    if not offsets:
        return ()
    start = None if strings is None else _file_offset(segments, strings)
    if start is None:
        raise FormatError("the dynamic entries name libraries, but no table of strings")
    return tuple(source.text(start + offset, "a needed library's name") for offset in offsets)


def _file_offset(segments: Sequence[Segment], address: int) -> int | None:
    for segment in segments:
        if segment.type == PT_LOAD and 0 <= address - segment.address < segment.file_size:
            return segment.offset + address - segment.address
    return None
