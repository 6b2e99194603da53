"""Go's own name of a program's content."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gomab_tasks.golang.buildid import read_build_id
from tests.golang.conftest import ProgramFactory


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm/v7", "linux/s390x"])
def test_the_id_is_what_go_says(program: ProgramFactory, go: Path, platform: str) -> None:
    """In both byte orders and word sizes."""
    path = program(platform)
    said = subprocess.run([go, "tool", "buildid", path], check=True, capture_output=True, text=True)
    assert read_build_id(path) == said.stdout.strip() != ""


def test_other_flags_give_another_id(program: ProgramFactory) -> None:
    """It names the content."""
    flags = ("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w -X main.version=2")
    assert read_build_id(program("linux/amd64")) != read_build_id(program("linux/amd64", *flags))


def test_a_program_without_one(program: ProgramFactory, tmp_path: Path) -> None:
    """The linker may be told to store none, or one that names nothing; what is no program has none."""
    assert read_build_id(program("linux/amd64", "-ldflags=-buildid=")) == ""
    assert read_build_id(program("linux/amd64", "-ldflags=-buildid=a/b")) == ""
    (tmp_path / "text").write_text("text")
    assert read_build_id(tmp_path / "text") == ""
    assert read_build_id(tmp_path / "missing") == ""
