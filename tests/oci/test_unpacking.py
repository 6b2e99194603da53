"""Read the tar of a stored layer, and the members that pass by."""

from __future__ import annotations

import io
import tarfile

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.compression import gzip_member
from gomab_tasks.oci.descriptor import LAYER_GZIP, LAYER_TAR
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.members import read_members
from gomab_tasks.oci.unpacking import unpacking

LARGE = b"0123456789" * 150_000


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in (("first", LARGE), ("second", b"x"), ("third", b"y" * 512)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    return file.getvalue()


@pytest.mark.parametrize("media_type", [LAYER_GZIP, LAYER_TAR])
def test_contents_of_members(layout: Layout, media_type: str) -> None:
    """In pieces of at most 1 MiB; only files are files."""
    content = _tar() if media_type == LAYER_TAR else gzip_member(_tar())
    with unpacking(layout, layout.put_blob(media_type, content)) as stream:
        found = {}
        for member in read_members(stream, "blob"):
            pieces = list(member.pieces())
            assert all(len(piece) <= 1 << 20 for piece in pieces)
            found[member.path, member.is_file] = b"".join(pieces)
    assert found == {
        ("first", True): LARGE,
        ("second", True): b"x",
        ("third", True): b"y" * 512,
        ("folder", False): b"",
    }


def test_what_is_not_read_is_passed_over(layout: Layout) -> None:
    """Wholly or in part: the next member is where it belongs."""
    with unpacking(layout, layout.put_blob(LAYER_TAR, _tar())) as stream:
        paths = []
        for member in read_members(stream, "blob"):
            paths.append(member.path)
            if member.path == "first":
                assert len(next(member.pieces())) == 1 << 20
    assert paths == ["first", "second", "third", "folder"]


def test_a_tar_that_ends_inside_a_file_is_refused(layout: Layout) -> None:
    """Also by those who read it: they never take a part for the whole."""
    with unpacking(layout, layout.put_blob(LAYER_TAR, _tar()[: 512 + 1000])) as stream:
        members = read_members(stream, "blob")
        assert sum(map(len, next(members).pieces())) == 1000
        with pytest.raises(VerificationError, match=r"^blob: is not a readable tar: it ends inside 'first'$"):
            next(members)


@pytest.mark.parametrize("content", [b"no gzip", gzip_member(b"x" * 1000)[:-9]])
def test_damaged_gzip_is_refused(layout: Layout, content: bytes) -> None:
    """With the blob's place in the layout."""
    blob = layout.put_blob(LAYER_GZIP, content)
    with (
        pytest.raises(VerificationError, match=r"^blobs/sha256/[0-9a-f]{64}: cannot be decompressed"),
        unpacking(layout, blob) as stream,
    ):
        stream.drain()
