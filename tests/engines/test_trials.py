"""The task `smoke`, with real engines."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from gomab_tasks.engines.engine import Engine, is_remote
from gomab_tasks.errors import StoppedError, ToolError, VerificationError
from gomab_tasks.process import Processes
from gomab_tasks.project import open_project
from gomab_tasks.tasks.delivery import smoke
from tests.engines.conftest import OWN, Open, Real
from tests.servers import free_port


def test_the_engine_s_own_platform(serving: Path, engine: Real, opened: Open) -> None:
    """A container answers at a port that the engine chose; it and its image are gone afterwards."""
    before = engine.contents
    (trial,) = smoke(opened(serving), arch=(OWN,)).trials
    assert (trial.state, trial.how, trial.detail) == ("passed", engine.name, "GET /healthz: 200")
    assert engine.contents == before


def test_a_failure_in_a_container(serving: Path, engine: Real, opened: Open) -> None:
    """Variables of the check count; the message ends with what the program printed, and nothing is left."""
    before = engine.contents
    (serving / "pyproject.toml").write_text("[tool.gomab.image]\nexpose = [18089]\n")
    checked = {"path": "/healthz", "env": {"PORT": "99999"}}
    with pytest.raises(VerificationError, match=r"ended with exit code 3[^|]*\| cannot listen"):
        smoke(opened(serving, smoke=checked), arch=(OWN,))
    assert engine.contents == before


def test_an_interruption(serving: Path, engine: Real, opened: Open) -> None:
    """Ctrl-C ends and removes the container, and takes out its image."""
    before = engine.contents
    (serving / "pyproject.toml").write_text("[tool.gomab.image]\nexpose = [18089]\n")
    project = opened(serving, smoke={"path": "/never", "within": "60 s"})

    def interrupt() -> None:
        deadline = time.monotonic() + 30
        while engine.contents[0] == before[0] and time.monotonic() < deadline:
            time.sleep(0.05)
        project.processes.stop()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(StoppedError):
        smoke(project, arch=(OWN,))
    thread.join()
    assert engine.contents == before


def test_an_engine_elsewhere(dockerd: Real) -> None:
    """Ports that a Docker on another machine publishes are not at this one's loopback address."""
    for host, expected in ((dockerd.variables["DOCKER_HOST"], False), ("tcp://192.0.2.1:2375", True)):
        processes = Processes({"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": host}, str)
        assert is_remote(processes, Engine("docker", "docker", None)) is expected


@pytest.mark.tool("docker")
def test_an_engine_of_the_table_must_answer(serving: Path) -> None:
    """Who names one does not get a lesser trial in silence."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    project = open_project(serving, settings={"engine": "docker"}, environment=environment)
    with pytest.raises(ToolError, match="docker does not answer"):
        smoke(project)


def test_an_engine_without_a_network(serving: Path, podman: Real, tmp_path: Path) -> None:
    """Its ports are out of reach, which is no failure: the program is run without it, and why is told."""
    settings = Path(podman.variables["CONTAINERS_CONF"]).read_text()
    (tmp_path / "containers.conf").write_text(
        settings.replace("[containers]", '[containers]\nnetns = "none"')
    )
    variables = os.environ | podman.variables | {"CONTAINERS_CONF": str(tmp_path / "containers.conf")}
    port = free_port()
    checked = {"path": "/healthz", "port": port, "env": {"PORT": str(port)}, "within": "3 s"}
    project = open_project(serving, settings={"smoke": checked}, environment=variables)
    (trial,) = smoke(project, arch=(OWN,)).trials
    assert (trial.state, trial.how) == ("passed", "program")
    assert trial.detail == "GET /healthz: 200"
    assert trial.passed_over == (f"podman: port {port} is not published",)
