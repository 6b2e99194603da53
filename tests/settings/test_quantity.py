from __future__ import annotations

import pytest

from gomab_tasks.settings.quantity import Growth, read_growth, read_seconds, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("25 MiB", 26214400),
        ("25MiB", 26214400),
        (" 25  mib ", 26214400),
        ("25 MB", 25_000_000),
        ("25 mb", 25_000_000),
        ("1 kB", 1000),
        ("1 KB", 1000),
        ("1 KiB", 1024),
        ("0.5 GiB", 2**29),
        ("2 GB", 2 * 10**9),
        ("7 B", 7),
    ],
)
def test_sizes_have_units_of_1000_and_1024(text: str, size: int) -> None:
    """Units are those of SI and IEC; case and space do not matter."""
    assert read_size(text) == size


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("25", "25 MiB"),
        ("25M", "25 MiB"),
        ("1,5 GB", "1.5 GiB"),
        ("300 k", "300 KiB"),
        ("-5 MiB", "25 MiB"),
        ("much", "25 MiB"),
        ("", "25 MiB"),
        ("25 TiB", "25 MiB"),
        ("1e3 B", "25 MiB"),
    ],
)
def test_what_is_no_size(text: str, suggestion: str) -> None:
    """A size without a clear unit is refused, with the one that was most likely meant."""
    with pytest.raises(
        ValueError, match=f"^is '{text}'; write a number and one of B, kB, .*GiB: '{suggestion}'$"
    ):
        read_size(text)


@pytest.mark.parametrize("text", ["0 MiB", "0.0 B", "0.2 B"])
def test_a_size_is_over_zero(text: str) -> None:
    """Nothing fits into zero bytes."""
    with pytest.raises(ValueError, match=f"^is '{text}'; write a size over zero: '25 MiB'$"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "growth", "limit"),
    [
        ("5 %", Growth(percent=5), 1050),
        ("2.5%", Growth(percent=2.5), 1025),
        ("0 %", Growth(percent=0), 1000),
        ("1 KiB", Growth(bytes=1024), 2024),
    ],
)
def test_growth_is_a_share_or_an_amount(text: str, growth: Growth, limit: int) -> None:
    """Growth gives the largest size that is allowed over a baseline of 1000 bytes."""
    assert read_growth(text) == growth
    assert growth.limit(1000) == limit


@pytest.mark.parametrize("text", ["5", "-1 %", "five %", "0 B"])
def test_what_is_no_growth(text: str) -> None:
    """Growth needs its unit too."""
    with pytest.raises(
        ValueError, match=f"^is '{text}'; write a percentage or a size over zero: '5 %' or '200 KiB'$"
    ):
        read_growth(text)


def test_growth_is_spelled_for_people() -> None:
    """Messages spell growth as the table does."""
    assert [str(Growth(percent=5.0)), str(Growth(percent=2.5)), str(Growth(bytes=1024))] == [
        "5 %",
        "2.5 %",
        "1024 B",
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("10 s", 10.0), ("500ms", 0.5), (" 2 min ", 120.0), ("1.5 s", 1.5)]
)
def test_times_have_units(text: str, seconds: float) -> None:
    """A time is read as seconds."""
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["10", "0 s", "-1 s", "1 h", "soon", ""])
def test_what_is_no_time(text: str) -> None:
    """A time without a unit, or of nothing, is refused."""
    with pytest.raises(ValueError, match="write a time over zero in ms, s or min: '10 s'"):
        read_seconds(text)
