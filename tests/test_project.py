"""What a project tells its tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.project import open_project


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
