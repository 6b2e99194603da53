"""Every check of a layer, with one corrupted in exactly that way."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest

from gomab_tasks.oci.compression import gzip_member
from gomab_tasks.oci.descriptor import (
    LAYER_GZIP,
    LAYER_TAR,
    digest_of,
)
from gomab_tasks.oci.verify import verify_layout
from tests.oci.conftest import Forgery, Refused


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/octet-stream",
    ],
)
def test_layers_of_other_types_are_refused(media_type: str, forgery: Forgery, refused: Refused) -> None:
    """What cannot be read back, or not be pushed, must not leave."""
    forgery.write(manifest=lambda d: d["layers"][0].update(mediaType=media_type))
    refused(
        forgery.layout,
        f"{forgery.manifest}: layers[0]: mediaType is '{media_type}'; expected '{LAYER_GZIP}'"
        f" or '{LAYER_TAR}'; use a base with such layers",
    )


# Layers


def tar_of(*names: str, size: int = 3) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = size
            archive.addfile(member, io.BytesIO(b"x" * size))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("media_type", "pack"),
    [
        (LAYER_TAR, bytes),
        (LAYER_GZIP, gzip.compress),
        (LAYER_GZIP, lambda tar: b"".join(gzip_member(tar[at : at + 700]) for at in range(0, len(tar), 700))),
    ],
    ids=["tar", "gzip", "members"],
)
def test_layers_of_other_programs_pass(
    media_type: str, pack: Callable[[bytes], bytes], forgery: Forgery
) -> None:
    """A base's layers are plain, or one member, or many that end anywhere."""
    tar = tar_of("./etc/os-release", "etc/.wh.motd", size=3000)
    stored = pack(tar)
    forgery.put_layer(stored, tar, media_type)
    layer = verify_layout(forgery.layout)[0].layers[1]
    assert (layer.diff_id, layer.unpacked_size) == (digest_of(tar), len(tar))
    assert (layer.descriptor.size, layer.descriptor.media_type) == (len(stored), media_type)


def test_what_follows_the_end_of_a_tar_counts(forgery: Forgery, refused: Refused) -> None:
    """diff_id is the digest of the whole stream, padding included."""
    tar = tar_of("a") + bytes(3 << 20) + b"rest"
    forgery.put_layer(gzip.compress(tar), tar)
    assert verify_layout(forgery.layout)[0].layers[1].unpacked_size == len(tar)
    forgery.put_layer(gzip.compress(tar), tar[:-1])
    refused(forgery.layout, f"{forgery.config}: rootfs: diff_ids[1]: is {digest_of(tar[:-1])}, but ")


def test_gzip_that_ends_too_early_is_found(forgery: Forgery, refused: Refused) -> None:
    """Size and digest are those of the cut bytes."""
    tar = tar_of("a")
    where = forgery.put_layer(gzip.compress(tar)[:-4], tar)
    refused(forgery.layout, f"{where}: cannot be decompressed: the last gzip member is not complete; make")


@pytest.mark.parametrize("stored", [b"", b"not gzip at all"])
def test_a_layer_that_is_not_gzip_is_found(stored: bytes, forgery: Forgery, refused: Refused) -> None:
    """Size and digest are right, the media type is not."""
    where = forgery.put_layer(stored, tar_of("a"))
    refused(forgery.layout, f"{where}: cannot be decompressed: ")


def test_something_after_the_gzip_is_found(forgery: Forgery, refused: Refused) -> None:
    """Some readers would pass over it, others fail."""
    tar = tar_of("a")
    where = forgery.put_layer(gzip.compress(tar) + b"something else", tar)
    refused(forgery.layout, f"{where}: cannot be decompressed: ")


@pytest.mark.parametrize(("media_type", "pack"), [(LAYER_TAR, bytes), (LAYER_GZIP, gzip.compress)])
def test_a_layer_that_is_no_tar_is_found(
    media_type: str, pack: Callable[[bytes], bytes], forgery: Forgery, refused: Refused
) -> None:
    """Whether it is stored plain or compressed."""
    content = b"no tar" * 200
    where = forgery.put_layer(pack(content), content, media_type)
    refused(forgery.layout, f"{where}: is not a readable tar: ")


def test_a_damaged_header_inside_a_tar_is_found(forgery: Forgery, refused: Refused) -> None:
    """tarfile would take it for the end."""
    tar = bytearray(tar_of("a", "b"))
    tar[1024] ^= 1
    where = forgery.put_layer(gzip.compress(tar), bytes(tar))
    refused(forgery.layout, f"{where}: is not a readable tar: bad checksum")


def test_a_tar_that_ends_inside_a_file_is_found(forgery: Forgery, refused: Refused) -> None:
    """Its digest and diff_id are those of the cut tar."""
    tar = tar_of("a", size=3000)[:2000]
    where = forgery.put_layer(gzip.compress(tar), tar)
    refused(forgery.layout, f"{where}: is not a readable tar: it ends inside 'a'")


@pytest.mark.parametrize("name", ["/etc/passwd", "../etc/passwd", "app/../../etc/passwd"])
def test_a_path_out_of_the_root_is_found(name: str, forgery: Forgery, refused: Refused) -> None:
    """Wherever in the tar it stands."""
    tar = tar_of("ok", name)
    where = forgery.put_layer(gzip.compress(tar), tar)
    refused(forgery.layout, f"{where}: holds the path {name!r}, which leads out of the image's root;")
