"""BuildKit's progress, line by line; the lines are cut from real builds."""

from __future__ import annotations

import base64
import json

import pytest

from gomab_tasks.backends.vertices import Vertex, Vertices
from gomab_tasks.secrets import redactor

BUILD = "[linux/amd64->arm64 build 1/1] RUN --mount=type=cache,id=x go build -o=/out/ example.com/api"


def _line(**document: object) -> str:
    return json.dumps(document)


def _log(vertex: str, text: str) -> str:
    data = base64.b64encode(text.encode()).decode()
    return _line(logs=[{"vertex": vertex, "stream": 2, "data": data}])


def test_a_failed_build() -> None:
    """The step that failed is told from those that were given up, with all that it printed."""
    shown: list[str] = []
    vertices = Vertices(shown.append, str)
    for line in (
        _line(vertexes=[{"digest": "1", "name": BUILD, "started": "now"}]),
        _line(vertexes=[{"digest": "2", "name": "[internal] load build context", "started": "now"}]),
        _line(
            vertexes=[{"digest": "3", "name": "[root 1/1] COPY x /", "started": "now", "error": "canceled"}]
        ),
        _log("1", "# example.com/api\nmain.go:5:10: "),
        _log("1", "undefined: missing\n"),
        _line(
            vertexes=[{"digest": "1", "name": BUILD, "started": "now", "completed": "now", "error": "exit 1"}]
        ),
        'time="now" level=warning msg="failed check for fsverity support"',
        "ERROR: failed to solve",
        "",
    ):
        vertices.read(line)
    assert vertices.failed
    assert vertices.failed.lines == ["# example.com/api", "main.go:5:10: undefined: missing"]
    assert vertices.failed.platform == "linux/arm64"
    assert vertices.last_words == ["ERROR: failed to solve"]
    assert shown == ["linux/arm64: go build", "[root 1/1] COPY x /"]
    assert vertices.text.startswith(
        f"{BUILD}\n# example.com/api\nmain.go:5:10: undefined: missing\nERROR: exit 1"
    )


def test_secrets_in_what_steps_print() -> None:
    """It comes as base64, in pieces: they are redacted once read, in the log, the failure and progress."""
    shown: list[str] = []
    vertices = Vertices(shown.append, redactor({"API_TOKEN": "hunter2&hunter2"}))
    name = "[build 1/1] RUN fetch https://bob:swordfish@proxy.example hunter2&hunter2"
    error = "https://bob:swordfish@proxy.example: hunter2&hunter2 is refused"
    for line in (
        _line(vertexes=[{"digest": "1", "name": name, "started": "now"}]),
        _log("1", "get https://bob:sword"),
        _log("1", "fish@proxy.example with hunter2&hun"),
        _log("1", "ter2\n"),
        _line(vertexes=[{"digest": "1", "name": name, "started": "now", "error": error}]),
    ):
        vertices.read(line)
    assert vertices.failed
    assert vertices.failed.lines == ["get https://***@proxy.example with ***"]
    assert vertices.failed.error == "https://***@proxy.example: *** is refused"
    assert shown == ["[build 1/1] RUN fetch https://***@proxy.example ***"] * 2
    assert "swordfish" not in vertices.text
    assert "hunter2" not in vertices.text


@pytest.mark.parametrize(
    "line", ["null", "[]", "3", '"x"', "{", "{}", '{"logs": [{"vertex": "1", "data": "="}]}']
)
def test_other_lines_do_no_harm(line: str) -> None:
    """A line of another form is kept for people, or says nothing."""
    vertices = Vertices(lambda _: None, str)
    vertices.read(line)
    assert vertices.failed is None


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("[linux/amd64 build 1/1] RUN go build", "linux/amd64"),
        ("[linux/amd64->arm/v7 build 1/1] RUN go build", "linux/arm/v7"),
        ("[build 1/1] RUN go build", ""),
        ("exporting to oci image format", ""),
    ],
)
def test_platforms_of_steps(name: str, platform: str) -> None:
    """BuildKit names the machine's platform first, and none where there is only one."""
    assert Vertex(name).platform == platform
