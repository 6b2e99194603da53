"""Say which owners, modes, folders and accounts of a RUN images do not have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gomab_tasks.adoption.accounts import is_account, is_user, made_home
from gomab_tasks.adoption.contents import Contents, known_folders
from gomab_tasks.adoption.copies import copied_paths
from gomab_tasks.adoption.modes import MODES, OWNERS, Change, is_within, read_changes
from gomab_tasks.adoption.programs import commands_of, folders_made, programs_of
from gomab_tasks.adoption.recipe import Stage, Step
from gomab_tasks.adoption.shell import Command
from gomab_tasks.adoption.volumes import is_given, volumes

_FOLDERS = "image.volumes makes folders that belong to the user"
_OWNERS = f"{OWNERS}; {_FOLDERS}"


def say_ownership(contents: Contents) -> None:
    """Say it of an image's stage, once all else of it is known."""
    for command, change in read_changes(contents.stage):
        if not all(_is_kept(path, change, contents) for path in change.paths):
            _say(command, change, contents)
    for step in contents.stage.all_steps():
        _say_folders(step, contents)
        _say_accounts([command for command in commands_of(step) if is_account(command)], step, contents)


def say_copied_ownership(stage: Stage, used: Iterable[Stage], contents: Contents) -> None:
    """Say it of what other stages copy from a stage."""
    copied = copied_paths(stage, used, contents)
    for command, change in read_changes(stage):
        is_copied = any(change.reaches(path) or _is_below(path, change) for path in copied)
        if is_copied and not change.is_plain and not _is_given(change, copied, contents):
            _say(command, change, contents)
    for step in stage.all_steps():
        _say_copied_folders(step, stage, copied, contents)


def _is_given(change: Change, copied: Mapping[str, str], contents: Contents) -> bool:
    """Tell whether all that gets another owner is copied to volumes that belong to it."""
    targets = [copied.get(path, "") for path in change.paths]
    return change.verb == "chown" and all(is_given(target, change.value, contents) for target in targets)


def _say_copied_folders(step: Step, stage: Stage, copied: Iterable[str], contents: Contents) -> None:
    """Say which folders come with a folder that is copied, unless programs lie there."""
    made = [found.path for found in programs_of(stage, contents.ground)]
    for command, paths in folders_made(step):
        lost = (path for path in paths if not any(is_within(place, path) for place in made))
        if any(is_within(path, folder) and path != folder for path in lost for folder in copied):
            contents.findings.say(step.instruction.line, f"RUN {command.text}: {_FOLDERS}")


def _say(command: Command, change: Change, contents: Contents) -> None:
    contents.findings.say(change.line, f"RUN {command.text}: {MODES if change.verb == 'chmod' else _OWNERS}")


def _is_below(folder: str, change: Change) -> bool:
    return any(is_within(path, folder) for path in change.paths)


def _is_kept(path: str, change: Change, contents: Contents) -> bool:
    """Tell whether a path has the mode and owner in the image too, or nobody needs them."""
    if path == "/tmp":  # noqa: S108 - a path in an image
        return change.verb == "chmod"
    if change.is_plain and not contents.is_compiling:
        return _is_carried(path, contents)
    return change.is_plain or (change.verb == "chown" and is_given(path, change.value, contents))


def _is_carried(path: str, contents: Contents) -> bool:
    """Tell whether a path is carried over, or was said already, or has in it what is."""
    carried = [*contents.programs, *(file["to"] for file in contents.files), *contents.strangers]
    folders = [*volumes(contents), contents.stage.scope.workdir or "/"]
    is_part = any(is_within(path, place) for place in carried)
    return is_part or any(is_within(place, path) for place in (*carried, *folders))


def _say_folders(step: Step, contents: Contents) -> None:
    made = (found.path for found in programs_of(contents.stage, contents.ground))
    known = [*known_folders(contents), *made]
    for command, paths in folders_made(step):
        if not all(
            _is_carried(path, contents) or any(is_within(one, path) for one in known) for path in paths
        ):
            contents.findings.say(step.instruction.line, f"RUN {command.text}: {_FOLDERS}")


def _say_accounts(commands: Sequence[Command], step: Step, contents: Contents) -> None:
    """Say what a line in /etc/passwd gives besides the numbers that image.user has."""
    if not commands:
        return
    parts = [f"RUN {' && '.join(command.text for command in commands)}: gomab adds no accounts"]
    if any(map(is_user, commands)) and ("image", "env", "HOME") not in contents.findings.keys:
        parts.append("HOME is / unless image.env sets it")
    homes = dict.fromkeys(map(made_home, commands)).keys() - {"", *volumes(contents)}
    parts += [_home_text(home, contents) for home in sorted(homes)]
    contents.findings.say(step.instruction.line, "; ".join(parts))


def _home_text(home: str, contents: Contents) -> str:
    is_there = any(is_within(folder, home) for folder in known_folders(contents))
    return f"{home} belongs to 0:0" if is_there else f"{home} is not there"
