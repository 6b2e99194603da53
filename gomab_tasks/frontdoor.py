"""Run one task for whoever asked: show progress, give the result, end with its code.

Nox, Invoke and the script differ in how options arrive and how a failure is
reported; all else is here.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from gomab_tasks.places import Place
from gomab_tasks.process import Processes
from gomab_tasks.progress.events import Emit
from gomab_tasks.progress.plain import Plain
from gomab_tasks.progress.show import Renderer, renderer
from gomab_tasks.project import Project, open_project
from gomab_tasks.secrets import redactor
from gomab_tasks.tasks import Result, Task

_STDOUT = 1


class Door(Struct, frozen=True):
    """Hold what one front door says about itself.

    Attributes:
        root: the folder of pyproject.toml.
        settings: an organisation's defaults, under the table.
        command: how the user starts tasks, `{}` for the task.
        left_out: the tasks that it does not offer.
    """

    root: Path
    settings: Mapping[str, object] | None
    command: str
    left_out: Collection[str] = ()


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
    needs_reader: bool = False,
) -> Outcome:
    """Run a task: progress on stderr, the result on stdout, the outcome as a file in OUT/results.

    What the user can mend ends in an `Outcome`; a bug keeps its traceback, with
    secrets redacted. Ctrl-C, SIGTERM and a closed terminal leave no child and no
    temporary file.

    Args:
        needs_reader: whether the task ends, as by SIGTERM, once nobody holds the
            other end of stdout's pipe: whoever started it has gone.
    """
    open_streams()
    run = _Run(door, task, options, Processes(os.environ, redactor(os.environ)), needs_reader)
    with _terminating_on_signals():
        return run.ended(functools.partial(run.show, as_json=as_json, quiet=quiet))


class _Run(Struct):
    """Hold one run of a task; `project` once it is open, `made` once it failed with something to show."""

    door: Door
    task: Task
    options: Mapping[str, Any]
    processes: Processes
    needs_reader: bool
    project: Project | None = None
    made: Any = None

    def ended(self, call: Callable[[], Outcome]) -> Outcome:
        """Call, and turn whatever is raised into an outcome."""
        try:
            return call()
        except KeyboardInterrupt:
            return Outcome(StoppedError.exit_code, "interrupted", self.made)
        except GomabError as error:
            return Outcome(error.exit_code, self.processes.redact(str(error)), error.result or self.made)
        except Exception:  # noqa: BLE001 - a bug: its traceback is shown, without secrets
            return Outcome(1, self.processes.redact(traceback.format_exc()))

    def show(self, *, as_json: bool, quiet: bool) -> Outcome:
        """Do the task and show how it goes and ends."""
        # A view that changes in place would write over the question.
        view: Renderer = (
            Plain(sys.stderr, quiet=quiet)
            if self.task.asks
            else renderer(sys.stderr, os.environ, self.door.root, quiet=quiet)
        )
        outcome = self.ended(functools.partial(self.watch, view))
        for finish in (functools.partial(self.tell, as_json=as_json), self.leave):
            finished = self.ended(functools.partial(finish, outcome))
            outcome = outcome if outcome.code else replace(finished, result=outcome.result)
        if outcome.message:
            view.report(outcome.message)
        return outcome

    def watch(self, view: Renderer) -> Outcome:
        """Do the task in a thread, so that signals interrupt nothing but the wait for it."""
        with view as emit:
            work = functools.partial(self.call, self.redacting(emit))
            (done,) = run_all([work], 1, self.processes.stop, self.require_reader)
            if isinstance(done, Exception):
                raise done
        return Outcome(0, result=done)

    def require_reader(self) -> None:
        """Raise `TerminatedError` once stdout has no reader, where it needs one.

        A killed `nox -j` takes no worker along. Its pipes tell of its end at any
        time, a parent's id only to those who knew it alive.
        """
        if self.needs_reader and not _has_reader(_STDOUT):
            raise TerminatedError("terminated: the process that started it has ended")

    def redacting(self, emit: Emit) -> Emit:
        """Show no secret, whatever a step says or fails with."""
        return lambda event: emit(replace(event, text=self.processes.redact(event.text)))

    def call(self, emit: Emit) -> Result:
        """Open the project and call the task's function."""
        door = self.door
        project = open_project(
            door.root, settings=door.settings, emit=emit, processes=self.processes, command=door.command
        )
        self.project = replace(
            project, ask=functools.partial(ask, self.processes.check), left_out=door.left_out
        )
        if project.root != Path.cwd():
            project.say(f"the project is in {os.path.relpath(project.root)}, where paths begin")
        try:
            return self.task.function(self.project, **self.options)
        except GomabError as error:
            self.made = error.result  # an interruption of the wait has none
            raise

    def tell(self, outcome: Outcome, *, as_json: bool) -> Outcome:
        """Write the result to stdout."""
        if as_json:
            text = self.document(outcome).decode()
        else:
            text = f"{self.told(outcome.result.text())}\n" if outcome.result else ""
        _print(text)
        return Outcome(0)

    def leave(self, outcome: Outcome) -> Outcome:
        """Keep the outcome as a file; Nox, for one, makes every failure an exit code of 1."""
        is_emptied = self.task.removes and not outcome.code
        if is_emptied or not self.project or not files.is_output(self.project.out):
            return Outcome(0)
        arch: Sequence[str] = self.options.get("arch") or ()
        name = "-".join([self.task.name, *(word.replace("/", "_") for word in arch[:1] if len(arch) == 1)])
        with contextlib.suppress(StorageError):
            files.write(self.project.out / Place.RESULTS / f"{name}.json", self.document(outcome))
        return Outcome(0)

    def document(self, outcome: Outcome) -> bytes:
        """Write what machines read: the same on stdout with --json and in OUT/results."""
        document = {
            "task": self.task.name,
            "exit_code": outcome.code,
            "error": outcome.message or None,
            "result": _each_text(msgspec.to_builtins(outcome.result, enc_hook=str), self.told),
        }
        return msgspec.json.format(msgspec.json.encode(_each_text(document, _utf8)), indent=2) + b"\n"

    def told(self, text: str) -> str:
        """Give a text of the result as it may be told."""
        return text if self.task.exact else self.processes.redact(text)


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


def _each_text(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - what JSON can be
    """Give a value with every text in it changed, keys included."""
    match value:
        case str():
            return change(value)
        case dict():
            return {change(key): _each_text(item, change) for key, item in value.items()}
        case list() | tuple():
            return [_each_text(item, change) for item in value]
    return value


def _utf8(text: str) -> str:
    """Spell what JSON cannot hold: names of files need not be UTF-8."""
    return files.spell_bytes(text).encode(errors="backslashreplace").decode()


def _print(text: str) -> None:
    """Write to stdout, whatever its encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    with printing():
        sys.stdout.write(files.spell_bytes(text).encode(encoding, "backslashreplace").decode(encoding))


def _has_reader(pipe: int) -> bool:
    """Tell whether what is written into a pipe may be read; systems say no in two ways."""
    poll = select.poll()
    poll.register(pipe, 0)
    return not any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0))


def open_streams() -> None:
    """Open what whoever started this process closed, as some schedulers do: nothing is there, and nobody."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - lasts


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
