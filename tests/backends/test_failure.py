"""What is said of a build that failed; BuildKit's lines are cut from real builds."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gomab_tasks.backends.failure import explain_failure
from gomab_tasks.backends.vertices import Vertices
from gomab_tasks.errors import CompileError, GomabError, ToolError
from gomab_tasks.platforms import Platform

ARM64 = Platform("linux", "arm64")
BUILD = "[build 1/1] RUN go build -o=/out/ example.com/api"
POINTED = """\
Dockerfile:6
--------------------
   6 | >>> {line}
   7 |     ENV CGO_ENABLED=0
--------------------
ERROR: failed to build: failed to solve: it is wrong
"""


def explain(*lines: str) -> GomabError:
    """Give the error of a build of which a client said these lines."""
    vertices = Vertices(lambda _: None, str)
    for line in lines:
        vertices.read(line)
    return explain_failure("api", [ARM64], Path("out/Dockerfile"), vertices, Path("out/log.txt"))


def _failed_step(name: str, output: str) -> tuple[str, str]:
    step = {"digest": "1", "name": name, "error": "exit code: 1"}
    logs = [{"vertex": "1", "data": output}]
    return json.dumps({"vertexes": [step]}), json.dumps({"logs": logs})


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "start Docker"),
        ('no builder "ci" found', "docker buildx create --use"),
        ("OCI exporter is not supported for the docker driver.", "writes no OCI layouts"),
        ("golang:1: no match for platform in manifest: not found", "builder's own platform"),
        ("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set", "buildkit.ssh"),
        ("failed to stat /run/netrc: stat /run/netrc: no such file or directory", "buildkit.secrets"),
        ("registry cache exporter requires ref", "buildkit.cache-to"),
        ('error writing layer blob: Head "http://c/v2/": dial tcp: connection refused', "buildkit.cache-to"),
        ('unknown cache importer: "nonsense"', "buildkit.cache-from"),
        ("failed to list workers: Unavailable: dial unix /b: connect: no such file", "no BuildKit answers"),
        ("context deadline exceeded", "no BuildKit answers"),
        ("rpc error: code = Unavailable desc = error reading from server: EOF", "gone away during the build"),
    ],
)
def test_what_mends_it(said: str, cure: str) -> None:
    """The reason stands first, the cure below it, without what buildx puts before each reason."""
    error = explain("", f"ERROR: failed to build: failed to solve: {said}")
    assert isinstance(error, ToolError)
    first, second, last = str(error).splitlines()
    assert first == f"api: BuildKit failed: {said}"
    assert cure in second
    assert last == "Log: out/log.txt"


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("# syntax=docker/dockerfile:0", "dockerfile.syntax"),
        ("FROM --platform=$BUILDPLATFORM golang:9.9 AS go", "dockerfile.go-image"),
        ("LABEL a=b", "image.labels"),
        ("STOPSIGNAL SIGNONE", "image.stop-signal"),
    ],
)
def test_a_line_of_the_dockerfile(line: str, setting: str) -> None:
    """BuildKit's own lines, where the file lies, and the setting that made the line."""
    shown = str(explain(*POINTED.format(line=line).splitlines())).splitlines()
    assert shown[0] == "api: BuildKit failed: it is wrong"
    assert shown[1] == "out/Dockerfile:6"
    assert f"   6 | >>> {line}" in shown
    assert shown[-2:] == [f"that line comes from {setting} in [tool.gomab]", "Log: out/log.txt"]


def test_a_line_that_no_setting_made() -> None:
    """Nothing is guessed."""
    shown = str(explain(*POINTED.format(line="FROM source AS build").splitlines()))
    assert "that line" not in shown


def test_go_itself_failed() -> None:
    """The lines of the compiler, not those of BuildKit."""
    error = explain(*_failed_step(BUILD, "IyBleGFtcGxlLmNvbS9hcGkKbWFpbi5nbzo1OjEwOiB1bmRlZmluZWQ6IHgK"))
    assert isinstance(error, CompileError)
    assert str(error) == "api linux/arm64: go build failed: main.go:5:10: undefined: x\nLog: out/log.txt"


def test_go_was_ended_before_it_said_anything() -> None:
    """Only the package's name is there, as when the daemon dies: the client's reason counts."""
    error = explain(*_failed_step(BUILD, "IyBleGFtcGxlLmNvbS9hcGkK"), "error: code = Unavailable")
    assert isinstance(error, ToolError)
    assert "gone away during the build" in str(error)


def test_no_reason() -> None:
    """What was said is shown as it is."""
    assert str(explain("killed")) == "api: BuildKit failed: it gave no reason\nkilled\nLog: out/log.txt"


def test_a_stamp_without_git() -> None:
    """Go says the same for each program; the setting that asks for it is named."""
    said = (
        'error obtaining VCS status: exec: "git": executable file not found in $PATH\n'
        "\tUse -buildvcs=false to disable VCS stamping.\n"
    )
    output = base64.b64encode((said * 2).encode()).decode()
    shown = str(explain(*_failed_step(BUILD, output))).splitlines()
    assert shown[0].startswith("api linux/arm64: go build failed: error obtaining VCS status")
    assert shown[1] == "\tUse -buildvcs=false to disable VCS stamping."
    assert shown[2] == (
        "go.vcs-stamp in [tool.gomab] needs git where Go runs; name a Go image that has it: "
        "dockerfile.go-image"
    )
    assert shown[3:] == ["Log: out/log.txt"]


def test_a_machine_that_does_not_answer() -> None:
    """buildx gives up after 20 s, and does not say whom it waited for."""
    vertices = Vertices(lambda _: None, str)
    vertices.read("ERROR: failed to build: context deadline exceeded")
    silent = ["fleet1 at tcp://two.lan:1234"]
    error = explain_failure("api", [ARM64], Path("out/Dockerfile"), vertices, Path("out/log.txt"), silent)
    assert str(error).splitlines()[:2] == [
        "api: BuildKit failed: context deadline exceeded",
        "no answer from fleet1 at tcp://two.lan:1234",
    ]
