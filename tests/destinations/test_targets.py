"""Where images go is known before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.destinations.names import Names
from gomab_tasks.destinations.targets import find_targets, remember
from gomab_tasks.errors import SettingsError
from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.registry.reference import parse_repository


def test_two_images_in_one_place_are_refused(tmp_path: Path) -> None:
    """By the line of the table that puts them there, whoever gave the tag."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.gomab.image]\nrepository = 'localhost:1/both'\ntags = ['v1']\n"
    )
    project = open_project(tmp_path)
    for names in (Names(project), Names(project, tags=["v1"])):
        with pytest.raises(SettingsError) as caught:
            find_targets(project, ("api", "worker"), names)
        assert str(caught.value) == (
            "pyproject.toml:2: image.repository puts 'api' and 'worker' at localhost:1/both:v1; "
            "write {image} in it, or in the tags"
        )


def test_blobs_are_mounted_from_where_they_went(tmp_path: Path) -> None:
    """The last four places of each registry are remembered, and the table's is one anyway."""
    (tmp_path / "pyproject.toml").write_text("[tool.gomab.image]\nrepository = 'r.example/table/{image}'\n")
    project = open_project(tmp_path)
    project.prepare_output()
    for number in range(6):
        for registry in ("localhost:1", "r.example"):
            remember(project, "api", parse_repository(f"{registry}/{number}/api"), "sha256:x")
    for registry, further in (("localhost:1", []), ("r.example", ["table/api"])):
        names = Names(project, f"{registry}/new/api", ["v1"])
        (target,) = find_targets(project, ("api",), names)
        assert list(target.destination.mounts) == [*(f"{number}/api" for number in (5, 4, 3, 2)), *further]


def test_images_that_stay_are_named(tmp_path: Path) -> None:
    """A repository that ends with an image's name is for that one."""
    events: list[Event] = []
    project = open_project(tmp_path, emit=events.append)
    names = Names(project, "localhost:1/acme/api", ["v1"])
    assert [target.image for target in find_targets(project, ("api", "worker"), names)] == ["api"]
    assert [event.text for event in events] == ["--repository is for api alone; not pushed: worker"]
