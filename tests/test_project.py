"""What a project tells its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

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
