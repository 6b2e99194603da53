from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import ToolchainError
from gomab_tasks.golang.module import read_module
from gomab_tasks.golang.requirements import Requirements, read_requirements
from gomab_tasks.golang.toolchain import read_toolchain
from gomab_tasks.process import Processes
from tests.conftest import ModuleFactory

Read = Callable[[Path], tuple[Requirements, ...]]


@pytest.fixture
def read(processes: Processes) -> Read:
    """Read the requirements of a folder, as a run would."""

    def run(folder: Path) -> tuple[Requirements, ...]:
        module = read_module(folder)
        return read_requirements(processes, read_toolchain(processes, folder), module)

    return run


def test_a_module_alone(read: Read, module: ModuleFactory) -> None:
    """Its path, what it requires and the version that it asks for."""
    root = module("fetched")
    (found,) = read(root)
    assert found == Requirements(
        root / "go.mod", "example.com/fetched", "1.21", ("example.com/tiny",), (), ()
    )
    assert found.sums == root / "go.sum"


def test_a_replacement_by_a_folder(read: Read, module: ModuleFactory) -> None:
    """A folder in a module's place is told; another module in its place is none."""
    root = module("replaced")
    text = (root / "app" / "go.mod").read_text()
    (root / "app" / "go.mod").write_text(f"{text}\nreplace example.com/x => example.com/y v1.0.0\n")
    (found,) = read(root / "app")
    assert found.replaced_by == (root / "lib",)


def test_a_workspace(read: Read, module: ModuleFactory) -> None:
    """go.work comes first, then each module that it uses."""
    root = module("workspace")
    work, app, lib = read(root)
    assert (work.module, work.uses, work.sums.name) == ("", (root / "app", root / "lib"), "go.work.sum")
    assert (app.module, app.requires, lib.module) == (
        "example.com/app",
        ("example.com/lib",),
        "example.com/lib",
    )


@pytest.mark.parametrize("line", ["toolchain go1.22.5", "toolchain go1.22.5-acme", "toolchain default"])
def test_toolchain_lines(read: Read, line: str, module: ModuleFactory) -> None:
    """A released toolchain counts more than the go line; one of somebody's own does not."""
    root = module("hello")
    (root / "go.mod").write_text(f"module example.com/hello\n\ngo 1.21\n\n{line}\n")
    assert read(root)[0].toolchain == ("1.22.5" if line.endswith(".5") else "1.21")


def test_a_broken_file(processes: Processes, module: ModuleFactory) -> None:
    """Go's own words, and the file."""
    root = module("hello")
    toolchain = read_toolchain(processes, root)
    (root / "go.mod").write_text("modul example.com/hello\n")
    with pytest.raises(
        ToolchainError, match=r"^Go cannot read .*/hello/go\.mod:1: unknown directive: modul$"
    ):
        read_requirements(processes, toolchain, read_module(root))
