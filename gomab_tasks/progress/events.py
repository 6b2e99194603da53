"""One stream of events, from the work to whatever shows it.

The work calls `emit(event)` from any thread. Renderers (live, plain, GitHub)
only differ in how they show the same events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from msgspec import Struct

from gomab_tasks.errors import GomabError, StoppedError

Kind = Literal["planned", "started", "progressed", "finished", "failed", "stopped", "said", "warned"]


class Event(Struct, frozen=True):
    """Say one thing about one step.

    Attributes:
        kind: `planned` announces a step that will come; `started`,
            `progressed`, `finished`, `failed` and `stopped` are its life;
            `said` and `warned` are remarks that belong to no step.
        step: the field's own word for the work: `download`, `compile`,
            `assemble`, `verify`, `join`, ….
        subject: what the step works on, such as `api`; empty for the project.
        platform: `linux/arm64`; empty where the step serves all platforms.
        text: one line for people. The whole message of a failure is the
            result of the run, not of its step.
        seconds: how long the step took, once it has ended.
    """

    kind: Kind
    step: str = ""
    subject: str = ""
    platform: str = ""
    text: str = ""
    seconds: float = 0.0


Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """Show nothing."""


class Step:
    """Let a running step report; made by `step()`."""

    def __init__(self, emit: Emit, name: str, subject: str, platform: str) -> None:
        self._emit = emit
        self._name, self._subject, self._platform = name, subject, platform
        self.result = ""

    def progress(self, text: str) -> None:
        """Show what the step is doing now."""
        self.send("progressed", text)

    def send(self, kind: Kind, text: str = "", seconds: float = 0.0) -> None:
        """Emit an event of this step."""
        self._emit(Event(kind, self._name, self._subject, self._platform, text, seconds))


@contextmanager
def step(emit: Emit, name: str, subject: str = "", platform: object = "") -> Iterator[Step]:
    """Emit `started`, then `finished` with `Step.result` as its text, or `failed`."""
    running = Step(emit, name, subject, str(platform))
    start = time.monotonic()
    running.send("started")
    try:
        yield running
    except StoppedError:
        running.send("stopped", "", time.monotonic() - start)
        raise
    except Exception as error:
        running.send(
            "failed", error.summary if isinstance(error, GomabError) else str(error), time.monotonic() - start
        )
        raise
    except BaseException:
        running.send("stopped", "", time.monotonic() - start)
        raise
    running.send("finished", running.result, time.monotonic() - start)
