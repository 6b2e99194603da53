"""Sizes held against their limits: exactly at a limit is a pass, a byte over it is not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import msgspec
import pytest

from gomab_tasks.errors import NotMeasurableError
from gomab_tasks.settings import Group, Growth, Size
from gomab_tasks.sizes.baseline import Baseline
from gomab_tasks.sizes.budget import SizesResult, judge
from gomab_tasks.sizes.measure import Measurement
from gomab_tasks.units import MIB

KIB = 1024


UPDATE = "gomab size --update"


def judged(
    unpacked: int, size: int = MIB, *, limits: Size, before: int | None = None, name: str | None = None
) -> SizesResult:
    measured = Measurement("api", "linux/arm64", size, unpacked)
    baseline: Baseline = {}
    if before is not None:
        baseline = {("api", "linux/arm64"): Measurement("api", "linux/arm64", 1, before)}
    return judge([measured], {"api": Group(name=name, size=limits)}, lambda _: baseline, UPDATE)


@pytest.mark.parametrize(
    ("over", "told"), [(1, "1 B"), (512, "512 B"), (20 * KIB, "20 KiB"), (MIB, "1.0 MiB")]
)
def test_the_unpacked_budget(over: int, told: str) -> None:
    """The message prints the line that would allow it, and that line does."""
    assert judged(25 * MIB, limits=Size()).problems == ()
    (problem,) = judged(25 * MIB + over, limits=Size()).problems
    assert problem.endswith(
        f' unpacked, {told} over the budget of 25 MiB; to allow it: [tool.gomab.size] unpacked = "26 MiB"'
    )
    assert judged(25 * MIB + over, limits=Size(unpacked=26 * MIB)).problems == ()


@pytest.mark.parametrize(("size", "is_over"), [(6 * MIB, False), (6 * MIB + 512, True)])
def test_the_compressed_budget(size: int, is_over: bool) -> None:  # noqa: FBT001 - a row of the table
    """It is unset by default, and told apart from the other."""
    assert judged(MIB, 100 * MIB, limits=Size()).problems == ()
    problems = judged(MIB, size, limits=Size(compressed=6 * MIB)).problems
    expected = (
        "api linux/arm64 is 6.0 MiB compressed, 512 B over the budget of 6 MiB; "
        'to allow it: [tool.gomab.size] compressed = "7 MiB"'
    )
    assert problems == ((expected,) if is_over else ())


@pytest.mark.parametrize(
    ("name", "table"),
    [
        (None, "[tool.gomab.size]"),
        ("api", "[tool.gomab.images.api.size]"),
        ("api.v2", '[tool.gomab.images."api.v2".size]'),
    ],
)
def test_the_line_fits_the_table(name: str | None, table: str) -> None:
    """An image with a table of its own may have limits of its own."""
    (problem,) = judged(26 * MIB, limits=Size(), name=name).problems
    assert problem.endswith(f'to allow it: {table} unpacked = "26 MiB"')


def test_both_budgets_at_once() -> None:
    """All that is wrong is said in one run."""
    assert len(judged(9, 9, limits=Size(unpacked=8, compressed=8)).problems) == 2


def test_one_line_allows_all() -> None:
    """Of several that are over one budget, the largest is told with the line that suffices."""
    sizes = {"linux/amd64": 26 * MIB, "linux/arm64": 28 * MIB, "linux/arm/v7": 27 * MIB}
    measured = [Measurement("api", name, 1, unpacked) for name, unpacked in sizes.items()]
    problems = judge(measured, {"api": Group()}, lambda _: {}, UPDATE).problems
    assert [problem.partition("; ")[2] for problem in problems] == [
        "",
        'to allow it: [tool.gomab.size] unpacked = "28 MiB"',
        "",
    ]
    limits = Size(unpacked=28 * MIB)
    assert judge(measured, {"api": Group(size=limits)}, lambda _: {}, UPDATE).problems == ()


def test_images_with_tables_of_their_own_have_lines_of_their_own() -> None:
    """Each budget needs its own."""
    measured = [Measurement(name, "linux/arm64", 1, 26 * MIB) for name in ("api", "worker")]
    groups = {name: Group(name=name) for name in ("api", "worker")}
    problems = judge(measured, groups, lambda _: {}, UPDATE).problems
    assert [problem.partition("; to allow it: ")[2].split()[0] for problem in problems] == [
        "[tool.gomab.images.api.size]",
        "[tool.gomab.images.worker.size]",
    ]


@pytest.mark.parametrize(
    ("growth", "before", "most"),
    [
        (Growth(percent=5), 20 * MIB, 21 * MIB),
        (Growth(percent=0), 20 * MIB, 20 * MIB),
        (Growth(percent=0.5), 1000, 1005),
        (Growth(bytes=200 * KIB), 20 * MIB, 20 * MIB + 200 * KIB),
    ],
)
def test_growth(growth: Growth, before: int, most: int) -> None:
    """Over the baseline by a share or an amount; shrinking is never a problem."""
    limits = Size(growth=growth)
    assert judged(most, limits=limits, before=before).problems == ()
    assert judged(before // 2, limits=limits, before=before).problems == ()
    assert len(judged(most + 1, limits=limits, before=before).problems) == 1


@pytest.mark.parametrize(
    ("growth", "words"), [(Growth(percent=5), "5 %"), (Growth(bytes=200 * KIB), "200 KiB")]
)
def test_growth_is_told(growth: Growth, words: str) -> None:
    """By how much, to what, what was allowed, and how to accept it."""
    (problem,) = judged(22 * MIB, limits=Size(growth=growth), before=20 * MIB).problems
    assert problem == (
        f"api linux/arm64 grew by 2.0 MiB to 22.0 MiB, more than the {words} that size.growth allows; "
        "to accept it: gomab size --update"
    )


def test_growth_without_a_baseline_is_no_pass() -> None:
    """Neither is a baseline of other images and platforms; the budget is judged all the same."""
    limits = Size(growth=Growth(percent=5), unpacked=MIB)
    verdict = judged(MIB + 1, limits=limits).sizes[0]
    assert (verdict.lacking, len(verdict.problems)) == ("gomab-sizes.json", 1)
    others = {("api", "linux/amd64"): Measurement("api", "linux/amd64", 1, 1)}
    result = judge(
        [Measurement("api", "linux/arm64", 1, 1)], {"api": Group(size=limits)}, lambda _: others, UPDATE
    )
    assert result.lacking == {"gomab-sizes.json": ("api linux/arm64",)}


def test_a_platform_that_was_added_has_no_baseline() -> None:
    """`--arch` brought it for one run: nothing is committed for it."""
    added = Measurement("api", "linux/arm/v6", 1, 1)
    result = judge([added], {"api": Group(size=Size(growth=Growth(percent=5)))}, lambda _: {}, UPDATE)
    assert (result.lacking, result.problems) == ({}, ())


def test_nothing_measured_is_no_pass() -> None:
    """There is nothing that could be within its budget."""
    with pytest.raises(NotMeasurableError, match="nothing was measured"):
        judge([], {}, lambda _: {}, UPDATE)


def test_images_have_limits_and_baselines_of_their_own() -> None:
    """Each is read by its own path."""
    measured = [Measurement("api", "linux/arm64", 1, 50), Measurement("worker", "linux/arm64", 1, 50)]
    limits = {
        "api": Group(size=Size(unpacked=49, baseline="a.json")),
        "worker": Group(size=Size(growth=Growth(percent=0), baseline="w.json")),
    }
    read = {"a.json": {}, "w.json": {("worker", "linux/arm64"): Measurement("worker", "linux/arm64", 1, 49)}}
    result = judge(measured, limits, lambda path: read[path], UPDATE)
    assert [problem.split()[0] for problem in result.problems] == ["api", "worker"]
    assert [verdict.baseline for verdict in result.sizes] == [None, 49]


TABLE: Mapping[str, tuple[int, int]] = {
    "linux/amd64": (18 * MIB + 400 * KIB, 6 * MIB + 600 * KIB),
    "linux/arm64": (26 * MIB, 6 * MIB),
    "linux/arm/v7": (17 * MIB, 6 * MIB),
}


def table_of(baseline: Baseline) -> SizesResult:
    measured = [Measurement("api", name, size, unpacked) for name, (unpacked, size) in TABLE.items()]
    return judge(measured, {"api": Group()}, lambda _: baseline, UPDATE)


def test_the_table() -> None:
    """Without a baseline there is no column of changes."""
    lines = [
        "image  platform      compressed  unpacked  budget       used",
        "api    linux/amd64      6.6 MiB  18.4 MiB  25 MiB        74%",
        "api    linux/arm64      6.0 MiB  26.0 MiB  25 MiB  104% OVER",
        "api    linux/arm/v7     6.0 MiB  17.0 MiB  25 MiB        68%",
    ]
    assert table_of({}).text().splitlines() == lines


def test_the_table_with_changes() -> None:
    """More, less, the same or new; the whole is 80 columns wide at most."""
    before = {"linux/amd64": 18 * MIB, "linux/arm64": 26 * MIB, "linux/riscv64": 1}
    baseline = {("api", name): Measurement("api", name, 1, size) for name, size in before.items()}
    lines = [
        "image  platform      compressed  unpacked  budget       used    change",
        "api    linux/amd64      6.6 MiB  18.4 MiB  25 MiB        74%  +0.4 MiB",
        "api    linux/arm64      6.0 MiB  26.0 MiB  25 MiB  104% OVER      none",
        "api    linux/arm/v7     6.0 MiB  17.0 MiB  25 MiB        68%       new",
    ]
    assert table_of(baseline).text().splitlines() == lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("limits", "row"),
    [
        (Size(), ["7.0 MiB", "20.0 MiB", "25 MiB", "80%", "+2.0 MiB"]),
        (Size(growth=Growth(percent=20)), ["7.0 MiB", "20.0 MiB", "25 MiB", "80%", "+2.0 MiB"]),
        (Size(growth=Growth(percent=5)), ["7.0 MiB", "20.0 MiB", "25 MiB", "80%", "+2.0 MiB OVER"]),
        (Size(compressed=MIB), ["7.0 MiB OVER", "20.0 MiB", "25 MiB", "80%", "+2.0 MiB"]),
        (Size(unpacked=10 * MIB), ["7.0 MiB", "20.0 MiB", "10 MiB", "200% OVER", "+2.0 MiB"]),
    ],
)
def test_what_is_over_is_marked(limits: Size, row: list[str]) -> None:
    """Each limit marks the column that it is about, and none of the others."""
    line = judged(20 * MIB, 7 * MIB, limits=limits, before=18 * MIB).text().splitlines()[1]
    assert re.split(r"  +", line)[2:] == row


def test_json() -> None:
    """Machines get bytes, every limit and the problems."""
    result = judged(26 * MIB, limits=Size(growth=Growth(percent=50)), before=25 * MIB)
    (verdict,) = json.loads(msgspec.json.encode(result))["sizes"]
    assert verdict | {"problems": len(verdict["problems"])} == {
        "image": "api",
        "platform": "linux/arm64",
        "size": MIB,
        "unpacked_size": 26 * MIB,
        "unpacked_budget": 25 * MIB,
        "compressed_budget": None,
        "baseline": 25 * MIB,
        "problems": 1,
        "growth_budget": 25 * MIB + 25 * MIB // 2,
        "lacking": "",
    }
