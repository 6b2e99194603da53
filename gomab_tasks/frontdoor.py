"""Run one task for whoever asked: show progress, give the result, end with its code.

Nox, Invoke and the script differ in how options arrive and how a failure is
reported; all else is here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.asking import ask
from gomab_tasks.errors import GomabError, StoppedError, StorageError, TerminatedError
from gomab_tasks.parallel import run_all
from gomab_tasks.process import Processes
from gomab_tasks.progress.events import Emit
from gomab_tasks.progress.plain import Plain
from gomab_tasks.progress.show import Renderer, renderer
from gomab_tasks.project import Project, open_project
from gomab_tasks.secrets import redactor
from gomab_tasks.tasks import Result, Task


class Door(Struct, frozen=True):
    """Hold what one front door says about itself.

    Attributes:
        root: the folder of pyproject.toml.
        settings: an organisation's defaults, under the table.
        command: how the user starts tasks, `{}` for the task.
    """

    root: Path
    settings: Mapping[str, object] | None
    command: str


class Outcome(Struct, frozen=True):
    """Hold how a task ended: 0 and a result, or an error's code and message."""

    code: int
    message: str = ""
    result: Any = None


def run_task(
    door: Door,
    task: Task,
    options: Mapping[str, Any],
    *,
    as_json: bool = False,
    quiet: bool = False,
    parent: int | None = None,
) -> Outcome:
    """Run a task: progress on stderr, the result on stdout, the outcome as a file in OUT/results.

    What the user can mend ends in an `Outcome`; a bug keeps its traceback, with
    secrets redacted. Ctrl-C, SIGTERM and a closed terminal leave no child and no
    temporary file.

    Args:
        parent: the process without which nobody waits for the task; its end is
            taken as SIGTERM.
    """
    run = _Run(door, task, options, Processes(os.environ, redactor(os.environ)), parent)
    with _terminating_on_signals():
        return run.ended(functools.partial(run.show, as_json=as_json, quiet=quiet))


class _Run(Struct):
    """Hold one run of a task; `project` once it is open."""

    door: Door
    task: Task
    options: Mapping[str, Any]
    processes: Processes
    parent: int | None
    project: Project | None = None

    def ended(self, call: Callable[[], Outcome]) -> Outcome:
        """Call, and turn whatever is raised into an outcome."""
        redact = self.processes.redact
        try:
            return call()
        except KeyboardInterrupt:
            return Outcome(StoppedError.exit_code, "interrupted")
        except GomabError as error:
            return Outcome(error.exit_code, redact(str(error)), error.result)
        except Exception:  # noqa: BLE001 - a bug: its traceback is shown, without secrets
            return Outcome(1, redact(traceback.format_exc()))

    def show(self, *, as_json: bool, quiet: bool) -> Outcome:
        """Do the task and show how it goes and ends."""
        # A view that changes in place would write over the question.
        view: Renderer = (
            Plain(sys.stderr, quiet=quiet)
            if self.task.asks
            else renderer(sys.stderr, os.environ, self.door.root, quiet=quiet)
        )
        outcome = self.ended(functools.partial(self.watch, view))
        text = _document(self.task, outcome).decode() if as_json else _text(outcome)
        printed = self.ended(functools.partial(_print, text))
        outcome = outcome if outcome.code else replace(printed, result=outcome.result)
        if outcome.message:
            view.report(outcome.message)
        self.leave(outcome)
        return outcome

    def watch(self, view: Renderer) -> Outcome:
        """Do the task in a thread, so that signals interrupt nothing but the wait for it."""
        with view as emit:
            work = functools.partial(self.call, emit)
            (done,) = run_all([work], 1, self.processes.stop, self.require_parent)
            if isinstance(done, Exception):
                raise done
        return Outcome(0, result=done)

    def require_parent(self) -> None:
        """Raise `TerminatedError` once the parent has gone: a killed `nox -j` takes no worker along."""
        if self.parent is not None and os.getppid() != self.parent:
            raise TerminatedError("terminated: the process that started it has ended")

    def call(self, emit: Emit) -> Result:
        """Open the project and call the task's function."""
        door = self.door
        project = open_project(
            door.root, settings=door.settings, emit=emit, processes=self.processes, command=door.command
        )
        self.project = replace(project, ask=functools.partial(ask, self.processes.check))
        if project.root != Path.cwd():
            project.say(f"the project is in {os.path.relpath(project.root)}, where paths begin")
        return self.task.function(self.project, **self.options)

    def leave(self, outcome: Outcome) -> None:
        """Keep the outcome as a file; Nox, for one, makes every failure an exit code of 1."""
        if not self.project or not files.is_output(self.project.out):
            return
        arch: Sequence[str] = self.options.get("arch") or ()
        name = "-".join([self.task.name, *(word.replace("/", "_") for word in arch[:1] if len(arch) == 1)])
        with contextlib.suppress(StorageError):
            files.write(self.project.out / "results" / f"{name}.json", _document(self.task, outcome))


@contextlib.contextmanager
def _terminating_on_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end the block as Ctrl-C does, where nobody ignores them as nohup asks."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise TerminatedError("terminated")

    in_main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGHUP) if in_main else ()
    before = {number: signal.getsignal(number) for number in numbers}
    heeded = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in heeded:
        signal.signal(number, terminate)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])


def _document(task: Task, outcome: Outcome) -> bytes:
    """Write what machines read: the same on stdout with --json and in OUT/results."""
    document = {
        "task": task.name,
        "exit_code": outcome.code,
        # JSON is UTF-8, and names of files in a message may not be.
        "error": outcome.message.encode(errors="backslashreplace").decode() or None,
        "result": outcome.result,
    }
    return msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2) + b"\n"


def _text(outcome: Outcome) -> str:
    return f"{outcome.result.text()}\n" if outcome.result else ""


def _print(text: str) -> Outcome:
    """Write to stdout, whatever its encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    with printing():
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    return Outcome(0)


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Bring what the block prints to stdout's reader, who need not stay to the end.

    Raises `StorageError` where it cannot be written.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:  # of a file, not of stdout
            raise
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
            # Python would try again at its end, and say so.
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # `gomab plan | head`
            raise StorageError(f"stdout: cannot be written: {error.strerror}") from None
