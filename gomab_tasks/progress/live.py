"""Show platforms and steps as they go, on a terminal.

A run of less than `DELAY_SECONDS` shows no live view and does not load rich.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from gomab_tasks.progress.board import Board
from gomab_tasks.progress.drawing import ASCII, UNICODE, Line, Piece, Space
from gomab_tasks.progress.events import Event
from gomab_tasks.progress.frame import compose, conclude, conclude_briefly, failure_lines, message_lines
from gomab_tasks.progress.plain import remark_lines
from gomab_tasks.progress.text import LineWriter, can_encode, terminal_size, wrapped

if TYPE_CHECKING:
    from gomab_tasks.progress.screen import Screen

DELAY_SECONDS = 0.4


class Live:
    """Render events as a view that changes in place; remarks stay above it.

    What steps failed with stands in it until the end of the run tells it whole.
    """

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._environment = environment
        self._glyphs = UNICODE if can_encode(stream, UNICODE.all) else ASCII
        self._writer = LineWriter(stream)
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
            lines = self._below_remarks(self._last_lines(is_told=kind is not None))
            if self._screen is None:
                self._writer.write(map(_plain, lines))
                return
            with contextlib.suppress(OSError, ValueError):
                self._screen.close(lines)

    def _last_lines(self, *, is_told: bool) -> list[Line]:
        """Lay out the end; failures that the run got over too, for nobody else tells them."""
        space = self._space()
        lay_out = conclude_briefly if self._screen is None else conclude
        failures = [] if is_told else failure_lines(self._board, space)
        return [*lay_out(self._board, space), *([[], *failures] if failures else [])]

    def report(self, message: str) -> None:
        """Show what the run failed with, whole, below what else steps failed with."""
        space = self._space()
        gap: list[Line] = [[]] if self._board.works else []
        self._print([*gap, *failure_lines(self._board, space, message), *message_lines(message, space)])

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
        width, height = terminal_size(self._stream)
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
        if event.kind not in ("said", "warned"):
            return []
        sign = f"{self._glyphs.warning} " if event.kind == "warned" else ""
        first, *rest = remark_lines(event)
        width = self._space().width
        head, *others = [part for line in (f"{sign}{first}", *rest) for part in wrapped(line, width)]
        label, colon, words = head.partition(":") if sign else ("", "", head)
        return [[Piece(f"{label}{colon}", "warning"), Piece(words)], *([Piece(line)] for line in others)]


def _plain(line: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in line).rstrip()
