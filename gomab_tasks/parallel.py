"""Run functions side by side in threads, and end cleanly on Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Result = TypeVar("Result")


def run_all(
    functions: Sequence[Callable[[], Result]], workers: int, stop: Callable[[], None]
) -> list[Result | Exception]:
    """Call every function, `workers` at a time; give results and errors in order.

    An error of one does not stop the others: the user learns about every
    platform in one run. When this thread is interrupted, `stop` is called to
    make the running functions end, nothing further starts, and the interruption
    goes on once all have ended.
    """
    if len(functions) == 1:
        return [_outcome(functions[0])]
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(_outcome, function) for function in functions]
        try:
            wait(futures)
        except BaseException:
            _cancel(futures)
            stop()
            raise
    return [future.result() for future in futures]


def _outcome(function: Callable[[], Result]) -> Result | Exception:
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - handed on, in order, by the caller
        return error


def _cancel(futures: Sequence[Future[Result | Exception]]) -> None:
    for future in futures:
        future.cancel()
