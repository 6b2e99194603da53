"""Read amounts of bytes: `25 MiB`, how much more is allowed: `5 %`, and times: `10 s`."""

from __future__ import annotations

import re

from msgspec import Struct

from gomab_tasks.settings.problem import show

UNITS = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_BYTES = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)"
_SIZE = rf"{_BYTES}\s*([a-zA-Z]+)"
_PERCENT = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*%"
_SECONDS = r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(ms|s|min)"
SIZE_PATTERN = rf"^\s*{_BYTES}\s*([kKmMgG][iI]?)?[bB]\s*$"
GROWTH_PATTERN = rf"^\s*{_PERCENT}\s*$|{SIZE_PATTERN}"
SECONDS_PATTERN = rf"^\s*{_SECONDS}\s*$"

_TIME_FACTORS = {"ms": 0.001, "s": 1.0, "min": 60.0}
_NUMBER = r"([0-9]+)(?:[.,]([0-9]+))?\s*([kmgKMG]?)\w*"
# Nobody means millibits: case does not matter.
_FACTORS = {unit.lower(): factor for unit, factor in UNITS.items()}


class Growth(Struct, frozen=True):
    """Hold how much larger than the baseline an image may be: one of the two is set.

    Attributes:
        percent: of the baseline's size.
        bytes: an amount.
    """

    percent: float | None = None
    bytes: int | None = None

    def limit(self, size: int) -> int:
        """Give the largest size allowed where the baseline holds `size`."""
        if self.bytes is not None:
            return size + self.bytes
        return size + int(size * (self.percent or 0) / 100)

    def __str__(self) -> str:
        return f"{self.percent:g} %" if self.bytes is None else f"{self.bytes} B"


def read_size(text: str) -> int:
    """Read `25 MiB` (2^20) or `25 MB` (10^6) as bytes.

    Raises `ValueError` for what is no size or not over zero.
    """
    match = re.fullmatch(_SIZE, text.strip())
    factor = _FACTORS.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"is {show(text)}; write a number and one of {', '.join(UNITS)}: '{_suggest(text)}'")
    size = round(float(match[1]) * factor)
    if not size:
        raise ValueError(f"is {show(text)}; write a size over zero: '25 MiB'")
    return size


def read_growth(text: str) -> Growth:
    """Read `5 %` or `200 KiB`; `0 %` allows no growth at all.

    Raises `ValueError` for anything else.
    """
    if match := re.fullmatch(_PERCENT, text.strip()):
        return Growth(percent=float(match[1]))
    try:
        return Growth(bytes=read_size(text))
    except ValueError:
        raise ValueError(
            f"is {show(text)}; write a percentage or a size over zero: '5 %' or '200 KiB'"
        ) from None


def read_seconds(text: str) -> float:
    """Read `10 s`, `500 ms` or `2 min` as seconds.

    Raises `ValueError` for what is no time or not over zero.
    """
    match = re.fullmatch(_SECONDS, text.strip())
    seconds = float(match[1]) * _TIME_FACTORS[match[2]] if match else 0.0
    if not seconds:
        raise ValueError(f"is {show(text)}; write a time over zero in ms, s or min: '10 s'")
    return seconds


def _suggest(text: str) -> str:
    """Guess the size: a bare number is MiB, `25M` is `25 MiB`."""
    match = re.fullmatch(_NUMBER, text.strip())
    if match is None:
        return "25 MiB"
    fraction = f".{match[2]}" if match[2] else ""
    unit = {"": "MiB", "k": "KiB", "m": "MiB", "g": "GiB"}[match[3].lower()]
    return f"{match[1]}{fraction} {unit}"
