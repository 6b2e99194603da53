"""Examine what this machine has and lacks for the project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from gomab_tasks import machine
from gomab_tasks.contents import rootfs
from gomab_tasks.errors import KINDS, GomabError, SettingsError, StorageError, ToolchainError
from gomab_tasks.facts import Facts, read_facts
from gomab_tasks.golang.toolchain import Toolchain, find_go, passed_line
from gomab_tasks.plan import make_plan, read_each, require_linkable, require_linux
from gomab_tasks.project import Project
from gomab_tasks.selection import select
from gomab_tasks.templates import explain_git
from gomab_tasks.units import GIB, capacity, hanging, listed
from gomab_tasks.wheels import wheel_version

State = Literal["ok", "note", "missing"]
_LITTLE_MEMORY = 2 * GIB
_LITTLE_DISK = 2 * GIB


class Finding(Struct, frozen=True):
    """Hold one thing examined.

    Attributes:
        mend: the command or change that mends it.
        exit_code: what a task that needs it ends with; 0 for what is not missing.
    """

    name: str
    state: State
    found: str
    mend: str = ""
    exit_code: int = 0


class DoctorResult(Struct, frozen=True):
    """Hold all findings, in order."""

    findings: tuple[Finding, ...]

    def text(self) -> str:
        """Give a table, and below it what to do."""
        rows = [[f.state, f.name, f.found] for f in self.findings]
        mends = [f"{f.name}: {line}" for f in self.findings for line in f.mend.splitlines()]
        return hanging(rows) + (f"\n\nto do\n{listed(mends)}" if mends else "")


def lacking(name: str, error: GomabError, found: str = "not usable") -> Finding:
    """Make the finding of something that is missing from the error that a task would end with."""
    return Finding(name, "missing", found, str(error), error.exit_code)


Look = Callable[[Project], Iterator[Finding]]


def examine(project: Project, further: Sequence[Look] = ()) -> DoctorResult:
    """Look at everything that a run needs.

    Args:
        further: what other parts of gomab look at.

    Raises the error of the first thing that is missing and without which nothing
    can be built, with the findings as its result.
    """
    findings = tuple(finding for look in (*_LOOKS, *further) for finding in look(project))
    result = DoctorResult(findings)
    missing = [finding for finding in findings if finding.state == "missing"]
    if missing:
        kind = next(kind for kind in KINDS if kind.exit_code == missing[0].exit_code)
        number = "1 thing is" if len(missing) == 1 else f"{len(missing)} things are"
        error = kind(f"{number} missing or wrong: {', '.join(finding.name for finding in missing)}")
        error.result = result
        raise error
    return result


def _table(project: Project) -> Iterator[Finding]:
    source = project.shown(project.settings.source)
    if project.settings.source.is_file():
        yield Finding("settings", "ok", source)
    else:
        yield Finding("settings", "note", f"there is no {source}; defaults are used")


def _go(project: Project) -> Iterator[Finding]:
    try:
        facts = read_facts(project)
    except ToolchainError as error:
        yield lacking("go", error, _unusable_go(project))
        return
    except GomabError as error:
        yield lacking("module", error)
        return
    module, toolchain = facts.module, facts.toolchain
    what = module.path or f"workspace of {len(module.members)} modules"
    yield Finding("module", "ok", what + (", vendored" if module.vendored else ""))
    asks = f", go.mod asks for {module.go_version}" if module.go_version else ""
    yield _version(toolchain, f"{toolchain.version} at {toolchain.go}{asks}")
    private = toolchain.env.get("GOPRIVATE") or "none"
    yield Finding("modules", "ok", f"proxy {toolchain.env.get('GOPROXY', '')}, private: {private}")
    yield from _disk("build cache", Path(toolchain.env.get("GOCACHE", "/")))
    yield _images(project, facts)


def _version(toolchain: Toolchain, found: str) -> Finding:
    passed, cure = passed_line(toolchain) or ("", "")
    return Finding("go", "note", f"{found}; {passed}", cure) if passed else Finding("go", "ok", found)


def _unusable_go(project: Project) -> str:
    try:
        return f"{find_go(project.environment)}, not usable here"
    except ToolchainError:
        return "not found"


def _images(project: Project, facts: Facts) -> Finding:
    """Look at what `images` would refuse before it compiles."""
    settings = project.settings
    selection = select((), settings)
    try:
        plan = make_plan(
            settings, facts, selection, project.out, project.templates, ["labels", "annotations"]
        )
        require_linkable(plan.wanted, plan.added, settings.source)
        read_each(plan.images, settings.source, lambda image: rootfs.known_entries(image, project.root))
    except GomabError as error:
        return lacking("images", error)
    names = ", ".join(image.name for image in plan.images)
    try:
        require_linux(plan.wanted, plan.added, settings.source)
    except SettingsError as error:  # the table may be for `build` alone
        return Finding("images", "note", names, str(error))
    return Finding("images", "ok", names)


def _machine(project: Project) -> Iterator[Finding]:
    memory = machine.memory()
    small = memory < _LITTLE_MEMORY
    yield Finding(
        "machine",
        "note" if small else "ok",
        f"{machine.cores()} cores, {capacity(memory)} of memory for this process",
        "little memory: large packages may fail to compile; use --jobs 1" if small else "",
    )
    try:
        project.check_output()
    except StorageError as error:
        yield lacking("output", error)
        return
    yield from _disk("output", project.out)


def _wheels(_: Project) -> Iterator[Finding]:
    names = ("deflate", "certifi", "tzdata")
    try:
        yield Finding("wheels", "ok", ", ".join(f"{name} {wheel_version(name)}" for name in names))
    except GomabError as error:
        yield lacking("wheels", error)


def _git(project: Project) -> Iterator[Finding]:
    if not shutil.which("git", path=project.environment.get("PATH")):
        yield Finding("git", "note", "not found", "install git; templates such as {git.short} need it")
        return
    # In C, since what it says is explained by its words.
    words = ["git", "rev-parse", "--short", "--verify", "HEAD"]
    completed = project.processes.run(words, cwd=project.root, env={"LC_ALL": "C"})
    if completed.code:
        cure = explain_git(completed.stderr.strip())
        yield Finding("git", "note", "templates such as {git.short} have no value", cure)
    else:
        yield Finding("git", "ok", f"commit {completed.stdout.strip()}")


def _disk(name: str, path: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        is_read_only = os.statvfs(existing).f_flag & os.ST_RDONLY
        cure = "mount it writable, it is read-only:" if is_read_only else "change the owner or mode of"
        yield lacking(name, StorageError(f"{cure} {existing}"), f"{path} cannot be written")
    elif free < _LITTLE_DISK:
        yield Finding(
            name, "note", f"{path}, {capacity(free)} free", "little disk: builds may fail; free some"
        )
    else:
        yield Finding(name, "ok", f"{path}, {capacity(free)} free")


_LOOKS: tuple[Look, ...] = (_table, _go, _machine, _wheels, _git)
