"""Images read back: what passes, the files around them, every stored byte."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import (
    CONFIG,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    Layer,
    digest_of,
    to_json,
)
from gomab_tasks.oci.image import index_bytes
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.verify import VerifiedImage, verify_image, verify_layout
from tests.conftest import AMD64, ARM, Made
from tests.oci.conftest import Change, Document, Forgery, Refused


def test_a_whole_layout_passes(made: Made, maybe_known: dict[str, Layer] | None) -> None:
    """It gives what it read: platforms in the index's order, and their sizes."""
    images = verify_layout(made.layout, maybe_known)
    assert [image.platform for image in images] == [AMD64, ARM]
    assert [image.manifest for image in images] == list(made.manifests)
    assert [image.layers for image in images] == list(made.layers.values())
    sizes = [layer.descriptor.size for layer in made.layers[AMD64]]
    unpacked = [layer.unpacked_size for layer in made.layers[AMD64]]
    assert (images[0].size, images[0].unpacked_size) == (sum(sizes), sum(unpacked))


def test_one_image_passes_without_an_index(made: Made) -> None:
    """As before the join, on a machine that makes one platform."""
    (made.layout.folder / "index.json").unlink()
    image = verify_image(made.layout, made.manifests[1], ARM)
    assert isinstance(image, VerifiedImage)
    assert image.layers == made.layers[ARM]


def test_a_forgery_without_a_change_passes(forgery: Forgery) -> None:
    """So the tests below see their change refused, and nothing else."""
    forgery.write()
    assert len(verify_layout(forgery.layout)) == 2


# oci-layout and index.json


def test_a_missing_header_is_refused(made: Made, refused: Refused) -> None:
    """Without oci-layout a folder is no layout."""
    (made.layout.folder / "oci-layout").unlink()
    refused(made.layout, "oci-layout: is missing; make the image again")


def test_a_header_that_is_not_json_is_refused(made: Made, refused: Refused) -> None:
    """The file is there, its content is not."""
    (made.layout.folder / "oci-layout").write_text("1.0.0")
    refused(made.layout, "oci-layout: is not JSON: ")


@pytest.mark.parametrize("document", [{}, {"imageLayoutVersion": "2.0.0"}, {"imageLayoutVersion": 1}])
def test_another_version_of_layout_is_refused(document: Document, made: Made, refused: Refused) -> None:
    """Nobody knows what a later version means."""
    (made.layout.folder / "oci-layout").write_bytes(to_json(document))
    found = document.get("imageLayoutVersion")
    refused(
        made.layout, f"oci-layout: imageLayoutVersion is {found!r}; expected '1.0.0'; make the image again"
    )


def test_a_missing_index_json_is_refused(made: Made, refused: Refused) -> None:
    """Nothing else says which blob is the image."""
    (made.layout.folder / "index.json").unlink()
    refused(made.layout, "index.json: is missing; make the image again")


INDEX_JSON: Mapping[str, tuple[Change, str]] = {
    "schema": (lambda d: d.update(schemaVersion=1), "index.json: schemaVersion is 1; expected 2"),
    "no type": (lambda d: d.pop("mediaType"), f"index.json: mediaType is None; expected '{INDEX}'"),
    "type": (
        lambda d: d.update(mediaType=MANIFEST),
        f"index.json: mediaType is '{MANIFEST}'; expected '{INDEX}'",
    ),
    "no list": (lambda d: d.pop("manifests"), "index.json: manifests: is missing; expected a list"),
    "object": (lambda d: d.update(manifests={}), "index.json: manifests: is {}; expected a list"),
    "none": (lambda d: d["manifests"].clear(), "index.json: lists 0 images; expected one; make the image"),
    "two": (lambda d: d["manifests"].append(d["manifests"][0]), "index.json: lists 2 images; expected one"),
    "flat": (
        lambda d: d["manifests"][0].update(mediaType=MANIFEST),
        f"index.json: manifests[0]: mediaType is '{MANIFEST}'; expected '{INDEX}'; make the image again",
    ),
    "digest": (
        lambda d: d["manifests"][0].update(digest="sha256:../../oci-layout"),
        "index.json: manifests[0]: digest: is 'sha256:../../oci-layout'; expected 'sha256:' and 64",
    ),
    "size": (
        lambda d: d["manifests"][0].update(size="1"),
        "index.json: manifests[0]: size: is '1'; expected a number of bytes",
    ),
    "entry": (lambda d: d.update(manifests=[1]), "index.json: manifests[0]: is 1; expected a JSON object"),
    "annotations": (lambda d: d.update(annotations=[1]), "index.json: annotations: is [1]; expected a JSON"),
}


@pytest.mark.parametrize(("change", "message"), INDEX_JSON.values(), ids=INDEX_JSON)
def test_a_wrong_index_json_is_refused(change: Change, message: str, made: Made, refused: Refused) -> None:
    """Each field that is read, wrong in its own way; the message names it."""
    path = made.layout.folder / "index.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(to_json(document))
    refused(made.layout, message)


# Stored bytes


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def digests(made: Made) -> dict[str, str]:
    manifest = json.loads(made.layout.read_blob(made.manifests[1]))
    return {
        "index": made.index.digest,
        "manifest": made.manifests[1].digest,
        "config": manifest["config"]["digest"],
        "shared layer": manifest["layers"][0]["digest"],
        "layer": manifest["layers"][1]["digest"],
    }


WHICH = ["index", "manifest", "config", "shared layer", "layer"]


@pytest.mark.parametrize("which", WHICH)
def test_a_flipped_bit_is_found(
    which: str, made: Made, refused: Refused, maybe_known: dict[str, Layer] | None
) -> None:
    """A known layer is hashed like any other blob."""
    digest = digests(made)[which]
    path = made.layout.blob_path(digest)
    damage(path)
    found = digest_of(path.read_bytes())
    refused(
        made.layout,
        f"{blob_name(digest)}: its content has the digest {found}; it is damaged; make the image again",
        maybe_known,
    )


@pytest.mark.parametrize("which", WHICH)
def test_a_cut_off_blob_is_found(
    which: str, made: Made, refused: Refused, maybe_known: dict[str, Layer] | None
) -> None:
    """As a full disk or a power cut leaves it; a known layer too."""
    digest = digests(made)[which]
    path = made.layout.blob_path(digest)
    size = path.stat().st_size
    os.truncate(path, size - 1)
    message = f"{blob_name(digest)}: has {size - 1} bytes; expected {size}; make the image again"
    refused(made.layout, message, maybe_known)


@pytest.mark.parametrize("which", WHICH)
def test_a_missing_blob_is_found(
    which: str, made: Made, refused: Refused, maybe_known: dict[str, Layer] | None
) -> None:
    """As an interrupted copy between machines leaves it; a known layer too."""
    digest = digests(made)[which]
    made.layout.blob_path(digest).unlink()
    refused(made.layout, f"{blob_name(digest)}: is missing; make the image again", maybe_known)


def test_a_wrong_size_in_a_descriptor_is_found(forgery: Forgery, refused: Refused) -> None:
    """The other side of the same comparison: the blob is right, the manifest is not."""
    size = forgery.made.layers[AMD64][1].descriptor.size
    forgery.write(manifest=lambda d: d["layers"][1].update(size=size + 1))
    where = blob_name(forgery.made.layers[AMD64][1].descriptor.digest)
    refused(forgery.layout, f"{where}: has {size} bytes; expected {size + 1}")


def test_a_known_layer_is_not_unpacked(made: Made, forgery: Forgery, refused: Refused) -> None:
    """What this run wrote costs one SHA-256: even what is no gzip passes if it is known."""
    stored = made.layout.put_blob(LAYER_GZIP, b"no gzip")
    forgery.put_layer(b"no gzip", b"tar")
    known = {stored.digest: Layer(stored, digest_of(b"tar"), 3)}
    assert verify_layout(made.layout, known)[0].layers[1].unpacked_size == 3
    refused(made.layout, f"{blob_name(stored.digest)}: cannot be decompressed: ")


class CountingLayout(Layout, frozen=True):
    """Note each layer that is read."""

    read: list[str]

    def check_blob(self, descriptor: Descriptor) -> None:
        self.read.append(descriptor.digest)
        super().check_blob(descriptor)


def test_a_shared_layer_is_read_once(made: Made, known: dict[str, Layer]) -> None:
    """Twenty platforms do not unpack the same root files twenty times."""
    layout = CountingLayout(made.layout.folder, [])
    verify_layout(layout)
    assert sorted(layout.read) == sorted(known)


def test_what_this_run_has_read_back_is_not_read_again(made: Made, known: dict[str, Layer]) -> None:
    """Each blob is hashed once in a run, however many steps need to trust it."""
    layout = CountingLayout(made.layout.folder, [])
    image = verify_image(layout, made.manifests[1], ARM, known.values())
    assert image.layers == made.layers[ARM]
    assert layout.read == []


def test_a_layer_that_was_read_back_must_still_be_there(made: Made, known: dict[str, Layer]) -> None:
    """Somebody may have removed it since."""
    digest = made.layers[ARM][1].descriptor.digest
    made.layout.blob_path(digest).unlink()
    with pytest.raises(VerificationError, match=f"{blob_name(digest)}: is missing"):
        verify_image(made.layout, made.manifests[1], ARM, known.values())


def test_a_layer_that_was_read_back_must_fit_the_manifest(forgery: Forgery, known: dict[str, Layer]) -> None:
    """A descriptor of another size is not the one that was read."""
    size = forgery.made.layers[AMD64][1].descriptor.size
    forgery.write(manifest=lambda d: d["layers"][1].update(size=size + 1))
    _, index = forgery.layout.read_index()
    with pytest.raises(VerificationError, match=f"has {size} bytes; expected {size + 1}"):
        verify_image(forgery.layout, index.manifests[0], AMD64, known.values())


def test_unlisted_blobs_do_not_matter(made: Made) -> None:
    """image-layout.md allows them; another platform may be in the making."""
    made.layout.put_blob(CONFIG, b"not referenced")
    made.layout.put_blob(INDEX, index_bytes([replace(made.manifests[0], size=1)]))
    assert len(verify_layout(made.layout)) == 2
