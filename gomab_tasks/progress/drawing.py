"""Name what a frame is drawn with: signs, styles, room."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from gomab_tasks.progress.board import State

_TURNS_PER_SECOND = 10


class Piece(NamedTuple):
    """Hold text and its style: a state's name, `dim`, `warning`, or none."""

    text: str
    style: str = ""


Line = list[Piece]


class Glyphs(Struct, frozen=True):
    """Hold the signs, which always stand beside a word."""

    states: dict[State, str]
    spinner: str
    ellipsis: str
    warning: str

    def sign(self, state: State, seconds: float) -> str:
        """Give the sign of a state; that of a running one turns with the seconds."""
        if state == "running":
            return self.spinner[int(seconds * _TURNS_PER_SECOND) % len(self.spinner)]
        return self.states[state]

    @property
    def all(self) -> str:
        """Join the signs, for a look whether a stream can show them."""
        return "".join((*self.states.values(), self.spinner, self.ellipsis, self.warning))


UNICODE = Glyphs({"waiting": "·", "finished": "✓", "failed": "✗", "stopped": "■"}, "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "…", "▲")
ASCII = Glyphs({"waiting": ".", "finished": "+", "failed": "x", "stopped": "!"}, "|/-\\", "...", "!")


class Space(Struct, frozen=True):
    """Hold what a frame may fill, in columns and lines, and the signs to fill it with."""

    width: int
    height: int
    glyphs: Glyphs
