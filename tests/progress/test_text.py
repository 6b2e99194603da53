from __future__ import annotations

import contextlib
import io
import os

import pytest

from gomab_tasks.progress.text import (
    LineWriter,
    can_encode,
    columns,
    duration,
    printable,
    printable_line,
    shorten,
    wrapped,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cmd/api/main.go:41:7: undefined: cfg", "cmd/api/main.go:41:7: undefined: cfg"),
        ("\x1b[31mred\x1b[0m and \x1b[2Jcleared", "red and cleared"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("never ended \x1b]0; shows the rest", "never ended \\x1b]0; shows the rest"),
        ("a lone \x1b and a bell\x07", "a lone \\x1b and a bell\\x07"),
        ("over\rwritten", "over\\x0dwritten"),
        ("dos\r\nlines", "dos\nlines"),
        ("\tindented", "        indented"),
        ("access = \u202e'admin'", "access = \\u202e'admin'"),
        ("line\u2028separator", "line\\u2028separator"),
        ("name\udcff", "name\\xff"),
        ("half a pair \ud800", "half a pair \\ud800"),
        ("größe 大小 ✓", "größe 大小 ✓"),
    ],
)
def test_what_could_steer_a_terminal_is_taken_out_or_made_visible(text: str, shown: str) -> None:
    """Sequences go, other controls show as numbers, ordinary text of any language stays."""
    assert printable(text) == shown


def test_a_line_stays_one_line() -> None:
    """Where one line is meant, a text of several is joined."""
    assert printable_line("one\r\ntwo\nthree\n") == "one two three"


def test_columns_are_those_of_a_terminal() -> None:
    """Wide characters take two columns, combining ones none."""
    assert columns("api") == 3
    assert columns("大小") == 4
    assert columns("e\u0301") == 1


def test_shortening_counts_columns_and_says_so() -> None:
    """What was cut ends in the mark, and never takes more than the width."""
    assert shorten("golang.org/x/net", 16, "…") == "golang.org/x/net"
    assert shorten("golang.org/x/net", 8, "…") == "golang.…"
    assert columns(shorten("大小大小", 4, "…")) <= 4
    assert shorten("abc", 0, "…") == ""


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0.0 s"),
        (8.14, "8.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 m 00 s"),
        (72, "1 m 12 s"),
        (3725, "1 h 02 m"),
    ],
)
def test_durations_are_short(seconds: float, written: str) -> None:
    """Seconds have one decimal up to a minute."""
    assert duration(seconds) == written


def test_a_writer_survives_any_encoding() -> None:
    """What an encoding lacks is written as an escape, not raised."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    LineWriter(stream).write(["größe ✓"])
    assert raw.getvalue() == b"gr\\xf6\\xdfe \\u2713\n"
    assert not can_encode(stream, "✓")


def test_a_writer_survives_a_closed_stream() -> None:
    """A pipe that is gone ends the showing, not the build."""
    stream = io.StringIO()
    stream.close()
    LineWriter(stream).write(["lost"])
    reader, writer = os.pipe()
    os.close(reader)
    pipe = os.fdopen(writer, "w", encoding="utf-8")
    LineWriter(pipe).write(["lost too"])
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("", [""]),
        ("  indented too far", ["  indented", "    too far"]),
        ("see cmd/api/handlers/main.go:41:7 now", ["see", "  cmd/api/handlers/main.go:41:7", "  now"]),
        ("a  b", ["a  b"]),
        ("大小大小 大小大小", ["大小大小", "  大小大小"]),
    ],
)
def test_lines_break_between_words_alone(text: str, lines: list[str]) -> None:
    """Paths and digests stay whole, however wide."""
    assert wrapped(text, 12) == lines
