"""Reading ELF headers: of real programs, and of files that lie."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.golang.elf import PT_DYNAMIC, PT_INTERP, PT_LOAD, SHF_EXECINSTR, Elf, read_elf
from gomab_tasks.golang.slices import FormatError

ProgramFactory = Callable[..., Path]

# Where the fields of a 64-bit header stand.
E_PHOFF, E_SHOFF, E_EHSIZE, E_PHNUM, E_SHNUM, E_SHSTRNDX = 32, 40, 52, 56, 60, 62


def read(path: Path) -> Elf:
    with path.open("rb") as file:
        return read_elf(file)


def read_bytes(data: bytes) -> Elf:
    return read_elf(io.BytesIO(data))


def patched(data: bytes, layout: str, offset: int, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(layout, changed, offset, *values)
    return bytes(changed)


@pytest.fixture(scope="session")
def amd64(program: ProgramFactory) -> bytes:
    """Give the bytes of a 64-bit little-endian program."""
    return program("linux/amd64").read_bytes()


@pytest.mark.parametrize(
    ("platform", "bits", "byte_order", "machine", "flags"),
    [
        ("linux/amd64", 64, "little", 62, 0),
        ("linux/386", 32, "little", 3, 0),
        ("linux/arm/v5", 32, "little", 40, 0x5000002),
        ("linux/mips64le", 64, "little", 8, 0x20000004),
        ("linux/ppc64le", 64, "little", 21, 2),
        ("linux/riscv64", 64, "little", 243, 4),
        ("linux/s390x", 64, "big", 22, 1),
    ],
)
def test_header(
    program: ProgramFactory, platform: str, bits: int, byte_order: str, machine: int, flags: int
) -> None:
    """Class, byte order, machine and flags are read for both classes and orders."""
    elf = read(program(platform))
    assert (elf.bits, elf.byte_order, elf.machine, elf.flags) == (bits, byte_order, machine, flags)
    assert (elf.interpreter, elf.needed) == (None, ())
    assert elf.offset(elf.entry) is not None


@pytest.mark.tool("readelf")
@pytest.mark.parametrize("platform", ["linux/amd64", "linux/386", "linux/s390x"])
def test_sections_as_readelf(program: ProgramFactory, platform: str) -> None:
    """Names, offsets and sizes of all sections are those that readelf prints."""
    path = program(platform)
    printed = subprocess.run(["readelf", "-SW", path], check=True, capture_output=True, text=True).stdout
    rows = [line.split("]", 1)[1].split() for line in printed.splitlines() if line.startswith("  [")]
    expected = [(row[0], int(row[3], 16), int(row[4], 16)) for row in rows[2:]]
    sections = read(path).sections[1:]
    assert [(section.name, section.offset, section.size) for section in sections] == expected


def test_sections(amd64: bytes) -> None:
    """Code is executable; .bss takes memory, but nothing of the file."""
    elf = read_bytes(amd64)
    text, bss = elf.section(".text"), elf.section(".bss")
    assert text is not None
    assert bss is not None
    assert text.flags & SHF_EXECINSTR
    assert text.file_size == text.size > 100_000
    assert bss.size > 0
    assert bss.file_size == 0
    assert elf.section(".none") is None


def test_interpreter(program: ProgramFactory) -> None:
    """A PIE of Go's own linker needs no library, but names an interpreter."""
    elf = read(program("linux/amd64", "-buildmode=pie"))
    assert elf.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert elf.needed == ()


@pytest.mark.tool("gcc")
def test_needed(tmp_path: Path) -> None:
    """The libraries of a C program are listed, and its interpreter is."""
    elf = read(compiled(tmp_path))
    assert any(name.startswith("libc.so") for name in elf.needed)
    assert elf.interpreter is not None


@pytest.mark.tool("gcc")
def test_static_pie(tmp_path: Path) -> None:
    """A static PIE has PT_DYNAMIC, but needs no other file."""
    elf = read(compiled(tmp_path, "-static-pie"))
    assert PT_DYNAMIC in {segment.type for segment in elf.segments}
    assert (elf.interpreter, elf.needed) == (None, ())


def compiled(folder: Path, *flags: str) -> Path:
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    made = subprocess.run(["gcc", *flags, "main.c", "-o", "main"], cwd=folder, check=False)
    if made.returncode:
        pytest.skip(f"gcc cannot link with {flags}")
    return folder / "main"


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0, 0, "does not begin as an ELF file"),
        (4, 1, "e_ehsize is|e_version is"),
        (4, 9, "no known class"),
        (5, 2, "e_version is"),
        (6, 7, "no known class, order or version"),
        (E_EHSIZE, 52, "e_ehsize is 52, but 64 in a 64-bit file"),
        (54, 32, "e_phentsize is 32, but 56"),
        (58, 40, "e_shentsize is 40, but 64"),
        (E_SHSTRNDX, 200, "e_shstrndx is 200"),
    ],
)
def test_header_corrupted(amd64: bytes, offset: int, value: int, message: str) -> None:
    """A wrong byte of the header is named."""
    with pytest.raises(FormatError, match=message):
        read_bytes(patched(amd64, "B", offset, value))


@pytest.mark.parametrize("size", [0, 4, 15, 16, 63, 64, 100, 500, 4096, -1])
def test_truncated(amd64: bytes, size: int) -> None:
    """A file that is cut short is refused, wherever the cut is."""
    with pytest.raises(FormatError):
        read_bytes(amd64[:size])


def test_no_section_headers(amd64: bytes) -> None:
    """A program without section headers (sstrip) still has its segments."""
    elf = read_bytes(patched(patched(amd64, "<Q", E_SHOFF, 0), "<H", E_SHNUM, 0))
    assert elf.sections == ()
    assert PT_LOAD in {segment.type for segment in elf.segments}


def test_extended_numbering(amd64: bytes) -> None:
    """Counts that overflow 16 bits are taken from section header 0, as the gABI says."""
    plain = read_bytes(amd64)
    shoff, phnum, shnum, names = (
        struct.unpack_from(layout, amd64, offset)[0]
        for layout, offset in (("<Q", E_SHOFF), ("<H", E_PHNUM), ("<H", E_SHNUM), ("<H", E_SHSTRNDX))
    )
    data = patched(amd64, "<QII", shoff + 32, shnum, names, phnum)
    data = patched(data, "<H", E_PHNUM, 0xFFFF)
    data = patched(data, "<HH", E_SHNUM, 0, 0xFFFF)
    assert read_bytes(data).sections == plain.sections
    assert read_bytes(data).segments == plain.segments


def test_huge_counts(amd64: bytes) -> None:
    """A count that the file cannot hold takes no memory."""
    shoff = struct.unpack_from("<Q", amd64, E_SHOFF)[0]
    data = patched(patched(amd64, "<H", E_SHNUM, 0), "<Q", shoff + 32, 1 << 60)
    with pytest.raises(FormatError, match="are not believed"):
        read_bytes(data)


def test_endless_names() -> None:
    """65,000 sections that share one name without an end are refused at once."""
    count, size = 65_000, 4 << 20
    names = 64 + 64 * count
    header = struct.pack(
        "<16sHHIQQQI6H", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0, 0, 64, 0, 64, 0, 0, 64, count, count - 1
    )
    section = struct.pack("<IIQQQQIIQQ", 1, 1, 0, 0, names, size, 0, 0, 1, 0)
    start = time.monotonic()
    with pytest.raises(FormatError, match="has no end"):
        read_bytes(header + section * count + b"a" * size)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("seed", range(4))
def test_fuzz(program: ProgramFactory, seed: int) -> None:
    """Whatever bytes change in the headers, the answer is an Elf or a FormatError, and quick."""
    chance = random.Random(seed)
    data = program("linux/amd64", "-buildmode=pie").read_bytes()
    shoff = struct.unpack_from("<Q", data, E_SHOFF)[0]
    dynamic = next(segment for segment in read_bytes(data).segments if segment.type == PT_DYNAMIC)
    places = [*range(64 + 56 * 11), *range(shoff, shoff + 64 * 25)]
    places += range(dynamic.offset, dynamic.offset + dynamic.file_size)
    refused = 0
    start = time.monotonic()
    for _ in range(300):
        changed = bytearray(data)
        for place in chance.sample(places, chance.randint(1, 6)):
            changed[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        try:
            read_bytes(bytes(changed))
        except FormatError:
            refused += 1
    assert 0 < refused < 300
    assert time.monotonic() - start < 20


def test_interpreter_outside(program: ProgramFactory) -> None:
    """An interpreter's path outside of the file is refused."""
    data = program("linux/amd64", "-buildmode=pie").read_bytes()
    row = next(
        64 + 56 * at for at, segment in enumerate(read_bytes(data).segments) if segment.type == PT_INTERP
    )
    with pytest.raises(FormatError, match="a segment of type 3 would end at"):
        read_bytes(patched(data, "<Q", row + 8, 1 << 40))
