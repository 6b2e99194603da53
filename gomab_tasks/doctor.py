"""Examine what this machine has and lacks for the project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gomab_tasks import machine
from gomab_tasks.errors import GomabError, ToolchainError
from gomab_tasks.golang.module import check_toolchain, read_module
from gomab_tasks.golang.toolchain import read_toolchain
from gomab_tasks.project import Project
from gomab_tasks.units import GIB, capacity, columns
from gomab_tasks.wheels import wheel_version

State = Literal["ok", "note", "missing"]
_LITTLE_MEMORY = 2 * GIB
_LITTLE_DISK = 2 * GIB


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold one thing examined; `mend` is the command or change that mends it."""

    name: str
    state: State
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """Hold all findings, in order."""

    findings: tuple[Finding, ...]

    def text(self) -> str:
        """Give a table, and below it what to do."""
        rows = [[f.state, f.name, f.found] for f in self.findings]
        mends = [f"{f.name}: {f.mend}" for f in self.findings if f.mend]
        return columns(rows) + ("\n\nto do\n" + "\n".join(f"  {mend}" for mend in mends) if mends else "")


def examine(project: Project) -> DoctorResult:
    """Look at everything that a run needs.

    Raises `ToolchainError`, with the findings as its result, when something is
    missing without which nothing can be built.
    """
    findings = tuple(finding for look in _LOOKS for finding in look(project))
    result = DoctorResult(findings)
    missing = [finding for finding in findings if finding.state == "missing"]
    if missing:
        error = ToolchainError("\n".join(f"{finding.name}: {finding.mend}" for finding in missing))
        error.result = result
        raise error
    return result


def _table(project: Project) -> Iterator[Finding]:
    source = project.shown(project.settings.source)
    images = ", ".join(project.settings.images) or "found by their main packages"
    if project.settings.source.is_file():
        yield Finding("settings", "ok", f"{source}, images: {images}")
    else:
        yield Finding("settings", "note", f"there is no {source}; defaults are used")


def _go(project: Project) -> Iterator[Finding]:
    try:
        module = read_module(project.module, project.settings.module)
        what = module.path or f"workspace of {len(module.members)} modules"
        yield Finding("module", "ok", what + (", vendored" if module.vendored else ""))
        toolchain = read_toolchain(project.processes, module.folder)
        check_toolchain(module, toolchain)
    except GomabError as error:
        name = "go" if isinstance(error, ToolchainError) else "module"
        yield Finding(name, "missing", "not usable", str(error))
        return
    asks = f", go.mod asks for {module.go_version}" if module.go_version else ""
    yield Finding("go", "ok", f"{toolchain.version} at {toolchain.go}{asks}")
    private = toolchain.env.get("GOPRIVATE") or "none"
    yield Finding("modules", "ok", f"proxy {toolchain.env.get('GOPROXY', '')}, private: {private}")
    yield from _disk("build cache", Path(toolchain.env.get("GOCACHE", "/")))


def _machine(project: Project) -> Iterator[Finding]:
    memory = machine.memory()
    small = memory < _LITTLE_MEMORY
    yield Finding(
        "machine",
        "note" if small else "ok",
        f"{machine.cores()} cores, {capacity(memory)} of memory for this process",
        "little memory: large packages may fail to compile; use --jobs 1" if small else "",
    )
    yield from _disk("output", project.out)


def _wheels(_: Project) -> Iterator[Finding]:
    names = ("deflate", "certifi", "tzdata")
    yield Finding("wheels", "ok", ", ".join(f"{name} {wheel_version(name)}" for name in names))


def _git(project: Project) -> Iterator[Finding]:
    if not shutil.which("git", path=project.environment.get("PATH")):
        yield Finding("git", "note", "not found", "install git; templates such as {git.short} need it")
        return
    completed = project.processes.run(["git", "rev-parse", "--short", "HEAD"], cwd=project.root)
    if completed.code:
        yield Finding("git", "note", "no commit here; templates such as {git.short} have no value")
    else:
        yield Finding("git", "ok", f"commit {completed.stdout.strip()}")


def _disk(name: str, path: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        yield Finding(name, "missing", f"{path} cannot be written", f"change the owner or mode of {existing}")
    elif free < _LITTLE_DISK:
        yield Finding(
            name, "note", f"{path}, {capacity(free)} free", "little disk: builds may fail; free some"
        )
    else:
        yield Finding(name, "ok", f"{path}, {capacity(free)} free")


_LOOKS: tuple[Callable[[Project], Iterator[Finding]], ...] = (_table, _go, _machine, _wheels, _git)
