"""Images that cannot start are warned about: what they start is not executable in the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.tasks.checkout import plan
from gomab_tasks.tasks.images import image
from tests.conftest import ModuleFactory


@pytest.fixture
def root(go: Path, module: ModuleFactory) -> Path:
    """Give a module with a script in it."""
    del go
    folder = module("hello")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "run.sh").write_text("#!/bin/sh\n")
    return folder


def warnings(root: Path, entrypoint: str, **image_keys: object) -> list[str]:
    events: list[Event] = []
    plan(open_project(root, settings=table(entrypoint, **image_keys), emit=events.append))
    return [event.text for event in events if event.kind == "warned"]


def table(entrypoint: str, **image_keys: object) -> Mapping[str, object]:
    files = [{"from": "scripts", "to": "/scripts"}]
    keys = {"files": files, "base": "alpine:3.22", "entrypoint": [entrypoint], **image_keys}
    return {"image": keys, "images": {"a": {"main": "."}, "b": {"main": ".", "tags": ["b"]}}}


@pytest.mark.parametrize(
    ("entrypoint", "keys"),
    [("/scripts/run.sh", {}), ("./run.sh", {"workdir": "/scripts"}), ("../scripts/run.sh", {})],
)
def test_script(root: Path, entrypoint: str, keys: Mapping[str, object]) -> None:
    """It is said once, with what mends it, however many images start it; mended, nothing is said."""
    (text,) = warnings(root, entrypoint, **keys)
    assert text == (
        "image.entrypoint starts 'scripts/run.sh', which is not executable: "
        "chmod +x scripts/run.sh && git update-index --chmod=+x scripts/run.sh"
    )
    (root / "scripts" / "run.sh").chmod(0o755)
    assert warnings(root, entrypoint, **keys) == []


@pytest.mark.parametrize("entrypoint", ["/app/hello", "/bin/sh", "run.sh", "/scripts"])
def test_others(root: Path, entrypoint: str) -> None:
    """Programs are executable, a base's files are its own, a name is looked for in PATH."""
    assert warnings(root, entrypoint, workdir="/scripts") == []


def test_missing_files(root: Path) -> None:
    """A file that is not there is the plan's own error."""
    with pytest.raises(Exception, match="does not exist"):
        warnings(root, "/x", files=[{"from": "gone", "to": "/x"}])


def test_making_images_warns_too(root: Path) -> None:
    """Not only the plan tells."""
    events: list[Event] = []
    keys = {"files": [{"from": "scripts/run.sh", "to": "/run.sh"}], "entrypoint": ["/run.sh"]}
    image(open_project(root, settings={"image": keys}, emit=events.append), arch=("arm64",))
    assert [event.text.split("'")[1] for event in events if event.kind == "warned"] == ["scripts/run.sh"]
