"""Several BuildKit daemons at once, each for some platforms."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomab_tasks.errors import CompileError
from gomab_tasks.project import Project, open_project
from gomab_tasks.results import ImagesResult
from gomab_tasks.tasks.images import image, images
from tests.buildkit.conftest import Buildx, Start
from tests.conftest import ModuleFactory

pytestmark = pytest.mark.slow

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")


@pytest.fixture(scope="module")
def first(start: Start) -> Iterator[str]:
    """Run a buildkitd for amd64, and give its address."""
    with start("first") as daemon:
        yield daemon.address


@pytest.fixture(scope="module")
def second(start: Start) -> Iterator[str]:
    """Run one for the others, on another machine as it were."""
    with start("second") as daemon:
        yield daemon.address


@pytest.fixture
def two(first: str, second: str, buildx: Buildx) -> str:
    """Make a buildx builder of both, and give its name."""
    buildx("create", "--name=two", "--driver=remote", f"--platform={PLATFORMS[0]}", first)
    others = f"--platform={','.join(PLATFORMS[1:])}"
    buildx("create", "--append", "--name=two", "--driver=remote", others, second)
    return "two"


def project_of(root: Path, builder: str, **more: list[str]) -> Project:
    """Open a project whose images a builder makes."""
    settings = {"backend": "buildkit", "platforms": list(PLATFORMS), "buildkit": {"builder": builder, **more}}
    return open_project(root, settings=settings)


def asked_for(address: str) -> set[str]:
    """Give the platforms that a daemon was asked to build."""
    argv = ["buildctl", "--addr", address, "debug", "histories", "--format={{json .}}"]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    builds = [json.loads(line)["record"]["FrontendAttrs"] for line in shown.splitlines()]
    return {platform for build in builds for platform in build["platform"].split(",")}


def made_anew(project: Project) -> ImagesResult:
    """Make the images of a project that has none yet."""
    shutil.rmtree(project.out, ignore_errors=True)
    return images(project)


def test_a_builder_of_two_machines(module: ModuleFactory, two: str, first: str, second: str) -> None:
    """Each platform goes to the machine that is there for it; the digests are those of one machine."""
    root = module("hello")
    made = made_anew(project_of(root, two))
    assert asked_for(first) == {PLATFORMS[0]}
    assert asked_for(second) == set(PLATFORMS[1:])
    assert made_anew(project_of(root, first)).images == made.images


def test_runs_on_two_machines_join(module: ModuleFactory, first: str, second: str) -> None:
    """Single platforms from two daemons give the index of one."""
    root = module("hello")
    whole = made_anew(project_of(root, first))
    shutil.rmtree(root / "build")
    image(project_of(root, first), arch=PLATFORMS[:1])
    image(project_of(root, second), arch=PLATFORMS[1:])
    assert images(project_of(root, first), join=True).images == whole.images


def test_a_failure_on_one_of_them(module: ModuleFactory, two: str) -> None:
    """What the compiler says, for the first platform that failed; nothing counts."""
    root = module("broken")
    with pytest.raises(CompileError, match=r"broken linux/amd64: go build failed: ./main.go:5:10"):
        images(project_of(root, two))
    assert not (root / "build/gomab/records").exists()
    assert (root / "build/gomab/logs/broken-buildkit-linux_arm64.txt").is_file()


@pytest.mark.parametrize("place", ["registry", "local"])
def test_a_cache_for_another_machine(
    place: str, module: ModuleFactory, first: str, start: Start, go_image: str, tmp_path: Path
) -> None:
    """What one daemon exported, a new one takes: nothing is compiled there, and digests are equal."""
    ref = f"{go_image}/cache:hello"
    to = (
        f"type=registry,ref={ref},mode=max"
        if place == "registry"
        else f"type=local,dest={tmp_path}/cache,mode=max"
    )
    source = f"type=registry,ref={ref}" if place == "registry" else f"type=local,src={tmp_path}/cache"
    root = module("hello")
    made = made_anew(project_of(root, first, **{"cache-to": [to]}))
    with start("third") as daemon:
        assert made_anew(project_of(root, daemon.address, **{"cache-from": [source]})).images == made.images
        argv = ["buildctl", "--addr", daemon.address, "du", "--filter=type==exec.cachemount"]
        kept = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert len(kept.splitlines()) == 1  # the heading
