"""Modules are downloaded where there are any, once."""

from __future__ import annotations

import pytest

from gomab_tasks.modules import DownloadResult
from gomab_tasks.places import Place
from gomab_tasks.project import open_project
from gomab_tasks.tasks.images import mod_download
from tests.conftest import ModuleFactory

NONE_REQUIRED = DownloadResult(downloaded=False, reason="none is required, nothing to download")


def test_modules_are_downloaded_once(module: ModuleFactory) -> None:
    """Until go.mod or go.sum changes."""
    project = open_project(module("fetched"))
    assert mod_download(project) == DownloadResult(downloaded=True, reason="downloaded")
    before = DownloadResult(downloaded=False, reason="downloaded before, nothing has changed")
    assert mod_download(project) == before
    with (project.root / "go.mod").open("a") as file:
        file.write("\n// changed\n")
    assert mod_download(project).downloaded


@pytest.mark.parametrize("text", ["", "// require example.com/tiny v1.0.0\n"])
def test_where_none_is_required(text: str, module: ModuleFactory) -> None:
    """Then there is no step for it either."""
    project = open_project(module("hello"))
    with (project.root / "go.mod").open("a") as file:
        file.write(text)
    assert mod_download(project) == NONE_REQUIRED
    assert not (project.out / Place.DOWNLOADED).exists()


def test_members_of_a_workspace_count(module: ModuleFactory) -> None:
    """go.work itself requires nothing."""
    root = module("workspace")
    assert mod_download(open_project(root)).downloaded
    (root / "app/go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    assert mod_download(open_project(root)) == NONE_REQUIRED


def test_a_workspace_above_may_require_some(module: ModuleFactory) -> None:
    """Its other members are not read for that."""
    root = module("hello")
    (root.parent / "go.work").write_text(f"go 1.21\n\nuse ./{root.name}\n")
    assert mod_download(open_project(root)).downloaded


def test_vendored_modules(module: ModuleFactory) -> None:
    """They are there already."""
    vendored = DownloadResult(downloaded=False, reason="vendored, nothing to download")
    assert mod_download(open_project(module("vendored"))) == vendored
