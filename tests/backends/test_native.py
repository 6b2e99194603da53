"""Images that gomab writes itself: what stands in them, and what is done only once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.backends.native import Contents, read_contents
from gomab_tasks.errors import SettingsError
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.oci.layout import Layout
from gomab_tasks.output.record import layout_folder, read_records
from gomab_tasks.plan import ImagePlan
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.images import image
from tests.conftest import ModuleFactory

AMD64 = Platform("linux", "amd64")


def contents_of(root: Path, table: Mapping[str, object], environment: Mapping[str, str] = {}) -> Contents:
    """Read the contents of the image `api` in a project of nothing but a table."""
    project = open_project(root, settings={"image": table}, environment=environment)
    plan = ImagePlan(
        "api",
        project.settings.shared,
        (MainPackage("example.com/api", "api", root),),
        (AMD64,),
        (AMD64,),
    )
    return read_contents(project, plan)


def config_of(project: Project, name: str, number: int = 0) -> Any:
    record = read_records(project.out, name)[number][1]
    return json.loads(Layout(layout_folder(project.out, name)).blob_path(record.config).read_bytes())


def test_every_setting_of_a_config(tmp_path: Path) -> None:
    """What engines read: nothing of the table is lost on the way."""
    table = {
        "user": "1000",
        "workdir": "/srv",
        "args": ["-v"],
        "env": {"A": "1"},
        "expose": ["8080", "53/udp"],
        "volumes": ["/data"],
        "stop-signal": "SIGINT",
    }
    spec = contents_of(tmp_path, table).spec
    assert (spec.user, spec.workdir) == ("1000:1000", "/srv")
    assert (spec.entrypoint, spec.args) == (("/app/api",), ("-v",))
    assert (spec.env, spec.exposed_ports, spec.volumes) == (("A=1",), ("8080/tcp", "53/udp"), ("/data",))
    assert spec.stop_signal == "SIGINT"


def test_labels_are_templates(tmp_path: Path) -> None:
    """Filled for each image; a field without a value names the label and the cure."""
    labels = {"title": "shop {image}", "run": "{env.RUN}", "plain": "{{x}}"}
    found = contents_of(tmp_path, {"labels": labels}, {"RUN": "7"}).spec.labels
    assert found == {"title": "shop api", "run": "7", "plain": "{x}"}
    with pytest.raises(SettingsError, match=r"image\.labels\.run takes \{env\.RUN\}, .*: set"):
        contents_of(tmp_path, {"labels": labels})


@pytest.mark.parametrize(
    ("text", "created"),
    [
        ("", None),
        ("0", "1970-01-01T00:00:00Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("99999999999", "5138-11-16T09:46:39Z"),
    ],
)
def test_a_good_source_date_epoch(text: str, created: str | None, tmp_path: Path) -> None:
    """It is the only source of a time, always in UTC (reproducible-builds.org)."""
    assert contents_of(tmp_path, {}, {"SOURCE_DATE_EPOCH": text}).created == created


@pytest.mark.parametrize("text", ["now", "-1", "1.5", "1_000", " 1", "٣", "9" * 12, "9" * 5000])
def test_a_wrong_source_date_epoch(text: str, tmp_path: Path) -> None:
    """It is refused before anything is compiled, with its value."""
    with pytest.raises(SettingsError, match=r"^SOURCE_DATE_EPOCH is '.+'; set a number of seconds"):
        contents_of(tmp_path, {}, {"SOURCE_DATE_EPOCH": text})


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
