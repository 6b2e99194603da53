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


class _File(msgspec.Struct):
    format: int
    images: list[Measurement]


def read_baseline(path: Path) -> Baseline:
    """Read a baseline; one that does not exist is empty.

    Raises `NotMeasurableError` for a file that is no baseline.
    """
    if not path.exists():
        return {}
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, ValueError) as error:
        raise NotMeasurableError(
            f"{path.name}: is no baseline ({error}); write it anew: size --update"
        ) from None
    return {(m.image, m.platform): m for m in content.images}


def write_baseline(path: Path, old: Baseline, measured: Iterable[Measurement]) -> None:
    """Replace what was measured now; keep the other images' and platforms' sizes.

    One line for each platform, sorted, so that a change reads well in a diff.
    """
    merged = {**old, **{(m.image, m.platform): m for m in measured}}
    lines = ",\n    ".join(msgspec.json.encode(m).decode() for _, m in sorted(merged.items()))
    files.write(path, f'{{\n  "format": 1,\n  "images": [\n    {lines}\n  ]\n}}\n')
