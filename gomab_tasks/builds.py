"""Run the plan's `go build`s side by side, each verified before anything uses it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from gomab_tasks import files, machine
from gomab_tasks.blame import blame
from gomab_tasks.errors import CompileError, StorageError
from gomab_tasks.facts import Facts
from gomab_tasks.golang.binary import verify_binary
from gomab_tasks.golang.compile import Build, BuildFailedError, Share, Site, divide, go_build
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.output.notes import read_note, write_note
from gomab_tasks.parallel import run_all
from gomab_tasks.places import Place
from gomab_tasks.plan import Plan, PlannedBuild
from gomab_tasks.progress.events import Event, step
from gomab_tasks.project import Project
from gomab_tasks.units import mebibytes

Then = Callable[[PlannedBuild], None]
E = TypeVar("E", bound=Exception)


def run_builds(
    project: Project, facts: Facts, plan: Plan, jobs: int, then: Then, announced: Iterable[Event] = ()
) -> None:
    """Compile and verify for every platform of the plan, and hand each build to `then`.

    A build's programs are locked from before the compiler starts until `then`
    has returned, so that two runs on one output never mix. Compiling one
    platform overlaps with what `then` does for another.

    Args:
        jobs: how many cores to use; 0 is all that this process may use.
        announced: the steps that `then` will take, for whoever shows progress.

    Raises what the first failing platform raised, with equal failures of other
    platforms said once.
    """
    side_by_side, share = divide_machine(jobs, plan)
    for planned in plan.builds:
        project.emit(Event("planned", "compile", planned.build.subject, str(planned.build.platform)))
    for event in announced:
        project.emit(event)
    site = Site(project.processes, facts.toolchain, facts.module, share)
    outcomes = run_all(
        [functools.partial(_run_one, project, site, planned, then) for planned in plan.builds],
        side_by_side,
        project.processes.stop,
    )
    _raise_first(project, [planned.build for planned in plan.builds], outcomes)


def divide_machine(jobs: int, plan: Plan) -> tuple[int, Share]:
    """Divide the machine, or `jobs` of its cores, among a plan's builds; as `divide` gives it."""
    return divide(jobs or machine.cores(), machine.memory(), len(plan.builds))


def programs_lock(out: Path, build: Build) -> Path:
    """Give the lock of a folder of programs, held until images have taken them from it."""
    return out / Place.LOCKS / f"{build.output.name}.lock"


def _run_one(project: Project, site: Site, planned: PlannedBuild, then: Then) -> None:
    project.processes.check()  # or a build that waited for its turn would seem to begin after Ctrl-C
    with project.locked(programs_lock(project.out, planned.build)):
        with _blaming(project, planned):
            _compile(project, site, planned.build)
        then(planned)


@contextlib.contextmanager
def _blaming(project: Project, planned: PlannedBuild) -> Iterator[None]:
    """Add the setting to what Go says of one that it refuses."""
    try:
        yield
    except BuildFailedError as error:
        blamed = blame("\n".join(error.lines), project.settings, planned.images)
        raise BuildFailedError(error.what, (*error.lines, *blamed.splitlines()), error.log) from None


def _compile(project: Project, site: Site, build: Build) -> None:
    notes = {build.program(main): _note(project, build, main) for main in build.mains}
    with files.storage_errors(project.out):
        before = {program: _trusted(program, note) for program, note in notes.items()}
    with step(project.emit, "compile", build.subject, build.platform) as running:
        go_build(site, build, _log(project, build), running.progress)
        for main in build.mains:
            verify_binary(build.program(main), main.name, build.platform)
        after = {program: Linked.of(program) for program in notes}
        for program, note in notes.items():
            write_note(note, after[program])
        # Go touches a program that is up to date, and replaces any other.
        is_same = all(was and was.inode == after[program].inode for program, was in before.items())
        running.result = "unchanged" if is_same else mebibytes(sum(one.size for one in after.values()))


class Linked(Struct, frozen=True):
    """Hold what a program's file was right after it was linked and verified."""

    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, program: Path) -> Linked:
        """Look at a file as it is now."""
        found = program.stat()
        return cls(found.st_ino, found.st_size, found.st_mtime_ns)


def _trusted(program: Path, note: Path) -> Linked | None:
    """Give what is known of a program; one that is not as it was linked is removed.

    Go believes the build ID of a program that it finds, whatever became of the rest.
    """
    if not program.exists():
        return None
    linked = Linked.of(program)
    if read_note(note, Linked) == linked:
        return linked
    program.unlink()
    return None


def _note(project: Project, build: Build, main: MainPackage) -> Path:
    return project.out / Place.LINKED / build.output.name / f"{main.name}.json"


def _log(project: Project, build: Build) -> Path:
    """Name a log after programs and platform: `api-worker-linux-arm64.txt`."""
    programs = "-".join(main.name for main in build.mains)
    return project.out / Place.LOGS / f"{programs[:100]}-{build.output.name.replace('_', '-')}.txt"


def _raise_first(project: Project, builds: Sequence[Build], outcomes: Sequence[Exception | None]) -> None:
    errors = [(build, error) for build, error in zip(builds, outcomes, strict=True) if error]
    for _, error in errors:
        if not isinstance(error, BuildFailedError | StorageError):
            raise error
    full = [(build, error) for build, error in errors if isinstance(error, StorageError)]
    if full:  # what the lines below the first say is true of one platform alone
        alike = _alike(full, lambda error: error.summary)
        raise StorageError("\n".join(f"{where}: {error}" for where, error in alike))
    failed = [(build, error) for build, error in errors if isinstance(error, BuildFailedError)]
    if failed:
        said = [_say(project, *one) for one in _alike(failed, lambda error: error.lines)]
        raise CompileError("\n".join(said))


def _alike(errors: Iterable[tuple[Build, E]], key: Callable[[E], object]) -> Iterator[tuple[str, E]]:
    """Give `api linux/amd64, linux/arm64`, the build and platforms that fail alike, with the first error."""
    groups: dict[object, list[tuple[Build, E]]] = {}
    for build, error in errors:
        groups.setdefault((build.subject, key(error)), []).append((build, error))
    for group in groups.values():
        build, error = group[0]
        yield f"{build.subject} {', '.join(str(build.platform) for build, _ in group)}", error


def _say(project: Project, where: str, error: BuildFailedError) -> str:
    """Word one failure that platforms share: `api linux/arm64: go build failed after 3.2 s: …`."""
    lines = "\n  ".join(error.lines)
    return f"{where}: {error.what}: {lines}\nLog: {project.shown(error.log)}"
