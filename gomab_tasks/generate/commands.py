"""Say how a workflow types tasks: as the front door does that writes it, whose settings then hold in CI."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from msgspec import Struct

import gomab_tasks
from gomab_tasks.errors import SettingsError
from gomab_tasks.project import Project
from gomab_tasks.script_block import read_dependencies

_PACKAGE = "gomab-tasks"
LOCKED = "gomab-requirements.txt"
"""The project's own file of what pip installs, with hashes, where commands are typed."""
_NAMED_ANYWAY = {_PACKAGE, "nox", "invoke"}


class Commands(Struct, frozen=True):
    """Hold a front door's commands.

    Attributes:
        type: spells a task with options, as `Project.type` does.
        folder: where that is typed, from the repository's top; empty for the top itself.
        packages: what pip has to install first.
        left_out: the tasks that nobody can type there.
        is_locked: the project has the file `LOCKED`, which then names all packages.
    """

    type: Callable[[str], str]
    folder: str
    packages: tuple[str, ...]
    left_out: Collection[str]
    is_locked: bool

    @property
    def install(self) -> str:
        """The command that installs all that is needed."""
        words = ["--require-hashes", f"--requirement={LOCKED}"] if self.is_locked else self.packages
        return shlex.join(["python", "-m", "pip", "install", *words])


def find_commands(project: Project, top: Path) -> Commands:
    """Read what the front door in use is, and which packages its task file names for itself.

    Args:
        top: the repository's folder.

    Raises `SettingsError` for a noxfile that is no part of the repository, and for
    a file `LOCKED` without gomab.
    """
    is_nox = project.command.startswith("nox ")
    # Nox goes to the noxfile's folder, which need not be that of pyproject.toml.
    folder = Path.cwd() if is_nox else project.root
    if not folder.is_relative_to(top):
        raise SettingsError(
            f"the noxfile lies in {folder}, outside of the repository {top}, so CI would not have it; "
            "move it in, or use the gomab script"
        )
    extra = "[nox]" if is_nox else ""
    own = f"{_PACKAGE}{extra}=={gomab_tasks.__version__}"
    named = _named(folder / _task_file(project.command))
    inside = folder.relative_to(top).as_posix()
    return Commands(
        type=project.type,
        folder="" if inside == os.curdir else inside,
        packages=(own, *named),
        left_out=project.left_out,
        is_locked=_is_locked(folder / LOCKED),
    )


def _is_locked(file: Path) -> bool:
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    if not re.search(rf"(?mi)^{re.sub('-', '[-_.]', _PACKAGE)}\b", text):
        raise SettingsError(
            f"{file.name} does not name {_PACKAGE}, so the workflow would lack it; add it, with its hashes"
        )
    return True


def _task_file(command: str) -> str:
    program = command.partition(" ")[0]
    return {"nox": "noxfile.py", "gomab": ""}.get(program, "tasks.py")


def _named(file: Path) -> Iterator[str]:
    """Give what a task file names, but for bare names of what is installed anyway."""
    if file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
        yield from (item for item in read_dependencies(text) if item.strip() not in _NAMED_ANYWAY)
