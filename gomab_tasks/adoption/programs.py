"""Find out which main package lies where in a stage, and which file of the project."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from gomab_tasks.adoption.expansion import UnknownValueError, expand, split_words
from gomab_tasks.adoption.gobuild import GoBuild, read_go_build
from gomab_tasks.adoption.recipe import Stage, Step
from gomab_tasks.adoption.shell import Command, read_commands, spelled
from gomab_tasks.golang.module import MainPackage

_ANY_NAME = re.compile(r"\\\$\w+")


class Ground(Struct, frozen=True):
    """Hold the project that a Dockerfile belongs to.

    Attributes:
        root: absolute, the folder of pyproject.toml.
        folder: of the Dockerfile; what it copies may lie there too.
        module: the folder of go.mod or go.work.
        mains: every main package that gomab finds.
    """

    root: Path
    folder: Path
    module: Path
    mains: tuple[MainPackage, ...]

    def source(self, text: str) -> str:
        """Give a path of the build's context relative to the root, or nothing where it is not there."""
        for context in (self.root, self.folder):
            path = Path(posixpath.normpath(context / text.lstrip("/")))
            if path.is_relative_to(self.root) and path.exists():
                return path.relative_to(self.root).as_posix()
        return ""

    def below_module(self, main: MainPackage) -> str:
        """Give a main package's folder relative to the module."""
        return main.folder.relative_to(self.module).as_posix() if main.folder != self.module else "."


class Copy(Struct, frozen=True):
    """Hold what a COPY or ADD says: sources as written but expanded, and the absolute target.

    Attributes:
        step: the instruction itself.
        is_folder: the target is written as a folder, so sources go into it.
    """

    step: Step
    sources: tuple[str, ...]
    target: str
    is_folder: bool


class Found(Struct, frozen=True):
    """Hold a main package, and its program's path in a stage."""

    main: MainPackage
    path: str


def read_copy(step: Step, escape: str) -> Copy:
    """Read the two or more words of a COPY or ADD; a variable without a value stays as `$NAME`."""
    words = step.instruction.words
    if words is None:
        words = tuple(_filled(word, step, escape) for word in split_words(step.instruction.text, escape))
    target = step.scope.path(words[-1])
    is_folder = words[-1].endswith("/") or posixpath.basename(words[-1]) == "." or len(words) > 2  # noqa: PLR2004 - more than source and target
    return Copy(step, words[:-1], target, is_folder)


def commands_of(step: Step) -> list[Command]:
    """Read a RUN; text that no shell reads is one command of a single word."""
    if step.instruction.name != "RUN":
        return []
    try:
        return read_commands(step)
    except ValueError:
        text = step.instruction.text
        return [Command((text,), {}, step.scope.workdir or "/", spelled(text))]


def folders_made(step: Step) -> Iterator[tuple[Command, list[str]]]:
    """List what `mkdir` makes, absolute."""
    for command in commands_of(step):
        if command.words[0] == "mkdir":  # a mode behind -m counts as a folder that nothing has
            yield command, [command.path(word) for word in command.words[1:] if word[:1] != "-"]


def builds_of(stage: Stage) -> Iterator[GoBuild]:
    """List what a stage and those below it compile."""
    for step in stage.all_steps():
        for command in commands_of(step):
            if build := read_go_build(command, step.instruction.line):
                yield build


def programs_of(stage: Stage, ground: Ground) -> list[Found]:
    """List the programs that a stage compiles, each main package that gomab knows.

    One that is named neither as a file nor as a folder, since `go build` takes
    an existing folder for one, is listed under both paths.
    """
    return [found for build in builds_of(stage) for found in _programs(build, ground)]


def mains_of(build: GoBuild, ground: Ground) -> list[MainPackage]:
    """Give the main packages that a command compiles."""
    found: dict[MainPackage, None] = {}
    for package in build.packages:
        found |= dict.fromkeys(_mains(package, build.folder, ground))
    return list(found)


def project_path(path: str, stage: Stage, ground: Ground, escape: str) -> str:
    """Give what a file of a stage was copied from in the project; nothing if it was not."""
    for step in reversed(stage.all_steps()):
        if step.instruction.name not in ("COPY", "ADD") or step.instruction.flag("from"):
            continue
        copy = read_copy(step, escape)
        for source in copy.sources:
            before = _before(path, source, copy, ground)
            if before and (found := ground.source(before)):
                return found
    return ""


def _before(path: str, source: str, copy: Copy, ground: Ground) -> str:
    """Undo a COPY for one path; nothing where it was not copied."""
    is_file = (ground.root / source.lstrip("/")).is_file()
    target = f"{copy.target}/{posixpath.basename(source)}" if is_file and copy.is_folder else copy.target
    rest = posixpath.relpath(path, target)
    return "" if rest.startswith("..") else posixpath.join(source, rest)


def _filled(word: str, step: Step, escape: str) -> str:
    try:
        return expand(word, step.scope.values, escape)
    except UnknownValueError:
        return re.sub(r"\$\{(\w+)\}", r"$\1", word)


def _programs(build: GoBuild, ground: Ground) -> Iterator[Found]:
    mains = mains_of(build, ground)
    for main in mains:
        output = posixpath.normpath(build.output)
        if len(mains) == 1 and not build.output.endswith("/"):
            yield Found(main, output)
        yield Found(main, f"{output}/{main.name}")


def _mains(package: str, folder: str, ground: Ground) -> list[MainPackage]:
    """Match a package as written against what gomab finds.

    The module's place in the stage is not known; the longest folder that ends the
    path wins.
    """
    path = posixpath.normpath(posixpath.join(folder, package))
    if path.endswith(".go"):
        path = posixpath.dirname(path)
    by_folder = {ground.below_module(main): main for main in ground.mains}
    if package.endswith("..."):
        part = posixpath.normpath(package.removesuffix("...")).lstrip("./")
        return [main for below, main in by_folder.items() if below.startswith(part)]
    if imported := [main for main in ground.mains if main.import_path == package]:
        return imported
    if "$" in package:
        fits = re.compile(rf"(.*/)?{_ANY_NAME.sub('[^/]+', re.escape(posixpath.normpath(package)))}")
        return [main for below, main in by_folder.items() if fits.fullmatch(below)]
    fitting = [below for below in by_folder if f"{path}/".endswith(f"/{below}/")]
    if fitting:
        return [by_folder[max(fitting, key=len)]]
    is_root = path == posixpath.normpath(folder)
    return [by_folder["."]] if is_root and "." in by_folder else []
