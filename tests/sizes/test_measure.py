"""Sizes are taken from records, never guessed."""

from __future__ import annotations

from gomab_tasks.oci.descriptor import LAYER_GZIP
from gomab_tasks.record import ImageRecord, LayerRecord
from gomab_tasks.sizes.measure import Measurement

DIGEST = "sha256:" + "0" * 64


def test_sizes_are_sums_over_the_layers() -> None:
    """As stored and pulled, and after decompression; the config and manifest do not count."""
    layers = tuple(
        LayerRecord(
            holds=holds,
            media_type=LAYER_GZIP,
            digest=DIGEST,
            diff_id=DIGEST,
            size=size,
            unpacked_size=unpacked,
        )
        for holds, size, unpacked in [("root files", 100, 1000), ("programs", 20, 300)]
    )
    record = ImageRecord(
        image="api",
        platform="linux/arm64",
        manifest=DIGEST,
        manifest_size=7,
        config=DIGEST,
        layers=layers,
        inputs={},
    )
    assert Measurement.of(record) == Measurement("api", "linux/arm64", 120, 1300)
