"""One task, run for whoever asked: its outcome as text, document, file and code."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.errors import KINDS, BudgetError, GomabError, SettingsError, StorageError
from gomab_tasks.frontdoor import Door, Outcome, run_task
from gomab_tasks.project import Project
from gomab_tasks.tasks import TASKS, Task

Function = Callable[..., Any]


@dataclass(frozen=True)
class Answer:
    number: int

    def text(self) -> str:
        return f"the number is {self.number} · ü"


@dataclass(frozen=True)
class Message:
    words: dict[str, list[str]]

    def text(self) -> str:
        return str(self.words)


class Unspeakable:
    def text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return str(1 // 0)


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.gomab]\n")
    return Door(tmp_path, None, "gomab {}")


def answer(project: Project) -> Answer:
    """Answer."""
    project.say("thinking")
    project.prepare_output()
    return Answer(42)


def failing(error: BaseException) -> Function:
    def fail(_: Project) -> Answer:
        """Fail."""
        raise error

    return fail


def test_result(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is on stdout, remarks are on stderr, the document lies in a file."""
    assert run_task(door, Task(answer), {}) == Outcome(0, result=Answer(42))
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("the number is 42 · ü\n", "thinking\n")
    document = json.loads((door.root / "build/gomab/results/answer.json").read_text())
    assert document == {"task": "answer", "exit_code": 0, "error": None, "result": {"number": 42}}


def test_document(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """With JSON, stdout is the document that lies in the file."""
    run_task(door, Task(answer), {}, as_json=True, quiet=True)
    shown = capsys.readouterr()
    assert shown.out == (door.root / "build/gomab/results/answer.json").read_text()
    assert shown.err == ""


def test_what_removes_leaves_no_document(door: Door) -> None:
    """It would begin to fill the folder again, and have it to remove the next time; failures are kept."""
    run_task(door, Task(answer, removes=True), {})
    assert not (door.root / "build/gomab/results").exists()
    run_task(door, Task(failing(StorageError("busy")), removes=True), {})
    assert (door.root / "build/gomab/results/fail.json").exists()


def test_a_name_that_is_not_utf8_is_told(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """A message may hold the name of any file; the document shows it as the terminal does."""
    error = SettingsError(f"no go.mod in {os.fsdecode(bytes([0x78, 0xFF]))}")
    assert run_task(door, Task(failing(error)), {}, as_json=True).code == 2
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"] == "no go.mod in x\\xff"
    assert shown.err == "error: no go.mod in x\\xff\n"


def test_nothing_is_written_unasked(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """A task that made no output folder leaves none for its result."""
    run_task(door, Task(failing(SettingsError("no"))), {})
    assert capsys.readouterr().err == "error: no\n"
    assert [path.name for path in door.root.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize("kind", KINDS)
def test_codes(door: Door, kind: type[GomabError], capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of error ends with its code and its message."""
    outcome = run_task(door, Task(failing(kind("what was wrong"))), {}, as_json=True)
    assert (outcome.code, outcome.message) == (kind.exit_code, "what was wrong")
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit_code"] == kind.exit_code
    assert "what was wrong" in shown.err
    assert "Traceback" not in shown.err


def test_result_of_a_failure(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """What an error carries is shown as a result would be."""
    error = BudgetError("too large")
    error.result = Answer(30)
    assert run_task(door, Task(failing(error)), {}).result == Answer(30)
    assert capsys.readouterr().out == "the number is 30 · ü\n"


def test_bug(door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A bug keeps its traceback and loses its secrets."""
    monkeypatch.setenv("API_TOKEN", "hunter2hunter2")
    outcome = run_task(door, Task(failing(ZeroDivisionError("hunter2hunter2"))), {})
    assert outcome.code == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "ZeroDivisionError: ***" in shown
    assert "hunter2" not in shown


def test_secrets_in_what_is_told(
    door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a task says, and what it gives, is redacted on its way out: as text, JSON and file."""
    monkeypatch.setenv("API_TOKEN", 'hunter"2hunter2')

    def leak(project: Project) -> Message:
        """Leak."""
        project.prepare_output()
        project.say('hunter"2hunter2')
        return Message({"at https://me:pw@host": ['hunter"2hunter2']})

    for as_json in (False, True):
        assert run_task(door, Task(leak), {}, as_json=as_json).code == 0
        shown = capsys.readouterr()
        assert shown.err == "***\n"
        told = [shown.out, (door.root / "build/gomab/results/leak.json").read_text()]
        assert all("***" in text and "hunter" not in text and "me:pw" not in text for text in told)


@pytest.mark.parametrize("kind", [SettingsError, ZeroDivisionError])
def test_secrets_of_the_table_in_failures(
    door: Door, capsys: pytest.CaptureFixture[str], kind: type[Exception]
) -> None:
    """They are known only once the table is read, and told no more than those of the environment."""
    (door.root / "pyproject.toml").write_text('[tool.gomab.go.env]\nAPI_TOKEN = "hunter2hunter2"\n')
    outcome = run_task(door, Task(failing(kind("go says hunter2hunter2"))), {}, as_json=True)
    shown = capsys.readouterr()
    for text in (outcome.message, shown.out, shown.err):
        assert "go says ***" in text
        assert "hunter2hunter2" not in text


def test_secrets_of_a_table_that_is_refused(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """The refusal names the key, and hides what it holds."""
    (door.root / "pyproject.toml").write_text('[tool.gomab.go.env]\nAPI_TOKEN = ["hunter2hunter2"]\n')
    assert run_task(door, Task(answer), {}, as_json=True).code == 2
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert "go.env.API_TOKEN is ['***']" in text
        assert "hunter2" not in text


def test_exact_results(
    door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What others go on with is told as it is, also where a secret looks like a part of it."""
    monkeypatch.setenv("DEPLOY_KEY_NAME", "linux/amd64")
    made = Message({"ssh://git@host": ["linux/amd64"]})

    def make(project: Project) -> Message:
        """Make."""
        project.prepare_output()
        project.say("linux/amd64")
        return made

    run_task(door, Task(make, exact=True), {})
    assert capsys.readouterr() == (f"{made.text()}\n", "***\n")
    run_task(door, Task(make, exact=True), {}, as_json=True)
    shown = capsys.readouterr().out
    assert json.loads(shown)["result"] == {"words": made.words}
    assert shown == (door.root / "build/gomab/results/make.json").read_text()


def test_generated_results_are_exact(
    door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CI system takes the same matrix from stdout as from the step's output."""
    monkeypatch.setenv("DEPLOY_KEY_NAME", "linux/amd64")
    (door.root / "pyproject.toml").write_text(
        '[tool.gomab]\nplatforms = ["linux/amd64"]\n[tool.gomab.images.api]\nmain = "."\n'
    )
    (task,) = (task for task in TASKS if task.name == "matrix")
    assert run_task(door, task, {}).code == 0
    assert json.loads(capsys.readouterr().out)["include"][0]["arch"] == "linux/amd64"


def test_a_name_that_is_not_utf8_in_a_result(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """The task goes well all the same; the name is spelled as in messages."""

    def odd(project: Project) -> Message:
        """Name a file."""
        project.prepare_output()
        return Message({os.fsdecode(b"x\xff"): [os.fsdecode(b"y\xff")]})

    assert run_task(door, Task(odd), {}, as_json=True).code == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["result"] == {"words": {"x\\xff": ["y\\xff"]}}
    assert shown.out == (door.root / "build/gomab/results/odd.json").read_text()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_result_that_cannot_be_told(
    door: Door, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    """What goes wrong after the task ends as any bug does, not in silence."""

    def odd(_: Project) -> Unspeakable:
        """Give what cannot be shown."""
        return Unspeakable()

    assert run_task(door, Task(odd), {}, as_json=as_json).code == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_streams_that_are_closed(door: Door, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Python has none then; the task runs all the same."""
    monkeypatch.setattr(sys, name, None)
    assert run_task(door, Task(answer), {}).code == 0
    assert getattr(sys, name).name == os.devnull
    getattr(sys, name).close()


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 143, "terminated"),
    ],
)
def test_signals(door: Door, number: signal.Signals, code: int, message: str) -> None:
    """A signal ends the task's children and the task; handlers are as before afterwards."""
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    def wait(project: Project) -> Answer:
        """Wait."""
        assert threading.current_thread() is not threading.main_thread()
        os.kill(os.getpid(), number)
        project.processes.run(["sleep", "60"])
        return Answer(0)

    start = time.monotonic()
    outcome = run_task(door, Task(wait), {})
    assert (outcome.code, outcome.message) == (code, message)
    assert time.monotonic() - start < 30
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_what_an_interrupted_task_had_made(door: Door) -> None:
    """It is told as that of a failure is."""

    def publish(project: Project) -> Answer:
        """Publish."""
        os.kill(os.getpid(), signal.SIGINT)
        try:
            project.processes.run(["sleep", "60"])
        except GomabError as error:
            error.result = Answer(1)
            raise
        return Answer(2)

    assert run_task(door, Task(publish), {}) == Outcome(130, "interrupted", Answer(1))


def test_nohup(door: Door) -> None:
    """Who started gomab with SIGHUP ignored wants it to survive the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def hang_up(project: Project) -> Answer:
        """Hang up."""
        os.kill(os.getpid(), signal.SIGHUP)
        return answer(project)

    try:
        assert run_task(door, Task(hang_up), {}).code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_beside_the_main_thread(door: Door) -> None:
    """Where signals cannot be handled, a task runs all the same."""
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run_task(door, Task(answer), {})))
    thread.start()
    thread.join()
    assert outcomes == [Outcome(0, result=Answer(42))]


def test_names_of_results(door: Door) -> None:
    """Runs for single platforms keep files of their own, so `nox -j` loses none."""

    def built(project: Project, *, arch: Any) -> Answer:
        """Build."""
        project.say(" ".join(arch))
        return answer(project)

    for arch in ((), ("arm/v7",), ("arm64", "amd64")):
        run_task(door, Task(built), {"arch": arch})
    names = sorted(path.name for path in (door.root / "build/gomab/results").iterdir())
    assert names == ["built-arm_v7.json", "built.json"]


def test_a_project_elsewhere_is_named(
    door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All paths are shown from there."""
    monkeypatch.chdir(door.root.parent)
    run_task(door, Task(answer), {})
    assert capsys.readouterr().err == f"the project is in {door.root.name}, where paths begin\nthinking\n"
