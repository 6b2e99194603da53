"""What is refused in tars from elsewhere."""

from __future__ import annotations

import io
import tarfile
from typing import Literal

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.members import check_tar


class Stream:
    """Serve a tar from memory."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def skip(self, size: int) -> int:
        return len(self._file.read(size))


def foreign(
    name: str,
    *,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
    content: bytes = b"",
    tar_format: Literal[1, 2] = tarfile.PAX_FORMAT,
) -> bytes:
    """Make one member as another program would."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, len(content)
    return member.tobuf(tar_format, "utf-8", "surrogateescape") + content + bytes(-len(content) % 512)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(1024),
        bytes(10240),
        foreign("./") + foreign("./etc/") + foreign("etc/.wh.x") + bytes(1024),
        foreign("no-end-marker", content=b"x"),
        foreign("a..b/...", content=b"x" * 600) + bytes(1024),
        foreign("bin", kind=tarfile.SYMTYPE, link="../../usr/bin")
        + foreign("mtab", kind=tarfile.SYMTYPE, link="/p"),
        foreign("hard", kind=tarfile.LNKTYPE, link="bin/busybox"),
        foreign("null", kind=tarfile.CHRTYPE) + foreign("fifo", kind=tarfile.FIFOTYPE),
        foreign("long" * 50, link="l" * 200, kind=tarfile.LNKTYPE, tar_format=tarfile.GNU_FORMAT)
        + bytes(1024),
        foreign("long" * 50, content=b"x", tar_format=tarfile.PAX_FORMAT) + bytes(1024),
        foreign("x", kind=tarfile.XGLTYPE, content=b"11 path=/a\n") + foreign("a"),
    ],
)
def test_tars_as_other_programs_write_them_pass(content: bytes) -> None:
    """Whiteouts, links, devices, GNU and pax names are ordinary in base images."""
    check_tar(Stream(content), "blob")


LONG = "d/" * 100
OUTSIDE = {
    "absolute": foreign("/etc/passwd"),
    "dots": foreign("a/../../etc/passwd"),
    "only dots": foreign(".."),
    "after others": foreign("ok", content=b"x") + foreign("../x"),
    "whiteout of the folder": foreign("a/.wh.."),
    "whiteout of the one above": foreign("a/.wh..."),
    "whiteout of nothing": foreign(".wh."),
    "pax": foreign(f"../{LONG}x"),
    "gnu": foreign(f"/{LONG}x", tar_format=tarfile.GNU_FORMAT),
    "hard link": foreign("x", kind=tarfile.LNKTYPE, link="../../etc/shadow"),
    "long hard link": foreign("x", kind=tarfile.LNKTYPE, link=f"/{LONG}", tar_format=tarfile.GNU_FORMAT),
    "pax hard link": foreign("x", kind=tarfile.LNKTYPE, link=f"/{LONG}"),
}


@pytest.mark.parametrize("content", OUTSIDE.values(), ids=OUTSIDE)
def test_paths_out_of_the_root_are_refused(content: bytes) -> None:
    """Whatever way the tar spells them."""
    with pytest.raises(VerificationError, match=r"^blob: holds the path '.*', which leads out of"):
        check_tar(Stream(content + bytes(1024)), "blob")


def with_size(member: bytes, field: bytes) -> bytes:
    """Replace the size of a header and mend its checksum."""
    header = bytearray(member[:512])
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + member[512:]


DAMAGED = {
    "no tar": (b"not a tar at all" * 100, "invalid header"),
    "short": (foreign("x")[:300], "truncated header"),
    "checksum": (foreign("ok") + b"y" + foreign("x")[1:], "bad checksum"),
    "content ends": (foreign("x", content=bytes(2000))[:1500], "it ends inside 'x'"),
    "padding ends": (foreign("x", content=b"abc")[:515], "it ends inside 'x'"),
    "pax ends": (foreign("n" * 200)[:600], "it ends inside an extended header"),
    "pax length": (foreign("x", kind=tarfile.XHDTYPE, content=b"x path=a\n"), "a damaged extended header"),
    "pax zero": (foreign("x", kind=tarfile.XHDTYPE, content=b"0 path=a\n"), "a damaged extended header"),
    "pax value": (foreign("x", kind=tarfile.XHDTYPE, content=b"7 path=a"), "a damaged extended header"),
    "pax size": (foreign("x", kind=tarfile.XHDTYPE, content=b"11 size=-1\n"), "a damaged extended header"),
    "pax size of many digits": (
        foreign("x", kind=tarfile.XHDTYPE, content=b"5011 size=" + b"9" * 5000 + b"\n"),
        "a damaged extended header",
    ),
    "pax uid of many digits": (
        foreign("x", kind=tarfile.XHDTYPE, content=b"5010 uid=" + b"9" * 5000 + b"\n"),
        "a damaged extended header",
    ),
    "pax huge": (
        with_size(foreign("x", kind=tarfile.XHDTYPE), b"00010000000\0"),
        "extended header of 2097152",
    ),
    "negative": (with_size(foreign("x"), b"\xff" * 11 + b"\x00"), "a member of -256 bytes"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_tars_are_refused(content: bytes, message: str) -> None:
    """A damaged header in the middle must not pass for the end."""
    with pytest.raises(VerificationError, match=f"^blob: is not a readable tar: .*({message})"):
        check_tar(Stream(content), "blob")


def test_sparse_files_are_refused() -> None:
    """Their maps would be taken for headers; layer.md advises against them."""
    with pytest.raises(VerificationError, match=r"^blob: holds 'x' as a sparse file"):
        check_tar(Stream(foreign("x", kind=tarfile.GNUTYPE_SPARSE)), "blob")


def test_a_pax_size_counts_rather_than_the_headers() -> None:
    """Files above 8 GiB have their size only there."""
    pax = foreign("x", kind=tarfile.XHDTYPE, content=b"12 size=600\n")
    check_tar(Stream(pax + foreign("big") + bytes(1024) + foreign("next") + bytes(1024)), "blob")
    with pytest.raises(VerificationError, match="it ends inside 'big'"):
        check_tar(Stream(pax + foreign("big") + bytes(512)), "blob")
