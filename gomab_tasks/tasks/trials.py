"""Try the programs of all images: where engines and trials meet."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.engines.container import Container, Wanted, container, loaded
from gomab_tasks.engines.engine import Engine, find_engine, is_remote
from gomab_tasks.errors import NotMeasurableError, SettingsError, ToolError, VerificationError
from gomab_tasks.oci.archive import write_archive
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.built import Built, choose, image_names, reading
from gomab_tasks.parallel import run_all
from gomab_tasks.places import Place
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.selection import Selection, select
from gomab_tasks.smoke.command import Command, command_of
from gomab_tasks.smoke.outcome import write_outcome
from gomab_tasks.smoke.program import ProgramStage, emulator_name, find_emulator, is_kin, is_own, runs_linux
from gomab_tasks.smoke.trial import (
    CannotRunError,
    Check,
    SmokeResult,
    Stage,
    State,
    Trial,
    attempt,
    check_of,
)

# docker-run(1): the engine itself failed, the command cannot be invoked or found.
# Podman gives the last two for failures of its own as well.
_REFUSALS = frozenset({125, 126, 127})


def try_images(project: Project, arch: Sequence[str]) -> SmokeResult:
    """Try every image that has a check, for all its platforms or those of `--arch`, one after another.

    Side by side, programs would take each other's ports and time.

    Raises `SettingsError` when no image has a check, `NotMeasurableError` where
    `images` left nothing, or when no platform of an image could be run,
    `VerificationError` when one failed. The last two carry the result.
    """
    selection = select(arch, project.settings)
    checks = {name: check_of(project.settings.group(name)) for name in image_names(project)}
    if not any(checks.values()):
        raise SettingsError(
            "no image has a check; in [tool.gomab.smoke] set path, for an HTTP request that must be "
            "answered, or args, for a run to the end"
        )
    engine = _find_engine(project)

    def run() -> list[Trial]:
        return [
            trial
            for name, check in checks.items()
            for trial in _try_image(project, engine, selection, name, check)
        ]

    (trials,) = run_all([run], 1, project.processes.stop)
    if isinstance(trials, Exception):
        raise trials
    return _judge(SmokeResult(tuple(trials)))


def _judge(result: SmokeResult) -> SmokeResult:
    failed = [one for one in result.trials if one.state == "failed"]
    passed = {one.image for one in result.trials if one.state == "passed"}
    not_run = [one for one in result.trials if one.state == "not run" and one.image not in passed]
    error: VerificationError | NotMeasurableError
    if failed:
        error = VerificationError("\n".join(one.problem for one in failed))
    elif not_run:
        of = (
            "no program"
            if not passed
            else f"no program of {', '.join(dict.fromkeys(o.image for o in not_run))}"
        )
        words = [f"{one.image} {one.platform}: {one.told}" for one in not_run]
        error = NotMeasurableError("\n".join([f"{of} could be run:", *words]))
    else:
        return result
    error.result = result
    raise error


def _find_engine(project: Project) -> Engine | None:
    """Give Docker or Podman; none where the table leaves it open and neither answers."""
    wanted = None if project.settings.engine == "kind" else project.settings.engine
    try:
        return find_engine(project.processes, wanted, ("docker", "podman"))
    except ToolError as error:
        if wanted:
            raise
        project.say(f"programs are tried without an engine: {error}")
        return None


def _try_image(
    project: Project, engine: Engine | None, selection: Selection, name: str, check: Check | None
) -> Iterator[Trial]:
    with reading(project, name) as built:
        # Without --arch, whatever was built: another machine may have built and tried the rest.
        for image in choose(project, built, selection) if selection.chosen else built.platforms:
            if check is None:
                yield Trial(name, str(image.platform), image.manifest.digest, "no check")
                continue
            trial = _try_platform(Subject(project, engine, built, image, check))
            if trial.state != "not run":
                write_outcome(project, trial, built.index.digest)
            yield trial


class Subject(Struct, frozen=True):
    """Hold what is tried: one platform of an image, and what may run it."""

    project: Project
    engine: Engine | None
    built: Built
    image: VerifiedImage
    check: Check


def _try_platform(subject: Subject) -> Trial:
    try:
        with step(subject.project.emit, "smoke", subject.built.name, subject.image.platform) as running:
            trial = _first_able(subject, running.progress)
            # Of an emulator the family: its whole name, which the result has, is wider than a table's cell.
            how = trial.how.partition("-")[0]
            running.result = f"{trial.state} ({how})" if how else trial.state
            _require_not_failed(trial)
    except _FailedTrialError as failed:
        return failed.trial
    return trial


def _require_not_failed(trial: Trial) -> None:
    """Let a step be shown as failed, while the other platforms are tried all the same."""
    if trial.state == "failed":
        raise _FailedTrialError(trial)


class _FailedTrialError(VerificationError):
    def __init__(self, trial: Trial) -> None:
        super().__init__(trial.detail)
        self.trial = trial


def _first_able(subject: Subject, say: Callable[[str], None]) -> Trial:
    """Try on the first stage that can run the platform; of those before it, say why they cannot."""
    about = (subject.built.name, str(subject.image.platform), subject.image.manifest.digest)
    # One that holds for several ways, as a taken port does, is told once.
    reasons: dict[str, str] = {}
    for stage in _stages(subject):
        try:
            verdict = attempt(stage, subject.check)
        except CannotRunError as error:
            say(reasons.setdefault(str(error), f"{stage.how}: {error}"))
        else:
            state: State = "passed" if verdict.passed else "failed"
            why = tuple(reasons.values())
            return Trial(*about, state, stage.how, verdict.seconds, verdict.detail, verdict.output, why)
    return Trial(*about, "not run", passed_over=(*reasons.values(), *_cures(subject)))


def _cures(subject: Subject) -> Iterator[str]:
    if not runs_linux():
        yield "this machine runs no linux programs; start Docker or Podman"
    elif not is_kin(subject.image.platform) and not find_emulator(
        subject.project.processes, subject.image.platform
    ):
        yield f"no {emulator_name(subject.image.platform)} on PATH; install qemu-user-static"


def _stages(subject: Subject) -> Iterator[Stage]:
    """Give the ways to run a platform, the most faithful first."""
    project, image, layout = subject.project, subject.image, subject.built.layout
    command = command_of(layout, image, subject.built.group.smoke)
    if subject.engine:
        yield EngineStage(subject, subject.engine, command)
    if runs_linux():
        program = (project.processes, layout, image, command, subject.check.port, project.out / Place.TRIALS)
        emulator = find_emulator(project.processes, image.platform)
        # The kernel's own emulation (binfmt_misc) may not find its QEMU in another root.
        first = (None, emulator) if is_kin(image.platform) else (emulator, None)
        ways = (None,) if is_own(image.platform) else dict.fromkeys(first)
        yield from (ProgramStage(*program, one) for one in ways)


class EngineStage(Struct, frozen=True):
    """Run an image in a container, loaded under a name that is nobody else's."""

    subject: Subject
    engine: Engine
    command: Command

    @property
    def how(self) -> str:
        """Name the engine."""
        return self.engine.name

    @property
    def is_native(self) -> bool:
        """Tell whether the engine's machine needs no emulator."""
        return self.engine.platform == self.subject.image.platform

    @property
    def refusals(self) -> frozenset[int]:
        """Give the codes by which an engine starts nothing, which is common inside containers.

        Who names one in the table wants that one.
        """
        is_named = self.subject.project.settings.engine == self.engine.name
        return frozenset() if is_named else _REFUSALS

    @contextmanager
    def running(self) -> Iterator[Container]:
        """Load the image and run it for the block; raises `CannotRunError` where its port is out of reach."""
        project, built, image = self.subject.project, self.subject.built, self.subject.image
        processes, port = project.processes, self.subject.check.port
        if port is not None and is_remote(processes, self.engine):
            raise CannotRunError(f"it is on another machine, and so is port {port}")
        reference = f"localhost/gomab-smoke/{built.name}:{secrets.token_hex(6)}"
        wanted = Wanted(reference, image.platform, self.command.words, built.group.smoke.env, port)
        with files.temporary_folder(project.out / Place.TRIALS) as folder:
            archive = folder / "image.tar"
            write_archive(built.layout, [image.manifest], [reference], archive)
            with (
                loaded(processes, self.engine, archive, reference),
                container(processes, self.engine, wanted) as started,
            ):
                yield started
