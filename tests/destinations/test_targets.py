"""Where images go is known before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.destinations.names import Names
from gomab_tasks.destinations.targets import find_targets
from gomab_tasks.errors import SettingsError
from gomab_tasks.project import open_project


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
