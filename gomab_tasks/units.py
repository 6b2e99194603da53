"""Word amounts for people."""

from __future__ import annotations

from collections.abc import Sequence

MIB = 1024 * 1024


def mebibytes(size: int) -> str:
    """Word bytes with one decimal: `18.4 MiB`; under a tenth of one as `12 KiB`."""
    if abs(size) < MIB // 10:
        return f"{size / 1024:.0f} KiB"
    return f"{size / MIB:.1f} MiB"


def budget(size: int) -> str:
    """Word a limit as the table would: `25 MiB`."""
    return f"{size / MIB:g} MiB" if size % (MIB // 10) == 0 or size >= MIB else f"{size / 1024:g} KiB"


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Align rows of cells in columns two spaces apart; `right` are the columns of numbers."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)
