"""Verifying programs: real ones pass, and each corruption is named."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from platform import machine

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.golang.binary import verify_binary
from gomab_tasks.platforms import Platform

ProgramFactory = Callable[..., Path]

PLATFORMS = (
    "linux/amd64",
    "linux/amd64/v3",
    "linux/arm64",
    "linux/arm/v5",
    "linux/arm/v6",
    "linux/arm/v7",
    "linux/386",
    "linux/riscv64",
    "linux/s390x",
    "linux/ppc64le",
    "linux/mips64le",
    "windows/amd64",
    "darwin/arm64",
)


def refused(path: Path, platform: str) -> str:
    """Give the message with which a program is refused."""
    with pytest.raises(VerificationError) as caught:
        verify_binary(path, "api", Platform.parse(platform))
    return str(caught.value)


def corrupted(path: Path, folder: Path, offset: int, content: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    (folder / "corrupted").write_bytes(data)
    return folder / "corrupted"


def replaced(path: Path, folder: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert old in data
    assert len(old) == len(new)
    (folder / "replaced").write_bytes(data.replace(old, new))
    return folder / "replaced"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_passes(program: ProgramFactory, platform: str) -> None:
    """A program built for a platform passes for it."""
    path = program(platform)
    binary = verify_binary(path, "api", Platform.parse(platform))
    assert binary.size == path.stat().st_size
    assert binary.build_info.path == "example.com/hello"


def test_quick(program: ProgramFactory, tmp_path: Path) -> None:
    """Verifying costs a few milliseconds at most, whatever the size of the program."""
    path = Path(shutil.copy(program("linux/amd64"), tmp_path))
    os.truncate(path, 1 << 30)
    start = time.perf_counter()
    for _ in range(20):
        verify_binary(path, "api", Platform.parse("linux/amd64"))
    assert (time.perf_counter() - start) / 20 < 0.02


@pytest.mark.parametrize(
    ("built", "wanted", "message"),
    [
        ("linux/arm64", "linux/amd64", "the binary is for arm64, not for amd64"),
        ("linux/386", "linux/amd64", "the binary is for 386, not for amd64"),
        ("linux/mips64le", "linux/mips64", "the binary is for mips64le, not for mips64"),
        ("linux/ppc64le", "linux/ppc64", "the binary is for ppc64le, not for ppc64"),
        ("windows/amd64", "linux/amd64", "the binary is PE, but linux runs ELF"),
        ("darwin/arm64", "linux/arm64", "the binary is Mach-O, but linux runs ELF"),
        ("linux/amd64", "windows/amd64", "the binary is ELF, but windows runs PE"),
        ("linux/amd64", "js/wasm", "the binary is ELF, but js runs WebAssembly"),
        ("linux/amd64", "freebsd/amd64", "the binary was built with GOOS=linux, not GOOS=freebsd"),
        (
            "linux/arm/v7",
            "linux/arm/v6",
            "the binary was built with GOARM=7 and would stop with SIGILL on ARMv6",
        ),
        ("linux/arm/v5", "linux/arm/v7", "the binary was built with GOARM=5, not GOARM=7"),
        (
            "linux/amd64/v3",
            "linux/amd64",
            "the binary was built with GOAMD64=v3 and would refuse to start on x86-64-v1",
        ),
        ("linux/amd64", "linux/amd64/v2", "the binary was built with GOAMD64=v1, not GOAMD64=v2"),
        ("linux/arm64", "linux/arm64/v9", "the binary was built with GOARM64=v8.0, not GOARM64=v9.0"),
    ],
)
def test_other_platform(program: ProgramFactory, built: str, wanted: str, message: str) -> None:
    """A good program for another platform is refused, with both platforms' words."""
    path = program(built)
    assert refused(path, wanted) == f"api {wanted}: {message}; remove {path} and build again"


def test_softfloat(program: ProgramFactory) -> None:
    """A level with an addition is not the level."""
    path = program("linux/arm/v7", GOARM="7,softfloat")
    assert "was built with GOARM=7,softfloat, not GOARM=7;" in refused(path, "linux/arm/v7")


def test_other_level_patched(program: ProgramFactory, tmp_path: Path) -> None:
    """The level is taken from the build info alone."""
    path = replaced(program("linux/arm64"), tmp_path, b"GOARM64=v8.0", b"GOARM64=v9.5")
    assert "GOARM64=v9.5 and may stop with SIGILL on ARMv8.0;" in refused(path, "linux/arm64")


def test_old_toolchain(program: ProgramFactory, tmp_path: Path) -> None:
    """Go before 1.23 records no GOARM64: the default passes, another level is refused."""
    path = replaced(program("linux/arm64"), tmp_path, b"GOARM64=v8.0", b"NOARM64=v8.0")
    assert "its build info does not say GOARM64, which should be v8.0" in refused(path, "linux/arm64")
    version = verify_binary(
        program("linux/arm64"), "api", Platform.parse("linux/arm64")
    ).build_info.go_version
    path = replaced(path, tmp_path, version.encode(), b"go1.22".ljust(len(version), b"_"))
    assert verify_binary(path, "api", Platform.parse("linux/arm64")).build_info.go_version.startswith(
        "go1.22"
    )
    assert "does not know GOARM64=v9.0; use Go 1.23 or later" in refused(path, "linux/arm64/v9")


@pytest.mark.parametrize(
    ("offset", "content", "message"),
    [
        (18, struct.pack("<H", 0xF7), "the binary is for ELF machine 247 (64-bit, little-endian), not for"),
        (18, struct.pack("<H", 183), "the binary is for arm64, not for amd64"),
        (4, b"\x01", "wrong class or byte order"),
        (5, b"\x02", "wrong class or byte order"),
        (16, b"\x01", "the binary is a library or object file"),
        (24, struct.pack("<Q", 0), "the binary starts at 0x0, but nothing is loaded there"),
        (0, b"\x7fELG", "it begins with the bytes 7f 45 4c 47"),
    ],
)
def test_header_corrupted(
    program: ProgramFactory, tmp_path: Path, offset: int, content: bytes, message: str
) -> None:
    """Each wrong field of the ELF header is named."""
    path = corrupted(program("linux/amd64"), tmp_path, offset, content)
    text = refused(path, "linux/amd64")
    assert text.startswith("api linux/amd64: ")
    assert message in text


@pytest.mark.parametrize(
    ("platform", "find", "content"),
    [
        ("windows/amd64", b"PE\0\0\x64\x86", b"PE\0\0\x64\xaa"),
        ("darwin/arm64", b"\xcf\xfa\xed\xfe\x0c\0\0\x01", b"\xcf\xfa\xed\xfe\x07\0\0\x01"),
    ],
)
def test_other_machine(
    program: ProgramFactory, tmp_path: Path, platform: str, find: bytes, content: bytes
) -> None:
    """The machine of PE and Mach-O files is checked too."""
    path = program(platform)
    changed = corrupted(path, tmp_path, path.read_bytes().index(find), content)
    assert f"the binary is for {'arm64' if platform == 'windows/amd64' else 'amd64'}, not for" in refused(
        changed, platform
    )


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/s390x", "windows/amd64", "darwin/arm64"])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.9, 0.9999])
def test_truncated(program: ProgramFactory, tmp_path: Path, platform: str, part: float) -> None:
    """A program that is cut short is refused, wherever the cut is."""
    data = program(platform).read_bytes()
    (tmp_path / "cut").write_bytes(data[: int(len(data) * part)])
    assert "it is cut short; remove" in refused(tmp_path / "cut", platform)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"#!/bin/sh\necho hello\n", "it is a script"),
        (b"hello\n", "it is text that begins with 'hello\\n'"),
        (b"!<arch>\n", "it is an archive of compiled code: the package is no main package"),
        (b"\xca\xfe\xba\xbe\0\0\0\2", "it is a universal Mach-O file"),
        (b"\0asm\2\0\0\0", "it is WebAssembly of another version than 1"),
        (b"\x7fELF", "the ELF identification would end at byte 16, but the file has 4"),
        (b"MZ", "would end at byte 64, but the file has 2"),
        (b"MZ" + bytes(100), "it begins as a DOS program does, but has no PE header"),
    ],
)
def test_no_program(tmp_path: Path, content: bytes, message: str) -> None:
    """What is no program is described."""
    (tmp_path / "api").write_bytes(content)
    text = refused(tmp_path / "api", "linux/amd64")
    assert message in text
    assert text.endswith(f"; remove {tmp_path / 'api'} and build again")


def test_library(go: Path, module: Callable[[str], Path]) -> None:
    """What `go build -o` makes of a library is named for what it is."""
    folder = module("no-main")
    subprocess.run([go, "build", "-o", "api", "."], cwd=folder, check=True)
    assert "the package is no main package" in refused(folder / "api", "linux/amd64")


def test_missing(tmp_path: Path) -> None:
    """A file that is not there is an error of verification, not a traceback."""
    text = refused(tmp_path / "api", "linux/amd64")
    assert "cannot be read: No such file or directory; build it first" in text


def test_build_info_removed(program: ProgramFactory, tmp_path: Path) -> None:
    """A program without build info cannot be verified."""
    path = replaced(program("linux/amd64"), tmp_path, b"\xff Go buildinf:", b"\xff No buildinf:")
    assert "it has no Go build info" in refused(path, "linux/amd64")


def test_settings_removed(program: ProgramFactory, tmp_path: Path) -> None:
    """Build info without settings tells nothing."""
    path = replaced(program("linux/amd64"), tmp_path, b"\nbuild\t", b"\nbuilt\t")
    assert "its build info has no build settings" in refused(path, "linux/amd64")


def test_cgo(program: ProgramFactory, tmp_path: Path) -> None:
    """CGO_ENABLED=1 is refused."""
    path = replaced(program("linux/amd64"), tmp_path, b"CGO_ENABLED=0", b"CGO_ENABLED=1")
    assert "was built with CGO_ENABLED=1, not CGO_ENABLED=0" in refused(path, "linux/amd64")


def test_interpreter(program: ProgramFactory) -> None:
    """A PIE that names an interpreter does not start on scratch; the cure is another build."""
    text = refused(program("linux/amd64", "-buildmode=pie"), "linux/amd64")
    assert "is started by /lib64/ld-linux-x86-64.so.2, which an image from scratch does not have" in text
    assert "without -buildmode=pie" in text


@pytest.fixture
def with_cgo(go: Path, module: Callable[[str], Path]) -> Callable[..., Path]:
    """Build a program that uses cgo, for linux/amd64, where a C compiler for that is at hand."""

    def make(*flags: str) -> Path:
        if (sys.platform, machine()) != ("linux", "x86_64"):
            pytest.skip("gcc builds for this machine, which is not linux/amd64")
        folder = module("cgo-only")
        env = os.environ | Platform.parse("linux/amd64").go_env() | {"CGO_ENABLED": "1"}
        argv = [str(go), "build", *flags, "-o", "api", "."]
        subprocess.run(argv, cwd=folder, env=env, check=True)
        return folder / "api"

    return make


@pytest.mark.tool("gcc")
def test_dynamic(with_cgo: Callable[..., Path]) -> None:
    """A program linked by cgo is refused for its interpreter."""
    assert "the binary is started by /lib64/" in refused(with_cgo(), "linux/amd64")


@pytest.mark.tool("gcc")
def test_needed_libraries(with_cgo: Callable[..., Path], tmp_path: Path) -> None:
    """Needed libraries are refused without an interpreter too."""
    path = with_cgo()
    data = path.read_bytes()
    interpreter = next(at for at in range(64, 1024, 56) if struct.unpack_from("<I", data, at) == (3,))
    path = corrupted(path, tmp_path, interpreter, struct.pack("<I", 0))
    message = "the binary needs the libraries libc.so.6; build it with CGO_ENABLED=0"
    assert message in refused(path, "linux/amd64")


@pytest.mark.tool("gcc")
def test_shared_library(with_cgo: Callable[..., Path]) -> None:
    """A shared library is no program, although it is ELF, static or not."""
    path = with_cgo("-buildmode=c-shared")
    assert "-buildmode" in refused(path, "linux/amd64")


@pytest.mark.slow
def test_every_platform(go: Path, program: ProgramFactory) -> None:
    """What Go builds for any of its platforms without cgo passes; the others do not link."""
    listed = subprocess.run([go, "tool", "dist", "list"], check=True, capture_output=True, text=True).stdout
    for platform in map(Platform.parse, listed.split()):
        if platform.needs_cgo:
            with pytest.raises(subprocess.CalledProcessError) as caught:
                program(str(platform))
            assert re.search(r"requires external \(cgo\) linking", caught.value.stderr)
        else:
            assert verify_binary(program(str(platform)), "hello", platform).size
