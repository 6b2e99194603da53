"""Run functions side by side in threads, and end cleanly on Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")
First = TypeVar("First")
Second = TypeVar("Second")

# The system may hand a signal to any thread; its handler then waits until the main thread wakes.
_WAKE_SECONDS = 0.1


def _go_on() -> None:
    """Let a wait go on."""


def run_all(
    functions: Sequence[Callable[[], Result]],
    workers: int,
    stop: Callable[[], None],
    on_wake: Callable[[], object] = _go_on,
) -> list[Result | Exception]:
    """Call every function, `workers` at a time; give results and errors in order.

    An error of one does not stop the others: the user learns about every
    platform in one run. When this thread is interrupted, `stop` is called to
    make the running functions end, nothing further starts, and the interruption
    goes on once all have ended. `on_wake` is called in this thread all the
    while; what it raises is such an interruption.

    Signals interrupt the main thread alone. Of calls within calls the outermost
    calls its `stop`; the inner ones, in threads of their own, never call theirs
    for Ctrl-C, and end because what they wait for does.

    Even one function gets a thread of its own: Python runs signal handlers in
    the main thread, between any two lines, where an exception could leave a
    child or a temporary file behind.
    """
    with ThreadPoolExecutor(max(1, workers)) as pool:
        futures: list[Future[Result | Exception]] = []
        ended: SimpleQueue[None] = SimpleQueue()
        try:
            for function in functions:
                futures.append(pool.submit(_outcome, function, ended))  # noqa: PERF401 - kept when interrupted
            _wait(len(futures), ended, on_wake)
        except BaseException:
            try:
                _give_up(futures, stop)
            except BaseException:  # a second signal before anything was stopped: closed terminals send two
                _give_up(futures, stop)
                raise
            raise
    return [future.result() for future in futures]


def run_both(
    first: Callable[[], First], second: Callable[[], Second], stop: Callable[[], None]
) -> tuple[First | Exception, Second | Exception]:
    """Call two functions as `run_all` does, each with a type of its own."""
    functions: list[Callable[[], Any]] = [first, second]
    one, other = run_all(functions, 2, stop)
    return one, other


def _outcome(function: Callable[[], Result], ended: SimpleQueue[None]) -> Result | Exception:
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - handed on, in order, by the caller
        return error
    finally:
        ended.put(None)


def _wait(number: int, ended: SimpleQueue[None], on_wake: Callable[[], object]) -> None:
    """Wait in C alone: a second signal within Python's own waits would break their locks."""
    while number:
        with suppress(Empty):
            ended.get(timeout=_WAKE_SECONDS)
            number -= 1
        on_wake()


def _give_up(futures: Sequence[Future[Result | Exception]], stop: Callable[[], None]) -> None:
    for future in futures:
        future.cancel()
    stop()
