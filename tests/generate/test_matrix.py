"""Platforms divided among runners."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.generate.matrix import make_matrix
from gomab_tasks.platforms import Platform
from gomab_tasks.project import open_project
from gomab_tasks.selection import select
from gomab_tasks.tasks.ci import matrix, workflow
from gomab_tasks.tasks.dockerfiles import dockerfile
from tests.generate.conftest import PUSHED, ProjectFactory


def work(**images: int) -> dict[Platform, list[str]]:
    names = ["api", "worker", "tool", "cron"]
    return {Platform.parse(f"linux/{arch}"): names[:number] for arch, number in images.items()}


def test_a_runner_for_each_platform(project: ProjectFactory) -> None:
    """With all images of the platform: one `go build` serves them."""
    result = matrix(project(PUSHED + 'platforms = ["linux/amd64"]\n'))
    assert json.loads(result.text()) == {
        "include": [
            {"name": "linux_amd64", "arch": "linux/amd64", "images": ["api", "worker"]},
            {"name": "linux_arm64", "arch": "linux/arm64", "images": ["api"]},
            {"name": "linux_arm_v7", "arch": "linux/arm/v7", "images": ["api"]},
        ]
    }


def test_images_that_only_go_knows(project: ProjectFactory) -> None:
    """Without tables of images they are the main packages."""
    (entry, _) = matrix(project()).include
    assert entry.images == ("api", "worker")


def test_arch_chooses_and_adds(project: ProjectFactory) -> None:
    entries = matrix(project(PUSHED), arch=("riscv64,arm",)).include
    assert [entry.arch for entry in entries] == ["linux/riscv64", "linux/arm/v7"]


@pytest.mark.parametrize("task", [matrix, workflow, dockerfile])
@pytest.mark.parametrize("table", ["tool.gomab", "tool.gomab.images.api"])
def test_images_are_for_linux(table: str, task: Callable[..., object], project: ProjectFactory) -> None:
    """What `images` would refuse is refused before anything is written for it."""
    one = project(f'[{table}]\nplatforms = ["linux/amd64", "windows/amd64"]\n')
    where = r"pyproject\.toml:2: (images\.api\.)?platforms has windows/amd64: images are for linux"
    with pytest.raises(SettingsError, match=where):
        task(one)


@pytest.mark.parametrize("runners", range(6))
def test_everything_is_made_once(runners: int) -> None:
    """Whatever the number of runners, `--arch` of all entries names all platforms once."""
    wanted = work(amd64=4, arm64=3, arm=1, riscv64=1, s390x=1)
    entries = make_matrix(wanted, runners).include
    assert len(entries) == min(runners or 5, 5)
    named = [p for entry in entries for p in select((entry.arch,), open_project(Path.cwd()).settings).chosen]
    assert sorted(map(str, named)) == sorted(map(str, wanted))


def test_the_work_is_shared_evenly() -> None:
    entries = make_matrix(work(arm64=2, amd64=4, arm=1, riscv64=1), 2).include
    assert [entry.arch for entry in entries] == ["linux/arm64,linux/arm/v7,linux/riscv64", "linux/amd64"]


def test_names_fit_into_file_names() -> None:
    (entry,) = make_matrix(work(arm64=1, arm=2), 1).include
    assert entry.name == "linux_arm64+linux_arm_v7"
    assert entry.images == ("api", "worker")


def test_the_text_is_one_line_of_json() -> None:
    """As `matrix=…` in $GITHUB_OUTPUT takes it."""
    text = make_matrix(work(arm64=1)).text()
    assert text == '{"include":[{"name":"linux_arm64","arch":"linux/arm64","images":["api"]}]}'


def test_it_is_an_output_of_the_step(
    project: ProjectFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = project(PUSHED)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    text = matrix(open_project(one.root)).text()
    name, value, _ = (tmp_path / "output").read_text().splitlines()
    assert name.startswith("matrix<<")
    assert value == text
