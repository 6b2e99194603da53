"""Remember what each step last said: the state behind every renderer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from gomab_tasks.errors import StoppedError
from gomab_tasks.progress.events import Event

State = Literal["waiting", "running", "finished", "failed", "stopped"]

_STATES: dict[str, State] = {
    "planned": "waiting",
    "started": "running",
    "progressed": "running",
    "finished": "finished",
    "failed": "failed",
    "stopped": "stopped",
}
_ENDED = frozenset({"finished", "failed", "stopped"})


class Work(Struct):
    """Hold one step on one subject for one platform; times are of one monotonic clock."""

    step: str
    subject: str
    platform: str
    state: State = "waiting"
    text: str = ""
    start: float | None = None
    end: float | None = None
    is_planned: bool = False
    is_early: bool = False

    @property
    def is_ended(self) -> bool:
        """Tell whether nothing more will come."""
        return self.state in _ENDED

    def seconds(self, now: float) -> float:
        """Give the time since the start, up to the end or to `now`."""
        return 0.0 if self.start is None else (now if self.end is None else self.end) - self.start


def joint_state(works: Iterable[Work]) -> State:
    """Name the one state of several works: the worst, the liveliest, or all finished."""
    states = {work.state for work in works}
    for state in ("failed", "running", "stopped"):
        if state in states:
            return state
    return "finished" if states == {"finished"} else "waiting"


def joint_seconds(works: Iterable[Work], now: float) -> float:
    """Give the time from the first start to the last end, up to `now` while any is running."""
    begun = [work for work in works if work.start is not None]
    starts = [work.start for work in begun if work.start is not None]
    ends = [now if work.end is None else work.end for work in begun]
    return max(ends) - min(starts) if starts else 0.0


class Board:
    """Follow the events; not safe for threads, its owner holds a lock.

    Works keep the order in which they were first heard of.
    """

    def __init__(self, now: float) -> None:
        self.start = now
        self.end: float | None = None
        self.outcome: State = "running"
        self._works: dict[tuple[str, str, str], Work] = {}

    @property
    def works(self) -> list[Work]:
        """Give all works."""
        return list(self._works.values())

    @property
    def project_works(self) -> list[Work]:
        """Give the works that serve all platforms."""
        return [work for work in self._works.values() if not work.platform]

    @property
    def platforms(self) -> dict[str, list[Work]]:
        """Group the other works by platform."""
        groups: dict[str, list[Work]] = {}
        for work in self._works.values():
            if work.platform:
                groups.setdefault(work.platform, []).append(work)
        return groups

    def apply(self, event: Event, now: float) -> None:
        """Take in one event; remarks change nothing."""
        state = _STATES.get(event.kind)
        if state is None:
            return
        work = self._find(event)
        if event.kind == "planned":
            work.is_planned = True
            return
        if work.start is None or (event.kind == "started" and work.is_ended):
            work.start, work.end = now - event.seconds, None
        work.state = state
        work.text = event.text
        if work.is_ended:
            work.end = now

    def _find(self, event: Event) -> Work:
        key = (event.platform, event.step, event.subject)
        if key not in self._works:
            is_early = not any(platform for platform, _, _ in self._works)
            self._works[key] = Work(event.step, event.subject, event.platform, is_early=is_early)
        return self._works[key]

    def is_settled(self, platform: str) -> bool:
        """Tell whether all that was planned for a platform has ended."""
        works = self.platforms.get(platform, [])
        return any(work.is_planned for work in works) and all(work.is_ended for work in works)

    def is_late(self, event: Event) -> bool:
        """Tell whether a step speaks after the end, which told of it; a second Ctrl-C ends the wait."""
        return self.end is not None and event.kind in _STATES

    def close(self, error: type[BaseException] | None, now: float) -> list[Work]:
        """End the run; give the works that this stopped.

        `error` is what the run ended with.
        """
        self.end = now
        stopped = [work for work in self._works.values() if work.state == "running"]
        for work in stopped:
            work.state, work.text, work.end = "stopped", "", now
        self.outcome = self._outcome(error)
        if self.outcome != "finished":
            for works in self.platforms.values():
                _stop_waiting(works)
        return stopped

    def _outcome(self, error: type[BaseException] | None) -> State:
        if error is not None and issubclass(error, (StoppedError, KeyboardInterrupt)):
            return "stopped"
        if error is not None and issubclass(error, Exception):
            return "failed"
        state = joint_state(self._works.values())
        return state if state in ("failed", "stopped") else "finished"


def _stop_waiting(works: list[Work]) -> None:
    """Mark where a platform between two steps was cut off; others show it already."""
    if {work.state for work in works} == {"finished", "waiting"}:
        next(work for work in works if work.state == "waiting").state = "stopped"
