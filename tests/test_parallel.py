from __future__ import annotations

import _thread
import functools
import sys
import threading
from collections.abc import Callable
from types import FrameType

import pytest

from gomab_tasks import parallel
from gomab_tasks.parallel import run_all, run_both


def main_thread_waits() -> bool:
    """Tell whether all functions were handed out, so that the interruption comes in between."""
    frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]
    while frame and frame.f_code is not parallel._wait.__code__:
        frame = frame.f_back
    return frame is not None


def never() -> None:
    pytest.fail("nothing was interrupted")


def test_results_come_in_order() -> None:
    """However the functions end, results stand where the functions stood."""
    second_is_done = threading.Event()

    def first() -> int:
        assert second_is_done.wait(10)
        return 1

    def second() -> int:
        second_is_done.set()
        return 2

    assert run_all([first, second], 2, never) == [1, 2]


def test_an_error_stops_nobody_else() -> None:
    """The user learns about every platform in one run."""
    error = ValueError("wrong")

    def fail() -> int:
        raise error

    assert run_all([fail, lambda: 2, fail], 1, never) == [error, 2, error]


@pytest.mark.parametrize(("workers", "most"), [(1, 1), (2, 2), (9, 4), (0, 1)])
def test_no_more_than_the_workers_run_at_once(workers: int, most: int) -> None:
    """So many do, and not one more; one at least."""
    together = threading.Barrier(most)
    running: list[int] = []
    seen: list[int] = []

    def work() -> None:
        running.append(1)
        seen.append(len(running))
        together.wait(10)
        running.pop()

    assert run_all([work] * 4, workers, never) == [None] * 4
    assert max(seen) <= most


def test_nothing_to_do() -> None:
    """No functions, no results."""
    assert run_all([], 4, never) == []


@pytest.mark.parametrize("number", [1, 3])
def test_an_interruption_ends_all(number: int) -> None:
    """What runs is told to stop, what waits never starts, and the interruption goes on."""
    stopped = threading.Event()
    calls: list[str] = []

    def work(name: str) -> None:
        calls.append(f"{name} starts")
        while not main_thread_waits():
            pass
        _thread.interrupt_main()
        assert stopped.wait(10)
        calls.append(f"{name} ends")

    functions: list[Callable[[], None]] = [functools.partial(work, str(n)) for n in range(number)]
    with pytest.raises(KeyboardInterrupt):
        run_all(functions, 1, stopped.set)
    assert calls == ["0 starts", "0 ends"]


def test_a_second_interruption_stops_as_well() -> None:
    """A terminal that is closed sends two signals; the second may come before the first stopped anything."""
    stopped = threading.Event()
    calls: list[str] = []

    def stop() -> None:
        calls.append("stop")
        if len(calls) == 1:
            raise KeyboardInterrupt
        stopped.set()

    def work() -> bool:
        _thread.interrupt_main()
        return stopped.wait(10)

    with pytest.raises(KeyboardInterrupt):
        run_all([work], 1, stop)
    assert calls == ["stop", "stop"]
    assert stopped.is_set()


def test_of_calls_within_calls_the_outermost_is_interrupted() -> None:
    """Signals reach the main thread alone: its `stop` has to end what all wait for."""
    stopped = threading.Event()

    def work() -> None:
        _thread.interrupt_main()
        assert stopped.wait(10)

    with pytest.raises(KeyboardInterrupt):
        run_all([lambda: run_all([work], 1, never)], 1, stopped.set)


def test_two_functions_of_different_kinds() -> None:
    """Each gives its own result, or the error that it ended with."""

    def fail() -> int:
        raise ValueError("no")

    text, error = run_both(lambda: "text", fail, lambda: None)
    assert text == "text"
    assert isinstance(error, ValueError)
