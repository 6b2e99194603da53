"""Try one program: ask it over HTTP, or run it to its end."""

from __future__ import annotations

import http.client
import time
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from msgspec import Struct

from gomab_tasks.errors import SettingsError, ToolError
from gomab_tasks.process import Child
from gomab_tasks.settings import Group
from gomab_tasks.units import columns, noted

State = Literal["passed", "failed", "not run", "no check"]

_PAUSE_SECONDS = 0.05
# A server that nobody reached prints the cause first, one that broke prints it last.
_FIRST_LINES, _LAST_LINES = 5, 6
_REFUSED = 400
# What the kernel, Docker and Podman say of a program for another architecture,
# and what Go's own start-up says of one for a newer processor.
_FOREIGN = "exec format error"
_TOO_NEW = "This program can only be run on"


class CannotRunError(Exception):
    """Say why a stage cannot run a platform's programs at all; another one may."""


class Started(Protocol):
    """Be a program that runs.

    Attributes:
        note: what the trial leaves out, for its outcome.
    """

    @property
    def child(self) -> Child:
        """The process."""
        ...

    @property
    def note(self) -> str:
        """What the stage leaves out; empty where that is nothing."""
        ...

    def published(self, port: int) -> tuple[str, int] | None:
        """Give where a port of the program answers on this machine, once it is known."""
        ...

    def obstacle(self, port: int) -> str:
        """Say what keeps us from a port where nothing answers; empty if the program may be to blame."""
        ...


class Stage(Protocol):
    """Be a way to run an image's program."""

    @property
    def how(self) -> str:
        """Give its name in results."""
        ...

    @property
    def is_native(self) -> bool:
        """Tell whether the architecture is its own; then a refusal is a failure."""
        ...

    @property
    def refusals(self) -> frozenset[int]:
        """Give the exit codes by which the stage says that it could not start the program."""
        ...

    def running(self) -> AbstractContextManager[Started]:
        """Run the program for a block; raises `CannotRunError`, `ToolError`."""
        ...


class Check(Struct, frozen=True):
    """Hold what is expected: an answer at `path`, else the exit code."""

    path: str | None
    port: int | None
    exit: int
    within: float


class Trial(Struct, frozen=True):
    """Hold how it went for one platform.

    Attributes:
        manifest: its digest.
        how: what ran it: docker, podman, program, binfmt or an emulator.
        output: the first and the last lines that it printed, if it failed.
        passed_over: why what came first could not run it.
    """

    image: str
    platform: str
    manifest: str
    state: State
    how: str = ""
    seconds: float = 0.0
    detail: str = ""
    output: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """How it went; a failure is not to drown in what was passed over."""
        reasons = () if self.state == "failed" else self.passed_over
        return "; ".join(filter(None, [self.detail, *reasons]))

    @property
    def problem(self) -> str:
        """The failure in words, its output below."""
        head = f"{self.image} {self.platform}: {self.detail} ({self.how}, {self.seconds:.1f} s)"
        return "\n".join([head, *(f"  | {line}" for line in self.output)])


class SmokeResult(Struct, frozen=True):
    """Hold the trials of all images and platforms."""

    trials: tuple[Trial, ...]

    def text(self) -> str:
        """Give a table, with what was seen below each line."""
        head = ["image", "platform", "state", "how", "seconds"]
        rows = [
            [t.image, t.platform, t.state, t.how, f"{t.seconds:.1f}" if t.how else ""] for t in self.trials
        ]
        return noted(columns([head, *rows], right=[4]), ["", *(t.told for t in self.trials)])


def check_of(group: Group) -> Check | None:
    """Read an image's check; none where the table has none.

    Raises `SettingsError` for a path without a port.
    """
    smoke = group.smoke
    if not smoke.has_check:
        return None
    if smoke.path is None:
        return Check(None, None, smoke.exit, smoke.within)
    tcp = [port for port in group.image.expose if port.endswith("/tcp")]
    port = smoke.port or next(iter(tcp), None)
    if port is None:
        where = f"images.{group.name}.smoke" if group.name else "smoke"
        raise SettingsError(
            f"{where}.path is '{smoke.path}', but at which port? set smoke.port or image.expose"
        )
    return Check(smoke.path, int(port.partition("/")[0]), smoke.exit, smoke.within)


class Verdict(Struct, frozen=True):
    """Hold how one stage's run ended."""

    passed: bool
    detail: str
    seconds: float
    output: tuple[str, ...] = ()


def attempt(stage: Stage, check: Check) -> Verdict:
    """Run the program on a stage and judge it.

    Raises `CannotRunError` where the stage cannot run that platform.
    """
    start = time.monotonic()
    try:
        with stage.running() as started:
            passed, detail = _ask(started, check) if check.path else _wait(started.child, check)
            detail = "; ".join(filter(None, [detail, started.note]))
            code, text = (None, "") if passed else (started.child.wait(0), started.child.output)
            if not passed and code is None and check.port is not None:
                _require_reachable(started, check.port)
    except ToolError as error:
        passed, detail, code, text = False, str(error), None, str(error)
    if not passed:
        _require_able(stage, code, text)
    lines = () if text == detail else _excerpt(text.splitlines())
    return Verdict(passed, detail, time.monotonic() - start, lines)


def _excerpt(lines: list[str]) -> tuple[str, ...]:
    between = len(lines) - _FIRST_LINES - _LAST_LINES
    if between > 1:
        lines = [*lines[:_FIRST_LINES], "…", *lines[-_LAST_LINES:]]
    return tuple(line.rstrip() for line in lines)


def _require_reachable(started: Started, port: int) -> None:
    if obstacle := started.obstacle(port):
        raise CannotRunError(obstacle)


def _require_able(stage: Stage, code: int | None, text: str) -> None:
    if _TOO_NEW in text:
        raise CannotRunError(next(line for line in text.splitlines() if _TOO_NEW in line))
    if code in stage.refusals:
        raise CannotRunError((text.strip().splitlines() or [f"exit code {code}"])[-1])
    if not stage.is_native and _FOREIGN in text.lower():
        raise CannotRunError(_FOREIGN)


def _wait(child: Child, check: Check) -> tuple[bool, str]:
    code = child.wait(check.within)
    if code is None:
        return False, f"still running after {check.within:g} s; expected exit code {check.exit}"
    return code == check.exit, f"exit code {code}" + (
        "" if code == check.exit else f"; expected {check.exit}"
    )


def _ask(started: Started, check: Check) -> tuple[bool, str]:
    """Ask until the answer is good, the program has ended or the time is over."""
    assert check.port is not None
    seen = ""
    deadline = time.monotonic() + check.within
    while (left := deadline - time.monotonic()) > 0:
        address = started.published(check.port)
        status = _status(address, str(check.path), left) if address else None
        code = started.child.wait(_PAUSE_SECONDS)
        # An ended program answers nobody: what answered was another.
        if code is not None:
            return False, f"ended with exit code {code} before it answered at port {check.port}"
        if isinstance(status, int) and status < _REFUSED:
            return True, f"GET {check.path}: {status}"
        seen = seen if status is None else f"answered {status}"
    where, within = f"GET {check.path} at port {check.port}", f"within {check.within:g} s"
    if seen:
        return False, f"{where}: {seen} {within}"
    # Loopback addresses are the container's own there.
    return False, f"{where}: no answer {within}; it must listen at that port, of all addresses"


def _status(address: tuple[str, int], path: str, seconds: float) -> int | str | None:
    connection = http.client.HTTPConnection(*address, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    except http.client.HTTPException:
        return "something that is not HTTP"
    finally:
        connection.close()
