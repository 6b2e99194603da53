from __future__ import annotations

import pytest

from gomab_tasks.units import (
    GIB,
    KIB,
    MIB,
    budget,
    capacity,
    columns,
    fits,
    fitted,
    hanging,
    listed,
    mebibytes,
    noted,
)


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


def test_tables_of_long_names() -> None:
    """Names stand above their rows, once; where cells are still too wide, each has a line."""
    name, other = "n" * 60, "o" * 30
    head = ["image", "platform", "unpacked"]
    assert (
        fitted([head, ["api", "linux/386", "5 MiB"]], right=[2]).splitlines()[1]
        == "api    linux/386     5 MiB"
    )
    rows = [[name, "linux/amd64", "5 MiB"], [name, "linux/arm64", "15 MiB"], [other, "linux/386", "5 MiB"]]
    assert fitted([head, *rows], right=[2]).splitlines() == [
        "image",
        "  platform     unpacked",
        name,
        "  linux/amd64     5 MiB",
        "  linux/arm64    15 MiB",
        other,
        "  linux/386       5 MiB",
    ]
    wide = [[name, "p" * 70, "5 MiB"], [other, "p", "15 MiB"]]
    assert fitted([head, *wide], right=[2]).splitlines() == [
        name,
        f"  platform  {'p' * 70}",
        "  unpacked  5 MiB",
        other,
        "  platform  p",
        "  unpacked  15 MiB",
    ]


def test_long_last_cells() -> None:
    """They go on below where they begin, break between words alone, and leave paths whole."""
    path = f"/{'p' * 60}/go"
    rows = [["ok", "go", f"1.27.3 at {path}, go.mod asks for {'more ' * 8}words"], ["note", "x", "y"]]
    assert hanging(rows).splitlines() == [
        "ok    go  1.27.3 at",
        f"          {path},",
        f"          go.mod asks for {'more ' * 8}words",
        "note  x   y",
    ]
    assert hanging([["a", "b"]]) == "a  b"
    assert listed(["short", f"{'word ' * 15}end"]).splitlines() == [
        "  short",
        f"  {'word ' * 14}word",
        "    end",
    ]


def test_notes() -> None:
    """They stand below their lines, break between words to fit 80 columns, and leave digests whole."""
    digest = f"sha256:{'0' * 64}"
    assert noted("api\njob\nend", [digest, f"{digest}\n{'word ' * 15}end", ""]).splitlines() == [
        "api",
        f"  {digest}",
        "job",
        f"  {digest}",
        f"  {'word ' * 14}word",
        "  end",
        "end",
    ]


def test_a_table_without_rows() -> None:
    """It fits."""
    assert fits("")
