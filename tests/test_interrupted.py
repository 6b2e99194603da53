"""Ctrl-C, SIGTERM and a closed terminal leave nothing behind, at any moment, through every front door."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gomab_tasks.files import TEMPORARY
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import verify_layout
from tests.conftest import ModuleFactory, Script

SCRIPTS = Path(sys.executable).parent
DOORS = {
    "gomab": [str(SCRIPTS / "gomab"), "images"],
    "nox": [sys.executable, "-m", "nox", "-s", "images"],
    "invoke": [sys.executable, "-m", "invoke", "images"],
}
NOXFILE = "from gomab_tasks.nox import register\nregister()\n"
TASKS = "from gomab_tasks.invoke import collection\nns = collection()\n"
MARK = "GOMAB_TEST_MARK"


@dataclass(frozen=True, slots=True)
class Scene:
    """Hold a project, its own TMPDIR, and the variables that make one step of it slow.

    Attributes:
        is_there: whether the slow step has begun.
    """

    root: Path
    temporary: Path
    variables: dict[str, str]
    is_there: Callable[[], bool]


@pytest.fixture
def project(module: ModuleFactory) -> Path:
    root = module("hello")
    (root / "noxfile.py").write_text(NOXFILE)
    (root / "tasks.py").write_text(TASKS)
    return root


@pytest.fixture
def scene(
    project: Path, tmp_path: Path, silent_proxy: socket.socket, request: pytest.FixtureRequest
) -> Scene:
    """Make one step take long: by a proxy that never answers, an empty build cache, or a large file."""
    out = project / "build" / "gomab"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    variables = {"TMPDIR": str(temporary), MARK: uuid.uuid4().hex}
    if request.param == "download":
        variables |= _slow_download(project, silent_proxy.getsockname()[1])
        return Scene(project, temporary, variables, lambda: _is_asked(silent_proxy))
    if request.param == "compile":
        variables["GOCACHE"] = str(tmp_path / "empty")
        return Scene(project, temporary, variables, lambda: any(out.glob(f"bin/{TEMPORARY}*/*")))
    _add_large_file(project)
    return Scene(project, temporary, variables, lambda: any(out.glob(f"images/hello/{TEMPORARY}*/*")))


@pytest.fixture
def silent_proxy() -> Iterator[socket.socket]:
    """Listen, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _slow_download(project: Path, port: int) -> dict[str, str]:
    with (project / "go.mod").open("a") as file:
        file.write("\nrequire example.org/far v1.0.0\n")
    (project / "far.go").write_text('package main\n\nimport _ "example.org/far"\n')
    return {"GOPROXY": f"http://127.0.0.1:{port}", "GONOSUMDB": "*", "GOFLAGS": "-mod=mod"}


def _is_asked(server: socket.socket) -> bool:
    return bool(select.select([server], [], [], 0)[0])


def _add_large_file(project: Path) -> None:
    (project / "large").touch()
    os.truncate(project / "large", 1 << 28)
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.gomab.image]\nfiles = [{ from = "large", to = "/large" }]\n')


def relatives(variables: dict[str, str]) -> list[str]:
    """Name the processes that carry the mark of the run."""
    mark = f"{MARK}={variables[MARK]}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for children in /proc")
@pytest.mark.usefixtures("go")
@pytest.mark.parametrize(
    ("scene", "door", "number", "code"),
    [
        ("download", "gomab", signal.SIGINT, 130),
        ("compile", "gomab", signal.SIGINT, 130),
        ("assemble", "gomab", signal.SIGINT, 130),
        ("compile", "gomab", signal.SIGTERM, 143),
        ("assemble", "gomab", signal.SIGTERM, 143),
        ("compile", "gomab", signal.SIGHUP, 143),
        ("compile", "nox", signal.SIGINT, 130),
        ("compile", "nox", signal.SIGTERM, 143),
        ("compile", "invoke", signal.SIGINT, 130),
        ("compile", "invoke", signal.SIGTERM, 143),
    ],
    indirect=["scene"],
)
def test_nothing_is_left(scene: Scene, door: str, number: signal.Signals, code: int, gomab: Script) -> None:
    """No child, no half output, no temporary folder; the code says what happened; the next run works."""
    with subprocess.Popen(
        DOORS[door],
        cwd=scene.root,
        env=os.environ | scene.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    ) as run:
        deadline = time.monotonic() + 30
        while not scene.is_there():
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(run.pid, number)
        output, _ = run.communicate(timeout=30)
    assert run.returncode == code, output
    assert "Traceback" not in output
    assert ("interrupted" if number == signal.SIGINT else "terminated") in output
    assert relatives(scene.variables) == []
    assert list(scene.temporary.iterdir()) == []
    assert list(scene.root.rglob(f"{TEMPORARY}*")) == []
    assert not (scene.root / "build/gomab/images/hello/index.json").exists(), output
    shutil.copytree(Path(__file__).parent / "modules" / "hello", scene.root, dirs_exist_ok=True)
    (scene.root / "far.go").unlink(missing_ok=True)
    done = gomab(scene.root, "images")
    assert done.returncode == 0, done.stderr
    verify_layout(Layout(scene.root / "build/gomab/images/hello"))


ON_TERMINAL = """
import fcntl, os, sys, termios
terminal = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
for stream in range(3):
    os.dup2(terminal, stream)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for children in /proc")
@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("scene", ["compile"], indirect=True)
@pytest.mark.parametrize("shell", [[], ["sh", "-c", '"$@"; exit', "sh"]])
def test_a_terminal_that_is_closed(scene: Scene, shell: list[str]) -> None:
    """With the live view on it; nobody is left to read, and nothing goes on."""
    ours, theirs = os.openpty()
    words = [sys.executable, "-c", ON_TERMINAL, os.ttyname(theirs), *shell, *DOORS["gomab"]]
    variables = {"TERM": "xterm", "TTY_COMPATIBLE": "1", "CI": "", "GITHUB_ACTIONS": ""}
    with subprocess.Popen(
        words, cwd=scene.root, env=os.environ | scene.variables | variables, start_new_session=True
    ):
        shown = bytearray()

        def is_compiling() -> bool:
            if select.select([ours], [], [], 0)[0]:
                shown.extend(os.read(ours, 4096))
            return b"\x1b[" in shown and scene.is_there()

        wait_for(is_compiling)
        os.close(theirs)
        os.close(ours)
    wait_for(lambda: not relatives(scene.variables))
    assert list(scene.root.rglob(f"{TEMPORARY}*")) == []
    result = json.loads((scene.root / "build/gomab/results/images.json").read_text())
    assert (result["exit_code"], result["error"]) == (143, "terminated")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for children in /proc")
@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("scene", ["compile"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["its first worker starts", "compilers run"])
def test_workers_end_with_nox(scene: Scene, number: signal.Signals, moment: str) -> None:
    """`nox -j` that is killed tells its workers nothing: they see it themselves, and compile no more."""
    words = ["-j", "2", "-s", "image"]
    with subprocess.Popen(
        [sys.executable, "-m", "nox", *words],
        cwd=scene.root,
        env=os.environ | scene.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as run:
        starts = moment == "its first worker starts"
        wait_for((lambda: len(relatives(scene.variables)) > 1) if starts else scene.is_there)
        os.kill(run.pid, number)
    wait_for(lambda: not relatives(scene.variables))
    assert list(scene.root.rglob(f"{TEMPORARY}*")) == []
    for result in scene.root.glob("build/gomab/results/image-*.json"):
        assert json.loads(result.read_text())["exit_code"] == 143


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
