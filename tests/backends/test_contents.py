"""What an image has besides its programs: the table's settings, labels and time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gomab_tasks.backends.contents import Contents, read_contents
from gomab_tasks.errors import SettingsError
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.plan import ImagePlan
from gomab_tasks.platforms import Platform
from gomab_tasks.project import open_project

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
