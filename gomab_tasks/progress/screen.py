"""Draw frames on a terminal through rich: the one module that loads it.

It is imported only once a live view opens, for the import costs a short run
more than its work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from gomab_tasks.progress.drawing import Line

_REFRESHES_PER_SECOND = 10
_STYLES = {
    "": Style.null(),
    "dim": Style(dim=True),
    "waiting": Style(dim=True),
    "running": Style(color="cyan"),
    "finished": Style(color="green"),
    "failed": Style(color="red", bold=True),
    "stopped": Style(color="yellow"),
    "warning": Style(color="yellow", bold=True),
}


class _Frame:
    """Let rich ask for the lines at each refresh.

    They are laid out already, so rich need not measure and wrap: a minute of a
    build for six platforms costs half a CPU-second.
    """

    def __init__(self, compose: Callable[[], list[Line]]) -> None:
        self._compose = compose

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for index, line in enumerate(self._compose()):
            if index:
                yield Segment.line()
            for piece in line:
                yield Segment(piece.text, _STYLES[piece.style])


class Screen:
    """Keep a frame at the bottom of the terminal, below what was printed."""

    def __init__(
        self, stream: TextIO, environment: Mapping[str, str], compose: Callable[[], list[Line]]
    ) -> None:
        # The size is the terminal's own: exported LINES and COLUMNS may be old.
        variables = {name: value for name, value in environment.items() if name not in ("LINES", "COLUMNS")}
        self._console = Console(
            file=stream, force_terminal=True, force_interactive=True, highlight=False, _environ=variables
        )
        self._live = Live(
            _Frame(compose),
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=stream is sys.stderr,
        )

    def open(self) -> None:
        """Hide the cursor and draw the frame from now on."""
        self._live.start(refresh=True)

    def print(self, lines: Iterable[Line]) -> None:
        """Print above the frame; the terminal may wrap, so that a copy has whole lines."""
        for line in lines:
            text = Text.assemble(*((piece.text, _STYLES[piece.style]) for piece in line))
            self._console.print(text, soft_wrap=True)

    def close(self, lines: Iterable[Line]) -> None:
        """Put the last lines in place of the frame and show the cursor again."""
        try:
            self._live.stop()
        finally:
            self._console.show_cursor(show=True)
        self.print(lines)
