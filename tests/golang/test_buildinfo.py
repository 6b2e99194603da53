"""Reading Go's build info, held against `go version -m`."""

from __future__ import annotations

import io
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.golang.buildinfo import (
    BuildInfo,
    Module,
    find_build_info,
    parse_build_info,
)
from gomab_tasks.golang.executable import read_executable
from gomab_tasks.golang.slices import FormatError, Slices

ProgramFactory = Callable[..., Path]

MAGIC = b"\xff Go buildinf:"


def as_go_reads(go: Path, path: Path) -> BuildInfo:
    printed = subprocess.run([go, "version", "-m", path], check=True, capture_output=True, text=True).stdout
    first, _, rest = printed.partition("\n")
    info = parse_build_info(re.sub(r"^\t", "", rest, flags=re.MULTILINE))
    version = first.rpartition(": ")[2]
    return BuildInfo(
        go_version=version, path=info.path, main=info.main, deps=info.deps, settings=info.settings
    )


def read(path: Path) -> BuildInfo:
    return read_bytes(path.read_bytes())


def read_bytes(data: bytes) -> BuildInfo:
    source = Slices(io.BytesIO(data))
    return find_build_info(source, read_executable(source))


@pytest.mark.parametrize(
    "platform", ["linux/amd64", "linux/arm/v6", "linux/s390x", "windows/amd64", "darwin/arm64"]
)
def test_as_go_reads(go: Path, program: ProgramFactory, platform: str) -> None:
    """In ELF files of both byte orders, PE and Mach-O files, it is what Go's own reader finds."""
    path = program(platform)
    info = read(path)
    assert info == as_go_reads(go, path)
    assert info.path == "example.com/hello"
    assert info.main == Module("example.com/hello", "(devel)")
    assert info.settings["GOOS"] == platform.partition("/")[0]
    assert info.settings["CGO_ENABLED"] == "0"


@pytest.mark.parametrize("platform", ["wasip1/wasm", "aix/ppc64", "plan9/386", "plan9/amd64"])
def test_beyond_go(program: ProgramFactory, platform: str) -> None:
    """What `go version` of Go 1.26 or 1.27 refuses is read too.

    For Plan 9 it aligns the offset, but the linker the address, so size decides.
    """
    info = read(program(platform))
    assert re.match(r"go\d\.\d+", info.go_version)
    assert info.path == "example.com/hello"
    assert f"{info.settings['GOOS']}/{info.settings['GOARCH']}" == platform


def test_quoted_settings(go: Path, program: ProgramFactory) -> None:
    """Values with blanks are quoted in the file and plain in the result."""
    path = program("linux/amd64", "-ldflags=-s -w -X 'main.greeting=\"tab\there\"'", "-tags=a,b")
    info = read(path)
    assert info.settings["-ldflags"] == "-s -w -X 'main.greeting=\"tab\there\"'"
    assert info.settings["-tags"] == "a,b"
    assert info == as_go_reads(go, path)


def test_file_without_module(go: Path, tmp_path: Path) -> None:
    """A program of single files has no module."""
    (tmp_path / "main.go").write_text("package main\n\nfunc main() {}\n")
    subprocess.run([go, "build", "-o", "main", "main.go"], cwd=tmp_path, check=True)
    info = read(tmp_path / "main")
    assert info.path == "command-line-arguments"
    assert info.main is None


def test_dependencies(go: Path, module: Callable[[str], Path]) -> None:
    """Dependencies come with version, checksum and replacement."""
    deps = {}
    for name in ("fetched", "replaced"):
        folder = module(name) / ("app" if name == "replaced" else ".")
        subprocess.run([go, "build", "-o", "program", "."], cwd=folder, check=True, capture_output=True)
        info = read(folder / "program")
        assert info == as_go_reads(go, folder / "program")
        deps[name] = info.deps
    assert deps["fetched"] == (
        Module("example.com/tiny", "v1.0.0", "h1:oi+O+WuZZRCOZdQHNKT/FF2pCOCp31WXZYFXEQzUTSw="),
    )
    assert deps["replaced"] == (Module("example.com/lib", "v0.0.0", replace=Module("../lib", "(devel)")),)


def test_no_section_name(program: ProgramFactory) -> None:
    """Without a section of that name, the first writable segment is searched."""
    data = program("linux/amd64").read_bytes()
    assert read_bytes(data.replace(b"\0.go.buildinfo\0", b"\0.gone.withit.\0")) == read_bytes(data)


def test_misaligned_magic(program: ProgramFactory) -> None:
    """The magic counts only at a multiple of 16, so text that mentions it misleads nobody."""
    data = program("windows/amd64").read_bytes()
    at = data.index(MAGIC)
    assert at % 16 == 0
    with pytest.raises(FormatError, match="no Go build info"):
        read_bytes(data[:at] + b"\0" + MAGIC + data[at + len(MAGIC) + 1 :])


@pytest.mark.parametrize("platform", ["linux/amd64", "windows/amd64", "darwin/arm64"])
def test_removed(program: ProgramFactory, platform: str) -> None:
    """A program whose build info was blotted out has none."""
    data = program(platform).read_bytes()
    with pytest.raises(FormatError, match="no Go build info"):
        read_bytes(data.replace(MAGIC, bytes(len(MAGIC))))


def test_removed_from_wasm(program: ProgramFactory) -> None:
    """WebAssembly without the sentinels has no build info."""
    data = program("wasip1/wasm").read_bytes()
    with pytest.raises(FormatError, match="no Go build info"):
        read_bytes(data.replace(bytes.fromhex("3077af0c9274"), bytes(6)))


def test_embedded_program(go: Path, program: ProgramFactory, tmp_path: Path) -> None:
    """The build info of a program that another one embeds is not taken for its own."""
    (tmp_path / "go.mod").write_text("module example.com/outer\n\ngo 1.21\n")
    (tmp_path / "inner").write_bytes(program("linux/386").read_bytes())
    (tmp_path / "main.go").write_text(
        'package main\n\nimport _ "embed"\n\n//go:embed inner\nvar inner string\n\n'
        "func main() { println(len(inner)) }\n"
    )
    subprocess.run([go, "build", "-o", "outer", "."], cwd=tmp_path, check=True, capture_output=True)
    assert read(tmp_path / "outer").path == "example.com/outer"


def test_old_form(program: ProgramFactory) -> None:
    """The form with pointers, from before Go 1.18, is named as such."""
    data = bytearray(program("linux/amd64").read_bytes())
    data[data.index(MAGIC) + 15] = 0
    with pytest.raises(FormatError, match=re.escape("stopped writing with 1.18")):
        read_bytes(bytes(data))


@pytest.mark.parametrize("length", [b"\xff" * 10, b"\xff\xff\xff\xff\x0f", b"\x00"])
def test_length_corrupted(program: ProgramFactory, length: bytes) -> None:
    """A length without an end, beyond belief, or of nothing is refused."""
    data = program("linux/amd64").read_bytes()
    at = data.index(MAGIC) + 32
    with pytest.raises(FormatError):
        read_bytes(data[:at] + length + data[at + len(length) :])


@pytest.mark.parametrize(
    "platform", ["linux/amd64", "windows/amd64", "darwin/arm64", "aix/ppc64", "plan9/386", "wasip1/wasm"]
)
def test_fuzz(program: ProgramFactory, platform: str) -> None:
    """Whatever bytes change in headers and build info, the answer is a BuildInfo or a FormatError."""
    chance = random.Random(7)
    data = program(platform).read_bytes()
    at = max(data.find(MAGIC), 0)
    places = [*range(1024), *range(at, at + 64)]
    for _ in range(200):
        changed = bytearray(data)
        for place in chance.sample(places, chance.randint(1, 4)):
            changed[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        try:
            assert read_bytes(bytes(changed)).go_version
        except FormatError:
            continue


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("build\ta=b=c", {"a": "b=c"}),
        ("build\ta=", {"a": ""}),
        ('build\t"a b"=`c d`', {"a b": "c d"}),
        (r'build	a="\x41\u00fc\U0001F600\101\t\"\\"', {"a": 'Aü😀A\t"\\'}),
        (r'build	a="\xff"', {"a": "\ufffd"}),
    ],
)
def test_setting(line: str, settings: dict[str, str]) -> None:
    """Keys and values may be quoted in Go's two ways."""
    assert parse_build_info(line).settings == settings


@pytest.mark.parametrize(
    "line", ["build\tkey", "build\t=value", 'build\t"key"', "mod\tonly", "dep\ta\tb\tc\td"]
)
def test_line_corrupted(line: str) -> None:
    """A line that Go would not write is refused."""
    with pytest.raises(FormatError):
        parse_build_info(line)


def test_replaced_main() -> None:
    """A replacement belongs to the line before, also where that is the main module."""
    info = parse_build_info("mod\ta\tv1\th1:a\n=>\tb\tv2\th1:b\ndep\tc\tv3\th1:c\n")
    assert info.main == Module("a", "v1", "h1:a", Module("b", "v2", "h1:b"))
    assert info.deps == (Module("c", "v3", "h1:c"),)
