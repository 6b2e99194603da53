from __future__ import annotations

import pytest

from gomab_tasks.errors import CompileError, StoppedError, TerminatedError
from gomab_tasks.progress.board import Board, joint_seconds, joint_state
from gomab_tasks.progress.events import Event


def board_after(*events: tuple[float, Event]) -> Board:
    board = Board(0.0)
    for now, event in events:
        board.apply(event, now)
    return board


PLANNED = (
    (0.0, Event("planned", "compile", "api", "linux/arm64")),
    (0.0, Event("planned", "assemble", "api", "linux/arm64")),
)


def test_a_step_is_one_work_from_plan_to_end() -> None:
    """Planned, started, progressed, finished: the same work, with the last text and its time."""
    board = board_after(
        PLANNED[0],
        (1.0, Event("started", "compile", "api", "linux/arm64")),
        (2.0, Event("progressed", "compile", "api", "linux/arm64", "store")),
        (3.5, Event("finished", "compile", "api", "linux/arm64", "18.4 MiB", 2.5)),
    )
    (work,) = board.works
    assert (work.state, work.text, work.seconds(99.0)) == ("finished", "18.4 MiB", 2.5)


def test_an_end_without_a_start_counts_its_own_seconds() -> None:
    """A step that only told its end has the time the event says."""
    board = board_after((5.0, Event("finished", "verify", "", "linux/arm64", "", 1.5)))
    assert board.works[0].seconds(9.0) == 1.5


def test_a_platform_is_settled_when_all_planned_has_ended() -> None:
    """Without a plan nobody knows whether more will come."""
    compiled = (1.0, Event("finished", "compile", "api", "linux/arm64"))
    assembled = (2.0, Event("finished", "assemble", "api", "linux/arm64"))
    assert not board_after(compiled).is_settled("linux/arm64")
    assert not board_after(*PLANNED, compiled).is_settled("linux/arm64")
    assert board_after(*PLANNED, compiled, assembled).is_settled("linux/arm64")


def test_joint_state_and_seconds() -> None:
    """Of several works the worst shows; time runs from the first start to the last end."""
    board = board_after(
        (1.0, Event("started", "compile", "api", "linux/arm64")),
        (2.0, Event("started", "compile", "web", "linux/arm64")),
        (4.0, Event("finished", "compile", "api", "linux/arm64")),
    )
    assert joint_state(board.works) == "running"
    assert joint_seconds(board.works, 7.0) == 6.0
    board.apply(Event("failed", "compile", "web", "linux/arm64", "no"), 5.0)
    assert joint_state(board.works) == "failed"
    assert joint_seconds(board.works, 7.0) == 4.0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (KeyboardInterrupt, "stopped"),
        (StoppedError, "stopped"),
        (TerminatedError, "stopped"),
        (CompileError, "failed"),
        (None, "finished"),
    ],
)
def test_the_outcome_is_what_the_run_ended_with(error: type[BaseException] | None, outcome: str) -> None:
    """A signal is a stop, another error a failure."""
    board = board_after((1.0, Event("finished", "compile", "api", "linux/arm64")))
    board.close(error, 2.0)
    assert board.outcome == outcome


def test_closing_stops_what_ran_and_where_a_platform_waited() -> None:
    """Running works stop; a platform between two steps stops at the next; others were not begun."""
    board = board_after(
        *PLANNED,
        (1.0, Event("finished", "compile", "api", "linux/arm64")),
        (1.0, Event("started", "compile", "api", "linux/386")),
        (1.0, Event("planned", "assemble", "api", "linux/386")),
        (1.0, Event("planned", "compile", "api", "linux/s390x")),
    )
    stopped = board.close(KeyboardInterrupt, 3.0)
    assert [(work.platform, work.seconds(9.0)) for work in stopped] == [("linux/386", 2.0)]
    states = {(work.platform, work.step): work.state for work in board.works}
    assert states == {
        ("linux/arm64", "compile"): "finished",
        ("linux/arm64", "assemble"): "stopped",
        ("linux/386", "compile"): "stopped",
        ("linux/386", "assemble"): "waiting",
        ("linux/s390x", "compile"): "waiting",
    }
