"""Write a layer's tar, and check the names in one that comes from elsewhere.

Sources: OCI image-spec, layer.md; POSIX pax, as Python's tarfile writes headers.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from gomab_tasks.errors import StorageError, VerificationError
from gomab_tasks.oci.reading import read_errors

Kind = Literal["file", "directory", "symlink"]

BLOCK = 512
# Raised when the bytes that `tar_pieces` makes from the same entries change.
TAR_VERSION = 1

_PIECE = 1 << 20
_HIGHEST_MODE = 0o7777
_TYPES = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE}
# Go's archive/tar reads no longer ones either (maxSpecialFileSize).
_LONGEST_EXTENSION = 1 << 20
_NUMBERS = frozenset({b"size", b"uid", b"gid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Describe one file, directory or symlink of a layer.

    Attributes:
        path: relative to the root of the image, parts joined by `/`.
        mode: permission bits, setuid, setgid and sticky; symlinks always get 0777.
        source: a file's content, or the path it is read from.
        target: where a symlink points.
        identity: what names the content, where that is known without reading
            all of it; stands for its digest in the key of a layer.
    """

    path: str
    kind: Kind
    mode: int
    source: Path | bytes | None = None
    target: str = ""
    uid: int = 0
    gid: int = 0
    identity: str = ""


def complete(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Sort entries by path and add the directories that contain them, 0755 and 0:0.

    Raises `VerificationError` for what no layer can hold: paths outside the
    root, two entries of one path, a file or symlink that would contain others.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        _check_entry(entry)
        if entry.path in found:
            raise VerificationError(f"layer: two entries have the path '{entry.path}'; rename one of them")
        found[entry.path] = entry
    for path in tuple(found):
        for parent in parents(path):
            above = found.setdefault(parent, Entry(path=parent, kind="directory", mode=0o755))
            if above.kind != "directory":
                raise VerificationError(
                    f"layer: '{parent}' is a {above.kind}, but '{path}' lies in it; rename one of them"
                )
    return tuple(found[path] for path in sorted(found))


def parents(path: str) -> Iterator[str]:
    """Give the folders that a path lies in, the highest first."""
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _check_entry(entry: Entry) -> None:
    parts = entry.path.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\0" in entry.path + entry.target:
        raise VerificationError(
            f"layer: path {entry.path!r} must be relative, without empty parts, '.' and '..'"
        )
    for text in (entry.path, entry.target):
        if not _is_utf8(text):
            raise VerificationError(f"layer: the name {text!r} is not UTF-8; rename it")
    # layer.md, "Whiteouts": such a file would remove another one instead.
    if any(part.startswith(".wh.") for part in parts):
        raise VerificationError(
            f"layer: '{entry.path}': names with '.wh.' mean removal in a layer; rename it"
        )
    if (entry.kind == "file") == (entry.source is None):
        raise VerificationError(
            f"layer: '{entry.path}' is a {entry.kind}; files, and only they, have a source"
        )
    if (entry.kind == "symlink") != bool(entry.target):
        raise VerificationError(
            f"layer: '{entry.path}' is a {entry.kind}; symlinks, and only they, have a target"
        )
    if not 0 <= entry.mode <= _HIGHEST_MODE or entry.uid < 0 or entry.gid < 0:
        raise VerificationError(
            f"layer: '{entry.path}' has mode {entry.mode:o}, uid {entry.uid}, gid {entry.gid};"
            " expected a mode up to 7777 and no negative numbers"
        )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def content_digest(entry: Entry) -> str:
    """Give a file's identity, or the SHA-256 of its content in hexadecimal; empty for others."""
    if entry.identity:
        return entry.identity
    if entry.source is None:
        return ""
    if isinstance(entry.source, bytes):
        return hashlib.sha256(entry.source).hexdigest()
    with read_errors(entry.source), entry.source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tar_pieces(entries: Iterable[Entry], contents: dict[str, str]) -> Iterator[bytes]:
    """Make the tar of complete, sorted entries, in pieces of at most 1 MiB.

    Args:
        contents: filled with path -> SHA-256 of what was in fact read.

    Raises `StorageError` when a source cannot be read or changes meanwhile.
    """
    for entry in entries:
        if isinstance(entry.source, Path):
            yield from _stored_file(entry, entry.source, contents)
        else:
            content = entry.source or b""
            contents[entry.path] = content_digest(entry)
            yield _header(entry, len(content))
            yield content
            yield _padding(len(content))
    # Two blocks end a tar; the further padding of tape records serves nobody.
    yield bytes(2 * BLOCK)


def _stored_file(entry: Entry, source: Path, contents: dict[str, str]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    with read_errors(source), source.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        left = before.st_size
        yield _header(entry, left)
        while left and (piece := file.read(min(left, _PIECE))):
            left -= len(piece)
            if not entry.identity:  # it is known without
                digest.update(piece)
            yield piece
        is_longer = bool(file.read(1))
        is_newer = os.fstat(file.fileno()).st_mtime_ns != before.st_mtime_ns
    if left or is_longer or is_newer:
        raise StorageError(
            f"{source}: changed while it was read into a layer ({before.st_size} bytes at first);"
            " wait until nothing writes to it and run it again"
        )
    contents[entry.path] = entry.identity or digest.hexdigest()
    yield _padding(before.st_size)


def _header(entry: Entry, size: int) -> bytes:
    member = tarfile.TarInfo(entry.path)
    member.type = _TYPES[entry.kind]
    member.mode = 0o777 if entry.kind == "symlink" else entry.mode
    member.size = size
    member.linkname = entry.target
    member.uid, member.gid = entry.uid, entry.gid
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


class TarStream(Protocol):
    """Give the bytes of a tar in order; fewer than asked for only at its end."""

    def read(self, size: int) -> bytes:
        """Give the next bytes."""
        ...

    def skip(self, size: int) -> int:
        """Pass over the next bytes and give how many there were."""
        ...


@dataclass(slots=True)
class Member:
    """Hold a member of a tar that passes by.

    Attributes:
        path: as it is written: it may begin with `./` and end with `/`.
        kind: `other` is a device, a pipe or a hard link.
        size: that of its content in bytes.
        target: where a symlink points.
    """

    path: str
    kind: Kind | Literal["other"]
    size: int
    mode: int
    uid: int
    gid: int
    target: str
    _stream: TarStream
    _left: int

    @property
    def is_file(self) -> bool:
        """Tell whether it is a regular file."""
        return self.kind == "file"

    def pieces(self) -> Iterator[bytes]:
        """Give the content in pieces of at most 1 MiB; ask for it before the next member."""
        while piece := self._stream.read(min(self._left, _PIECE)):
            self._left -= len(piece)
            yield piece

    def finish(self, where: str) -> None:
        """Pass over what nobody read; raises `VerificationError` where the tar ends in it."""
        padded = self._left + -self.size % BLOCK
        if self._stream.skip(padded) < padded:
            raise VerificationError(f"{where}: is not a readable tar: it ends inside {self.path!r}")


def check_tar(stream: TarStream, where: str) -> None:
    """Walk through a tar's headers; raises what `read_members` does."""
    for _ in read_members(stream, where):
        pass


def read_members(stream: TarStream, where: str) -> Iterator[Member]:
    """Give a tar's members in its order, and refuse what would leave the image's root.

    tarfile itself is no help here: after the first member it takes a damaged
    header for the end, and it keeps every member in memory.

    Raises `VerificationError` that starts with `where`.
    """
    extension: dict[str, str] = {}
    while block := stream.read(BLOCK):
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            return
        except tarfile.HeaderError as error:
            raise VerificationError(f"{where}: is not a readable tar: {error}") from None
        if header.size < 0:
            raise VerificationError(f"{where}: is not a readable tar: a member of {header.size} bytes")
        if header.type in _EXTENSIONS:
            extension |= _read_extension(stream, header, where)
            continue
        _check_member(header, extension, where)
        member = _member(stream, header, extension)
        yield member
        member.finish(where)
        extension = {}


_EXTENSIONS = {
    tarfile.XHDTYPE: "",
    tarfile.SOLARIS_XHDTYPE: "",
    tarfile.XGLTYPE: "",
    tarfile.GNUTYPE_LONGNAME: "path",
    tarfile.GNUTYPE_LONGLINK: "linkpath",
}


def _read_extension(stream: TarStream, member: tarfile.TarInfo, where: str) -> dict[str, str]:
    """Read what a member says about the next one: its long names and size."""
    if member.size > _LONGEST_EXTENSION:
        raise VerificationError(f"{where}: is not a readable tar: an extended header of {member.size} bytes")
    content = stream.read(member.size + -member.size % BLOCK)[: member.size]
    if len(content) < member.size:
        raise VerificationError(f"{where}: is not a readable tar: it ends inside an extended header")
    if member.type == tarfile.XGLTYPE:
        return {}
    if key := _EXTENSIONS[member.type]:
        return {key: content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    try:
        return dict(_pax_records(content))
    except ValueError:
        raise VerificationError(f"{where}: is not a readable tar: a damaged extended header") from None


def _pax_records(content: bytes) -> Iterator[tuple[str, str]]:
    """Split pax records: LENGTH KEYWORD=VALUE and a newline; LENGTH counts the whole record."""
    while content:
        length = int(content.partition(b" ")[0])
        record, content = content[:length], content[length:]
        keyword, equals, value = record.partition(b" ")[2].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise ValueError("damaged record")
        if keyword in _NUMBERS and not value[:-1].isdigit():
            raise ValueError("damaged number")
        yield keyword.decode("utf-8", "surrogateescape"), value[:-1].decode("utf-8", "surrogateescape")


def _check_member(member: tarfile.TarInfo, extension: dict[str, str], where: str) -> None:
    names = [extension.get("path", member.name)]
    if member.islnk():
        names.append(extension.get("linkpath", member.linkname))
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise VerificationError(
                f"{where}: holds the path {name!r}, which leads out of the image's root;"
                " use a base or files without it"
            )
    if member.type == tarfile.GNUTYPE_SPARSE:
        # layer.md: sparse files SHOULD NOT be used, support for them varies.
        raise VerificationError(f"{where}: holds {names[0]!r} as a sparse file; use a base without it")


def _member(stream: TarStream, header: tarfile.TarInfo, extension: dict[str, str]) -> Member:
    # Only these have content; links may state a size all the same.
    has_content = header.isreg() or header.type not in tarfile.SUPPORTED_TYPES
    size = int(extension.get("size", header.size)) if has_content else 0
    return Member(
        path=extension.get("path", header.name),
        kind=_kind_of(header),
        size=size,
        mode=header.mode & _HIGHEST_MODE,
        uid=int(extension.get("uid", header.uid)),
        gid=int(extension.get("gid", header.gid)),
        target=extension.get("linkpath", header.linkname) if header.issym() else "",
        _stream=stream,
        _left=size,
    )


def _kind_of(header: tarfile.TarInfo) -> Kind | Literal["other"]:
    if header.isreg():
        return "file"
    if header.isdir():
        return "directory"
    return "symlink" if header.issym() else "other"
