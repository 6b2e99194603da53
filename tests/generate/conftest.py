"""Projects that files are generated for, some in git checkouts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.project import Project, open_project
from gomab_tasks.results import DockerfileResult
from gomab_tasks.tasks.dockerfiles import dockerfile

Git = Callable[..., str]
ModuleFactory = Callable[[str], Path]
ProjectFactory = Callable[..., Project]
Make = Callable[[Path], DockerfileResult]

PUSHED = """
[tool.gomab]
platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"]
[tool.gomab.go.variables]
"main.version" = "{version}"
"main.region" = "{env.REGION}"
[tool.gomab.image]
repository = "ghcr.io/acme/{image}"
tags = ["{git.short}", "{version}", "latest"]
[tool.gomab.smoke]
args = ["--version"]
[tool.gomab.images.api]
[tool.gomab.images.worker]
"""


@pytest.fixture
def project(module: ModuleFactory, git: Git, monkeypatch: pytest.MonkeyPatch) -> ProjectFactory:
    """Make a project of a module and a table, committed on `main`, and open it."""
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)

    def make(table: str = "", name: str = "two-mains") -> Project:
        root = module(name)
        if table:
            (root / "pyproject.toml").write_text(table)
        git(root, "init", "--quiet", "--initial-branch=main")
        git(root, "add", ".")
        git(root, "commit", "--quiet", "--message=first")
        return open_project(root)

    return make


@pytest.fixture
def make() -> Make:
    """Make the Dockerfile of the project in a folder."""
    return lambda root: dockerfile(open_project(root))


@pytest.fixture
def everything(module: ModuleFactory) -> Path:
    """Give a project whose table has every setting that a Dockerfile can say."""
    root = module("two-mains")
    shutil.copy(Path(__file__).with_name("everything.toml"), root / "pyproject.toml")
    return root
