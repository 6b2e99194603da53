"""Real engines of the tests' own: a dockerd, and a Podman with a store of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gomab_tasks.project import Project, open_project
from gomab_tasks.settings import EngineName
from tests.conftest import ToolFactory

Open = Callable[..., Project]

OWN = "arm64" if os.uname().machine == "aarch64" else "amd64"

_PODMAN = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
"""


@dataclass(frozen=True, slots=True)
class Real:
    """Hold an engine, and the variables by which its command line finds it and no other one does."""

    name: EngineName
    variables: Mapping[str, str]

    def run(self, *words: str) -> str:
        """Speak to the engine as a user does; it must succeed."""
        done = subprocess.run(
            [self.name, *words],
            env=os.environ | self.variables,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return (done.stdout + done.stderr).strip()

    @property
    def contents(self) -> tuple[list[str], ...]:
        """All containers and images."""
        listed = (self.run("ps", "--all", "--quiet"), self.run("images", "--quiet"))
        return tuple(sorted(one.split()) for one in listed)


@pytest.fixture(scope="session")
def dockerd(tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Run a dockerd; machines that forbid it skip, as those without it do."""
    program = tool("dockerd")
    tool("docker")
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    folder = tmp_path_factory.mktemp("dockerd")
    host = f"unix://{folder}/s"
    words: list[str | Path] = [
        "--data-root",
        folder / "data",
        "--exec-root",
        folder / "exec",
        "--pidfile",
        folder / "pid",
    ]
    # No firewall rules: published ports go through Docker's own proxy.
    words += ["--host", host, "--iptables=false", "--ip6tables=false", "--bip", "10.213.0.1/24"]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([program, *words], stdout=log, stderr=log)
    try:
        _wait_until_up(child, folder, host)
        yield Real("docker", {"DOCKER_HOST": host})
    finally:
        child.terminate()
        child.wait()


def _wait_until_up(child: subprocess.Popen[bytes], folder: Path, host: str) -> None:
    deadline = time.monotonic() + 30
    ask = ["docker", "--host", host, "version"]
    while time.monotonic() < deadline and child.poll() is None:
        if (folder / "s").exists() and subprocess.run(ask, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    reason = f"dockerd does not start here: {(folder / 'log').read_text()[-500:]}"
    (pytest.fail if os.environ.get("GOMAB_REQUIRE_TOOLS") == "1" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def podman(tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """Give a Podman with an empty store, and limits that are allowed inside containers too."""
    for program in ("podman", "runc"):
        tool(program)
    folder = tmp_path_factory.mktemp("podman")
    (folder / "containers.conf").write_text(_PODMAN)
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/root"\n'
    )
    variables = {name: str(folder / file) for name, file in _FILES.items()}
    return Real("podman", variables | _NO_DOCKER)


_FILES = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
_NO_DOCKER = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture(params=["dockerd", "podman"])
def engine(request: pytest.FixtureRequest) -> Real:
    """Give one real engine after the other."""
    found: Real = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def opened(engine: Real) -> Open:
    """Open a project where the engine is found without being named."""

    def project(root: Path, **settings: object) -> Project:
        return open_project(root, settings=settings, environment=os.environ | engine.variables)

    return project
