"""Builds side by side: shared fairly, verified, handed on, and their failures said once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.builds import run_builds
from gomab_tasks.errors import CompileError, StorageError, VerificationError
from gomab_tasks.facts import Facts
from gomab_tasks.plan import Plan, PlannedBuild
from gomab_tasks.progress.events import Emit, Event, silent
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.planning import plan_project
from tests.conftest import ModuleFactory

Planned = tuple[Project, Facts, Plan]


def planned(root: Path, *arch: str, emit: Emit = silent) -> Planned:
    project = open_project(root, emit=emit)
    return project, *plan_project(project, arch)


def failure(root: Path, *arch: str) -> str:
    with pytest.raises(CompileError) as caught:
        run_builds(*planned(root, *arch), 0, lambda _: None)
    return str(caught.value)


def test_each_build_is_handed_on(module: ModuleFactory) -> None:
    """Once its programs are there, and while nobody else may change them."""
    project, facts, plan = planned(module("two-mains"), "amd64", "arm64")
    seen: dict[str, list[str]] = {}

    def then(build: PlannedBuild) -> None:
        assert (project.out / "locks" / f"{build.build.output.name}.lock").exists()
        seen[str(build.build.platform)] = sorted(path.name for path in build.build.output.iterdir())

    run_builds(project, facts, plan, 0, then)
    assert seen == {"linux/amd64": ["api", "worker"], "linux/arm64": ["api", "worker"]}


def test_two_runs_do_not_mix(module: ModuleFactory) -> None:
    """A second run on the same output waits until the first has used its programs."""
    project, facts, plan = planned(module("hello"), "amd64")
    order: list[str] = []
    inside, second = threading.Event(), threading.Event()

    def run(name: str) -> None:
        def then(_: PlannedBuild) -> None:
            order.append(f"{name} starts")
            inside.set()
            second.wait(0.2)
            order.append(f"{name} ends")

        run_builds(project, facts, plan, 0, then)

    threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert order == ["a starts", "a ends", "b starts", "b ends"]


def test_steps_are_told(module: ModuleFactory) -> None:
    """All are announced at first; one that changed nothing says so."""
    events: list[Event] = []
    root = module("hello")
    for expected in ("1.", "unchanged"):
        events.clear()
        run_builds(*planned(root, "amd64", "arm64", emit=events.append), 1, lambda _: None)
        compiles = [event for event in events if event.step == "compile"]
        assert [event.kind for event in compiles] == ["planned"] * 2 + ["started", "finished"] * 2
        assert all(event.text.startswith(expected) for event in compiles if event.kind == "finished")


def test_an_equal_failure_is_said_once(module: ModuleFactory) -> None:
    """With all platforms that share it, the compiler's line and the log."""
    root = module("broken")
    text = failure(root, "amd64", "arm64")
    assert text.startswith("broken linux/amd64, linux/arm64: go build failed after ")
    assert text.count("undefined") == 1
    assert text.endswith("\nLog: build/gomab/logs/broken-linux-amd64.txt")
    assert "undefined" in (root / "build/gomab/logs/broken-linux-amd64.txt").read_text()


def test_what_go_advises_stays_whole(module: ModuleFactory) -> None:
    """The command is on a line of its own, and the live view tells it too."""
    root = module("hello")
    (root / "main.go").write_text('package main\n\nimport _ "example.com/a"\n\nfunc main() {}\n')
    events: list[Event] = []
    project, facts, plan = planned(root, "amd64", emit=events.append)
    with pytest.raises(CompileError) as caught:
        run_builds(project, facts, plan, 0, lambda _: None)
    lines = str(caught.value).splitlines()
    assert lines[1:] == ["  \tgo get example.com/a", "Log: build/gomab/logs/hello-linux-amd64.txt"]
    (failed,) = [event.text for event in events if event.kind == "failed"]
    assert failed.endswith("provides package example.com/a; to add it: go get example.com/a")


def test_a_module_that_cannot_be_had_is_said_once(module: ModuleFactory) -> None:
    """Its log is named as those of the compiler's are."""
    root = module("fetched")
    (root / "go.sum").unlink()
    text = failure(root, "amd64", "arm64")
    assert text.startswith("fetched linux/amd64, linux/arm64: module download failed: go.sum lacks it")
    assert text.endswith("\nLog: build/gomab/logs/fetched-linux-amd64.txt")


def test_different_failures_are_all_said(module: ModuleFactory) -> None:
    """A file for one architecture breaks that one alone; the other platforms are built."""
    root = module("hello")
    (root / "odd_arm64.go").write_text("package main\n\nvar x = odd\n")
    (root / "odd_riscv64.go").write_text("package main\n\nvar x = even\n")
    text = failure(root, "amd64", "arm64", "riscv64")
    assert [line.partition(":")[0] for line in text.splitlines() if "failed" in line] == [
        "hello linux/arm64",
        "hello linux/riscv64",
    ]
    assert (root / "build/gomab/bin/linux_amd64/hello").is_file()


def test_what_comes_after_a_build_may_fail(module: ModuleFactory) -> None:
    """Its own error is raised; another kind than the compiler's comes first."""
    project, facts, plan = planned(module("hello"), "amd64", "arm64")

    def then(build: PlannedBuild) -> None:
        raise VerificationError(f"{build.build.platform}: no")

    with pytest.raises(VerificationError, match=r"^linux/amd64: no$"):
        run_builds(project, facts, plan, 0, then)


def test_a_full_disk_is_said_once(module: ModuleFactory, tmp_path: Path) -> None:
    """With all platforms; a step's line has its own subject, and Go's words differ by a path."""
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho $GOARCH: write /x/$$: no space left on device >&2\nexit 1\n")
    go.chmod(0o755)
    events: list[Event] = []
    project, facts, plan = planned(module("hello"), "amd64", "arm64", emit=events.append)
    facts = replace(facts, toolchain=replace(facts.toolchain, go=go))
    with pytest.raises(StorageError) as caught:
        run_builds(project, facts, plan, 1, lambda _: None)
    first, *rest = str(caught.value).splitlines()
    where = project.out / "bin"
    assert first.startswith(
        f"hello linux/amd64, linux/arm64: go build: the disk is full, that of {where} or of Go's cache"
    )
    assert [line.partition(" ")[0] for line in rest] == ["amd64:"]
    failed = [event.text for event in events if event.kind == "failed"]
    assert [text.partition(",")[0] for text in failed] == ["go build: the disk is full"] * 2


def test_different_storage_errors_are_all_said(module: ModuleFactory) -> None:
    """Each with its platform."""
    project, facts, plan = planned(module("hello"), "amd64", "arm64")

    def then(build: PlannedBuild) -> None:
        raise StorageError(f"/{build.build.platform.slug}: cannot be written: read-only file system")

    with pytest.raises(StorageError) as caught:
        run_builds(project, facts, plan, 1, then)
    assert str(caught.value).splitlines() == [
        "hello linux/amd64: /linux_amd64: cannot be written: read-only file system",
        "hello linux/arm64: /linux_arm64: cannot be written: read-only file system",
    ]
