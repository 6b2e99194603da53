from __future__ import annotations

import pytest

from gomab_tasks.errors import CompileError
from gomab_tasks.progress.board import Board
from gomab_tasks.progress.drawing import ASCII, UNICODE, Line, Space
from gomab_tasks.progress.events import Event
from gomab_tasks.progress.frame import compose, conclude, conclude_briefly, failure_lines
from gomab_tasks.progress.text import columns

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386")
DIGEST = "sha256:" + "0123456789abcdef" * 4


def written(lines: list[Line]) -> list[str]:
    return ["".join(piece.text for piece in line).rstrip() for line in lines]


def running_board() -> Board:
    """Hold a build at 20.5 s: one platform done, one compiling, one failed, one waiting."""
    board = Board(0.0)
    board.apply(Event("finished", "download", text="61 modules", seconds=8.2), 8.2)
    for platform in PLATFORMS:
        for name, subject in (
            ("compile", "api, worker"),
            ("verify", ""),
            ("assemble", "api"),
            ("assemble", "worker"),
        ):
            board.apply(Event("planned", name, subject, platform), 8.2)
    for name, subject, text in (
        ("compile", "api, worker", "18.4 MiB"),
        ("verify", "", ""),
        ("assemble", "api", "6.5 MiB"),
        ("assemble", "worker", "7.1 MiB"),
    ):
        board.apply(Event("started", name, subject, "linux/amd64"), 8.2)
        board.apply(Event("finished", name, subject, "linux/amd64", text), 20.5)
    board.apply(Event("started", "compile", "api, worker", "linux/arm64"), 12.4)
    board.apply(Event("started", "compile", "api, worker", "linux/arm/v7"), 12.4)
    board.apply(Event("failed", "compile", "api, worker", "linux/arm/v7", "undefined: cfg"), 15.6)
    return board


def test_a_running_build_at_80_columns() -> None:
    """All states side by side, aligned, with words beside the signs."""
    assert written(compose(running_board(), Space(79, 22, ASCII), 20.5)) == [
        "+ download   8.2 s  61 modules",
        "",
        "  platform      compile      verify       assemble         time",
        "+ linux/amd64   + 18.4 MiB   + done       + 2 of 2       12.3 s",
        "/ linux/arm64   / running    .            .               8.1 s  api, worker",
        "x linux/arm/v7  x failed     .            .               3.2 s",
        ". linux/386     . waiting    .            .",
        "",
        "x compile api, worker linux/arm/v7: undefined: cfg",
        "",
        "  20.5 s  1 of 4 platforms done, 1 running, 1 failed",
    ]


def test_a_running_build_at_40_columns() -> None:
    """Too narrow for a cell per step, a row says what the platform is doing."""
    assert written(compose(running_board(), Space(39, 22, ASCII), 20.5)) == [
        "+ download   8.2 s  61 modules",
        "",
        "  platform                         time",
        "+ linux/amd64   done             12.3 s",
        "/ linux/arm64   compile running   8.1 s",
        "x linux/arm/v7  compile failed    3.2 s",
        ". linux/386     waiting",
        "",
        "x compile api, worker linux/arm/v7:",
        "  undefined: cfg",
        "",
        "  20.5 s  1 of 4 done, 1 running...",
    ]


def test_failures_that_the_message_does_not_tell() -> None:
    """One line of source fails for each platform, and is told once; what is told anyway is left out."""
    board = running_board()
    for platform in ("linux/amd64", "linux/arm64"):
        board.apply(Event("failed", "verify", "", platform, "not static"), 20.5)
    space = Space(79, 22, ASCII)
    assert written(failure_lines(board, space)) == [
        "x verify linux/amd64, linux/arm64: not static",
        "x compile api, worker linux/arm/v7: undefined: cfg",
    ]
    assert written(failure_lines(board, space, "go build failed: undefined:\n  cfg")) == [
        "x verify linux/amd64, linux/arm64: not static"
    ]


def test_many_failures_leave_room_for_what_runs() -> None:
    """The live frame shows the first lines only; the end of the run tells all."""
    board = running_board()
    for number, platform in enumerate(PLATFORMS * 4):
        board.apply(Event("failed", f"step {number}", "", platform, f"{number}: " + "word " * 30), 20.5)
    lines = written(compose(board, Space(79, 40, ASCII), 20.5))
    start = next(number for number, line in enumerate(lines) if line.startswith("x compile "))
    assert len(lines[start:-2]) == 10
    assert lines[-3].startswith("... ")


@pytest.mark.parametrize("height", [1, 2, 5, 9, 24])
def test_a_frame_never_leaves_its_space(height: int) -> None:
    """Whatever the terminal's size: a line too wide or too many would break the redrawing."""
    board = running_board()
    board.apply(Event("progressed", "compile", "api, worker", "linux/arm64", "example.com/大小/" * 9), 20.5)
    board.apply(Event("finished", "join", "api", "", DIGEST), 20.5)
    for width in range(1, 120):
        lines = written(compose(board, Space(width, height, UNICODE), 20.5))
        assert 0 < len(lines) <= height
        assert max(map(columns, lines)) <= width


@pytest.mark.parametrize("width", [30, 60, 79, 119])
def test_digests_are_whole_or_not_there(width: int) -> None:
    """In the live frame a digest that does not fit is left out; the last summary has it whole."""
    board = running_board()
    board.apply(Event("finished", "join", "api", "", DIGEST), 20.5)
    live = "\n".join(written(compose(board, Space(width, 40, UNICODE), 20.5)))
    assert ("sha256" in live) == (DIGEST in live) == (width >= 73)
    board.close(None, 21.0)
    assert DIGEST in "\n".join(written(conclude(board, Space(width, 40, UNICODE))))


def test_few_lines_keep_what_runs() -> None:
    """With too little height the running rows stay and the others are counted."""
    lines = written(compose(running_board(), Space(79, 7, ASCII), 20.5))
    assert any(line.startswith("/ linux/arm64") for line in lines)
    assert any("more: " in line for line in lines)
    assert lines[-1].startswith("  20.5 s")


def test_platforms_of_one_os_need_its_name_only_once_where_width_is_short() -> None:
    """Below the width of the compact table the OS moves into the head."""
    lines = written(compose(running_board(), Space(34, 22, ASCII), 20.5))
    assert lines[2].split() == ["linux", "time"]
    assert [line.split()[1] for line in lines[3:7]] == ["amd64", "arm64", "arm/v7", "386"]


def test_the_end_of_a_failed_build() -> None:
    """What ran is stopped, what had not begun says so, the last line names the culprit."""
    board = running_board()
    board.close(CompileError, 20.5)
    assert written(conclude(board, Space(79, 22, ASCII)))[2:] == [
        "  platform      compile        verify       assemble         time",
        "+ linux/amd64   + 18.4 MiB     + done       + 2 of 2       12.3 s",
        "! linux/arm64   ! stopped      .            .               8.1 s",
        "x linux/arm/v7  x failed       .            .               3.2 s",
        ". linux/386     . not started  .            .",
        "",
        "x failed after 20.5 s: compile api, worker linux/arm/v7",
    ]


def test_the_end_of_a_short_good_run_is_its_results() -> None:
    """No table for what nobody could watch."""
    board = Board(0.0)
    board.apply(Event("finished", "compile", "api", "linux/amd64", "unchanged"), 0.2)
    board.apply(Event("finished", "join", "api", "", DIGEST), 0.3)
    board.close(None, 0.3)
    assert written(conclude_briefly(board, Space(79, 22, ASCII))) == [
        "+ join      api   0.0 s",
        f"  {DIGEST}",
        "+ 1 platform done in 0.3 s",
    ]


def test_a_run_without_steps_shows_nothing() -> None:
    """A wrong table fails before any step; its message is enough."""
    board = Board(0.0)
    board.close(CompileError, 0.1)
    assert conclude_briefly(board, Space(79, 22, ASCII)) == []
    assert conclude(board, Space(79, 22, ASCII)) == []
