"""Word amounts for people, and lay out what is printed of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gomab_tasks.progress.text import wrapped

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

# What a result is printed to need not be a terminal, whose width could be asked for; 80 columns are usual.
_WIDTH = 79


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


def hanging(rows: Sequence[Sequence[str]]) -> str:
    """Align rows as `columns` does; what is too wide of last cells goes on below where they begin."""
    indent = sum(max(map(len, cells)) + 2 for cells in list(zip(*rows, strict=True))[:-1])
    return "\n".join(part for line in columns(rows).splitlines() for part in _wrapped(line, indent))


def listed(lines: Iterable[str]) -> str:
    """Indent lines; what is too wide of them goes on below, indented more."""
    return "\n".join(part for line in lines for part in _wrapped(f"  {line}", 2))


def fitted(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Align rows as `columns` does, unless long names make them wider than a terminal.

    First cells then stand on lines of their own, above the rows that begin with
    them; where that does not do either, every cell has a line, behind its head.

    Args:
        rows: the first is the head.
    """
    whole = columns(rows, right)
    if fits(whole):
        return whole
    head, *below = rows
    rest = columns([cells for _, *cells in rows], [number - 1 for number in right])
    below_names = "\n".join(_below_names(rows, rest.splitlines()))
    if fits(below_names):
        return below_names
    single = [columns(list(zip(head[1:], cells, strict=True))) for _, *cells in below]
    return "\n".join(_below_names(below, single))


def fits(table: str) -> bool:
    """Tell whether a terminal of the usual width shows a table without breaking its lines."""
    return max(map(len, table.splitlines()), default=0) <= _WIDTH


def _below_names(rows: Sequence[Sequence[str]], texts: Iterable[str]) -> Iterator[str]:
    before = ""
    for (name, *_), text in zip(rows, texts, strict=True):
        if name != before:
            yield name
        before = name
        yield from (f"  {line}" for line in text.splitlines())


def noted(lines: str, notes: Iterable[str]) -> str:
    """Put a note, of any number of lines, below each of some lines: beside it, digests would be too wide."""
    pairs = zip(lines.splitlines(), notes, strict=True)
    return "\n".join(part for line, note in pairs for part in (line, *_note(note)))


def _note(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in _wrapped(f"  {line}", 0)]


def _wrapped(line: str, hang: int) -> list[str]:
    return wrapped(line, _WIDTH, hang)
