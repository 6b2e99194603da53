"""Show platforms and steps as they go, on a terminal.

A run of less than `DELAY_SECONDS` shows no live view and does not load rich.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from gomab_tasks.progress.board import Board
from gomab_tasks.progress.drawing import ASCII, UNICODE, Line, Piece, Space
from gomab_tasks.progress.events import Event
from gomab_tasks.progress.failures import Failures
from gomab_tasks.progress.frame import compose, conclude, conclude_briefly
from gomab_tasks.progress.plain import indented, remark_lines
from gomab_tasks.progress.text import LineWriter, can_encode, printable_line

if TYPE_CHECKING:
    from gomab_tasks.progress.screen import Screen

DELAY_SECONDS = 0.4


class Live:
    """Render events as a view that changes in place; remarks and failures stay above it."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._environment = environment
        self._glyphs = UNICODE if can_encode(stream, UNICODE.all) else ASCII
        self._writer = LineWriter(stream)
        self._failures = Failures()
        # The board's lock is never held while something is written: the one
        # that draws holds rich's locks and then asks for the board.
        self._board_lock = threading.RLock()
        self._board = Board(time.monotonic())
        self._screen_lock = threading.RLock()
        self._screen: Screen | None = None
        self._is_closed = False
        self._has_remarks = False
        self._timer = threading.Timer(DELAY_SECONDS, self._open)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __call__(self, event: Event) -> None:
        """Take in an event; the next refresh shows it."""
        with self._board_lock:
            self._board.apply(event, time.monotonic())
        self._print(self._lasting(event))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._board_lock:
            self._board.close(kind, time.monotonic())
        with self._screen_lock:
            self._is_closed = True
            screen = self._screen
            if screen is None:
                self._writer.write(
                    map(_plain, self._below_remarks(conclude_briefly(self._board, self._space())))
                )
                return
            with contextlib.suppress(OSError, ValueError):
                screen.close(self._below_remarks(conclude(self._board, self._space())))

    def report(self, message: str) -> None:
        """Show what the run failed with, whole, unless a step showed it."""
        lines = self._failures.whole(message)
        if lines:
            self._print([*([[]] if self._board.works else []), *self._message(lines)])

    def _open(self) -> None:
        from gomab_tasks.progress.screen import Screen  # noqa: PLC0415 - loads rich

        with self._screen_lock, contextlib.suppress(OSError, ValueError):
            if not self._is_closed:
                screen = Screen(self._stream, self._environment, self._compose)
                screen.open()
                self._screen = screen

    def _compose(self) -> list[Line]:
        with self._board_lock:
            return self._below_remarks(compose(self._board, self._space(), time.monotonic()))

    def _below_remarks(self, lines: list[Line]) -> list[Line]:
        return [[], *lines] if self._has_remarks and lines else lines

    def _space(self) -> Space:
        try:
            width, height = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            width, height = 0, 0
        # The last column stays free, as not every terminal writes there without
        # a jump; one line for the cursor, one between remarks and frame.
        return Space(max((width or 80) - 1, 1), max((height or 24) - 2, 1), self._glyphs)

    def _print(self, lines: list[Line]) -> None:
        if not lines:
            return
        with self._screen_lock, contextlib.suppress(OSError, ValueError):
            self._has_remarks = True
            if self._screen is not None:
                self._screen.print(lines)
            else:
                self._writer.write(map(_plain, lines))

    def _lasting(self, event: Event) -> list[Line]:
        match event.kind:
            case "said":
                return [[Piece(line)] for line in remark_lines(event)]
            case "warned":
                first, *rest = remark_lines(event)
                label, _, first = first.partition(":")
                head = [Piece(f"{self._glyphs.warning} {label}:", "warning"), Piece(first)]
                return [head, *([Piece(line)] for line in rest)]
            case "failed":
                return self._failure(event)
        return []

    def _failure(self, event: Event) -> list[Line]:
        lines = self._failures.news(event, self._glyphs.ellipsis)
        if not lines:
            return []
        first, *rest = lines
        if not event.platform or event.platform not in first:
            where = " ".join(filter(None, (event.step, printable_line(event.subject), event.platform)))
            first = f"{where}: {first}"
        return self._message([first, *rest])

    def _message(self, lines: list[str]) -> list[Line]:
        first, *rest = lines
        head = Piece(f"{self._glyphs.sign('failed', 0)} {first}", "failed")
        return [[head], *([Piece(line)] for line in indented(rest))]


def _plain(line: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in line).rstrip()
