"""The committed sizes: readable in a diff, strict when read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.errors import NotMeasurableError, StorageError
from gomab_tasks.sizes.baseline import read_baseline, write_baseline
from gomab_tasks.sizes.measure import Measurement

AMD64 = Measurement("api", "linux/amd64", 10, 100)
ARM64 = Measurement("api", "linux/arm64", 11, 110)
WORKER = Measurement("worker", "linux/amd64", 12, 120)

UPDATE = "gomab size --update"
GOLDEN = """\
{
  "format": 1,
  "images": [
    {"image":"api","platform":"linux/amd64","size":10,"unpacked_size":100},
    {"image":"worker","platform":"linux/amd64","size":12,"unpacked_size":120}
  ]
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gomab-sizes.json"


def test_one_line_for_each_platform(path: Path) -> None:
    """Sorted, whatever the order of the runs, so that a change is one line of a diff."""
    write_baseline(path, {}, [WORKER, AMD64])
    assert path.read_text() == GOLDEN


def test_what_was_not_measured_stays(path: Path) -> None:
    """Another machine may have measured the other platforms."""
    write_baseline(path, {}, [WORKER, AMD64])
    larger = Measurement("api", "linux/amd64", 20, 200)
    write_baseline(path, read_baseline(path, UPDATE), [larger, ARM64])
    found = {(m.image, m.platform): m for m in (larger, ARM64, WORKER)}
    assert read_baseline(path, UPDATE) == found


def test_a_missing_baseline_is_empty(path: Path) -> None:
    """It is needed only where growth is limited."""
    assert read_baseline(path, UPDATE) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`"),
        ('{"format": 1}', "missing required field `images`"),
        ('{"format": 1, "images": [{"image": "api"}]}', "missing required field `platform`"),
        (GOLDEN.replace("100", '"100"'), "Expected `int`, got `str`"),
        (GOLDEN.replace("100", "-1"), "unpacked_size"),
        (GOLDEN.replace('"format": 1', '"format": 2'), "format 2"),
        (GOLDEN.replace("worker", "api"), "api linux/amd64 stands there twice"),
    ],
)
def test_what_is_no_baseline_is_refused(content: str, words: str, path: Path) -> None:
    """After a merge conflict, or from another gomab; it must not pass for an empty one."""
    path.write_text(content)
    with pytest.raises(NotMeasurableError, match=r"^gomab-sizes\.json: is no baseline \(") as caught:
        read_baseline(path, UPDATE)
    assert words in str(caught.value)
    assert str(caught.value).endswith("; remove it, then write it anew: gomab size --update")


def test_a_baseline_that_cannot_be_read(path: Path) -> None:
    """The file system says why."""
    path.mkdir()
    with pytest.raises(StorageError, match=r"gomab-sizes\.json: cannot be read: is a directory"):
        read_baseline(path, UPDATE)
