"""Start other programs: the only module that does.

Every child gets a session of its own, so that its whole group can be ended:
`go build` starts compilers which would otherwise outlive it. Arguments are
always lists; nothing passes through a shell.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gomab_tasks.errors import StoppedError, ToolError
from gomab_tasks.secrets import Redact

_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Completed:
    """Hold how a program ended: `code` is negative for a signal, output is redacted text."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float


class Processes:
    """Run children and end all of them, with their descendants, when told to.

    One object serves one run of a task. After `stop()` no new child starts.
    """

    def __init__(self, environment: Mapping[str, str], redact: Redact) -> None:
        self.environment = dict(environment)
        self.redact = redact
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a program to its end and capture what it prints.

        Args:
            env: variables added to the environment of the run.
            on_line: called with each line of stderr as it comes, redacted; what
                it raises ends the child and is raised here.

        Raises `ToolError` when the program cannot be started, `StoppedError`
        when `stop()` ended it.
        """
        words = tuple(str(word) for word in argv)
        start = time.monotonic()
        child = self._start(words, cwd, env, subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        try:
            stdout, stderr = self._communicate(child, stdin, on_line)
        finally:
            # Reached with the child alive only when this thread was interrupted.
            if child.poll() is None:
                _end_groups([child])
                _close_pipes(child)
            with self._lock:
                self._running.discard(child)
        self.check()
        redact = self.redact
        return Completed(words, child.returncode, redact(stdout), redact(stderr), time.monotonic() - start)

    def stop(self) -> None:
        """End every running child and its descendants: INT, then TERM, then KILL."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        _end_groups(running)

    def check(self) -> None:
        """Raise `StoppedError` once `stop()` was called; long loops call it to end early."""
        if self._stopped:
            raise StoppedError("interrupted")

    def _start(
        self, words: tuple[str, ...], cwd: Path | None, env: Mapping[str, str] | None, stdin: int
    ) -> subprocess.Popen[str]:
        with self._lock:
            self.check()
            try:
                child = subprocess.Popen(
                    words,
                    cwd=cwd,
                    env=self.environment | dict(env or {}),
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,
                )
            except OSError as error:
                # The folder may be what is missing, and then is what the error names.
                where = f" in {cwd}" if cwd and str(error.filename) == str(cwd) else ""
                raise ToolError(f"cannot start {words[0]}{where}: {error.strerror}") from None
            self._running.add(child)
        return child

    def _communicate(
        self, child: subprocess.Popen[str], stdin: str | None, on_line: Callable[[str], None] | None
    ) -> tuple[str, str]:
        if on_line is None:
            return child.communicate(stdin)
        assert child.stderr is not None
        stderr, child.stderr = child.stderr, None  # so that communicate() leaves it to the thread
        lines: list[str] = []
        failures: list[Exception] = []

        def read() -> None:
            with stderr:
                for line in stderr:
                    lines.append(line)
                    try:
                        if not failures:
                            on_line(self.redact(line.rstrip("\n")))
                    except Exception as error:  # noqa: BLE001 - raised below, in the caller's thread
                        failures.append(error)
                        _end_groups([child])

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        stdout, _ = child.communicate(stdin)
        reader.join()
        if failures:
            raise failures[0]
        return stdout, "".join(lines)


def _close_pipes(child: subprocess.Popen[str]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()


def _end_groups(children: Sequence[subprocess.Popen[str]]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        alive = [child for child in children if _group_is_alive(child)]
        if not alive:
            return
        for child in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline and any(map(_group_is_alive, alive)):
            time.sleep(0.01)


def _group_is_alive(child: subprocess.Popen[str]) -> bool:
    child.poll()  # reap the leader, or its zombie keeps the group alive
    try:
        os.killpg(child.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
