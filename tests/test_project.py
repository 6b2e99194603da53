"""What a project tells its tasks."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks import files
from gomab_tasks.errors import StoppedError
from gomab_tasks.progress.events import Event
from gomab_tasks.project import find_root, open_project


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("gomab {}", ("gomab images", "gomab size --update")),
        ("invoke go.{}", ("invoke go.images", "invoke go.size --update")),
        ("nox -s go-{}", ("nox -s go-images", "nox -s go-size -- --update")),
    ],
)
def test_what_the_user_types(command: str, typed: tuple[str, str], tmp_path: Path) -> None:
    """Nox takes a session's options behind two dashes."""
    project = open_project(tmp_path, command=command)
    assert (project.type("images"), project.type("size --update")) == typed


def test_a_wait_for_another_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, with the file of the lock; Ctrl-C ends it."""
    monkeypatch.setattr(files, "_WAIT_SECONDS", 0)
    said: list[str] = []

    def emit(event: Event) -> None:
        said.append(event.text)
        project.processes.stop()

    project = open_project(tmp_path, emit=emit)
    lock = project.out / "locks" / "image-api.lock"
    with (
        files.locked(lock),
        pytest.raises(StoppedError),
        project.locked(lock),
    ):
        pytest.fail("the lock was given twice")
    assert said == ["waiting for another run, which holds build/gomab/locks/image-api.lock"]


def test_a_lock_that_others_may_hold(tmp_path: Path) -> None:
    """The folder is gomab's again, whatever `clean` did before."""
    project = open_project(tmp_path)
    lock = project.out / "locks" / "bases.lock"
    with project.locked_if_free(lock) as is_free:
        assert is_free
        assert files.is_output(project.out)
        with project.locked_if_free(lock) as is_free_too:
            assert not is_free_too


@pytest.mark.parametrize("foreign", [(), ("notes",)])
@pytest.mark.parametrize("had", [(), ("image-api.lock", "linux_amd64.lock")])
def test_a_run_that_clean_lets_wait(
    had: Sequence[str], foreign: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever lock it takes, it begins in a folder that is gomab's again, and loses nothing it writes."""
    project = open_project(tmp_path)
    out, lock = project.prepare_output(), project.out / "locks" / "image-api.lock"
    program = out / "bin" / "program"
    files.write(program, "old")
    for path in (*(lock.with_name(name) for name in had), *(out / name for name in foreign)):
        files.write(path, "")
    has_prepared = threading.Event()

    def run() -> None:
        project.prepare_output()
        has_prepared.set()
        with project.locked(lock):
            files.write(program, "new")

    other = threading.Thread(target=run)
    rmtree = shutil.rmtree

    def remove(path: Path, **options: Any) -> None:
        if not other.ident:
            other.start()
            has_prepared.wait()
        assert not program.exists() or program.read_text() == "old"
        rmtree(path, **options)

    monkeypatch.setattr(shutil, "rmtree", remove)
    files.remove_output(out)
    other.join()
    assert program.read_text() == "new"
    assert files.is_output(out)
    project.prepare_output()


TABLE = "[project]\nname = 'x'\n\n[tool.gomab.image]\nuser = '1'\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "a/b/c"),
        ({"a/pyproject.toml": TABLE, "a/b/go.mod": ""}, "a"),
        ({"a/pyproject.toml": TABLE, "a/b/pyproject.toml": "[tool.gomab]"}, "a/b"),
        ({"a/pyproject.toml": TABLE, "a/b/pyproject.toml": "# [tool.gomab]\n[tool.gomabber]"}, "a"),
        ({"a/go.mod": "", "a/b/go.work": ""}, "a/b"),
        ({"a/go.mod": "", "a/b/pyproject.toml": "[project]"}, "a/b"),
        ({"a/b/c/go.mod": "", "a/pyproject.toml": "[tool.gomab"}, "a/b/c"),
    ],
)
def test_the_script_looks_upward(tmp_path: Path, files: Mapping[str, str], found: str) -> None:
    """For the nearest table, else for the nearest file of a project; a broken file breaks nothing here."""
    (tmp_path / "a/b/c").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert find_root(tmp_path / "a/b/c") == tmp_path / found


def test_a_table_that_nobody_reads(tmp_path: Path) -> None:
    """The project opens with defaults, and a warning says so."""
    (tmp_path / "pyproject.toml").write_text("[tool.gomap]\nout = 'x'\n")
    events: list[Event] = []
    project = open_project(tmp_path, emit=events.append)
    assert project.settings.out == "build/gomab"
    (event,) = events
    assert (event.kind, event.text) == (
        "warned",
        "pyproject.toml:1: [tool.gomap] means nothing; did you mean [tool.gomab]?",
    )
