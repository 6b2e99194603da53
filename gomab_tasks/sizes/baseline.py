"""Keep sizes in a committed file, to compare later ones with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from gomab_tasks import files
from gomab_tasks.errors import NotMeasurableError
from gomab_tasks.sizes.measure import Measurement

Baseline = Mapping[tuple[str, str], Measurement]
"""Measurements by image and platform."""


FORMAT = 1


class _File(msgspec.Struct):
    format: int
    images: list[Measurement]


def read_baseline(path: Path, update: str) -> Baseline:
    """Read a baseline; one that does not exist is empty.

    Args:
        update: what the user types to write one.

    Raises `NotMeasurableError` for a file that is no baseline.
    """
    if not path.exists():
        return {}
    try:
        with files.read_errors(path):
            return _decode(path.read_bytes())
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise NotMeasurableError(
            f"{path.name}: is no baseline ({error}); remove it, then write it anew: {update}"
        ) from None


def _decode(content: bytes) -> Baseline:
    file = msgspec.json.decode(content, type=_File)
    if file.format != FORMAT:
        raise ValueError(f"format {file.format}, not {FORMAT}")
    baseline: dict[tuple[str, str], Measurement] = {}
    for measured in file.images:
        key = (measured.image, measured.platform)
        if key in baseline:
            raise ValueError(f"{' '.join(key)} stands there twice")
        baseline[key] = measured
    return baseline


def write_baseline(path: Path, old: Baseline, measured: Iterable[Measurement]) -> None:
    """Replace what was measured now; keep the other sizes of `old`.

    One line for each platform, sorted, so that a change reads well in a diff.
    """
    merged = {**old, **{(m.image, m.platform): m for m in measured}}
    lines = ",\n    ".join(msgspec.json.encode(m).decode() for _, m in sorted(merged.items()))
    files.write(path, f'{{\n  "format": {FORMAT},\n  "images": [\n    {lines}\n  ]\n}}\n')
