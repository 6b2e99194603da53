"""Which setting made Go fail, from Go's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.blame import blame
from gomab_tasks.errors import CompileError, GomabError, SettingsError
from gomab_tasks.project import open_project
from gomab_tasks.tasks.images import images
from tests.conftest import ModuleFactory


def failure(root: Path, table: str) -> GomabError:
    """Give the error of a project with a table."""
    (root / "pyproject.toml").write_text(f"[tool.gomab]\nplatforms = ['linux/amd64']\n{table}\n")
    with pytest.raises(GomabError) as raised:
        images(open_project(root))
    return raised.value


@pytest.mark.parametrize(
    ("table", "said", "blamed"),
    [
        (
            "go.ldflags = ['-s', '-zzz']",
            ["flag provided but not defined: -zzz", "  usage: link [options] main.o"],
            "go.ldflags is ['-s', '-zzz']",
        ),
        ("go.ldflags = ['-X']", ["link: -X flag requires argument of the form"], "go.ldflags is ['-X']"),
        ("go.ldflags = ['-linkmode=external']", [], "go.ldflags is ['-linkmode=external']"),
        (
            "go.gcflags = ['-zzz']",
            ["flag provided but not defined: -zzz", "  usage: compile [options] file.go..."],
            "go.gcflags is ['-zzz']",
        ),
    ],
)
def test_flags(table: str, said: list[str], blamed: str, module: ModuleFactory) -> None:
    """The key and its line, below what Go says, without the list of all flags."""
    error = failure(module("hello"), table)
    assert isinstance(error, CompileError)
    *lines, last, log = str(error).splitlines()
    assert last == f"  pyproject.toml:3: {blamed}, which Go refuses; mend it"
    assert log.startswith("Log: ")
    assert all(line in found for line, found in zip(said, lines, strict=False))
    assert len(lines) == max(len(said), 1)


@pytest.mark.parametrize(
    ("table", "blamed"),
    [
        ("go.env.GOEXPERIMENT = 'nonsense'", "go.env.GOEXPERIMENT is 'nonsense', which Go refuses; mend it"),
        ("go.env.GOFLAGS = '-zzz'", "go.env.GOFLAGS is '-zzz', which Go refuses; mend it"),
    ],
)
def test_variables(table: str, blamed: str, module: ModuleFactory) -> None:
    """A variable of the table is no fault of the toolchain."""
    error = failure(module("hello"), table)
    assert isinstance(error, SettingsError)
    assert str(error).splitlines()[0] == f"pyproject.toml:3: {blamed}"


def test_the_table_of_the_image(module: ModuleFactory) -> None:
    """Of several images the one that failed; the flags of others are right."""
    error = failure(module("two-mains"), "images.api.go.tags = ['x']\nimages.worker.go.ldflags = ['-zzz']")
    blamed = [line.strip() for line in str(error).splitlines() if "pyproject.toml" in line]
    assert blamed == ["pyproject.toml:4: images.worker.go.ldflags is ['-zzz'], which Go refuses; mend it"]


def test_what_the_table_does_not_say(module: ModuleFactory) -> None:
    """A variable of the environment, or code that does not compile, is blamed on no setting."""
    settings = open_project(module("hello")).settings
    assert blame("go: unknown GOEXPERIMENT nonsense", settings) == ""
    assert blame("main.go:5:10: undefined: missing", settings) == ""
    flags = open_project(module("two-mains"), settings={"go": {"gcflags": ["-N"]}}).settings
    assert blame("/usr/lib/go/pkg/tool/linux_amd64/compile: signal: killed", flags) == ""
