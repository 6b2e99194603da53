"""A module with a Dockerfile and without a table, and what `init` does to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.adoption.carryover import Target, carry_over
from gomab_tasks.adoption.changes import find_adoption, write_adoption
from gomab_tasks.adoption.programs import Ground
from gomab_tasks.adoption.recipe import read_recipe
from gomab_tasks.adoption.syntax import read_source
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.project import open_project
from tests.conftest import ModuleFactory

TASKS = ("build", "images")
DOCKERFILE = """\
FROM golang:1.25 AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -ldflags="-s -w" -o /out/hello .

FROM scratch
WORKDIR /app
COPY --from=build /out/hello /app/hello
USER 1000:1000
ENTRYPOINT ["/app/hello"]
"""


def carried(text: str, root: Path = Path("/project"), *folders: str) -> Target:
    """Carry over the only image of a Dockerfile.

    Args:
        folders: of the main packages; one in the root if there are none.
    """
    mains = [MainPackage(f"example.com/{name}", name.rpartition("/")[2], root / name) for name in folders]
    ground = Ground(root, root, root, tuple(mains) or (MainPackage("example.com/api", "api", root),))
    (target,), _ = carry_over(read_recipe(read_source("Dockerfile", text.encode())), ground)
    return target


@pytest.fixture
def hello(module: ModuleFactory, go: Path) -> Path:
    """Give the module `hello` without a table, with a Dockerfile."""
    del go
    folder = module("hello")
    (folder / "pyproject.toml").unlink()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


def init(folder: Path) -> list[str]:
    """Do what the task does once it may; give the names of the files that change."""
    adoption = find_adoption(open_project(folder), TASKS)
    write_adoption(adoption)
    return [change.name for change in adoption.changes]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
