"""Lay the board out as lines for a terminal: pure, whatever then draws them.

    ✓ download  8.2 s  61 modules

      platform       compile      verify       assemble         time
    ✓ linux/amd64    ✓ 18.4 MiB   ✓ done       ✓ 2 of 2       12.3 s
    ⠹ linux/arm64    ⠹ running    ·            ·               8.1 s  api, worker

      20.5 s  1 of 2 platforms done, 1 running

Where that is too wide, a platform has one cell: what it is doing. A line is
never wider than the terminal, but for the last summary's digests and results:
a terminal may wrap those, nothing cuts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from gomab_tasks.progress.board import Board, Work, joint_state
from gomab_tasks.progress.drawing import Line, Piece, Space
from gomab_tasks.progress.table import lay_out
from gomab_tasks.progress.text import (
    columns,
    duration,
    indented,
    is_digest,
    padded,
    printable_line,
    printable_lines,
    shorten,
    wrapped,
)

_STEP_WIDTH, _TIME_WIDTH = 8, 6
# A terminal echoes ^C behind the last line, which must not wrap then.
_ECHO_WIDTH = 4


class _Parts(Struct, frozen=True):
    """Hold the parts of a frame, from the top."""

    early: list[Line]
    table: list[Line]
    late: list[Line]
    failures: list[Line]
    status: list[Line]

    def lines(self) -> list[Line]:
        """Join the parts that are not empty by empty lines."""
        parts = [part for part in (self.early, self.table, self.late, self.failures, self.status) if part]
        return [line for part in parts for line in ([], *part)][1:]


def compose(board: Board, space: Space, now: float) -> list[Line]:
    """Lay out a running board within the space; what is running stays in it longest."""
    early, late = _begun(board)
    status = [_status(board, space, now)]
    parts = _Parts(
        _live_lines(early, space, now),
        lay_out(board, space, now),
        _live_lines(late, space, now),
        _first(failure_lines(board, space), space),
        status,
    )
    lines = parts.lines()
    if len(lines) > space.height:
        running = [work for work in (*early, *late) if work.state == "running"]
        head = _live_lines(running, space, now)
        room = space.height - len(head) - len(status) - 2
        lines = _Parts(head, lay_out(board, space, now, room), [], [], status).lines()[-space.height :]
    return [_cut(line, space) for line in lines]


def conclude(board: Board, space: Space) -> list[Line]:
    """Lay out the board of a run that is over; nothing where nothing began."""
    early, late = _begun(board)
    if board.end is None or not _has_begun(board):
        return []
    return _Parts(
        _last_lines(early, space, board.end),
        [_cut(line, space) for line in lay_out(board, space, board.end)],
        _last_lines(late, space, board.end),
        [],
        [_ending(board, space, board.end)],
    ).lines()


def failure_lines(board: Board, space: Space, told: str = "") -> list[Line]:
    """Lay out what steps failed with, each once for all platforms, but for what `told` holds already."""
    groups: dict[str, list[Work]] = {}
    for work in board.works:
        if work.state == "failed" and work.text and _on_one_line(work.text) not in _on_one_line(told):
            groups.setdefault(work.text, []).append(work)
    return [
        line for text, works in groups.items() for line in message_lines(f"{_where(works)}: {text}", space)
    ]


def _first(lines: list[Line], space: Space) -> list[Line]:
    """Leave what is running its room; the end of the run tells all."""
    limit = max(space.height // 4, 1)
    if len(lines) <= limit:
        return lines
    return [
        *lines[: limit - 1],
        [Piece(f"{space.glyphs.ellipsis} {len(lines) - limit + 1} more lines", "dim")],
    ]


def message_lines(message: str, space: Space) -> list[Line]:
    """Lay out a message whole, wrapped between words."""
    first, *rest = printable_lines(message)
    head = wrapped(f"{space.glyphs.sign('failed', 0)} {first}", space.width)
    others = [part for line in indented(rest) for part in wrapped(line, space.width)]
    return [*([Piece(line, "failed")] for line in head), *([Piece(line)] for line in others)]


def _where(works: Sequence[Work]) -> str:
    """Name the first step and all platforms."""
    platforms = ", ".join(dict.fromkeys(work.platform for work in works if work.platform))
    return " ".join(filter(None, (works[0].step, printable_line(works[0].subject), platforms)))


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def conclude_briefly(board: Board, space: Space) -> list[Line]:
    """Lay out the end of a run too short to watch: a success only by its results."""
    if board.outcome != "finished" or board.end is None:
        return conclude(board, space)
    if not _has_begun(board):
        return []
    told = [work for work in _begun(board)[1] if work.text]
    return [*_last_lines(told, space, board.end), _ending(board, space, board.end)]


def _has_begun(board: Board) -> bool:
    return any(work.start is not None for work in board.works)


def _begun(board: Board) -> tuple[list[Work], list[Work]]:
    works = [work for work in board.project_works if work.state != "waiting"]
    return [work for work in works if work.is_early], [work for work in works if not work.is_early]


def _live_lines(works: Sequence[Work], space: Space, now: float) -> list[Line]:
    lines: list[Line] = []
    for work, head in zip(works, _heads(works, space, now), strict=True):
        text = _told(work)
        room = space.width - _columns(head) - 2
        if is_digest(text) and columns(text) > room:
            lines += [head, [Piece(f"  {text}")]] if columns(text) + 2 <= space.width else [head]
        else:
            lines.append([*head, *_detail(shorten(text, room, space.glyphs.ellipsis))])
    return lines


def _last_lines(works: Sequence[Work], space: Space, now: float) -> list[Line]:
    lines: list[Line] = []
    for work, head in zip(works, _heads(works, space, now), strict=True):
        text = _told(work)
        if _columns(head) + 2 + columns(text) <= space.width:
            lines.append([*head, *_detail(text)])
        else:
            lines += [head, [Piece(f"  {text}")]]
    return lines


def _heads(works: Sequence[Work], space: Space, now: float) -> list[Line]:
    step_width = max([_STEP_WIDTH, *(columns(work.step) for work in works)])
    subject_width = max((columns(printable_line(work.subject)) for work in works), default=0)
    return [
        [
            Piece(space.glyphs.sign(work.state, now), work.state),
            Piece(f" {padded(work.step, step_width)}"),
            Piece(f"  {padded(printable_line(work.subject), subject_width)}" if subject_width else ""),
            Piece(f"  {duration(work.seconds(now)):>{_TIME_WIDTH}}", "dim"),
        ]
        for work in works
    ]


def _told(work: Work) -> str:
    return work.state if work.state in ("failed", "stopped") else printable_line(work.text)


def _detail(text: str) -> Line:
    return [Piece(f"  {text}")] if text else []


def _status(board: Board, space: Space, now: float) -> Line:
    counts = Counter(joint_state(works) for works in board.platforms.values())
    elapsed = f"  {duration(now - board.start)}"
    others = [f"{counts[state]} {state}" for state in ("running", "failed", "stopped") if counts[state]]
    room = space.width - _ECHO_WIDTH
    for noun in ("platforms done", "done"):
        words = ", ".join([f"{counts['finished']} of {counts.total()} {noun}", *others])
        text = f"{elapsed}  {words}" if counts else elapsed
        if columns(text) <= room:
            break
    return [Piece(shorten(text, room, space.glyphs.ellipsis), "dim")]


def _ending(board: Board, space: Space, now: float) -> Line:
    elapsed = duration(now - board.start)
    states = [joint_state(works) for works in board.platforms.values()]
    if board.outcome == "finished":
        count = f"{len(states)} platform{'s' if len(states) > 1 else ''} " if states else ""
        words = f"{count}done in {elapsed}"
    elif board.outcome == "failed":
        words = f"failed after {elapsed}{_culprit(board)}"
    else:
        words = f"stopped after {elapsed}"
    if board.outcome == "stopped" and states:
        words += f", {states.count('finished')} of {len(states)} platforms done"
    return [Piece(f"{space.glyphs.sign(board.outcome, now)} {words}", board.outcome)]


def _culprit(board: Board) -> str:
    failed = [work for work in board.works if work.state == "failed"]
    platforms = list(dict.fromkeys(work.platform for work in failed if work.platform))
    if len(platforms) > 1:
        return f": {len(platforms)} of {len(board.platforms)} platforms"
    if not failed:
        return ""
    work = failed[0]
    return ": " + " ".join(
        filter(None, (work.step, printable_line(work.subject), printable_line(work.platform)))
    )


def _columns(line: Line) -> int:
    return sum(columns(piece.text) for piece in line)


def _cut(line: Line, space: Space) -> Line:
    if _columns(line) <= space.width:
        return line
    result: Line = []
    room = space.width
    for piece in line:
        result.append(piece._replace(text=shorten(piece.text, room, space.glyphs.ellipsis)))
        room -= columns(piece.text)
        if room <= 0:
            break
    return result
