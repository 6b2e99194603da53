"""Choose how to show progress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from gomab_tasks.progress.events import Event
from gomab_tasks.progress.github import GitHub
from gomab_tasks.progress.live import Live
from gomab_tasks.progress.plain import Plain

_OFF = ("", "0", "false")


class Renderer(Protocol):
    """Take events, as an `Emit`, while entered; once left, show what the run failed with."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show how the run ended; what it failed with waits for `report`."""

    def __call__(self, event: Event) -> None:
        """Show an event; from any thread."""

    def report(self, message: str) -> None:
        """Show what the run failed with, whole, unless a step showed just that.

        To be called after the renderer was left. Other programs' output, which
        the message may quote, can neither steer a terminal nor GitHub.
        """


def renderer(stream: TextIO, environment: Mapping[str, str], root: Path, *, quiet: bool = False) -> Renderer:
    """Choose the renderer for a stream, best stderr.

    GitHub's groups where GITHUB_ACTIONS is true; a live view on a terminal that
    can move its cursor, outside CI; else plain lines. `TTY_COMPATIBLE=0` and
    `TTY_INTERACTIVE=0` (rich's variables) turn the live view off.
    `root` is where the paths of messages begin; `quiet` leaves warnings and failures.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        return GitHub(stream, environment, root, quiet=quiet)
    if not quiet and _is_interactive(stream, environment):
        return Live(stream, environment)
    return Plain(stream, quiet=quiet)


def _is_interactive(stream: TextIO, environment: Mapping[str, str]) -> bool:
    if environment.get("TERM", "").lower() in ("", "dumb", "unknown") or _is_on(environment, "CI"):
        return False
    if "0" in (environment.get("TTY_COMPATIBLE"), environment.get("TTY_INTERACTIVE")):
        return False
    try:
        return stream.isatty()
    except ValueError:
        return False


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() not in _OFF
