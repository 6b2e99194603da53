"""Read the tars of layers that come from elsewhere, and refuse what would leave the image's root.

Sources: OCI image-spec, layer.md; POSIX pax.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from typing import Literal, Protocol

from msgspec import Struct

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.tar import BLOCK, HIGHEST_MODE, PIECE, WHITEOUT, Kind

NO_WHITEOUTS = frozenset({WHITEOUT, f"{WHITEOUT}.", f"{WHITEOUT}.."})
"""Names that would remove the folder that they lie in, or the one above."""

# Go's archive/tar reads no longer ones either (maxSpecialFileSize).
_LONGEST_EXTENSION = 1 << 20
_NUMBERS = frozenset({b"size", b"uid", b"gid"})
_NUMBER = re.compile(rb"[0-9]{1,20}")
_EXTENSIONS = {
    tarfile.XHDTYPE: "",
    tarfile.SOLARIS_XHDTYPE: "",
    tarfile.XGLTYPE: "",
    tarfile.GNUTYPE_LONGNAME: "path",
    tarfile.GNUTYPE_LONGLINK: "linkpath",
}


class TarStream(Protocol):
    """Give the bytes of a tar in order; fewer than asked for only at its end."""

    def read(self, size: int) -> bytes:
        """Give the next bytes."""
        ...

    def skip(self, size: int) -> int:
        """Pass over the next bytes and give how many there were."""
        ...


class Member(Struct):
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
        while piece := self._stream.read(min(self._left, PIECE)):
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
        if keyword in _NUMBERS and not _NUMBER.fullmatch(value[:-1]):
            raise ValueError("damaged number")
        yield keyword.decode("utf-8", "surrogateescape"), value[:-1].decode("utf-8", "surrogateescape")


def _check_member(member: tarfile.TarInfo, extension: dict[str, str], where: str) -> None:
    names = [extension.get("path", member.name)]
    if member.islnk():
        names.append(extension.get("linkpath", member.linkname))
    for name in names:
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or parts[-1] in NO_WHITEOUTS:
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
        mode=header.mode & HIGHEST_MODE,
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
