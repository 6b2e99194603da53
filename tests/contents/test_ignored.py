"""Files for images that another checkout would lack are warned about."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.files import prepare_output
from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.tasks.checkout import plan
from gomab_tasks.tasks.images import image
from tests.conftest import Git, ModuleFactory

FILES = {
    "web/index.html": "kept",
    "web/dist/a.js": "ignored",
    "web/dist/b.js": "ignored",
    "data/x.log": "ignored",
    "data/tracked.log": "committed though it is ignored",
    "*.txt": "a name that git would take for a pattern",
}


@pytest.fixture
def root(git: Git, module: ModuleFactory) -> Path:
    """Give a module below the top of a git repository."""
    folder = module("hello")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder.parent, "init", "--quiet")
    (folder.parent / ".gitignore").write_text("dist/\n*.log\nnotes.txt\n")
    (folder / "notes.txt").write_text("ignored")
    git(folder.parent, "add", "--force", "hello/data/tracked.log")
    return folder


def warnings(root: Path, *sources: str, images: dict[str, object] | None = None, **env: str) -> list[str]:
    files = [{"from": source, "to": f"/f{number}"} for number, source in enumerate(sources)]
    events: list[Event] = []
    table = {"image": {"files": files}, "images": images or {}}
    project = open_project(root, settings=table, emit=events.append)
    project.processes.environment |= env
    plan(project)
    return [event.text for event in events if event.kind == "warned"]


@pytest.mark.parametrize(
    ("source", "warning"),
    [
        ("web/dist", "git ignores 'web/dist/'"),
        ("web/dist/a.js", "git ignores 'web/dist/'"),
        ("web", "git ignores 'web/dist/'"),
        ("data/x.log", "git ignores 'data/x.log'"),
        (".", "git ignores 'data/x.log' and 2 more"),
    ],
)
def test_ignored_files_are_named(root: Path, source: str, warning: str) -> None:
    """An entry that git ignores, wholly or in part, is warned about once."""
    assert warnings(root, source) == [
        f"image.files: '{source}': {warning}, so other checkouts may lack it: their images would differ"
    ]


def test_what_is_left_out_is_not_warned_about(root: Path) -> None:
    """It gets into no image."""
    (root.parent / ".gitignore").write_text(".venv/\n")
    (root / ".venv").mkdir()
    (root / ".venv/python").touch()
    prepare_output(root / "build/gomab")
    assert warnings(root, ".") == []


def test_each_entry_has_its_own_warning(root: Path) -> None:
    """Several entries are told apart, by path."""
    found = warnings(root, "web", "data/x.log", "web/index.html", "data/tracked.log")
    assert [text.split("'")[1] for text in found] == ["web", "data/x.log"]


def test_what_images_share_is_said_once(root: Path) -> None:
    """The entry is one line of the table."""
    assert len(warnings(root, "web", images={"one": {"main": "."}, "two": {"main": "."}})) == 1


@pytest.mark.parametrize("source", ["web/index.html", "data/tracked.log", "*.txt", "main.go"])
def test_other_files_are_not(root: Path, source: str) -> None:
    """Neither what git tracks nor what is merely new; names are no patterns."""
    assert warnings(root, source) == []


@pytest.mark.usefixtures("git")
def test_outside_of_git(module: ModuleFactory) -> None:
    """Where nothing is ignored, there is nothing to say."""
    assert warnings(module("hello"), "main.go") == []


def test_without_git(root: Path, tmp_path: Path, go: Path) -> None:
    """A machine without git says nothing either."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").symlink_to(go)
    assert warnings(root, "data/x.log", PATH=str(tmp_path / "bin")) == []


def test_making_images_warns_too(root: Path) -> None:
    """Not only the plan tells."""
    events: list[Event] = []
    table = {"image": {"files": [{"from": "data", "to": "/data"}]}}
    image(open_project(root, settings=table, emit=events.append), arch=("arm64",))
    assert [event.text.split("'")[3] for event in events if event.kind == "warned"] == ["data/x.log"]
