"""Templates become names that registries and engines take."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.destinations.names import Names
from gomab_tasks.errors import SettingsError
from gomab_tasks.project import open_project
from tests.conftest import Git


@pytest.mark.parametrize(
    ("branch", "tag"), [("feature/login", "feature-login"), ("a+b@c/ü", "a-b-c-"), ("v1.2_x", "v1.2_x")]
)
def test_branches_in_tags(branch: str, tag: str, checkout: Path, git: Git) -> None:
    """What no tag may have becomes a dash, as docker/metadata-action has it."""
    git(checkout, "checkout", "--quiet", "-b", branch)
    project = open_project(checkout, settings={"image": {"tags": ["{git.branch}", "x-{git.branch}"]}})
    assert Names(project).tags("api") == (tag, f"x-{tag}")


def test_versions_in_tags(checkout: Path, git: Git) -> None:
    """Semantic versions may have a plus; repositories are left as they are."""
    git(checkout, "tag", "v1.2.3+build")
    names = Names(open_project(checkout), "localhost:1/{git.tag}", ("{version}", "{git.tag}"))
    assert names.tags("api") == ("1.2.3-build", "v1.2.3-build")
    assert names.find_repository("api") == "localhost:1/v1.2.3+build"


def test_wrong_tags_are_told_all_at_once(tmp_path: Path) -> None:
    """Whether no template or no tag comes of them."""
    project = open_project(tmp_path)
    with pytest.raises(SettingsError) as caught:
        Names(project, tags=("a b", "v1", "c+d", "a b")).tags("api")
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "--tag gives the tag 'a b'",
        "--tag gives the tag 'c+d'",
    ]
    with pytest.raises(SettingsError) as caught:
        Names(project, "localhost:1/api", ("{x}", "v1", "{y}"))
    assert [problem.partition(",")[0] for problem in caught.value.problems] == [
        "--tag is '{x}'",
        "--tag is '{y}'",
    ]


def test_other_wrong_tags_name_their_key(tmp_path: Path) -> None:
    """The template, what it gives, and what a tag may have."""
    project = open_project(tmp_path, settings={"image": {"tags": ["{env.X}"]}}, environment={"X": "a b"})
    with pytest.raises(SettingsError) as caught:
        Names(project).tags("api")
    assert str(caught.value) == (
        "pyproject.toml: image.tags has '{env.X}', which gives the tag 'a b': may have only letters, "
        "digits, '_', '.' and '-', those two not first, 128 at most"
    )
