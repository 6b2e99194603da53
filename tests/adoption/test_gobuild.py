"""Flags of `go build` lines: programs of one image share them."""

from __future__ import annotations

from pathlib import Path

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
    end = "for all programs of the image; alone, this line gives"
    assert remarks_of(TAGS, "-tags b -ldflags '-s -w'") == [
        f'Dockerfile:4: go.tags is ["b"] {end} ["a", "b"]',
        f'Dockerfile:5: go.variables."main.version" is "1" {end} none',
    ]
    assert remarks_of("-ldflags '-s -w'", "-ldflags -w") == [f'Dockerfile:4: go.ldflags is ["-w"] {end} none']
