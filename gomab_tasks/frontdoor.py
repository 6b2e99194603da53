"""Run one task for whoever asked: show progress, give the result, end with its code.

Nox, Invoke and the script differ in how options arrive and how a failure is
reported; all else is here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from gomab_tasks import files
from gomab_tasks.errors import GomabError, StoppedError, TerminatedError
from gomab_tasks.process import Processes
from gomab_tasks.progress.show import renderer
from gomab_tasks.project import Project, open_project
from gomab_tasks.secrets import redactor
from gomab_tasks.tasks import Task


@dataclass(frozen=True, slots=True)
class Door:
    """Hold what one front door says about itself.

    Attributes:
        root: the folder of pyproject.toml.
        settings: an organisation's defaults, under the table.
        command: how the user starts tasks, `{}` for the task.
    """

    root: Path
    settings: Mapping[str, object] | None
    command: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold how a task ended: 0 and a result, or an error's code and message."""

    code: int
    message: str = ""
    result: Any = None


def run_task(
    door: Door, task: Task, options: Mapping[str, Any], *, as_json: bool = False, quiet: bool = False
) -> Outcome:
    """Run a task: progress on stderr, the result on stdout, the outcome as a file in OUT/results.

    What the user can mend ends in an `Outcome`; a bug keeps its traceback, with
    secrets redacted.
    """
    redact = redactor(os.environ)
    processes = Processes(os.environ, redact)
    project: Project | None = None
    with renderer(sys.stderr, os.environ, quiet=quiet) as view:
        try:
            with _ending_on_signals(processes):
                project = open_project(
                    door.root, settings=door.settings, emit=view, processes=processes, command=door.command
                )
                outcome = Outcome(0, result=task.function(project, **options))
        except KeyboardInterrupt:
            outcome = Outcome(StoppedError.exit_code, "interrupted")
        except GomabError as error:
            outcome = Outcome(error.exit_code, redact(str(error)), error.result)
        except Exception:  # noqa: BLE001 - a bug: its traceback is shown, without secrets
            outcome = Outcome(1, redact(traceback.format_exc()))
    _show(task, outcome, as_json=as_json)
    if outcome.message:
        view.report(outcome.message)
    if project:
        _leave(project, task, options, outcome)
    return outcome


@contextlib.contextmanager
def _ending_on_signals(processes: Processes) -> Iterator[None]:
    """Make SIGTERM end the block as Ctrl-C does, and leave no child behind."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise TerminatedError("terminated")

    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, terminate) if in_main else None
    try:
        yield
    finally:
        processes.stop()
        if in_main:
            signal.signal(signal.SIGTERM, before)


def _document(task: Task, outcome: Outcome) -> bytes:
    """Write what machines read: the same on stdout with --json and in OUT/results."""
    import msgspec  # noqa: PLC0415 - listing tasks does without

    document = {
        "task": task.name,
        "exit_code": outcome.code,
        "error": outcome.message or None,
        "result": outcome.result,
    }
    return msgspec.json.format(msgspec.json.encode(document, enc_hook=str), indent=2) + b"\n"


def _show(task: Task, outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(_document(task, outcome).decode())
    elif outcome.result:
        sys.stdout.write(f"{outcome.result.text()}\n")
    sys.stdout.flush()


def _leave(project: Project, task: Task, options: Mapping[str, Any], outcome: Outcome) -> None:
    """Keep the outcome as a file; Nox, for one, makes every failure an exit code of 1."""
    if not (project.out / files.MARKER).is_file():
        return
    arch: Sequence[str] = options.get("arch") or ()
    name = "-".join([task.name, *(word.replace("/", "_") for word in arch[:1] if len(arch) == 1)])
    with contextlib.suppress(GomabError):
        files.write(project.out / "results" / f"{name}.json", _document(task, outcome))
