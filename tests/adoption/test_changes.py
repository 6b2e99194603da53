"""`init`: every change is known and shown before anything is written, and is made once."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.adoption.changes import find_adoption, write_adoption
from gomab_tasks.errors import SettingsError, StorageError
from gomab_tasks.progress.live import DELAY_SECONDS
from gomab_tasks.project import open_project
from tests.conftest import TESTS, ModuleFactory, Script

CASES = Path(__file__).parent / "cases"
TASKS = ("build", "images")
MADE_BY_GOMAB = {
    *("/app", "/etc", "/etc/group", "/etc/passwd", "/tmp"),
    *("/etc/ssl", "/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt"),
}
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
        again.stdout == "nothing to change: pyproject.toml has its table, the task files have their lines\n"
    )
    assert snapshot(hello) == after


def answer(folder: Path, reply: bytes, wait_seconds: float = 0) -> tuple[int, str]:
    """Run `gomab init` on a terminal, reply to the question; give the exit code and what was shown.

    An empty reply is Ctrl-C.
    """
    leader, follower = pty.openpty()
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


@pytest.mark.parametrize(("reply", "code"), [(b"n\n", 0), (b"\n", 0), (b"\x04", 0), (b"", 130)])
def test_answer_no(hello: Path, reply: bytes, code: int) -> None:
    """Anything but yes writes nothing, and so does Ctrl-C while the question stands."""
    before = snapshot(hello)
    assert answer(hello, reply)[0] == code
    assert snapshot(hello) == before


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b'[project]\nname = "x"\n',
        b'[project]\nname = "x"\n\n[tool.ruff]\nline-length = 100',
        b'[project]\r\nname = "x"\r\n',
        b"# only a comment\n",
        b"tool = { ruff = { line-length = 100 } }\n",
    ],
)
def test_existing_pyproject(hello: Path, before: bytes) -> None:
    """What stands in pyproject.toml is not rewritten; the table comes below it, with the same line ends."""
    (hello / "pyproject.toml").write_bytes(before)
    if before.startswith(b"tool"):
        with pytest.raises(SettingsError, match=r"^pyproject.toml: \[tool.gomab\] cannot be added below"):
            init(hello)
        return
    init(hello)
    after = (hello / "pyproject.toml").read_bytes()
    assert after.startswith(before)
    assert after.count(b"\r\n") == (after.count(b"\n") if b"\r\n" in before else 0)
    assert open_project(hello).settings.shared.image.user == "1000:1000"


def test_existing_table(hello: Path) -> None:
    """A table that is there is the user's: only the task files change."""
    (hello / "pyproject.toml").write_text("[tool.gomab]\n")
    (hello / "tasks.py").write_text("from invoke import task\n")
    (hello / "noxfile.py").write_text("import nox\n")
    assert init(hello) == ["noxfile.py", "tasks.py"]
    assert init(hello) == []


def test_modes_and_links(hello: Path) -> None:
    """A file keeps its mode, and a link stays one."""
    (hello / "shared.py").write_text("import nox\n")
    (hello / "shared.py").chmod(0o755)
    (hello / "noxfile.py").symlink_to("shared.py")
    init(hello)
    assert (hello / "noxfile.py").is_symlink()
    assert "register()" in (hello / "shared.py").read_text()
    assert (hello / "shared.py").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(("name", "content"), [("Dockerfile", "FROM a\nOOPS\n"), ("noxfile.py", "def (\n")])
def test_unreadable(hello: Path, name: str, content: str) -> None:
    """A file that cannot be read is an error with its line, and nothing is half written."""
    (hello / name).write_text(content)
    before = snapshot(hello)
    with pytest.raises(SettingsError, match=rf"^{name}:[12]: "):
        init(hello)
    assert snapshot(hello) == before


def test_all_or_none(hello: Path) -> None:
    """Where one file cannot be written, none is."""
    (hello / "noxfile.py").write_text("import nox\n")
    before = snapshot(hello)
    adoption = find_adoption(open_project(hello), TASKS)
    broken = adoption.changes[1].path.parent / "file" / "noxfile.py"
    (hello / "file").write_text("in the way")
    object.__setattr__(adoption.changes[1], "path", broken)
    with pytest.raises(StorageError):
        write_adoption(adoption)
    assert snapshot(hello) == before | {"file": b"in the way"}


def test_without_dockerfile(hello: Path) -> None:
    """A project without a Dockerfile gets an empty table, which is all that is needed."""
    (hello / "Dockerfile").unlink()
    assert init(hello) == ["pyproject.toml", "noxfile.py"]
    assert (hello / "pyproject.toml").read_text() == "[tool.gomab]\n"


def test_several_dockerfiles(hello: Path) -> None:
    """The likeliest one for a main package is taken; the others are said."""
    for name, text in {
        "Dockerfile.debug": DOCKERFILE,
        "build/Dockerfile": DOCKERFILE,
        "docker/db.Dockerfile": "FROM postgres:18\n",
        "Dockerfile.tmpl": "{{ not a Dockerfile }}",
    }.items():
        (hello / name).parent.mkdir(exist_ok=True)
        (hello / name).write_text(text)
    remarks = find_adoption(open_project(hello), TASKS).remarks
    assert remarks == (
        "Dockerfile.debug: starts hello, as Dockerfile does; it is left out",
        "build/Dockerfile: starts hello, as Dockerfile does; it is left out",
        "docker/db.Dockerfile:1: its image starts none of the main packages found",
    )


def test_names_that_no_image_has(hello: Path) -> None:
    """Where a table cannot be made, the reason and the cure are said, and nothing is written."""
    for name in ("_a", "_b"):
        (hello / "cmd" / name).mkdir(parents=True)
        (hello / "main.go").rename(hello / "cmd" / name / "main.go")
        shutil.copy(hello / "cmd" / name / "main.go", hello)
    (hello / "main.go").unlink()
    text = DOCKERFILE.replace("-o /out/hello .", "-o /out/ ./cmd/_a ./cmd/_b")
    (hello / "Dockerfile").write_text(
        text.replace("/out/hello /app/hello", "/out/ /app/").replace("hello", "_a")
    )
    with pytest.raises(SettingsError, match=r"cannot become a table: images._a is no name for an image"):
        init(hello)
    assert not (hello / "pyproject.toml").exists()


def test_module_below(hello: Path) -> None:
    """A module in a folder below is found, and named in the table."""
    service = hello / "services" / "api"
    service.mkdir(parents=True)
    for name in ("go.mod", "main.go"):
        (hello / name).rename(service / name)
    (hello / "Dockerfile").unlink()
    init(hello)
    assert 'module = "services/api"' in (hello / "pyproject.toml").read_text()
    assert open_project(hello).module == service


def test_several_modules(hello: Path) -> None:
    """Of several modules none is guessed."""
    for name in ("a", "b"):
        (hello / name).mkdir()
        shutil.copy(hello / "go.mod", hello / name)
    (hello / "go.mod").unlink()
    with pytest.raises(SettingsError, match=r"^no go\.mod here, and several below: a, b; start this in"):
        init(hello)


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
