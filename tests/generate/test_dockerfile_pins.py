"""`dockerfile --pin`: the Go image's digest from a real registry."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import RegistryError
from gomab_tasks.oci.descriptor import Descriptor
from gomab_tasks.project import open_project
from gomab_tasks.tasks.dockerfiles import dockerfile
from tests.conftest import Made, ModuleFactory, ToolFactory

Push = Callable[[Made], Descriptor]


@pytest.fixture
def push(registry: str, tool: ToolFactory) -> Push:
    """Make the Go image of a registry be what a layout holds."""

    def run(made: Made) -> Descriptor:
        target = f"docker://{registry}/pinned/golang:1.21"
        argv: list[str | Path] = [tool("skopeo"), "copy", "--all", "--quiet", "--dest-tls-verify=false"]
        subprocess.run([*argv, f"oci:{made.layout.folder}", target], check=True)
        return made.index

    return run


@pytest.fixture
def root(module: ModuleFactory, registry: str) -> Path:
    """Give a project whose Go image comes from the registry."""
    root = module("hello")
    table = f"[tool.gomab.dockerfile]\ngo-image = '{registry}/pinned/golang'\n"
    (root / "pyproject.toml").write_text(table)
    return root


def from_line(text: str) -> str:
    """Give the line that begins the first stage."""
    return next(line for line in text.splitlines() if line.startswith("FROM "))


def test_the_digest_stands_behind_the_tag(root: Path, registry: str, made: Made, push: Push) -> None:
    """It is that of the whole index; writing anew without asking keeps it, and it is no difference."""
    pinned = f"{registry}/pinned/golang:1.21@{push(made).digest}"
    line = f"FROM --platform=$BUILDPLATFORM {pinned} AS go"
    assert from_line(dockerfile(open_project(root), pin=True).dockerfile) == line
    file = root / "Dockerfile"
    assert not file.exists()
    dockerfile(open_project(root), write=True, pin=True)
    assert from_line(file.read_text()) == line
    dockerfile(open_project(root), write=True)
    assert from_line(file.read_text()) == line
    assert dockerfile(open_project(root), check=True).checked


def test_a_new_digest_takes_the_place_of_the_old_one(root: Path, made: Made, push: Push) -> None:
    """What a committed file has is what was asked for last."""
    digest = push(made).digest
    old = f"@sha256:{'5' * 64}"
    dockerfile(open_project(root), write=True)
    file = root / "Dockerfile"
    file.write_text(file.read_text().replace("golang:1.21 AS", f"golang:1.21{old} AS"))
    dockerfile(open_project(root), write=True, pin=True)
    assert f"golang:1.21@{digest} AS go\n" in file.read_text()


def test_a_digest_of_the_table_stays(module: ModuleFactory) -> None:
    """No registry is asked for what is said already."""
    root = module("hello")
    pinned = f"nowhere.invalid/golang:1.21@sha256:{'5' * 64}"
    project = open_project(root, settings={"dockerfile": {"go-image": pinned}})
    assert f"$BUILDPLATFORM {pinned} AS go\n" in dockerfile(project, pin=True).dockerfile


def test_an_image_that_is_not_there(root: Path) -> None:
    """The registry's answer is an error, and nothing is written."""
    (root / "go.mod").write_text("module example.com/hello\n\ngo 1.20\n")
    with pytest.raises(RegistryError, match=r"pinned/golang:1\.20: is not there"):
        dockerfile(open_project(root), write=True, pin=True)
    assert not (root / "Dockerfile").exists()
