"""Read what commands do to owners and modes; images take the x bit that a file has in the project."""

from __future__ import annotations

import fnmatch
import posixpath
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from gomab_tasks.adoption.findings import Findings
from gomab_tasks.adoption.programs import commands_of
from gomab_tasks.adoption.recipe import Stage
from gomab_tasks.adoption.shell import Command
from gomab_tasks.files import is_output

MODES = "modes are 0755 for folders and executable files, else 0644: everybody may read them"
OWNERS = "files belong to 0:0 and everybody may read them"
_VERBS = frozenset({"chgrp", "chmod", "chown"})
_OPTION = re.compile(r"-[RcfvhHLP]+|--.*")
# What takes nothing from anybody that images give, and gives no more but x bits, which the project has.
_PLAIN_MODE = re.compile(
    r"0?(?:[57]55|[46]44)|u=rwX,go=rX|(?:(?:[agou]*\+[rxX]+|a=r[xX]*|[agou]*-w)(?:,|$))+"
)
_SYMBOLIC = re.compile(r"(?:^|,)[agou]*[+=][rwst]*x")
# What the kernel starts.
_MAGICS = (b"#!", b"\x7fELF")


class Change(Struct, frozen=True):
    """Hold a `chmod`, `chown` or `chgrp`.

    Attributes:
        value: the mode, or the owner; empty where a file gives it.
        paths: absolute, perhaps patterns.
    """

    verb: str
    value: str
    paths: tuple[str, ...]
    is_recursive: bool
    line: int

    @property
    def is_plain(self) -> bool:
        """Tell whether it asks for no more than images have anyway."""
        return is_plain_mode(self.value) if self.verb == "chmod" else is_root(self.value)

    def reaches(self, path: str) -> bool:
        """Tell whether a path itself is changed."""
        return any(
            fnmatch.fnmatchcase(path, changed) or (self.is_recursive and is_within(path, changed))
            for changed in self.paths
        )


def is_within(path: str, folder: str) -> bool:
    """Tell whether a path is a folder, or lies in it; either may be a pattern."""
    is_same = fnmatch.fnmatchcase(path, folder) or fnmatch.fnmatchcase(folder, path)
    return is_same or path.startswith(f"{folder.rstrip('/')}/")


def is_executable_mode(mode: str) -> bool:
    """Tell whether a mode as chmod takes it lets the owner execute a file."""
    return bool(int(mode, 8) & stat.S_IXUSR if re.fullmatch("[0-7]+", mode) else _SYMBOLIC.search(mode))


def is_plain_mode(mode: str) -> bool:
    """Tell whether a mode differs in nothing that matters from those that images have."""
    return bool(_PLAIN_MODE.fullmatch(mode))


def is_root(owner: str) -> bool:
    """Tell whether an owner as chown takes it is root, whom all files belong to."""
    return bool(owner) and not set(re.split("[:.]", owner)) - {"", "0", "root"}


def read_change(command: Command, line: int) -> Change | None:
    """Read a command that changes modes or owners; None for any other."""
    verb = posixpath.basename(command.words[0])
    if verb not in _VERBS:
        return None
    options = [word for word in command.words if _OPTION.fullmatch(word)]
    words = [word for word in command.words[1:] if word not in options]
    value = "" if any(option.startswith("--reference") for option in options) else "".join(words[:1])
    is_recursive = any("R" in option or option == "--recursive" for option in options)
    return Change(verb, value, tuple(map(command.path, words[bool(value) :])), is_recursive, line)


def read_changes(stage: Stage) -> Iterator[tuple[Command, Change]]:
    """List the commands of a stage, and of those below it, that change modes or owners."""
    for step in stage.all_steps():
        for command in commands_of(step):
            if change := read_change(command, step.instruction.line):
                yield command, change


def read_chmods(stage: Stage) -> Iterator[Change]:
    """List what the commands of a stage, and of those below it, make executable."""
    for _, change in read_changes(stage):
        if change.verb == "chmod" and is_executable_mode(change.value):
            yield change


def say_lost_modes(root: Path, source: str, target: str, chmods: list[Change], findings: Findings) -> None:
    """Say which files get no x bit, since the project's have none.

    Args:
        source: a file or folder relative to the root.
        target: where it lies in the stage that the chmods belong to.
    """
    for path, place in _files(root / source, target):
        for chmod in chmods:
            if chmod.reaches(place) and _is_program(path) and not path.stat().st_mode & stat.S_IXUSR:
                name = path.relative_to(root).as_posix()
                findings.say(
                    chmod.line,
                    f"{name} is not executable: chmod +x {name} && git update-index --chmod=+x {name}",
                )


def _files(path: Path, target: str) -> Iterator[tuple[Path, str]]:
    if path.is_file():
        yield path, target
    elif path.is_dir() and not path.is_symlink() and not is_output(path):
        for child in sorted(path.iterdir()):
            yield from _files(child, posixpath.join(target, child.name))


def _is_program(path: Path) -> bool:
    """Tell what can be started; a mode makes no difference to other files."""
    if path.suffix == ".sh":  # a shell starts it without its first line too
        return True
    with path.open("rb") as file:
        return file.read(4).startswith(_MAGICS)
