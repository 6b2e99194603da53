"""Hold sizes against the budget and the baseline: pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from gomab_tasks import github
from gomab_tasks.errors import NotMeasurableError
from gomab_tasks.settings import Group, Growth, Size
from gomab_tasks.sizes.baseline import Baseline
from gomab_tasks.sizes.measure import Measurement
from gomab_tasks.units import MIB, budget, fitted, mebibytes


class Verdict(Struct, frozen=True, kw_only=True):
    """Hold one platform's sizes with the limits they were held against, all in bytes.

    Attributes:
        unpacked_budget, compressed_budget: of the unpacked size, and of the size (None: no limit).
        growth_budget: the unpacked size that the baseline and the growth allow (None: no limit).
        baseline: the committed unpacked size, where there is one.
        problems: what is over which limit; empty is a pass.
        lacking: the baseline file that should have the platform, since its
            growth is limited, and has it not; empty where none is lacking.
    """

    image: str
    platform: str
    size: int
    unpacked_size: int
    unpacked_budget: int
    compressed_budget: int | None
    baseline: int | None
    problems: tuple[str, ...]
    growth_budget: int | None = None
    lacking: str = ""


class SizesResult(Struct, frozen=True):
    """Hold the verdict for every image and platform measured."""

    sizes: tuple[Verdict, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is over a limit."""
        return tuple(problem for verdict in self.sizes for problem in verdict.problems)

    @property
    def lacking(self) -> dict[str, tuple[str, ...]]:
        """The baseline files that lack something -> the images and platforms that they lack."""
        files = dict.fromkeys(verdict.lacking for verdict in self.sizes if verdict.lacking)
        return {
            file: tuple(f"{one.image} {one.platform}" for one in self.sizes if one.lacking == file)
            for file in files
        }

    def text(self) -> str:
        """Give a table of at most 80 columns for usual names."""
        rows = self._rows()
        return fitted(rows, right=range(2, len(rows[0])))

    def summary(self) -> str:
        """Give the table and what is over a limit as Markdown, for a page that a CI system shows."""
        head, *rows = self._rows()
        problems = "".join(f"- {github.escape(problem)}\n" for problem in self.problems)
        return "\n".join(filter(None, ("### Sizes\n", github.table(head, rows), problems)))

    def _rows(self) -> list[list[str]]:
        """Give the head and a row for each platform; changes only where something has a baseline."""
        compared = any(verdict.baseline is not None for verdict in self.sizes)
        head = ["image", "platform", "compressed", "unpacked", "budget", "used"]
        rows = [[*_cells(verdict), *([_change(verdict)] if compared else [])] for verdict in self.sizes]
        return [[*head, *(["change"] if compared else [])], *rows]


def judge(
    measurements: Sequence[Measurement],
    groups: Mapping[str, Group],
    baselines: Callable[[str], Baseline],
    update: str,
) -> SizesResult:
    """Hold each measurement against its image's limits.

    Args:
        groups: the settings of each image.
        baselines: reads a baseline file, by its path in the project.
        update: what the user types to write one.

    Raises `NotMeasurableError` when nothing was measured at all.
    """
    if not measurements:
        raise NotMeasurableError("nothing was measured: there is no image yet")
    largest = _largest(measurements, groups)
    return SizesResult(
        tuple(
            _judge(m, groups[m.image], baselines(groups[m.image].size.baseline), largest, update)
            for m in measurements
        )
    )


def _judge(
    measured: Measurement, group: Group, baseline: Baseline, largest: _Largest, update: str
) -> Verdict:
    limits = group.size
    before = baseline.get((measured.image, measured.platform))
    # What --arch added for one run is not in the table, and never committed.
    is_lacking = limits.growth and not before and measured.platform in map(str, group.platforms)
    return Verdict(
        image=measured.image,
        platform=measured.platform,
        size=measured.size,
        unpacked_size=measured.unpacked_size,
        unpacked_budget=limits.unpacked,
        compressed_budget=limits.compressed,
        baseline=before.unpacked_size if before else None,
        problems=tuple(_problems(measured, group, before, largest, update)),
        growth_budget=_growth_budget(limits, before),
        lacking=limits.baseline if is_lacking else "",
    )


def _problems(
    measured: Measurement, group: Group, before: Measurement | None, largest: _Largest, update: str
) -> Iterator[str]:
    limits = group.size
    name = f"{measured.image} {measured.platform}"
    if _is_over(measured.unpacked_size, limits.unpacked):
        key = _Key(_table(group), "unpacked")
        yield _over(name, measured.unpacked_size, limits.unpacked, key) + _cure(measured, key, largest)
    if limits.compressed and _is_over(measured.size, limits.compressed):
        key = _Key(_table(group), "compressed")
        yield _over(name, measured.size, limits.compressed, key) + _cure(measured, key, largest)
    if limits.growth and before and _is_over(measured.unpacked_size, _growth_budget(limits, before)):
        grown = measured.unpacked_size - before.unpacked_size
        yield (
            f"{name} grew by {mebibytes(grown)} to {mebibytes(measured.unpacked_size)}, more than the "
            f"{_allowed(limits.growth)} that size.growth allows; to accept it: {update}"
        )


def _growth_budget(limits: Size, before: Measurement | None) -> int | None:
    return limits.growth.limit(before.unpacked_size) if limits.growth and before else None


def _is_over(size: int, limit: int | None) -> bool:
    return limit is not None and size > limit


def _allowed(growth: Growth) -> str:
    return budget(growth.bytes) if growth.bytes is not None else str(growth)


class _Key(Struct, frozen=True):
    """Hold a budget: the table that it stands in, and its name there."""

    table: str
    name: str

    def size_of(self, measured: Measurement) -> int:
        return measured.size if self.name == "compressed" else measured.unpacked_size


_Largest = Mapping[_Key, Measurement]
"""The largest of all that a budget is for: the line that allows it allows the others as well."""


def _largest(measurements: Sequence[Measurement], groups: Mapping[str, Group]) -> _Largest:
    found: dict[_Key, Measurement] = {}
    for measured in measurements:
        for name in ("unpacked", "compressed"):
            key = _Key(_table(groups[measured.image]), name)
            found[key] = max(found.get(key, measured), measured, key=key.size_of)
    return found


def _table(group: Group) -> str:
    """Name the table that decides for the image; a name with a dot is quoted, as TOML has it."""
    if group.name is None:
        return "[tool.gomab.size]"
    name = f'"{group.name}"' if "." in group.name else group.name
    return f"[tool.gomab.images.{name}.size]"


def _over(image: str, size: int, limit: int, key: _Key) -> str:
    return (
        f"{image} is {mebibytes(size)} {key.name}, {mebibytes(size - limit)} over the budget of "
        f"{budget(limit)}"
    )


def _cure(measured: Measurement, key: _Key, largest: _Largest) -> str:
    """Give the line that allows all that is over a budget, once: with the largest."""
    if largest[key] != measured:
        return ""
    enough = math.ceil(key.size_of(measured) / MIB)
    return f'; to allow it: {key.table} {key.name} = "{enough} MiB"'


def _cells(verdict: Verdict) -> list[str]:
    """Give the cells of one platform; OVER stands beside the number that is over its limit."""
    used = f"{verdict.unpacked_size / verdict.unpacked_budget:.0%}"
    return [
        verdict.image,
        verdict.platform,
        _marked(mebibytes(verdict.size), verdict.size, verdict.compressed_budget),
        mebibytes(verdict.unpacked_size),
        budget(verdict.unpacked_budget),
        _marked(used, verdict.unpacked_size, verdict.unpacked_budget),
    ]


def _change(verdict: Verdict) -> str:
    if verdict.baseline is None:
        return "new"
    difference = verdict.unpacked_size - verdict.baseline
    change = f"{'+' if difference > 0 else '-'}{mebibytes(abs(difference))}" if difference else "none"
    return _marked(change, verdict.unpacked_size, verdict.growth_budget)


def _marked(cell: str, size: int, limit: int | None) -> str:
    return f"{cell} OVER" if _is_over(size, limit) else cell
