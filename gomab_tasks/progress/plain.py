"""Show one plain line per event, for pipes and logs.

Columns are divided by two spaces or more: step, platform, subject, how it went.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self, TextIO

from gomab_tasks.progress.board import Board, Work
from gomab_tasks.progress.events import Event
from gomab_tasks.progress.failures import Failures
from gomab_tasks.progress.text import (
    LineWriter,
    indented,
    printable_line,
    printable_lines,
    terminal_size,
    wrapped,
)

# Of the other steps, which take moments, only the end is worth a line.
LONG_STEPS = frozenset({"compile", "download", "push", "pull", "smoke"})
_STEP_WIDTH, _PLATFORM_WIDTH = 8, 13
_OUTCOMES = {"finished": "done in", "failed": "failed after", "stopped": "stopped after"}


class Plain:
    """Render events as lines.

    Args:
        quiet: only warnings, and what the run failed with.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._writer = LineWriter(stream)
        self._width = terminal_size(stream)[0]
        self._lock = threading.RLock()
        self._quiet = quiet
        self._failures = Failures()
        self._board = Board(time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._lock:
            if self._board.is_late(event):
                return
            self._board.apply(event, time.monotonic())
            if not self._quiet or event.kind == "warned":
                self._write(event_lines(event, self._failures))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = time.monotonic()
        with self._lock:
            stopped = self._board.close(kind, now)
            if not self._quiet:
                self._write(stopped_lines(stopped, now) + closing_lines(self._board))

    def report(self, message: str) -> None:
        """Show what the run failed with, whole; scripts look for `error:`."""
        first, *rest = printable_lines(message)
        self._write([f"error: {first}", *indented(rest)])

    def _write(self, lines: list[str]) -> None:
        if self._width:  # of a terminal; its last column stays free, as in the live view
            lines = [part for line in lines for part in wrapped(line, self._width - 1)]
        self._writer.write(lines)


def event_lines(event: Event, failures: Failures) -> list[str]:
    """Write the lines of an event: none, one, or a failure with its message."""
    match event.kind:
        case "started" if event.step in LONG_STEPS:
            return [_line(event, "started")]
        case "finished":
            return [_line(event, f"{event.seconds:.1f} s", printable_line(event.text))]
        case "stopped":
            return [_line(event, f"stopped after {event.seconds:.1f} s")]
        case "failed":
            # Other platforms go on; any other failure ends the run, whose message follows at once.
            lines = failures.whole(event.text, event.platform) if event.platform else []
            first, *rest = lines or [""]
            return [_line(event, f"failed after {event.seconds:.1f} s", first), *indented(rest)]
        case "said" | "warned":
            return remark_lines(event)
    return []


def remark_lines(event: Event) -> list[str]:
    """Write what was said or warned of, with the platform it is about."""
    first, *rest = printable_lines(event.text)
    about = " ".join(filter(None, (printable_line(event.subject), event.platform)))
    if about and event.platform not in first.split()[:2]:
        first = f"{about}: {first}"
    first = f"warning: {first}" if event.kind == "warned" else first
    return [first, *indented(rest)]


def stopped_lines(works: list[Work], now: float) -> list[str]:
    """Write a line for each step that the end of the run cut off."""
    events = (
        Event("stopped", work.step, work.subject, work.platform, "", work.seconds(now)) for work in works
    )
    return [_line(event, f"stopped after {event.seconds:.1f} s") for event in events]


def closing_lines(board: Board) -> list[str]:
    """Write how the run ended; nothing for a run without steps."""
    if not board.works or board.end is None:
        return []
    return [f"{_OUTCOMES[board.outcome]} {board.end - board.start:.1f} s"]


def _line(event: Event, *ending: str) -> str:
    words = (
        printable_line(event.step).ljust(_STEP_WIDTH),
        printable_line(event.platform).ljust(_PLATFORM_WIDTH) if event.platform else "",
        printable_line(event.subject),
        *ending,
    )
    return "  ".join(filter(None, words))
