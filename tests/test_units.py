from __future__ import annotations

import pytest

from gomab_tasks.units import GIB, KIB, MIB, budget, capacity, columns, mebibytes


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (12 * KIB, "12 KiB"),
        (-12 * KIB, "-12 KiB"),
        (MIB // 2, "0.5 MiB"),
        (int(18.44 * MIB), "18.4 MiB"),
        (3 * GIB, "3072.0 MiB"),
    ],
)
def test_sizes_are_worded_alike(size: int, words: str) -> None:
    """Sizes of images stay in one unit, so that they compare at a glance; small ones keep their digits."""
    assert mebibytes(size) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(int(24105.6 * MIB), "23.5 GiB"), (GIB, "1.0 GiB"), (GIB - 1, "1024.0 MiB"), (1000 * MIB, "1000.0 MiB")],
)
def test_memory_and_disk_are_large(size: int, words: str) -> None:
    """Thousands of MiB say little."""
    assert capacity(size) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(25 * MIB, "25 MiB"), (int(1.5 * MIB), "1.5 MiB"), (200 * KIB, "200 KiB"), (10**7, "9.53674 MiB")],
)
def test_limits_are_worded_as_the_table_has_them(size: int, words: str) -> None:
    """A line that is printed can be copied into the table."""
    assert budget(size) == words


def test_columns() -> None:
    """Cells are aligned, numbers on the right, without spaces at the ends of lines."""
    assert columns([["name", "size"], ["api", "5"]], right=[1]) == "name  size\napi      5"
    assert columns([["a", "long cell"], ["bcd", ""]]) == "a    long cell\nbcd"
