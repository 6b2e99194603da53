"""Start other programs: the only module that does.

Every child gets a session of its own, so that its whole group can be ended:
`go build` starts compilers which would otherwise outlive it. Arguments are
always lists; nothing passes through a shell.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.errors import StoppedError, ToolError
from gomab_tasks.parallel import run_all
from gomab_tasks.pipes import Pipes
from gomab_tasks.secrets import Redact, redactor

# INT and TERM together: `nox -j` kills a session 2 s after it asked it to end.
_GRACE_SECONDS = 0.8
_WAKE_SECONDS = 0.1
# What is kept of a program that may print for ever: how it began, and how it ended.
_FIRST_LINES, _LAST_LINES = 20, 200
_LONGEST_LINE = 8192


class Completed(Struct, frozen=True):
    """Hold how a program ended: `code` is negative for a signal, output is redacted text."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float


class Child:
    """Let a block watch the program that runs for it; made by `Processes.running`."""

    def __init__(self, process: subprocess.Popen[str], redact: Redact, check: Callable[[], None]) -> None:
        self._process = process
        self._redact = redact
        self._check = check
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> int | None:
        """Give the exit code, negative for a signal, or nothing if it still runs after that time.

        Raises `StoppedError` when `Processes.stop()` ended it.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, seconds))
        self._check()
        return self._process.returncode

    @property
    def output(self) -> str:
        """The first and the last lines that it printed so far, stdout and stderr as they came, redacted."""
        if self._process.poll() is not None:
            # A descendant may hold the pipe open for ever.
            self._reader.join(_GRACE_SECONDS)
        return self._redact("".join([*self._first, *self._last.copy()]))

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            while line := stdout.readline(_LONGEST_LINE):
                lines = self._first if len(self._first) < _FIRST_LINES else self._last
                lines.append(line)


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

    def run(  # noqa: PLR0913 - all but one are keywords with defaults
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        on_line: Callable[[str], None] | None = None,
        secret_stdout: bool = False,
        seconds: float | None = None,
    ) -> Completed:
        """Run a program to its end and capture what it prints.

        Args:
            env: variables added to the environment of the run.
            on_line: called with each line of stderr as it comes, redacted; what
                it raises ends the child and is raised here.
            secret_stdout: stdout is wanted for the secret it is, so it is not
                redacted; the caller keeps it to itself.
            seconds: a program that runs for longer is ended; for ever if not given.

        Raises `ToolError` when the program cannot be started or runs for too
        long, `StoppedError` when `stop()` ended it.
        """
        words = tuple(str(word) for word in argv)
        run = functools.partial(self._run, words, cwd, env, stdin, on_line, seconds)
        if threading.current_thread() is not threading.main_thread():
            completed: Completed | Exception = run()
        else:
            # No signal handler may come between a fork and the note of its child.
            (completed,) = run_all([run], 1, self.stop)
        if isinstance(completed, Exception):
            raise completed
        return completed if secret_stdout else replace(completed, stdout=self.redact(completed.stdout))

    @contextlib.contextmanager
    def running(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Child]:
        """Run a program beside the block, and end it with its descendants after the block.

        Only the first and the last lines of what it prints are kept. Not for the main thread,
        where a signal's handler may come between a fork and the note of its child.

        Args:
            environment: all its variables; those of the run if not given.

        Raises `ToolError` when the program cannot be started.
        """
        words = tuple(str(word) for word in argv)
        variables = self.environment if environment is None else environment
        process = self._start(words, cwd, variables, subprocess.DEVNULL, subprocess.STDOUT)
        try:
            yield Child(process, self.redact, self.check)
        finally:
            _end_groups([process])
            with self._lock:
                self._running.discard(process)

    def hide(self, *variables: Mapping[str, str]) -> None:
        """Redact from now on what is secret in further variables as well."""
        self.redact = redactor(self.environment, *variables)

    def stop(self) -> None:
        """End every running child and its descendants: INT, then TERM, then KILL; called again, KILL."""
        with self._lock:
            is_first, self._stopped = not self._stopped, True
            running = list(self._running)
        if is_first:
            _end_groups(running)
        else:
            _signal_groups(running, signal.SIGKILL)

    def check(self) -> None:
        """Raise `StoppedError` once `stop()` was called; long loops call it to end early."""
        if self._stopped:
            raise StoppedError("interrupted")

    def _run(
        self,
        words: tuple[str, ...],
        cwd: Path | None,
        env: Mapping[str, str] | None,
        stdin: str | None,
        on_line: Callable[[str], None] | None,
        limit: float | None,
    ) -> Completed:
        start = time.monotonic()
        source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
        child = self._start(words, cwd, self.environment | dict(env or {}), source)
        tell = on_line and (lambda line: on_line(self.redact(line)))
        outputs = (child.stdout, child.stderr)
        try:
            with contextlib.closing(Pipes(outputs, tell, child.stdin, stdin or "")) as pipes:
                _serve(child, pipes, words, limit)
                stdout, stderr = pipes.end()
        except Exception:
            _end_groups([child])
            self.check()
            raise
        finally:
            with self._lock:
                self._running.discard(child)
        self.check()
        seconds = time.monotonic() - start
        return Completed(words, child.returncode, stdout, self.redact(stderr), seconds)

    def _start(
        self,
        words: tuple[str, ...],
        cwd: Path | None,
        environment: Mapping[str, str],
        stdin: int,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        with self._lock:
            self.check()
            try:
                child = subprocess.Popen(
                    words,
                    cwd=cwd,
                    env=environment,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
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


def _serve(child: subprocess.Popen[str], pipes: Pipes, words: Sequence[str], limit: float | None) -> None:
    """Serve a program's pipes until its group has ended: others that it started may hold them for ever.

    Raises `ToolError` at the limit.
    """
    deadline, is_over = time.monotonic() + (math.inf if limit is None else limit), False
    while pipes.are_open or child.poll() is None:
        if not is_over and not _group_is_alive(child):  # asked before its last words are read
            deadline, is_over = time.monotonic() + _GRACE_SECONDS, True
        left = deadline - time.monotonic()
        if left <= 0 and is_over:
            return
        if left <= 0:
            raise ToolError(f"{words[0]} did not end within {limit:g} s")
        if pipes.are_open:
            pipes.serve(min(_WAKE_SECONDS, left))
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(min(_WAKE_SECONDS, left))


def _end_groups(children: Sequence[subprocess.Popen[str]]) -> None:
    try:
        _end_gently(children)
    except BaseException:  # a second Ctrl-C has no patience
        _signal_groups(children, signal.SIGKILL)
        raise


def _end_gently(children: Sequence[subprocess.Popen[str]]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        alive = [child for child in children if _group_is_alive(child)]
        if not alive:
            return
        _signal_groups(alive, number)
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline and any(map(_group_is_alive, alive)):
            time.sleep(0.01)


def _signal_groups(children: Sequence[subprocess.Popen[str]], number: int) -> None:
    for child in children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)


def _group_is_alive(child: subprocess.Popen[str]) -> bool:
    child.poll()  # reap the leader, or its zombie keeps the group alive
    try:
        os.killpg(child.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
