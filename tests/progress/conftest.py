"""A terminal to look at: a real pseudo-terminal, and just enough of an emulator for its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_TOKENS = re.compile(
    r"\x1b\[(?P<private>\??)(?P<numbers>[\d;]*)(?P<name>[A-Za-z])|(?P<character>.)", re.DOTALL
)


class Screen:
    """Follow what a terminal of `width` columns shows; lines that scrolled away are kept."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.lines: list[str] = [""]
        self.row = self.column = 0
        self.is_cursor_visible = True
        self.unknown: list[str] = []

    def feed(self, text: str) -> None:
        for match in _TOKENS.finditer(text):
            if match["character"]:
                self._character(match["character"])
            else:
                self._command(match["name"], match["private"], match["numbers"])

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")

    def _character(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._down()
        elif unicodedata.category(character) == "Cc":
            self.unknown.append(repr(character))
        else:
            if self.column == self.width:
                self.column = 0
                self._down()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _command(self, name: str, private: str, numbers: str) -> None:
        if private and numbers == "25":
            self.is_cursor_visible = name == "h"
        elif name == "A":
            top = max(len(self.lines) - self.height, 0)
            self.row = max(self.row - int(numbers or 1), top)
        elif name == "K" and numbers == "2":
            self.lines[self.row] = ""
        elif name != "m":
            self.unknown.append(f"{private}{numbers}{name}")


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # A shell starts background jobs with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """Run a scene in a pseudo-terminal of a given size."""

    def __init__(self, arguments: list[str], size: tuple[int, int], environment: dict[str, str]) -> None:
        self.screen = Screen(*size)
        self.raw = ""
        self.height_seen = 0
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("scene.py")), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - no threads here
        )
        os.close(slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_for(self, is_there: Callable[[Screen], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not is_there(self.screen):
            if not self._read() or time.monotonic() > end:
                pytest.fail(f"never seen; the screen holds:\n{self.screen.text}")

    def wait(self) -> int:
        while self._read():
            pass
        return self._process.wait(20)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 20)[0]:
            return False
        try:
            received = os.read(self._master, 65536)
        except OSError:  # what Linux says when the last writer has closed
            return False
        text = received.decode(errors="replace")
        self.raw += text
        self.screen.feed(text)
        return bool(received)


StartScene = Callable[..., Terminal]


@pytest.fixture
def start_scene() -> Iterator[StartScene]:
    """Start `scene.py` with arguments, a size and variables; it is ended after the test."""
    terminals: list[Terminal] = []

    def start(*arguments: str, size: tuple[int, int] = (80, 24), **variables: str) -> Terminal:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONUTF8": "1",
            "TERM": "xterm-256color",
        }
        terminals.append(Terminal([*arguments], size, environment | variables))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
