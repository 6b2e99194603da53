"""Register the tasks as Nox sessions.

    from gomab_tasks.nox import register
    register()

Nox executes the noxfile for every listing and every session, so registering
reads the table and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nox
import nox.registry
from msgspec.structs import replace

from gomab_tasks.errors import SettingsError, StoppedError, TerminatedError
from gomab_tasks.frontdoor import Door, run_task
from gomab_tasks.platforms import Platform
from gomab_tasks.selection import select
from gomab_tasks.settings import Group, read_settings
from gomab_tasks.tasks import TASKS, Task, task_names
from gomab_tasks.tasks.commandline import parse_options
from gomab_tasks.tasks.options import GENERAL

if TYPE_CHECKING:
    from nox.sessions import Session


def register(
    *,
    root: str | Path | None = None,
    prefix: str = "",
    only: str | Collection[str] = (),
    default: bool | str | Collection[str] = False,
    settings: Mapping[str, object] | None = None,
) -> None:
    """Register one session for each task; call it last in the noxfile.

    Args:
        root: the folder of pyproject.toml; the noxfile's own if not given.
        prefix: goes before each session's name: `go-` gives `go-images`.
        only: the tasks to register, by name; all if empty.
        default: whether a bare `nox` runs them: all, none, or those named.
        settings: an organisation's defaults, under the table.

    A broken table does not break the noxfile: the sessions are there, and each
    fails with all problems of the table.

    Ends Nox with a line for each name that is no task, and for each session that exists.
    """
    door = Door(Path(root or Path.cwd()).resolve(), settings, f"nox -s {prefix}{{}}")
    known = {task.name for task in TASKS}
    offered = task_names(only) or known
    defaults = offered if default is True else task_names(default or ())
    chosen = [task for task in TASKS if task.name in offered]
    _check_names(known, offered, defaults, [f"{prefix}{task.name}" for task in chosen])
    for task in chosen:
        _register(door, task, f"{prefix}{task.name}", is_default=task.name in defaults)


def _check_names(known: set[str], offered: set[str], defaults: set[str], sessions: Collection[str]) -> None:
    """End Nox with a line for each problem: an exception here would show as a traceback."""
    problems = list(_problems(known, offered, defaults, sessions))
    if problems:
        sys.stderr.write("".join(f"noxfile: {problem}\n" for problem in problems))
        raise SystemExit(SettingsError.exit_code)


def _problems(
    known: set[str], offered: set[str], defaults: set[str], sessions: Collection[str]
) -> Iterator[str]:
    for name in sorted((offered | defaults) - known):
        yield f"register() was asked for '{name}', which is no task; tasks: {', '.join(sorted(known))}"
    for name in sorted((defaults & known) - offered):
        yield f"register() has '{name}' in default=, but not in only=; add it there"
    for name in sessions:
        if name in nox.registry.get():
            yield f"a session '{name}' exists already; call register(prefix=\"go-\") or name others in only="


def _register(door: Door, task: Task, name: str, *, is_default: bool) -> None:
    def session(session: Session, platform: str = "") -> None:
        _run(door, task, session, platform)

    session.__doc__ = task.help
    body: Callable[..., None] = session
    if task.each_platform:
        ids = [str(platform) for platform in _platforms(door)]
        body = nox.parametrize("platform", [nox.param(id_, id=id_) for id_ in ids])(session)
    nox.session(python=False, name=name, tags=list(task.tags), default=is_default, allow_parallel=True)(body)


def _platforms(door: Door) -> Sequence[Platform]:
    """Give the table's platforms; with a broken table the default ones, whose sessions tell its problems."""
    try:
        return read_settings(door.root, door.settings).platforms
    except SettingsError:
        return Group().platforms


def _run(door: Door, task: Task, session: Session, platform: str) -> None:
    try:
        options = parse_options(task, session.posargs, f"{door.command.format(task.name)} --")
        if options is None:
            return
        if platform:
            options["arch"] = _one_platform(door, options["arch"], platform, session)
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        session.error(f"exit code {error.exit_code}")
    door = replace(door, left_out=_without_session(door))
    general = {option.name: options.pop(option.name) for option in GENERAL}
    in_worker = getattr(session, "parallel", False)  # not in every supported Nox
    outcome = run_task(
        door, task, options, as_json=general["json"], quiet=general["quiet"], needs_reader=in_worker
    )
    if outcome.code == StoppedError.exit_code:
        raise KeyboardInterrupt
    if outcome.code == TerminatedError.exit_code:
        raise SystemExit(outcome.code)  # Nox knows no other way to end with it
    if outcome.code:
        session.error(f"exit code {outcome.code}")


def _without_session(door: Door) -> list[str]:
    """Name the tasks that the noxfile leaves out, by whichever of its calls of register()."""
    sessions = nox.registry.get()
    session = door.command.removeprefix("nox -s ")
    return [task.name for task in TASKS if session.format(task.name) not in sessions]


def _one_platform(door: Door, arch: Sequence[str], platform: str, session: Session) -> tuple[str, ...]:
    """Narrow a session of one platform; `-- --arch` skips the others.

    Raises `SettingsError` for what has no session: nothing would run, and look like success.
    """
    if not arch:
        return (platform,)
    selection = select(arch, read_settings(door.root, door.settings))
    if selection.added:
        added = ", ".join(map(str, selection.added))
        raise SettingsError(
            f"--arch {added}: the table does not list it, so it has no session; "
            f"use {door.command.format('images')}, which adds platforms"
        )
    if platform not in map(str, selection.chosen):
        session.skip(f"--arch {' '.join(arch)} leaves out {platform}")
    return (platform,)
