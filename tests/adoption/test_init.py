"""`init` as a user meets it: it shows, asks and writes, and the table makes the same images."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.progress.live import DELAY_SECONDS
from gomab_tasks.project import open_project
from tests.adoption.conftest import DOCKERFILE, init, snapshot
from tests.conftest import TESTS, Script

CASES = Path(__file__).parent / "cases"
MADE_BY_GOMAB = {
    *("/app", "/etc", "/etc/group", "/etc/passwd", "/tmp"),
    *("/etc/ssl", "/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt"),
}


def test_asks(hello: Path, gomab: Script) -> None:
    """Where nobody can be asked, the differences are shown, nothing is written, and the cure is said."""
    before = snapshot(hello)
    done = gomab(hello, "init")
    assert done.returncode == 2
    assert "\n+++ pyproject.toml\n" in done.stderr
    assert '\n+user = "1000:1000"\n' in done.stderr
    assert done.stderr.endswith(
        "error: nobody can be asked here, so nothing is written; to write it: gomab init --yes\n"
    )
    assert snapshot(hello) == before


def test_yes(hello: Path, gomab: Script) -> None:
    """With --yes files are written; a second run changes nothing and says so."""
    done = gomab(hello, "init", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert [file["path"] for file in result["files"]] == ["pyproject.toml", "noxfile.py"]
    assert result["written"]
    after = snapshot(hello)
    assert after["Dockerfile"] == DOCKERFILE.encode()
    again = gomab(hello, "init")
    assert again.returncode == 0
    assert (
        "Dockerfile: not read, since pyproject.toml has a [tool.gomab], which stays as it is" in again.stderr
    )
    assert (
        again.stdout == "nothing to change: pyproject.toml has its table, the task files have their lines\n"
    )
    assert snapshot(hello) == after


def answer(folder: Path, reply: bytes, wait_seconds: float = 0, columns: int = 80) -> tuple[int, str]:
    """Run `gomab init` on a terminal, reply to the question; give the exit code and what was shown.

    An empty reply is Ctrl-C.
    """
    leader, follower = pty.openpty()
    termios.tcsetwinsize(leader, (24, columns))
    argv: list[str | Path] = [Path(sys.executable).with_name("gomab"), "init"]
    environment = {**os.environ, "TERM": "xterm"}
    for name in ("CI", "GITHUB_ACTIONS"):
        environment.pop(name, None)
    child = subprocess.Popen(
        argv, cwd=folder, stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    shown, replied = b"", False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                shown += os.read(leader, 65536)
            except OSError:  # the other side is closed
                break
        if not replied and b"[y/N]" in shown:
            time.sleep(wait_seconds)
            if reply:
                os.write(leader, reply)
            else:
                child.send_signal(signal.SIGINT)
            replied = True
    os.close(leader)
    return child.wait(), shown.decode()


def test_answer_yes(hello: Path) -> None:
    """On a terminal the differences are shown, then the question; nothing writes over it."""
    code, shown = answer(hello, b"y\n", DELAY_SECONDS * 1.5)
    assert code == 0, shown
    assert "\x1b" not in shown
    assert shown.index("+++ noxfile.py") < shown.index("Write this?") < shown.index("wrote pyproject.toml")
    assert (hello / "noxfile.py").is_file()


def test_remarks_fit_the_terminal(hello: Path) -> None:
    """Remarks are wrapped between words; differences stay as they are."""
    (hello / "tasks.py").write_text(f"from invoke import task\n# {'x' * 100}\n")
    code, shown = answer(hello, b"n\n", columns=40)
    assert code == 0, shown
    assert (
        "tasks.py: imports gomab-tasks now:\r\n    install it wherever the file runs,\r\n    in CI too\r\n"
    ) in shown
    assert f"# {'x' * 100}\r\n" in shown


@pytest.mark.parametrize(("reply", "code"), [(b"n\n", 0), (b"\n", 0), (b"\x04", 0), (b"", 130)])
def test_answer_no(hello: Path, reply: bytes, code: int) -> None:
    """Anything but yes writes nothing, and so does Ctrl-C while the question stands."""
    before = snapshot(hello)
    assert answer(hello, reply)[0] == code
    assert snapshot(hello) == before


def planned(folder: Path, gomab: Script) -> dict[str, Any]:
    """Give what `plan` says of each image."""
    done = gomab(folder, "plan", "--json")
    assert done.returncode == 0, done.stderr
    return {image["image"]: image for image in json.loads(done.stdout)["result"]["images"]}


def files_of(image: dict[str, Any]) -> set[str]:
    """List the files that an image has besides what gomab puts into every one."""
    return {file["path"] for file in image["files"]} - MADE_BY_GOMAB


def test_naive_pattern(hello: Path, gomab: Script) -> None:
    """The well-known Dockerfile becomes an empty table, and the image has its one file."""
    shutil.copy(CASES / "naive" / "Dockerfile", hello)
    init(hello)
    image = planned(hello, gomab)["hello"]
    assert (image["workdir"], image["entrypoint"]) == ("/app", ["/app/hello"])
    assert files_of(image) == {"/app/hello"}


SAMPLE = """\
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \\
    -ldflags="-s -w -X main.version=1.4.0" -o /out/ ./cmd/api ./cmd/worker

FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY migrations /app/migrations
ENV MIGRATIONS_DIR=/app/migrations
WORKDIR /app
USER 65532:65532

FROM base AS worker
COPY --from=build /out/worker .
ENTRYPOINT ["/app/worker"]

FROM base AS api
COPY --from=build /out/api .
EXPOSE 8080
ENTRYPOINT ["/app/api"]
"""


def test_sample(tmp_path: Path, go: Path, gomab: Script) -> None:
    """The sample without its table, but with a Dockerfile, gets the images that its table makes."""
    del go
    ignored = shutil.ignore_patterns("build", "__pycache__")
    project = shutil.copytree(TESTS.parent / "sample", tmp_path / "sample", ignore=ignored)
    wanted = planned(project, gomab)
    (project / "pyproject.toml").unlink()
    (project / "Dockerfile").write_text(SAMPLE)
    assert init(project) == ["pyproject.toml"]  # its task files have their lines
    made = planned(project, gomab)
    assert made.keys() == wanted.keys() == {"api", "worker"}
    migrations = {f"/app/migrations/{path.name}" for path in (project / "migrations").iterdir()}
    for name, image in made.items():
        assert files_of(image) == {f"/app/{name}", "/app/migrations", *migrations}
        assert {**image, "unpacked_budget": 0} == {**wanted[name], "unpacked_budget": 0}
    settings = open_project(project).settings
    assert settings.images["api"].image.expose == ("8080/tcp",)
    assert settings.images["worker"].go.variables == {"main.version": "1.4.0"}
    assert settings.images["worker"].image.env == {"MIGRATIONS_DIR": "/app/migrations"}
