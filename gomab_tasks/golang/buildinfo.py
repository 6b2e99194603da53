"""Read what Go's linker writes into every program: version, modules, build settings.

Source: Go's src/debug/buildinfo/buildinfo.go (where it stands) and
src/runtime/debug/mod.go (what it says), in the form used since Go 1.18. Go
itself has no reader for WebAssembly; there the text is found by the sentinels
around it, and the version in the `producers` section.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from gomab_tasks.golang.executable import Executable, Span, uvarint
from gomab_tasks.golang.slices import FormatError, Slices

_MAGIC = b"\xff Go buildinf:"
_ALIGNMENT = 16
_HEADER = 32
_INLINE_STRINGS = 2

# cmd/go/internal/modload.infoStart and infoEnd stand around the text.
_START = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
_END = bytes.fromhex("f932433186182072008242104116d8f2")

_CHUNK = 1 << 20
# Thousands of modules stay below 1 MiB.
_TEXT_LIMIT = 16 << 20


class Module(Struct, frozen=True):
    """Hold a module of the build; `replace` is what its code was really read from."""

    path: str
    version: str = ""
    sum: str = ""
    replace: Module | None = None


class BuildInfo(Struct, frozen=True, kw_only=True):
    """Hold what `go version -m` prints.

    Attributes:
        go_version: such as `go1.26.1`.
        path: import path of the main package.
        main: its module; None outside of modules.
        deps: the modules whose packages went into the program, in Go's order.
        settings: `-ldflags`, `GOARM`, `CGO_ENABLED`, `vcs.revision`, ….
    """

    go_version: str
    path: str = ""
    main: Module | None = None
    deps: tuple[Module, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def find_build_info(source: Slices, executable: Executable) -> BuildInfo:
    """Read the build info of a program whose headers are known; raises `FormatError`."""
    if executable.format == "WebAssembly":
        return _find_in_wasm(source, executable)
    for span in executable.data:
        at = _find_aligned(source, span)
        if at is not None:
            return _read(source, at)
    raise FormatError("it has no Go build info: Go did not link it, or a packer changed it since")


def _find_aligned(source: Slices, span: Span) -> int | None:
    """Find the magic where its address is a multiple of 16; in bounded chunks."""
    at = span.offset + (span.skew - span.offset) % _ALIGNMENT
    end = span.offset + span.length
    while at < end:
        chunk = source.upto(at, min(_CHUNK, end - at))
        found = chunk.find(_MAGIC)
        while found >= 0 and found % _ALIGNMENT:
            found = chunk.find(_MAGIC, found + 1)
        if found >= 0:
            return at + found
        at += _CHUNK
    return None


def _read(source: Slices, at: int) -> BuildInfo:
    header = source.read(at, _HEADER, "the header of Go's build info")
    if not header[15] & _INLINE_STRINGS:
        raise FormatError("its build info is of a form that Go stopped writing with 1.18")
    version, at = _string(source, at + _HEADER)
    text, _ = _string(source, at)
    return _parsed(version.decode("utf-8", "replace"), text)


def _string(source: Slices, at: int) -> tuple[bytes, int]:
    length, width = uvarint(source.upto(at, 10))
    at += width
    return source.read(at, length, "Go's build info", _TEXT_LIMIT), at + length


def _find_in_wasm(source: Slices, executable: Executable) -> BuildInfo:
    text = next(filter(None, (_between_sentinels(source, span) for span in executable.data)), b"")
    if not text:
        raise FormatError("it has no Go build info: Go did not link it, or a tool changed it since")
    version = next(filter(None, (_producer(source, span) for span in executable.data)), b"")
    return _parsed(version.decode("utf-8", "replace"), text)


def _between_sentinels(source: Slices, span: Span) -> bytes:
    start = _find(source, span, _START)
    if start is None:
        return b""
    text = source.upto(start, min(_TEXT_LIMIT, span.offset + span.length - start))
    end = text.find(_END)
    return text[: end + len(_END)] if end >= 0 else b""


def _find(source: Slices, span: Span, wanted: bytes) -> int | None:
    """Find bytes at any place of a span, in chunks that overlap."""
    end = span.offset + span.length
    for at in range(span.offset, end, _CHUNK):
        found = source.upto(at, min(_CHUNK + len(wanted) - 1, end - at)).find(wanted)
        if found >= 0:
            return at + found
    return None


def _producer(source: Slices, span: Span) -> bytes:
    """Read the version of `Go cmd/compile` from the section `producers`.

    Source: WebAssembly tool-conventions, ProducersSection.md.
    """
    section = source.upto(span.offset, min(span.length, 4096))
    if not section.startswith(b"\x09producers"):
        return b""
    _, found, rest = section.partition(b"\x0eGo cmd/compile")
    return rest[1 : 1 + rest[0]] if found and rest else b""


def _parsed(version: str, text: bytes) -> BuildInfo:
    if not version:
        raise FormatError("its build info names no version of Go")
    # As Go does: a text that is not framed by the sentinels counts as none.
    framed = len(text) > len(_START + _END) and text[-17:-16] == b"\n"
    info = parse_build_info(text[16:-16].decode("utf-8", "replace") if framed else "")
    return replace(info, go_version=version)


def parse_build_info(text: str) -> BuildInfo:
    """Parse the text of `go version -m`, without its leading tabs; raises `FormatError`.

    `go_version` stays empty: it stands elsewhere.
    """
    path, main, deps, settings = "", None, [], {}
    last: Module | None = None
    for line in text.split("\n"):
        word, _, rest = line.partition("\t")
        if word == "path":
            path = rest
        elif word == "mod":
            main = last = _module(rest)
        elif word == "dep":
            last = _module(rest)
            deps.append(last)
        elif word == "=>" and last is not None:
            last = replace(last, replace=_module(rest))
            if deps:
                deps[-1] = last
            else:
                main = last
        elif word == "build":
            key, value = _setting(rest)
            settings[key] = value
    return BuildInfo(go_version="", path=path, main=main, deps=tuple(deps), settings=settings)


def _module(columns: str) -> Module:
    path, *rest = columns.split("\t")
    match rest:
        case [version]:
            return Module(path, version)
        case [version, checksum]:
            return Module(path, version, checksum)
    raise FormatError(f"its build info has a module of {1 + len(rest)} columns: {columns!r}")


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')


def _setting(text: str) -> tuple[str, str]:
    quoted = _QUOTED.match(text)
    key, rest = (quoted[0], text[quoted.end() :]) if quoted else _cut(text)
    if not key or not rest.startswith("="):
        raise FormatError(f"its build info has a setting without key or value: {text!r}")
    return _unquoted(key), _unquoted(rest[1:])


def _cut(text: str) -> tuple[str, str]:
    at = text.find("=")
    return (text[:at], text[at:]) if at > 0 else ("", "")


_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_ESCAPES = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


def _unquoted(text: str) -> str:
    """Undo Go's strconv.Quote; what is not quoted stays as it is."""
    if not _QUOTED.fullmatch(text):
        return text
    if text[0] == "`":
        return text[1:-1]
    return _ESCAPE.sub(_character, text[1:-1].encode()).decode("utf-8", "replace")


def _character(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    kind, digits = escape[:1], escape[1:]
    if not digits:
        return bytes([_ESCAPES.get(kind[0], kind[0])])
    if kind == b"x":
        return bytes([int(digits, 16)])
    if kind in b"uU":
        return chr(min(int(digits, 16), 0x10FFFF)).encode("utf-8", "replace")
    return bytes([int(escape, 8) & 0xFF])
