"""Lay out the platforms: a row each, with a cell for each step where the width allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.progress.board import Board, State, Work, joint_seconds, joint_state
from gomab_tasks.progress.drawing import Line, Piece, Space
from gomab_tasks.progress.text import columns, duration, is_digest, padded, printable_line, shorten

# Wide enough for the usual contents, so that columns do not move as states change.
_CELL_WIDTH, _TIME_WIDTH = 11, 8
_LONGEST_RESULTS = (20, 9)
_SHORTEST_DETAIL = 8
_WORDS: dict[State, str] = {
    "waiting": "waiting",
    "running": "running",
    "finished": "done",
    "failed": "failed",
    "stopped": "stopped",
}
# What goes first when the terminal has too few lines.
_DISPENSABLE: tuple[State, ...] = ("waiting", "finished", "stopped", "failed", "running")


class _Row(Struct, frozen=True):
    state: State
    sign: Piece
    cells: list[Piece]
    detail: str = ""


def lay_out(board: Board, space: Space, now: float, limit: int | None = None) -> list[Line]:
    """Draw a head and a row for each platform; over `limit` lines the least telling rows are only counted."""
    if not board.platforms or (limit is not None and limit < 1):
        return []
    heads, rows, widths = _widest(board, space, now)
    shown = rows if limit is None else _select(rows, limit - 1)
    lines = [_head(heads, widths), *(_line(row, widths, space) for row in shown)]
    return lines if len(shown) == len(rows) else [*lines, _rest(rows, shown, space)]


def _widest(board: Board, space: Space, now: float) -> tuple[list[str], list[_Row], list[int]]:
    """Lay out as much as fits: results in words, then states, then one cell for all steps."""
    for longest in _LONGEST_RESULTS:
        heads, rows = _full(board, space, now, longest)
        widths = _widths(heads, rows)
        if sum(widths) + 2 * len(widths) <= space.width:
            return heads, rows, widths
    heads, rows = _compact(board, space, now)
    widths = _widths(heads, rows, least=0)
    if sum(widths) + 2 * len(widths) > space.width:
        heads, rows = _without_os(heads, rows)
    return heads, rows, _widths(heads, rows, least=0)


def _full(board: Board, space: Space, now: float, longest: int) -> tuple[list[str], list[_Row]]:
    platforms = board.platforms
    steps = list(dict.fromkeys(work.step for works in platforms.values() for work in works))
    rows = []
    for platform, works in platforms.items():
        groups = ([work for work in works if work.step == step] for step in steps)
        cells = [_cell(group, longest, space, now) for group in groups]
        state = joint_state(works)
        if state == "waiting" and not any(work.start is not None for work in works):
            cells[0] = Piece(f"{space.glyphs.sign(state, now)} {_unbegun(board)}", state)
        rows.append(_row(platform, works, cells, space, now))
    return ["platform", *steps, "time"], rows


def _compact(board: Board, space: Space, now: float) -> tuple[list[str], list[_Row]]:
    rows = []
    for platform, works in board.platforms.items():
        row = _row(platform, works, [Piece(_doing(works, board), joint_state(works))], space, now)
        rows.append(_Row(row.state, row.sign, row.cells))
    return ["platform", "", "time"], rows


def _row(platform: str, works: list[Work], cells: list[Piece], space: Space, now: float) -> _Row:
    state = joint_state(works)
    begun = any(work.start is not None for work in works)
    time = duration(joint_seconds(works, now)) if begun else ""
    running = next((work for work in works if work.state == "running"), None)
    return _Row(
        state,
        Piece(space.glyphs.sign(state, now), state),
        [Piece(printable_line(platform)), *cells, Piece(time, "dim")],
        printable_line(running.text or running.subject) if running else "",
    )


def _cell(works: Sequence[Work], longest: int, space: Space, now: float) -> Piece:
    if not works:
        return Piece("")
    state = joint_state(works)
    sign = space.glyphs.sign(state, now)
    if state == "waiting" and not any(work.is_ended for work in works):
        return Piece(sign, state)
    return Piece(f"{sign} {_word(works, longest)}", state)


def _word(works: Sequence[Work], longest: int) -> str:
    state = joint_state(works)
    finished = [work for work in works if work.state == "finished"]
    results = {printable_line(work.text) for work in finished}
    if state == "finished" and len(results) == 1 and 0 < columns(result := results.pop()) <= longest:
        return result
    if len(works) > 1 and state in ("finished", "running", "waiting"):
        return f"{len(finished)} of {len(works)}"
    return _WORDS[state]


def _doing(works: list[Work], board: Board) -> str:
    state = joint_state(works)
    begun = [work for work in works if work.state != "waiting"]
    if state == "finished":
        return "done"
    if not begun:
        return _unbegun(board)
    step = next((work.step for work in works if work.state == state), begun[-1].step)
    group = [work for work in works if work.step == step]
    return f"{step} {_word(group, 0) if state == 'running' else _WORDS[joint_state(group)]}"


def _unbegun(board: Board) -> str:
    return "waiting" if board.end is None else "not started"


def _without_os(heads: list[str], rows: list[_Row]) -> tuple[list[str], list[_Row]]:
    """Name the OS that all platforms have only once, above them."""
    names = [row.cells[0].text for row in rows]
    os = names[0].partition("/")[0]
    if not all(name.startswith(f"{os}/") for name in names):
        return heads, rows
    cells = (
        [Piece(name.removeprefix(f"{os}/")), *row.cells[1:]] for name, row in zip(names, rows, strict=True)
    )
    return [os, *heads[1:]], [replace(row, cells=short) for row, short in zip(rows, cells, strict=True)]


def _widths(heads: list[str], rows: list[_Row], least: int = _CELL_WIDTH) -> list[int]:
    contents = zip(heads, zip(*(row.cells for row in rows), strict=True), strict=True)
    widths = [max(len(head), *(columns(cell.text) for cell in cells)) for head, cells in contents]
    return [
        widths[0],
        *(max(width, least) for width in widths[1:-1]),
        widths[-1] if least == 0 else max(widths[-1], _TIME_WIDTH),
    ]


def _head(heads: list[str], widths: list[int]) -> Line:
    cells = [padded(head, width) for head, width in zip(heads, widths, strict=True)]
    return [Piece("  ".join(["", *cells[:-1], f"{heads[-1]:>{widths[-1]}}"]), "dim")]


def _line(row: _Row, widths: list[int], space: Space) -> Line:
    *cells, time = row.cells
    line = [row.sign, Piece(" ")]
    for cell, width in zip(cells, widths, strict=False):
        line += [cell, Piece(" " * (width - columns(cell.text) + 2))]
    line += [Piece(" " * (widths[-1] - columns(time.text))), time]
    room = space.width - sum(widths) - 2 * len(widths) - 2
    if columns(row.detail) <= room:
        return [*line, Piece(f"  {row.detail}", "dim")]
    if room < _SHORTEST_DETAIL or is_digest(row.detail):
        return line
    return [*line, Piece(f"  {shorten(row.detail, room, space.glyphs.ellipsis)}", "dim")]


def _select(rows: list[_Row], limit: int) -> list[_Row]:
    if len(rows) <= limit:
        return rows
    by_worth = sorted(range(len(rows)), key=lambda index: -_DISPENSABLE.index(rows[index].state))
    # One line says how many were left out.
    return [rows[index] for index in sorted(by_worth[: max(limit - 1, 0)])]


def _rest(rows: list[_Row], shown: list[_Row], space: Space) -> Line:
    counts = Counter(row.state for row in rows) - Counter(row.state for row in shown)
    words = ", ".join(f"{count} {_WORDS[state]}" for state, count in counts.items())
    return [Piece(f"{space.glyphs.ellipsis} {counts.total()} more: {words}", "dim")]
