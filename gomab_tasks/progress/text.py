"""Make text safe to show, and write whole lines that never break the work."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import unicodedata
from collections.abc import Iterable
from typing import TextIO

from gomab_tasks.files import spell_bytes

# Only complete sequences go; a lone escape character is made visible instead,
# so that nothing can hide the rest of a message. Source: ECMA-48, 5.4 and 5.6.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
)
# Controls, line separators, marks that turn the reading direction (a compiler
# quotes source; CVE-2021-42574), and what no encoding can write.
_UNSAFE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LAST_BYTE = 0xFF
_INDENT = "  "
_MINUTE, _HOUR = 60, 3600
_PRECISE_SECONDS = 10


def printable(text: str) -> str:
    """Take out terminal sequences, show other controls by their number, keep line ends."""
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCES.sub("", spell_bytes(text).replace("\r\n", "\n").expandtabs())
    return _UNSAFE.sub(lambda match: _escaped(match[0]), text)


def printable_line(text: str) -> str:
    """Make one line of a text that may hold several."""
    return " ".join(printable(text).split("\n")).strip()


def printable_lines(text: str) -> list[str]:
    """Split into lines, without trailing blanks."""
    return [line.rstrip() for line in printable(text).rstrip().split("\n")]


def indented(lines: Iterable[str]) -> list[str]:
    """Set the further lines of a message apart from the lines of other events."""
    return [f"{_INDENT}{line}".rstrip() for line in lines]


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number <= _LAST_BYTE else f"\\u{number:04x}"


def columns(text: str) -> int:
    """Count the columns that a terminal uses; East Asian wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(_character_columns(character) for character in text)


def _character_columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """Fill a text up with spaces."""
    return text + " " * (width - columns(text))


def is_digest(text: str) -> bool:
    """Tell whether a text holds a digest, which may never be cut."""
    return "sha256:" in text or "sha512:" in text


def shorten(text: str, width: int, ellipsis: str) -> str:
    """Cut a text to `width` columns, with a mark where it was cut."""
    if columns(text) <= width:
        return text
    while text and columns(text) + columns(ellipsis) > width:
        text = text[:-1]
    return text.rstrip() + ellipsis if text else ""


def wrapped(text: str, width: int, hang: int = 2) -> list[str]:
    """Break a line between words, never within one: digests, paths and commands' words stay whole.

    What goes on is indented by `hang` columns more. A word wider than `width` has a line of its own.
    """
    indent = " " * (len(text) - len(text.lstrip()))
    further = indent + " " * hang
    lines: list[str] = []
    line = ""
    for word in text.strip().split(" "):
        longer = f"{line} {word}" if line else f"{indent}{word}"
        if line and columns(longer) > width:
            lines.append(line)
            longer = f"{further}{word}"
        line = longer
    return [*lines, line]


def duration(seconds: float) -> str:
    """Write seconds for a human eye: `0.3 s`, `42 s`, `1 m 12 s`, `1 h 02 m`."""
    if seconds < _PRECISE_SECONDS or seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} m"


def can_encode(stream: TextIO, characters: str) -> bool:
    """Tell whether the stream's encoding has these characters."""
    try:
        characters.encode(_encoding(stream))
    except UnicodeEncodeError:
        return False
    return True


def _encoding(stream: TextIO) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """Give columns and lines of a stream's terminal; zeros where it has none or does not tell."""
    try:
        return os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 0, 0


class LineWriter:
    """Write lines from any thread, several at once without others between.

    A stream that is gone (a closed pipe, a terminal that was shut) ends the
    showing, never the work.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()

    def write(self, lines: Iterable[str]) -> None:
        """Write each line with its end, in one piece."""
        text = "".join(f"{line}\n" for line in lines)
        if not text:
            return
        encoding = _encoding(self._stream)
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
