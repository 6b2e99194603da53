"""`go build` lines: which flags the programs of an image share, where they lie, whence modules come."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adoption.conftest import carried

ROOT = Path("/project")
TAGS = "-tags a,b -ldflags '-s -w -X main.version=1'"


def remarks_of(first: str, second: str) -> list[str]:
    """Give what is said of two lines, each for a program of the same image."""
    text = (
        "FROM golang:1.25 AS build\nCOPY . .\nENV CGO_ENABLED=0\n"
        f"RUN go build {first} -o /out/api ./cmd/api\nRUN go build {second} -o /out/worker ./cmd/worker\n"
        "FROM scratch\nCOPY --from=build /out/ /app/\nUSER 5:5\nENTRYPOINT /app/api\n"
    )
    lines = carried(text, ROOT, "cmd/api", "cmd/worker").findings.lines()
    return [line for line in lines if "/app/" not in line]


def test_equal_flags() -> None:
    """Equal flags are no matter."""
    assert remarks_of(TAGS, TAGS) == []


def test_different_flags() -> None:
    """What a program had not, or otherwise, is said with its line."""
    end = "for all programs of the image; go build ./cmd"
    assert remarks_of(TAGS, "-tags b -ldflags '-s -w'") == [
        f'Dockerfile:4: go.tags is ["b"] {end}/api alone has ["a", "b"]',
        f'Dockerfile:5: go.variables."main.version" is "1" {end}/worker alone has none',
    ]
    assert remarks_of("-ldflags '-s -w'", "-ldflags -w") == [
        f'Dockerfile:4: go.ldflags is ["-w"] {end}/api alone has none'
    ]


@pytest.mark.parametrize(
    ("base", "run", "copied"),
    [
        ("golang:1.25", "go build -o $GOPATH/bin/api .", "/go/bin/api"),
        ("docker.io/library/golang:1.25-alpine@sha256:0", "go build -o ${GOPATH}/bin/api .", "/go/bin/api"),
        ("golang", "go install .", "/go/bin/api"),
        ("golang", "GOBIN=/out go install .", "/out/api"),
        ("alpine:3.22", "GOPATH=/root/go go install .", "/root/go/bin/api"),
        ("example.com/builder", "go install .", "/go/bin/api"),
    ],
)
def test_where_programs_are_installed(base: str, run: str, copied: str) -> None:
    """GOPATH of golang's images is known, and decides where `go install` writes."""
    text = f"FROM {base} AS build\nCOPY . .\nRUN {run}\nFROM alpine:3.22\n"
    target = carried(f"{text}COPY --from=build {copied} /usr/bin/server\nCMD /usr/bin/server\n")
    assert [main.name for main in target.mains] == ["api"]
    assert not any("no program" in remark for _, remark in target.findings.remarks)


BUILD = "FROM golang:1.25 AS build\n{}\nCOPY . .\nRUN go build -o {}server .\nFROM scratch\n"
PROXY = "https://goproxy.example,direct"


def test_a_folder_of_gopath() -> None:
    """A WORKDIR below GOPATH has its real name, so that what lies in it is found."""
    text = BUILD.format("WORKDIR $GOPATH/src/api", "")
    target = carried(f"{text}COPY --from=build /go/src/api/server /server\nENTRYPOINT /server\n")
    assert [main.name for main in target.mains] == ["api"]


def test_a_proxy_for_all() -> None:
    """What one machine's build needs becomes everybody's, which is said."""
    text = BUILD.format(f"ENV GOPROXY={PROXY}\nRUN go mod download", "/")
    findings = carried(f"{text}COPY --from=build /server /server\nENTRYPOINT /server\n").findings
    assert findings.keys[("go", "env", "GOPROXY")] == PROXY
    said = f"GOPROXY is {PROXY} for all now: take the line out of go.env to leave it to each environment"
    assert [one for one in findings.remarks if "GOPROXY" in one[1]] == [(3, said)]
