"""Find files that a Dockerfile makes executable: images take the x bit that a file has in the project."""

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
from gomab_tasks.files import is_output

_SYMBOLIC = re.compile(r"(?:^|,)[agou]*[+=][rwst]*x")
# What the kernel starts.
_MAGICS = (b"#!", b"\x7fELF")


class Chmod(Struct, frozen=True):
    """Hold one path of a `RUN chmod` that makes something executable: absolute, perhaps a pattern."""

    path: str
    is_recursive: bool
    line: int

    def meets(self, path: str) -> bool:
        """Tell whether a path is made executable."""
        is_within = self.is_recursive and path.startswith(f"{self.path.rstrip('/')}/")
        return is_within or fnmatch.fnmatchcase(path, self.path)


def is_executable_mode(mode: str) -> bool:
    """Tell whether a mode as chmod takes it lets the owner execute a file."""
    return bool(int(mode, 8) & stat.S_IXUSR if re.fullmatch("[0-7]+", mode) else _SYMBOLIC.search(mode))


def read_chmods(stage: Stage) -> Iterator[Chmod]:
    """List what the commands of a stage, and of those below it, make executable."""
    for step in stage.all_steps():
        for command in commands_of(step):
            options = [word for word in command.words if word.startswith("-")]
            match [word for word in command.words if word not in options]:
                case ["chmod", mode, *paths] if is_executable_mode(mode):
                    is_recursive = any("R" in option or option == "--recursive" for option in options)
                    for path in paths:
                        absolute = posixpath.normpath(posixpath.join(command.folder, path))
                        yield Chmod(absolute, is_recursive, step.instruction.line)


def say_lost_modes(root: Path, source: str, target: str, chmods: list[Chmod], findings: Findings) -> None:
    """Say which files get no x bit, since the project's have none.

    Args:
        source: a file or folder relative to the root.
        target: where it lies in the stage that the chmods belong to.
    """
    for path, place in _files(root / source, target):
        for chmod in chmods:
            if chmod.meets(place) and _is_program(path) and not path.stat().st_mode & stat.S_IXUSR:
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
