"""A real BuildKit with a Go image that is made here, and both ways to speak to it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gomab_tasks.oci.layout import Layout
from gomab_tasks.platforms import Platform
from tests.buildkit.daemon import Daemon, push_go_image
from tests.conftest import ToolFactory

# What tests/modules ask for; the toolchain inside is the machine's own.
GO_IMAGE = "library/golang:1.21"

Start = Callable[[str], Daemon]
Buildx = Callable[..., None]


def prune_modules(address: str) -> None:
    """Empty the module cache of the module `fetched`."""
    argv = ["buildctl", f"--addr={address}", "prune", '--filter=description~="fetched/modules"']
    subprocess.run(argv, check=True, capture_output=True)


@pytest.fixture(scope="session")
def go_image(registry: str, go: Path, tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Push an image with the machine's Go, for the machine's own platform; give its registry."""
    tool("skopeo")
    asked = subprocess.run([go, "env", "GOROOT", "GOHOSTARCH"], check=True, capture_output=True, text=True)
    goroot, architecture = asked.stdout.split()
    layout = Layout(tmp_path_factory.mktemp("golang"))
    goroots = {Platform("linux", architecture): Path(goroot)}
    push_go_image(f"{registry}/{GO_IMAGE}", goroots, tool("busybox"), layout)
    return registry


@pytest.fixture(scope="session")
def start(go_image: str, tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Give a function that starts a buildkitd of a name, for a `with` block."""
    if os.geteuid() != 0:
        pytest.skip("buildkitd needs root")
    for name in ("runc", "buildkitd", "buildctl"):
        tool(name)
    return lambda name: Daemon(tmp_path_factory.mktemp(name), go_image)


@pytest.fixture(scope="session")
def buildkit(start: Start) -> Iterator[str]:
    """Run buildkitd and give its address."""
    with start("buildkit") as daemon:
        yield daemon.address


@pytest.fixture
def buildx(
    tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Buildx:
    """Give a function that runs buildx, which has no builders yet."""
    program = tool("buildx")
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path_factory.mktemp("buildx")))

    def run(*words: str) -> None:
        subprocess.run([program, *words], check=True, capture_output=True)

    return run


@pytest.fixture(params=["buildctl", "buildx"])
def builder(request: pytest.FixtureRequest, buildkit: str) -> str:
    """Give what `buildkit.builder` is set to: an address for buildctl, then a name for buildx."""
    if request.param == "buildctl":
        return buildkit
    buildx: Buildx = request.getfixturevalue("buildx")
    buildx("create", "--name", "gomab", "--driver", "remote", buildkit)
    return "gomab"
