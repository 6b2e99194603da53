"""What a run leaves for a later join, and what is refused when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import StorageError, VerificationError
from gomab_tasks.oci.descriptor import CONFIG, LAYER_GZIP, MANIFEST, Descriptor, Layer
from gomab_tasks.oci.image import index_bytes, manifest_bytes
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.record import (
    FORMAT,
    BaseRecord,
    ImageRecord,
    read_records,
    record_folder,
    recorded_images,
    write_record,
)
from gomab_tasks.platforms import Platform
from tests.conftest import Golden

ARM = Platform("linux", "arm", "v7")
LAYERS = (
    Layer(Descriptor(LAYER_GZIP, "sha256:" + "1" * 64, 10), "sha256:" + "2" * 64, 100),
    Layer(Descriptor(LAYER_GZIP, "sha256:" + "3" * 64, 20), "sha256:" + "4" * 64, 200),
)
RECORD = ImageRecord.of(
    "api",
    VerifiedImage(
        ARM,
        Descriptor(MANIFEST, "sha256:" + "5" * 64, 500),
        Descriptor(CONFIG, "sha256:" + "6" * 64, 600),
        LAYERS,
    ),
    holds=("root files", "programs"),
    inputs={"Go": "1.26.8"},
)
BASE = BaseRecord(
    name="gcr.io/distroless/static:nonroot", digest="sha256:" + "7" * 64, manifest="sha256:" + "8" * 64
)
Document = dict[str, Any]


def test_a_record_holds_what_was_read_back() -> None:
    """Sizes are sums over the layers, as stored and unpacked."""
    assert (RECORD.size, RECORD.unpacked_size) == (30, 300)
    assert tuple(layer.layer for layer in RECORD.layers) == LAYERS
    assert RECORD.descriptor == Descriptor(MANIFEST, "sha256:" + "5" * 64, 500, ARM)


def test_annotations_of_an_image_on_a_base(golden: Golden) -> None:
    """The manifest names the base's manifest for its platform, the index what the reference meant."""
    layers = [layer.descriptor for layer in LAYERS]
    config = Descriptor(CONFIG, RECORD.config, 600)
    golden("manifest-on-base.json", manifest_bytes(config, layers, BASE.manifest_annotations))
    golden("index-on-base.json", index_bytes([RECORD.descriptor], BASE.index_annotations))


def test_records_come_back(tmp_path: Path) -> None:
    """One file for each platform, in a folder of its image; images are found by their records."""
    other = replace(RECORD, platform="linux/amd64", base=BASE)
    for record in (RECORD, other, replace(RECORD, image="worker")):
        write_record(tmp_path, record)
    folder = record_folder(tmp_path, "api")
    assert read_records(tmp_path, "api") == [
        (folder / "linux_amd64.json", other),
        (folder / "linux_arm_v7.json", RECORD),
    ]
    assert recorded_images(tmp_path) == ("api", "worker")
    assert read_records(tmp_path, "missing") == []


def test_a_record_is_readable_json(tmp_path: Path) -> None:
    """People look at it when two machines differ."""
    write_record(tmp_path, RECORD)
    text = (record_folder(tmp_path, "api") / "linux_arm_v7.json").read_text()
    assert text.startswith('{\n  "format": 2,\n  "image": "api",\n  "platform": "linux/arm/v7",\n')
    assert text.endswith("}\n")


DAMAGES: dict[str, tuple[Callable[[Document], object], str]] = {
    "a missing key": (lambda d: d.pop("manifest"), "missing required field `manifest`"),
    "another type": (
        lambda d: d.update(manifest_size="500"),
        "Expected `int`, got `str` - at `$.manifest_size`",
    ),
    "a layer without a size": (lambda d: d["layers"][1].pop("size"), r"`size` - at `$.layers[1]`"),
    "no platform": (lambda d: d.update(platform="linux"), "is 'linux'"),
    "an unknown platform": (lambda d: d.update(platform="linux/z80"), "z80"),
    "a path for a digest": (lambda d: d.update(manifest="sha256:../../x"), "at `$.manifest`"),
    "a short digest": (lambda d: d["layers"][0].update(diff_id="sha256:12"), "at `$.layers[0].diff_id`"),
    "a size below zero": (lambda d: d["layers"][0].update(size=-1), "int` >= 0 - at `$.layers[0].size`"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_records_are_refused(damage: str, tmp_path: Path) -> None:
    """The message names the file, what is wrong in it and the cure."""
    change, words = DAMAGES[damage]
    write_record(tmp_path, RECORD)
    path = record_folder(tmp_path, "api") / "linux_arm_v7.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(
        VerificationError, match=r"^records/api/linux_arm_v7\.json: is damaged \(.*remove it"
    ) as caught:
        read_records(tmp_path, "api")
    assert words in str(caught.value)


NESTED = pytest.param(b'{"x":' + b"[" * 100_000, id="nested")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": 1}{}', NESTED])
def test_what_is_no_record_is_refused(content: bytes, tmp_path: Path) -> None:
    """As a copy leaves it that was broken off."""
    record_folder(tmp_path, "api").mkdir(parents=True)
    (record_folder(tmp_path, "api") / "x.json").write_bytes(content)
    with pytest.raises(VerificationError, match=r"^records/api/x\.json: is damaged"):
        read_records(tmp_path, "api")


def test_a_record_that_cannot_be_read_is_no_damage(tmp_path: Path) -> None:
    """The file system says why."""
    (record_folder(tmp_path, "api") / "x.json").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"x\.json: cannot be read: is a directory"):
        read_records(tmp_path, "api")


@pytest.mark.parametrize(
    "document",
    [{"format": FORMAT + 1, "image": "api"}, {"format": FORMAT + 1, "all": ["new"]}, {"format": 0}],
)
def test_records_of_another_gomab_are_told_apart(document: Document, tmp_path: Path) -> None:
    """They are not damaged, whatever else stands in them."""
    record_folder(tmp_path, "api").mkdir(parents=True)
    (record_folder(tmp_path, "api") / "x.json").write_text(json.dumps(document))
    number = document["format"]
    with pytest.raises(
        VerificationError, match=rf"x\.json: was written by another gomab \(format {number}, not {FORMAT}\)"
    ):
        read_records(tmp_path, "api")
