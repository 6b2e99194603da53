"""Hold a built program against the platform it is for.

A wrong program in an image is found late: by "exec format error" or SIGILL on
somebody's machine. Everything that can be known from the file is checked
here: its format, machine, class and byte order; that it runs with no other
file; and the build settings that Go's linker has written into it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gomab_tasks.errors import VerificationError
from gomab_tasks.golang.buildinfo import BuildInfo, find_build_info
from gomab_tasks.golang.elf import PT_LOAD, Elf
from gomab_tasks.golang.executable import Executable, read_executable
from gomab_tasks.golang.slices import FormatError, Slices
from gomab_tasks.platforms import Platform

_FORMATS = {
    "aix": "XCOFF",
    "darwin": "Mach-O",
    "ios": "Mach-O",
    "js": "WebAssembly",
    "plan9": "Plan 9",
    "wasip1": "WebAssembly",
    "windows": "PE",
}
# c-archive, c-shared, plugin and shared make libraries.
_PROGRAM_MODES = ("exe", "pie", "default")

# GOARM64 exists since Go 1.23; what is older builds the default and records nothing.
_SINCE = {"GOARM64": (1, 23)}
_UNRECORDED = {"GOARM64": "v8.0"}
_VERSION = re.compile(r"go(\d+)\.(\d+)")


class Binary(Struct, frozen=True):
    """Hold what is known of a program that was verified."""

    size: int
    build_info: BuildInfo


def verify_binary(path: Path, name: str, platform: Platform) -> Binary:
    """Check a built program and give its size and build info.

    `name` is the program's or image's, for messages.

    Raises `VerificationError` with the first thing that is wrong.
    """
    where = f"{name} {platform}"
    try:
        with path.open("rb") as file:
            source = Slices(file)
            executable = read_executable(source)
            _check_executable(executable, platform)
            if platform.os == "linux" and executable.elf:
                _check_static(executable.elf)
            build_info = find_build_info(source, executable)
            _check_build(build_info, platform)
            return Binary(source.size, build_info)
    except _WrongBuildError as error:
        raise VerificationError(f"{where}: {error}") from None
    except FormatError as error:
        raise VerificationError(f"{where}: {error}; remove {path} and build again") from None
    except OSError as error:
        raise VerificationError(f"{where}: {path} cannot be read: {error.strerror}; build it first") from None


class _WrongBuildError(FormatError):
    """Say what is wrong and how the build should differ: building again changes nothing."""


def _check_executable(executable: Executable, platform: Platform) -> None:
    expected = _FORMATS.get(platform.os, "ELF")
    if executable.format != expected:
        raise FormatError(f"the binary is {executable.format}, but {platform.os} runs {expected}")
    if executable.architecture != platform.architecture:
        raise FormatError(f"the binary is for {executable.architecture}, not for {platform.architecture}")
    if not executable.is_program:
        raise _WrongBuildError("the binary is a library or object file; take -buildmode out of GOFLAGS")
    if executable.elf:
        _check_entry(executable.elf)


def _check_entry(elf: Elf) -> None:
    for segment in elf.segments:
        if segment.type == PT_LOAD and 0 <= elf.entry - segment.address < segment.memory_size:
            return
    raise FormatError(f"the binary starts at {elf.entry:#x}, but nothing is loaded there")


def _check_static(elf: Elf) -> None:
    """Refuse what the kernel cannot start without other files.

    A static PIE has PT_DYNAMIC, for it relocates itself, but neither an
    interpreter nor libraries. What `go build -buildmode=pie` links on Linux
    needs no library, but names an interpreter, and exec fails with ENOENT
    where that is missing.
    """
    cure = "build it with CGO_ENABLED=0, without -buildmode=pie, -linkshared and -linkmode=external"
    if elf.interpreter is not None:
        raise _WrongBuildError(
            f"the binary is started by {elf.interpreter}, which an image from scratch does not have; {cure}"
        )
    if elf.needed:
        raise _WrongBuildError(f"the binary needs the libraries {', '.join(elf.needed)}; {cure}")


def _check_build(build_info: BuildInfo, platform: Platform) -> None:
    settings = build_info.settings
    if not settings:
        raise FormatError("its build info has no build settings, so nothing tells what it was built for")
    mode = settings.get("-buildmode", "exe")
    if mode not in _PROGRAM_MODES:
        raise _WrongBuildError(f"the binary was built with -buildmode={mode}; take it out of GOFLAGS")
    for variable, value in platform.go_env().items():
        _check_variable(build_info, variable, value)
    _check_variable(build_info, "CGO_ENABLED", "0")


def _check_variable(build_info: BuildInfo, variable: str, value: str) -> None:
    found = build_info.settings.get(variable)
    if found == value:
        return
    if found is None and _predates(build_info.go_version, variable):
        if value == _UNRECORDED[variable]:
            return
        raise _WrongBuildError(
            f"the binary was built by {build_info.go_version}, which does not know {variable}={value}; "
            f"use Go {'.'.join(map(str, _SINCE[variable]))} or later"
        )
    if found is None:
        raise FormatError(f"its build info does not say {variable}, which should be {value}")
    raise FormatError(f"the binary was built with {variable}={found}{_consequence(variable, found, value)}")


def _predates(go_version: str, variable: str) -> bool:
    match = _VERSION.match(go_version)
    if match is None or variable not in _SINCE:
        return False
    return (int(match[1]), int(match[2])) < _SINCE[variable]


# What happens where the CPU is of a lower level. amd64's runtime checks the
# level itself; arm's checks only for floating point.
_CONSEQUENCES: Mapping[str, str] = {
    "GOARM": " and would stop with SIGILL on ARMv{}",
    "GOARM64": " and may stop with SIGILL on ARM{}",
    "GOAMD64": " and would refuse to start on x86-64-{}",
}


def _consequence(variable: str, found: str, value: str) -> str:
    if variable in _CONSEQUENCES and _level(found) > _level(value):
        return _CONSEQUENCES[variable].format(value)
    return f", not {variable}={value}"


def _level(value: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", value.partition(",")[0]))
