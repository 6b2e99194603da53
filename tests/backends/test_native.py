"""Images that gomab writes itself: what stands in them, and what is done only once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gomab_tasks.oci.layout import Layout
from gomab_tasks.output.record import read_records
from gomab_tasks.places import layout_folder
from gomab_tasks.progress.events import Event
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.images import image
from tests.conftest import ModuleFactory


def config_of(project: Project, name: str, number: int = 0) -> Any:
    record = read_records(project.out, name)[number][1]
    return json.loads(Layout(layout_folder(project.out, name)).blob_path(record.config).read_bytes())


def test_a_config_with_a_time(module: ModuleFactory) -> None:
    """Created and every line of history bear SOURCE_DATE_EPOCH, and a join knows of it."""
    root = module("hello")
    environment = {**open_project(root).environment, "SOURCE_DATE_EPOCH": "86400"}
    project = open_project(root, environment=environment)
    image(project, arch=("amd64",))
    config = config_of(project, "hello")
    assert {config["created"], *(line["created"] for line in config["history"])} == {"1970-01-02T00:00:00Z"}
    assert read_records(project.out, "hello")[0][1].inputs["SOURCE_DATE_EPOCH"] == "1970-01-02T00:00:00Z"


def test_layers_are_told_apart(module: ModuleFactory) -> None:
    """Root files, files, programs, lowest first; platforms share all but the last."""
    root = module("hello")
    (root / "data").write_text("data")
    table = {"image": {"files": [{"from": "data", "to": "/srv/data"}], "labels": {"a": "{image}"}}}
    project = open_project(root, settings=table)
    image(project, arch=("amd64", "arm64"))
    one, other = (record for _, record in read_records(project.out, "hello"))
    assert [layer.holds for layer in one.layers] == ["root files", "files", "programs"]
    assert one.layers[:2] == other.layers[:2]
    assert one.layers[2].digest != other.layers[2].digest
    assert one.inputs == other.inputs
    assert one.inputs["image.labels.a"] == '"hello"'
    history = [line["created_by"] for line in config_of(project, "hello")["history"]]
    assert history == ["gomab: root files", "gomab: files", "gomab: programs"]
    assert "created" not in config_of(project, "hello")


def test_unchanged_layers_are_not_written_again(module: ModuleFactory) -> None:
    """A second run finds them by what they hold, and the blobs stay untouched."""
    project = open_project(module("hello"))
    image(project, arch=("amd64",))
    blobs = layout_folder(project.out, "hello") / "blobs"

    def stamps() -> dict[Path, tuple[int, int]]:
        files = (path for path in blobs.rglob("*") if path.is_file())
        return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}

    before = stamps()
    image(project, arch=("amd64",))
    assert stamps() == before


def test_steps_are_told(module: ModuleFactory) -> None:
    """Assembly is announced before the first compile, and ends with both sizes."""
    events: list[Event] = []
    image(open_project(module("hello"), emit=events.append), arch=("amd64",))
    assembly = [event for event in events if event.step == "assemble"]
    assert [event.kind for event in assembly] == ["planned", "started", "finished"]
    assert {(event.subject, event.platform) for event in assembly} == {("hello", "linux/amd64")}
    assert assembly[-1].text.endswith(" compressed")
    first_compile = next(event for event in events if event.step == "compile" and event.kind == "started")
    assert events.index(assembly[0]) < events.index(first_compile)
