"""Show folded groups and annotations in GitHub Actions.

Source: GitHub's "Workflow commands" reference; the runner's ActionCommand.cs,
which reads commands from stdout and stderr: `::name::` at the start of a line
after white space, and the older `##[name]` anywhere in it.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TextIO

from gomab_tasks.progress.board import Board, joint_seconds, joint_state
from gomab_tasks.progress.events import Event
from gomab_tasks.progress.failures import Failures
from gomab_tasks.progress.plain import closing_lines, event_lines, stopped_lines
from gomab_tasks.progress.text import LineWriter, duration, printable_line, printable_lines

_LOCATION = re.compile(r"(?:^|\s)(?P<file>[^\s:]+\.\w+):(?P<line>\d+)(?::(?P<col>\d+))?:(?=\s)")
_WORDS = {"finished": "done", "failed": "failed", "stopped": "stopped"}


class GitHub:
    """Render the lines of a platform as a group, once the platform is through.

    Groups can neither nest nor interleave, so the lines wait in memory.

    Args:
        root: where the paths of messages begin.
        quiet: only annotations.
    """

    def __init__(
        self, stream: TextIO, environment: Mapping[str, str], root: Path, *, quiet: bool = False
    ) -> None:
        self._writer = LineWriter(stream)
        self._lock = threading.RLock()
        self._quiet = quiet
        self._folder = _folder(root, environment)
        self._failures = Failures()
        self._annotated: set[str] = set()
        self._groups: dict[str, list[str]] = {}
        self._board = Board(time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __call__(self, event: Event) -> None:
        """Show an event, or keep its lines for the platform's group."""
        with self._lock:
            if self._board.is_late(event):
                return
            self._board.apply(event, time.monotonic())
            self._writer.write(self._lines(event))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = time.monotonic()
        with self._lock:
            for work in self._board.close(kind, now):
                self._keep(work.platform, stopped_lines([work], now))
            groups = [line for platform in list(self._groups) for line in self._group(platform)]
            closing = [] if self._quiet else closing_lines(self._board)
            self._writer.write(groups + closing)

    def report(self, message: str) -> None:
        """Show what the run failed with, whole, unless a step showed it."""
        with self._lock:
            lines = self._failures.whole(message)
            if lines and self._is_annotated(message):
                self._writer.write(map(inert, [f"error: {lines[0]}", *lines[1:]]))
            elif lines:
                self._writer.write([annotation("error", Event("failed", text=message), self._folder)])

    def _lines(self, event: Event) -> list[str]:
        if event.kind == "warned":
            return [annotation("warning", event, self._folder)]
        shown = event_lines(event, self._failures)
        if event.kind != "started" or not event.platform:
            self._keep(event.platform, shown)
        lines = []
        if not event.platform or event.kind == "failed" or self._board.is_settled(event.platform):
            lines = self._group(event.platform)
        return [*lines, *self._error(event)] if event.kind == "failed" else lines

    def _keep(self, platform: str, lines: list[str]) -> None:
        if lines and not self._quiet:
            self._groups.setdefault(platform, []).extend(map(inert, lines))

    def _group(self, platform: str) -> list[str]:
        lines = self._groups.pop(platform, [])
        if not lines or not platform:
            return lines
        works = self._board.platforms.get(platform, [])
        words = [
            platform,
            _WORDS.get(joint_state(works), ""),
            duration(joint_seconds(works, time.monotonic())),
        ]
        return [f"::group::{_data('  '.join(filter(None, words)))}", *lines, "::endgroup::"]

    def _error(self, event: Event) -> list[str]:
        if not self._is_annotated(event.text):
            return [annotation("error", event, self._folder)]
        return [inert(f"{_where(event)}: failed, the same error as above")]

    def _is_annotated(self, message: str) -> bool:
        """Note a message; tell whether one about the same line of source came before.

        GitHub shows ten errors per step, and one wrong line fails for each platform.
        """
        found = _find_location(message)
        key = found[0].strip() if found else message
        is_known = key in self._annotated
        self._annotated.add(key)
        return is_known


def annotation(level: Literal["error", "warning"], event: Event, folder: str = "") -> str:
    """Write a workflow command that GitHub shows beside the source.

    `folder` is where the message's paths begin, relative to the repository.
    """
    properties = {"title": _where(event)}
    found = _find_location(event.text)
    if found:
        path = os.path.normpath(os.path.join(folder, found["file"]))  # noqa: PTH118 - no disk involved
        properties |= {"file": path, "line": found["line"], "col": found["col"] or ""}
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    text = "\n".join(printable_lines(event.text))
    return f"::{level} {written}".rstrip() + f"::{_data(text)}"


def inert(line: str) -> str:
    """Break what the runner would take for a command; a backslash shows where."""
    line = line.replace("##[", r"##\[")
    body = line.lstrip()
    return f"{line[: len(line) - len(body)]}\\{body}" if body.startswith("::") else line


def _find_location(text: str) -> re.Match[str] | None:
    matches = (_LOCATION.search(line) for line in printable_lines(text))
    return next(filter(None, matches), None)


def _where(event: Event) -> str:
    return " ".join(map(printable_line, filter(None, (event.step, event.subject, event.platform))))


def _folder(root: Path, environment: Mapping[str, str]) -> str:
    workspace = environment.get("GITHUB_WORKSPACE", "")
    return str(root.relative_to(workspace)) if workspace and root.is_relative_to(workspace) else ""


def _data(text: str) -> str:
    return text.replace("##[", r"##\[").replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
