"""Tell what a program file is: its format, its architecture in Go's words, where its data stands.

Formats are those that `go build` writes: ELF, PE, Mach-O, XCOFF (AIX), Plan 9
a.out and WebAssembly. Sources: the debug/ packages of Go's standard library,
and internal/xcoff.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct

from gomab_tasks.golang import elf
from gomab_tasks.golang.elf import Elf, read_elf
from gomab_tasks.golang.slices import FormatError, Slices


class Span(NamedTuple):
    """Say where bytes stand in a file.

    `skew` is offset less address, modulo 16; only Plan 9 puts data at any offset.
    """

    offset: int
    length: int
    skew: int = 0


class Executable(Struct, frozen=True, kw_only=True):
    """Hold what the headers of a program say.

    Attributes:
        format: `ELF`, `PE`, `Mach-O`, `XCOFF`, `Plan 9` or `WebAssembly`.
        architecture: GOARCH, or a description of what Go has no name for.
        is_program: False for libraries and object files.
        data: where Go's linker puts the build info, in order of likelihood.
        elf: all of the headers, where it is an ELF file.
    """

    format: str
    architecture: str
    is_program: bool
    data: tuple[Span, ...]
    elf: Elf | None = None


# (e_machine, bits, byte order) -> GOARCH. Source: Go's cmd/link/internal/ld/elf.go.
_ELF_ARCHITECTURES: Mapping[tuple[int, int, str], str] = {
    (3, 32, "little"): "386",
    (62, 64, "little"): "amd64",
    (40, 32, "little"): "arm",
    (183, 64, "little"): "arm64",
    (258, 64, "little"): "loong64",
    (8, 32, "big"): "mips",
    (8, 32, "little"): "mipsle",
    (8, 64, "big"): "mips64",
    (8, 64, "little"): "mips64le",
    (21, 64, "big"): "ppc64",
    (21, 64, "little"): "ppc64le",
    (243, 64, "little"): "riscv64",
    (22, 64, "big"): "s390x",
}
_PE_ARCHITECTURES = {0x14C: "386", 0x8664: "amd64", 0x1C4: "arm", 0xAA64: "arm64"}
_MACHO_ARCHITECTURES = {7: "386", 0x01000007: "amd64", 12: "arm", 0x0100000C: "arm64"}
_PLAN9_ARCHITECTURES = {0x1EB: "386", 0x8A97: "amd64", 0x647: "arm"}

_WASM_HEADER = b"\0asm\x01\0\0\0"


def read_executable(source: Slices) -> Executable:
    """Read the headers of a program.

    Raises `FormatError` with what the file is instead, or what is wrong in it.
    """
    start = source.upto(0, 16)
    for magics, read in _READERS:
        if start.startswith(magics):
            return read(source)
    raise FormatError(_description(start))


def _description(start: bytes) -> str:
    """Say what people find in the place of a program."""
    if not start:
        return "the file is empty"
    if start.startswith(b"!<arch>"):
        return (
            "it is an archive of compiled code: the package is no main package, or -buildmode makes a library"
        )
    if start.startswith((b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")):
        return "it is a universal Mach-O file, which joins several programs"
    if start.startswith(b"#!"):
        return "it is a script"
    if start.isascii() and (start.decode().isprintable() or b"\n" in start):
        return f"it is text that begins with {start.decode()!r}"
    return f"it begins with the bytes {start[:8].hex(' ')}, which no format of programs does"


def _read_elf(source: Slices) -> Executable:
    headers = read_elf(source)
    found = (headers.machine, headers.bits, headers.byte_order)
    other = f"ELF machine {headers.machine} ({headers.bits}-bit, {headers.byte_order}-endian)"
    return Executable(
        format="ELF",
        architecture=_ELF_ARCHITECTURES.get(found, other),
        is_program=headers.type in (elf.ET_EXEC, elf.ET_DYN),
        data=tuple(_elf_data(headers)),
        elf=headers,
    )


def _elf_data(headers: Elf) -> Iterator[Span]:
    section = headers.section(".go.buildinfo")
    if section:
        yield Span(section.offset, section.file_size)
    # Programs whose section headers were removed (sstrip) keep their segments.
    for segment in headers.segments:
        writable = segment.flags & (elf.PF_W | elf.PF_X) == elf.PF_W
        if segment.type == elf.PT_LOAD and writable and segment.file_size:
            yield Span(segment.offset, segment.file_size)
            return


_PE_COFF = struct.Struct("<IHHIIIHH")
_PE_SECTION = struct.Struct("<8xIIIIIIHHI")
_PE_SIGNATURE = int.from_bytes(b"PE\0\0", "little")
_PE_DLL = 0x2000
# Initialised data, readable, writable; the bits of the alignment do not count.
_PE_DATA, _PE_ALIGNMENT = 0xC0000040, 0x600000


def _read_pe(source: Slices) -> Executable:
    (at,) = source.unpack(struct.Struct("<I"), 0x3C, "the PE header's place")
    signature, machine, count, _, _, _, optional, flags = source.unpack(_PE_COFF, at, "the PE header")
    if signature != _PE_SIGNATURE:
        raise FormatError("it begins as a DOS program does, but has no PE header")
    rows = source.table(_PE_SECTION, at + _PE_COFF.size + optional, count, "the PE sections")
    data = []
    for virtual_size, _, size, offset, _, _, _, _, kind in rows:
        source.check(offset, size, "a PE section")
        if size and kind & ~_PE_ALIGNMENT == _PE_DATA:
            data.append(Span(offset, min(size, virtual_size)))
    return Executable(
        format="PE",
        architecture=_PE_ARCHITECTURES.get(machine, f"PE machine {machine:#x}"),
        is_program=not flags & _PE_DLL,
        data=tuple(data[:1]),
    )


_MACHO_EXECUTE = 2


def _read_macho(source: Slices) -> Executable:
    magic = source.read(0, 4, "the Mach-O header")
    mark = "<" if magic.endswith(b"\xfe") else ">"
    header = 32 if b"\xcf" in magic else 28
    _, cpu, _, kind, count, size, _ = source.unpack(struct.Struct(f"{mark}7I"), 0, "the Mach-O header")
    commands = source.read(header, size, "the Mach-O load commands")
    data = list(_macho_data(source, commands, count, mark))
    return Executable(
        format="Mach-O",
        architecture=_MACHO_ARCHITECTURES.get(cpu, f"Mach-O CPU {cpu:#x}"),
        is_program=kind == _MACHO_EXECUTE,
        data=tuple(data),
    )


def _macho_data(source: Slices, commands: bytes, count: int, mark: str) -> Iterator[Span]:
    head = struct.Struct(f"{mark}II")
    at = 0
    for _ in range(count):
        if at + head.size > len(commands):
            raise FormatError("a Mach-O load command lies outside of their table")
        command, size = head.unpack_from(commands, at)
        if size < head.size:
            raise FormatError(f"a Mach-O load command has {size} bytes")
        layout = _MACHO_SEGMENTS.get(command)
        if layout:
            yield from _macho_segment(source, commands[at : at + size], layout, mark)
        at += size


# LC_SEGMENT, LC_SEGMENT_64 -> the segment (vmaddr … nsects) and a section, both without names.
_MACHO_SEGMENTS = {1: ("24x4I8xI4x", "32x3I24x"), 0x19: ("24x4Q8xI4x", "32x2QI28x")}


def _macho_segment(source: Slices, command: bytes, layout: tuple[str, str], mark: str) -> Iterator[Span]:
    segment, section = (struct.Struct(mark + text) for text in layout)
    if len(command) < segment.size:
        raise FormatError("a Mach-O segment is shorter than its header")
    _, _, offset, size, count = segment.unpack_from(command)
    source.check(offset, size, "a Mach-O segment")
    if segment.size + count * section.size > len(command):
        raise FormatError(f"a Mach-O segment has {count} sections, more than fit into it")
    for number in range(count):
        at = segment.size + number * section.size
        _, length, place = section.unpack_from(command, at)
        if command[at : at + 16].rstrip(b"\0") == b"__go_buildinfo":
            source.check(place, length, "section '__go_buildinfo'")
            yield Span(place, length)


_XCOFF_HEADER = struct.Struct(">HHiQHHI")
_XCOFF_SECTION = struct.Struct(">8xQQQQQQIII4x")
_XCOFF_DATA, _XCOFF_EXECUTABLE = 0x40, 0x2


def _read_xcoff(source: Slices) -> Executable:
    _, count, _, _, optional, flags, _ = source.unpack(_XCOFF_HEADER, 0, "the XCOFF header")
    at = _XCOFF_HEADER.size + optional
    data = []
    for row in source.table(_XCOFF_SECTION, at, count, "the XCOFF sections"):
        size, offset, kind = row[2], row[3], row[8]
        if offset:
            source.check(offset, size, "an XCOFF section")
        if kind & 0xFFFF == _XCOFF_DATA:
            data.append(Span(offset, size))
    return Executable(
        format="XCOFF",
        architecture="ppc64",
        is_program=bool(flags & _XCOFF_EXECUTABLE),
        data=tuple(data),
    )


def _read_plan9(source: Slices) -> Executable:
    magic, text, data, _, symbols, _, _, lines = source.unpack(struct.Struct(">8I"), 0, "the Plan 9 header")
    architecture = _PLAN9_ARCHITECTURES[magic]
    # The 64-bit header has the entry point once more, as 8 bytes; it counts as text of the file.
    start = (40 if architecture == "amd64" else 32) + text
    source.check(start, data + symbols + lines, "the Plan 9 file")
    return Executable(
        format="Plan 9", architecture=architecture, is_program=True, data=(Span(start, data, start % 16),)
    )


def _read_wasm(source: Slices) -> Executable:
    """Walk over the sections; Go's build info is in the data, its version in `producers`."""
    if source.upto(0, 8) != _WASM_HEADER:
        raise FormatError("it is WebAssembly of another version than 1")
    data = [span for kind, span in _wasm_sections(source) if kind in (0, 11)]
    return Executable(format="WebAssembly", architecture="wasm", is_program=True, data=tuple(data))


def _wasm_sections(source: Slices) -> Iterator[tuple[int, Span]]:
    at = len(_WASM_HEADER)
    while at < source.size:
        head = source.upto(at, 11)
        size, length = uvarint(head[1:])
        at += 1 + length
        source.check(at, size, f"WebAssembly section {head[0]}")
        yield head[0], Span(at, size)
        at += size


def uvarint(data: bytes) -> tuple[int, int]:
    """Read a variable-length number (LEB128, Go's binary.Uvarint): its value and its length."""
    value = 0
    for index, byte in enumerate(data[:10]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, index + 1
    raise FormatError("a variable-length number has no end")


_READERS: Iterable[tuple[bytes | tuple[bytes, ...], Callable[[Slices], Executable]]] = (
    (elf.MAGIC, _read_elf),
    (b"MZ", _read_pe),
    (
        (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce"),
        _read_macho,
    ),
    (b"\x01\xf7", _read_xcoff),
    (tuple(magic.to_bytes(4, "big") for magic in _PLAN9_ARCHITECTURES), _read_plan9),
    (b"\0asm", _read_wasm),
)
