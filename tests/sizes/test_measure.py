"""Sizes are taken from records, never guessed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import GomabError, NotMeasurableError, VerificationError
from gomab_tasks.oci.descriptor import LAYER_GZIP
from gomab_tasks.output.record import ImageRecord, LayerRecord
from gomab_tasks.project import open_project
from gomab_tasks.sizes.measure import Measurement
from gomab_tasks.tasks.sizes import size

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


def _remove_layout(layout: Path) -> None:
    shutil.rmtree(layout)


def _break_index(layout: Path) -> None:
    (layout / "index.json").write_text("{")


def _flip_bit(layout: Path) -> None:
    largest = max((layout / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[-1] ^= 1
    largest.write_bytes(content)


@pytest.mark.parametrize("update", [False, True])
@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (
            _remove_layout,
            NotMeasurableError,
            "has records, but build/gomab/images/serving is not there; build",
        ),
        (_break_index, VerificationError, r"build/gomab/images/serving/index\.json: .*; make it again: "),
        (
            _flip_bit,
            VerificationError,
            "build/gomab/images/serving/blobs/sha256/.* is damaged; make it again",
        ),
    ],
)
def test_what_is_measured_is_there(
    damage: Callable[[Path], None],
    kind: type[GomabError],
    words: str,
    update: bool,  # noqa: FBT001 - a column of the table
    serving: Path,
) -> None:
    """Records of an image that is gone or damaged measure nothing, and become no baseline."""
    assert size(open_project(serving)).sizes
    damage(serving / "build/gomab/images/serving")
    with pytest.raises(kind, match=words):
        size(open_project(serving), update=update)
    assert not (serving / "gomab-sizes.json").exists()
