"""Word amounts for people."""

from __future__ import annotations

from collections.abc import Sequence

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


def mebibytes(size: int) -> str:
    """Word bytes with one decimal: `18.4 MiB`; under a tenth of one as `12 KiB`, few as `512 B`."""
    if abs(size) < KIB:
        return f"{size} B"
    if abs(size) < MIB // 10:
        return f"{size / KIB:.0f} KiB"
    return f"{size / MIB:.1f} MiB"


def capacity(size: int) -> str:
    """Word bytes of memory or disk: `23.5 GiB`, under one as `mebibytes` does."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else mebibytes(size)


def budget(size: int) -> str:
    """Word a limit as the table would: `25 MiB`."""
    return f"{size / MIB:g} MiB" if size % (MIB // 10) == 0 or size >= MIB else f"{size / KIB:g} KiB"


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
