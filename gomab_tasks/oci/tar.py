"""Write a layer's tar.

Sources: OCI image-spec, layer.md; POSIX pax, as Python's tarfile writes headers.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import StorageError, VerificationError

Kind = Literal["file", "directory", "symlink"]

BLOCK = 512
# Raised when the bytes that `tar_pieces` makes from the same entries change.
TAR_VERSION = 1

HIGHEST_MODE = 0o7777
PIECE = 1 << 20
# layer.md, "Whiteouts": such a name removes what lower layers hold; the opaque one all that is in its folder.
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_TYPES = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE}


class Entry(Struct, frozen=True, kw_only=True):
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
            raise VerificationError(f"layer: the name '{text}' is not UTF-8; rename it")
    if any(part.startswith(WHITEOUT) for part in parts):
        raise VerificationError(
            f"layer: '{entry.path}': names with '{WHITEOUT}' mean removal in a layer; rename it"
        )
    if (entry.kind == "file") == (entry.source is None):
        raise VerificationError(
            f"layer: '{entry.path}' is a {entry.kind}; files, and only they, have a source"
        )
    if (entry.kind == "symlink") != bool(entry.target):
        raise VerificationError(
            f"layer: '{entry.path}' is a {entry.kind}; symlinks, and only they, have a target"
        )
    if not 0 <= entry.mode <= HIGHEST_MODE or entry.uid < 0 or entry.gid < 0:
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
    with files.read_errors(entry.source), entry.source.open("rb") as file:
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
    with files.read_errors(source), source.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        left = before.st_size
        yield _header(entry, left)
        while left and (piece := file.read(min(left, PIECE))):
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
