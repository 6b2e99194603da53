"""Say what stages run besides Go: the sources may need it, or it compiles a program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.copies import copied_paths
from gomab_tasks.adoption.gobuild import read_go_build
from gomab_tasks.adoption.known import CERTIFICATES
from gomab_tasks.adoption.modes import is_within
from gomab_tasks.adoption.programs import builds_of, commands_of, read_copy
from gomab_tasks.adoption.recipe import Stage
from gomab_tasks.adoption.runs import (
    LOGINS,
    is_idle,
    is_installing,
    is_login,
    is_preparing,
    is_removing,
    may_compile,
)
from gomab_tasks.adoption.shell import Command

_ALONE = "gomab runs go build alone; run it before"
_UNREAD = "seems to compile a program; its flags are not read: set go.variables, go.ldflags, go.tags"
# What does nothing but print, and what its arguments, or the last of them, are the files of.
_PRINTING = ": awk cat cut date echo env getent grep head printenv printf sed sort tail tr"
_MAKING = frozenset({"mv", "tee", "touch"})
_MAKING_LAST = frozenset({"cp", "install", "ln"})
_HOME = re.compile(r"(?:~|\$HOME)(?=/)")
# Settings of git, SSH and Go lie there, which reach modules.
_HEEDED = ("/root", "/home", *CERTIFICATES)


class _Place(Struct, frozen=True):
    """Hold what matters of a stage.

    Attributes:
        sources: the folders that the project is copied to, or compiled in.
        copied: the paths that other stages copy from it.
    """

    sources: Sequence[str]
    copied: Sequence[str]


def say_commands(stage: Stage, used: Iterable[Stage], contents: Contents) -> None:
    """Say it of a stage that others copy from."""
    commands = [
        (step.instruction.line, command) for step in stage.all_steps() for command in commands_of(step)
    ]
    builds = [number for number, (line, command) in enumerate(commands) if read_go_build(command, line)]
    place = _Place(list(_sources(stage, contents)), list(copied_paths(stage, used, contents)))
    for number, (line, command) in enumerate(commands):
        is_past = is_removing(command) and number > max(builds, default=number)
        is_prepared = is_idle(command) or is_installing(command) or is_preparing(command)
        if number not in builds and not is_past and not is_prepared and not _is_left(command, place):
            contents.findings.say(line, f"RUN {command.text}: {_cure(command, contents)}")


def _cure(command: Command, contents: Contents) -> str:
    if is_login(command):
        return LOGINS
    return _UNREAD if contents.has_guessed and may_compile(command) else _ALONE


def _sources(stage: Stage, contents: Contents) -> Iterator[str]:
    yield from (build.folder for build in builds_of(stage))
    for step in stage.all_steps():
        if step.instruction.name in ("ADD", "COPY") and not step.instruction.flag("from"):
            yield read_copy(step, contents.escape).target


def _is_left(command: Command, place: _Place) -> bool:
    """Tell whether a command only prints, or makes files that neither Go nor the image has a use for."""
    made = _made(command)
    return made is not None and not any(_is_used(path, command, place) for path in made)


def _made(command: Command) -> list[str] | None:
    """Give the files that a command makes, as written; None where it may do more."""
    words = [word for word in command.words[1:] if not word.startswith("-")]
    if command.name in _MAKING:
        return [*words, *command.writes]
    if command.name in _MAKING_LAST:
        return [*words[-1:], *command.writes]
    is_printing = command.name in _PRINTING.split() and "-i" not in command.words
    return list(command.writes) if is_printing else None


def _is_used(path: str, command: Command, place: _Place) -> bool:
    absolute = command.path(_HOME.sub("/root", path))
    # Where the sources lie in the root, whole paths may name anything.
    is_source = any(
        is_within(absolute, folder) and (folder != "/" or not path.startswith("/"))
        for folder in place.sources
    )
    is_copied = any(is_within(absolute, one) or is_within(one, absolute) for one in place.copied)
    return is_source or is_copied or absolute.startswith(_HEEDED)
