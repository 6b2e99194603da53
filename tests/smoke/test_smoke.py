"""The task `smoke` without an engine: programs in their own root, others by QEMU."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import (
    NotMeasurableError,
    SettingsError,
    StoppedError,
    VerificationError,
)
from gomab_tasks.oci.layout import Layout
from gomab_tasks.progress.events import Event
from gomab_tasks.project import Project, open_project
from gomab_tasks.smoke.outcome import read_outcomes, require_smoked
from gomab_tasks.smoke.trial import SmokeResult
from gomab_tasks.tasks.delivery import smoke
from gomab_tasks.tasks.images import images
from tests.conftest import ModuleFactory, ToolFactory
from tests.servers import free_port

Open = Callable[..., Project]

# The images are built for both; one of them is what runs by itself.
OWN = "arm64" if os.uname().machine == "aarch64" else "amd64"
OWN_ROOT = ("unshare", "true")
QEMU = ("qemu-aarch64-static", "qemu-x86_64-static")


@pytest.fixture
def bare(serving: Path, tmp_path: Path) -> Open:
    """Open the built module `serving` where PATH has only the named programs, and no engine.

    It serves at a port that nobody else has.
    """
    port = str(free_port())

    def opened(*programs: str, smoke: Mapping[str, object] | None = None, **variables: str) -> Project:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for program in programs:
            if found := shutil.which(program):
                (folder / program).symlink_to(found)
        checks = {"env": {"PORT": port}, "port": port, "within": "5 s"} | dict(smoke or {})
        return open_project(
            serving, settings={"smoke": checks}, environment={"PATH": str(folder), **variables}
        )

    return opened


def table(serving: Path, text: str) -> None:
    """Replace the module's own table."""
    (serving / "pyproject.toml").write_text(text)


def test_all_platforms(bare: Open, tool: ToolFactory) -> None:
    """The own architecture runs as it is, the other by QEMU; each leaves that it passed."""
    for program in (*OWN_ROOT, *QEMU):
        tool(program)
    events: list[Event] = []
    project = replace(bare(*OWN_ROOT, *QEMU), emit=events.append)
    result = smoke(project)
    assert [trial.state for trial in result.trials] == ["passed", "passed"]
    shown = {event.text for event in events if event.kind == "finished"}
    assert shown == {"passed (program)", "passed (qemu)"}
    assert {trial.how.partition("-")[0] for trial in result.trials} == {"program", "qemu"}
    index, content = Layout(project.out / "images" / "serving").read_index()
    outcomes = read_outcomes(project.out, "serving")
    assert set(outcomes) == {manifest.digest for manifest in content.manifests}
    assert {outcome.index for outcome in outcomes.values()} == {index.digest}
    require_smoked(project, "serving", content.manifests)
    assert [path.name for path in (project.out / "smoke").iterdir()] == ["serving"]


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_a_failure(bare: Open, tool: ToolFactory, arch: str) -> None:
    """Its message holds what the program printed, its result every platform; `push` can refuse it."""
    for program in QEMU:
        tool(program)
    project = bare(*OWN_ROOT, *QEMU, smoke={"env": {"PORT": "99999"}})
    with pytest.raises(VerificationError, match=r"ended with exit code 3[^|]*\| cannot listen") as caught:
        smoke(project, arch=(arch,))
    assert caught.value.result is not None
    (outcome,) = read_outcomes(project.out, "serving").values()
    assert outcome.state == "failed"
    _, content = Layout(project.out / "images" / "serving").read_index()
    other = {"amd64": "arm64", "arm64": "amd64"}[arch]
    with pytest.raises(VerificationError, match=r"linux/.* \((failed|not tried)\)") as refused:
        require_smoked(project, "serving", content.manifests)
    assert f"linux/{arch} (failed)" in str(refused.value)
    assert f"linux/{other} (not tried)" in str(refused.value)


def test_a_pass_is_one_of_the_table_s_trial(bare: Open) -> None:
    """Under other settings it is none; whether `push` asks for it changes nothing."""
    project = bare(*OWN_ROOT)
    smoke(project, arch=(OWN,))
    _, content = Layout(project.out / "images" / "serving").read_index()
    tried = [one for one in content.manifests if one.platform and one.platform.architecture == OWN]
    same = {"env": project.settings.shared.smoke.env, "port": project.settings.shared.smoke.port}
    require_smoked(bare(smoke=same | {"required": True}), "serving", tried)
    for other in ({"env": {"PORT": "1"}}, {"args": ["-v"]}, {"within": "6 s"}):
        with pytest.raises(VerificationError, match=rf"linux/{OWN} \(tried with other smoke settings\)"):
            require_smoked(bare(smoke=same | other), "serving", tried)


def test_the_files_and_variables_are_the_image_s(bare: Open, serving: Path, tool: ToolFactory) -> None:
    """A file of the image is found and one of this machine is not; nor is a variable of the run."""
    tool("unshare")
    table(serving, (serving / "pyproject.toml").read_text().replace("/healthz", "/app/serving"))
    project = bare(*OWN_ROOT, TOKEN="of-the-run")
    trial = smoke(project, arch=(OWN,)).trials[0]
    if "program only" in trial.detail:
        pytest.skip("this machine lets nobody change roots")
    assert trial.detail == "GET /app/serving: 200"
    table(serving, (serving / "pyproject.toml").read_text().replace("/app/serving", str(Path(__file__))))
    with pytest.raises(VerificationError, match="answered 404") as caught:
        smoke(bare(smoke={"within": "0.3 s"}, TOKEN="of-the-run"), arch=(OWN,))
    assert "of-the-run" not in str(caught.value)


def test_without_a_root_of_its_own(bare: Open) -> None:
    """The program runs all the same, and the outcome says that its files may be this machine's."""
    trial = smoke(bare(), arch=(OWN,)).trials[0]
    assert (trial.state, trial.how) == ("passed", "program")
    assert trial.detail == "GET /healthz: 200; program only: other files are this machine's"


def test_a_taken_port(bare: Open) -> None:
    """Another program's answer must not pass for the image's: nothing is run, and the message says why."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        project = bare(*OWN_ROOT, *QEMU, smoke={"port": port, "env": {"PORT": str(port)}})
        for arch in ("amd64", "arm64"):
            with pytest.raises(NotMeasurableError) as caught:
                smoke(project, arch=(arch,))
            assert str(caught.value).count(f"port {port} is taken by another program") == 1
            assert caught.value.result is not None
    assert read_outcomes(project.out, "serving") == {}


def test_an_interruption_leaves_nothing(bare: Open) -> None:
    """The program is ended, its files are gone, and no outcome is left."""
    project = bare(*OWN_ROOT, smoke={"path": "/never", "within": "60 s"})

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while (
            not list((project.out / "smoke").glob(".tmp-*/root/app/serving")) and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        project.processes.stop()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(StoppedError):
        smoke(project, arch=(OWN,))
    thread.join()
    assert list((project.out / "smoke").iterdir()) == []
    with socket.create_server(("127.0.0.1", int(project.settings.shared.smoke.port or 0))):
        pass


def test_run_to_the_end(module: ModuleFactory, tmp_path: Path) -> None:
    """Without a path, the exit code decides."""
    root = module("hello")
    (tmp_path / "empty").mkdir()
    images(open_project(root), arch=(OWN,))
    environment = {"PATH": str(tmp_path / "empty")}
    project = open_project(root, settings={"smoke": {"args": []}}, environment=environment)
    assert smoke(project, arch=(OWN,)).trials[0].state == "passed"
    project = open_project(root, settings={"smoke": {"exit": 2}}, environment=environment)
    with pytest.raises(VerificationError, match=r"exit code 0; expected 2[^|]*\| hello from linux/"):
        smoke(project, arch=(OWN,))


def test_images_without_a_check(module: ModuleFactory) -> None:
    """One is listed as such beside another that has a check; when none has, the keys are named."""
    root = module("two-mains")
    settings = {"platforms": [f"linux/{OWN}"]}
    images(open_project(root, settings=settings))
    with pytest.raises(SettingsError, match=r"\[tool\.gomab\.smoke\] set path"):
        smoke(open_project(root, settings=settings))
    table(root, "[tool.gomab.images.api]\nsmoke = { args = [] }\n[tool.gomab.images.worker]\n")
    environment = os.environ | {"PATH": str(root)}
    trials = smoke(open_project(root, settings=settings, environment=environment)).trials
    assert [(trial.image, trial.state) for trial in trials] == [("api", "passed"), ("worker", "no check")]


def test_an_image_that_could_not_be_tried(module: ModuleFactory) -> None:
    """It is told with its own code, whatever the programs of other images did."""
    root = module("two-mains")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        worker = f'path = "/", port = "{port}"'
        table(
            root,
            "[tool.gomab.images.api]\nsmoke = { args = [] }\n"
            f"[tool.gomab.images.worker]\nsmoke = {{ {worker} }}\n",
        )
        settings = {"platforms": [f"linux/{OWN}"]}
        images(open_project(root, settings=settings))
        environment = os.environ | {"PATH": str(root)}
        with pytest.raises(NotMeasurableError, match=r"^no program of worker could be run:\n") as caught:
            smoke(open_project(root, settings=settings, environment=environment))
    result = caught.value.result
    assert isinstance(result, SmokeResult)
    assert [(trial.image, trial.state) for trial in result.trials] == [
        ("api", "passed"),
        ("worker", "not run"),
    ]


def test_nothing_built(module: ModuleFactory) -> None:
    """The message says how to build it."""
    with pytest.raises(NotMeasurableError, match="gomab images"):
        smoke(open_project(module("serving")))


def test_a_damaged_outcome(bare: Open) -> None:
    """It is no pass, and no traceback either."""
    project = bare()
    (project.out / "smoke" / "serving").mkdir(parents=True)
    (project.out / "smoke" / "serving" / "linux_amd64.json").write_text("{")
    with pytest.raises(VerificationError, match=r"smoke/serving/linux_amd64\.json: is damaged"):
        require_smoked(project, "serving", [])
