"""Carry COPY and ADD of an image's stage over: programs, files of the project, certificates, zones."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterable, Iterator

from gomab_tasks.adoption.contents import Contents, known_folders
from gomab_tasks.adoption.context import folders_without_go, ignored_patterns
from gomab_tasks.adoption.known import carry_known, is_replaced
from gomab_tasks.adoption.modes import (
    MODES,
    OWNERS,
    Change,
    is_executable_mode,
    is_plain_mode,
    is_root,
    read_chmods,
    say_lost_modes,
)
from gomab_tasks.adoption.programs import Copy, Ground, folders_made, programs_of, project_path, read_copy
from gomab_tasks.adoption.recipe import Stage, Step
from gomab_tasks.adoption.volumes import is_given, volumes
from gomab_tasks.golang.module import MainPackage

_SOURCES = "the project's sources: name what the program reads in image.files"
_WHOLE = "the whole project is copied: name what the program reads in image.files"
_WILDCARDS = frozenset("*?[")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


def carry_copy(step: Step, contents: Contents) -> None:
    """Carry one COPY or ADD over."""
    line, findings = step.instruction.line, contents.findings
    copy = read_copy(step, contents.escape)
    if step.instruction.documents:
        findings.say(line, f"a here-document as {copy.target}: make it a file of the project for image.files")
        return
    if not all(map(_is_remote, copy.sources)):
        _say_flags(copy, contents)
    origin = step.instruction.flag("from")
    for source in copy.sources:
        if origin:
            _copy_from(origin, source, copy, contents)
        else:
            _copy_context(source, copy, contents)


def copied_paths(stage: Stage, used: Iterable[Stage], contents: Contents) -> dict[str, str]:
    """Give what stages copy from another one, but for what keys stand for, and where to."""
    steps = [step for one in used for step in one.all_steps() if step.instruction.flag("from")]
    found: dict[str, str] = {}
    for step in steps:
        if contents.recipe.find(step.instruction.flag("from")) is stage:
            copy = read_copy(step, contents.escape)
            paths = list(map(_absolute, copy.sources))
            found |= {path: copy.target for path in paths if not is_replaced(_into(copy, path, contents))}
    return found


def _absolute(source: str) -> str:
    """Spell what is copied from another stage as a path there."""
    return posixpath.normpath(posixpath.join("/", source))


def _is_made(source: str, copy: Copy, contents: Contents) -> bool:
    """Tell whether a folder is made in another stage, and nothing of the project is copied to it."""
    stage = contents.recipe.find(copy.step.instruction.flag("from"))
    path = _absolute(source)
    made = [paths for step in (stage.all_steps() if stage else ()) for _, paths in folders_made(step)]
    return any(path in paths for paths in made) and not _origin(path, stage, contents)


def say_left_out(step: Step, contents: Contents) -> None:
    """Say what a stage that compiles copies besides: its files stay in the image, gomab takes none."""
    left: list[str] = []
    for source in read_copy(step, contents.escape).sources:
        for path in _matching(source, contents.ground) if "$" not in source else ():
            if path == ".":
                contents.findings.say(step.instruction.line, _WHOLE)
            left += folders_without_go(contents.ground, contents.findings.name, path)
    if left:
        names = ", ".join(dict.fromkeys(left))
        contents.findings.say(
            step.instruction.line,
            f"{names}: not in the image, unless image.files names what the program reads",
        )


def _say_flags(copy: Copy, contents: Contents) -> None:
    step, findings = copy.step, contents.findings
    flags = dict(step.instruction.flags)
    is_made = all(_is_made(source, copy, contents) for source in copy.sources)
    owner = flags.get("chown", "")
    if owner and not is_root(owner) and not (is_made and is_given(copy.target, owner, contents)):
        findings.say(step.instruction.line, f"--chown={owner}: {OWNERS}")
    if (mode := flags.get("chmod", "")) and not is_plain_mode(mode):
        findings.say(step.instruction.line, f"--chmod={mode}: {MODES}")
    for name in sorted({"exclude", "parents", "checksum"} & flags.keys()):
        findings.say(step.instruction.line, f"--{name} has no key")


def _copy_from(origin: str, source: str, copy: Copy, contents: Contents) -> None:
    step = copy.step
    stage = contents.recipe.find(origin)
    path = _absolute(source)
    found = _origin(path, stage, contents)
    if stage and _copy_programs(path, stage, copy, contents):
        if found:
            contents.findings.say(step.instruction.line, f"{source} of {origin} holds {_SOURCES}")
    elif carry_known(path, _into(copy, path, contents), step, contents) or (
        copy.target in volumes(contents) and _is_made(source, copy, contents)
    ):
        return
    elif found == ".":
        contents.findings.say(step.instruction.line, f"{source} of {origin} holds {_SOURCES}")
    elif found and stage:
        _keep(found, _target(found, copy, contents), step, contents)
        say_lost_modes(contents.ground.root, found, path, list(read_chmods(stage)), contents.findings)
    elif stage and (main := _guess(path, contents)):
        contents.has_guessed = True
        contents.programs[_into(copy, path, contents)] = main
    else:
        text = f"{source} of {origin} is no program and no file of the project"
        contents.say_stranger(_into(copy, path, contents), step.instruction.line, text)


def _origin(path: str, stage: Stage | None, contents: Contents) -> str:
    """Give what a file of a stage was copied from in the project; nothing if it was not."""
    return project_path(path, stage, contents.ground, contents.escape) if stage else ""


def _copy_programs(path: str, stage: Stage, copy: Copy, contents: Contents) -> bool:
    """Note the programs that a COPY brings: the file itself, all in a folder, or by a pattern."""
    found = False
    for program in programs_of(stage, contents.ground):
        if program.path == path:
            contents.programs[_into(copy, path, contents)] = program.main
        elif program.path.startswith(f"{path.rstrip('/')}/"):
            below = posixpath.relpath(program.path, path)
            contents.programs[posixpath.join(copy.target, below)] = program.main
        elif _WILDCARDS & set(path) and fnmatch.fnmatchcase(program.path, path):
            contents.programs[_into(copy, program.path, contents)] = program.main
        else:
            continue
        found = True
    return found


def _guess(path: str, contents: Contents) -> MainPackage | None:
    """Take a file for a program by its name: `make` may have compiled it."""
    name = posixpath.basename(path)
    return next((main for main in contents.ground.mains if main.name == name), None)


def _is_remote(source: str) -> bool:
    return "://" in source or source.startswith("git@")


def _copy_context(source: str, copy: Copy, contents: Contents) -> None:
    line, findings = copy.step.instruction.line, contents.findings
    main = _guess(source, contents)
    if main and not (contents.ground.root / source.lstrip("/")).is_dir():
        contents.programs[_into(copy, source, contents)] = main
    elif "$" in source:
        text = f"{source} is not known before the image is built"
        contents.say_stranger(_into(copy, source, contents), line, text)
    elif _is_remote(source):
        findings.say(line, f"{source} is fetched from elsewhere: keep it in the project for image.files")
    elif copy.step.instruction.name == "ADD" and source.endswith(_ARCHIVES):
        findings.say(line, f"{source} would be unpacked: keep its files in the project for image.files")
    elif posixpath.normpath(source.lstrip("/") or ".") == ".":
        findings.say(line, _WHOLE)
    else:
        _copy_files(source, copy, contents)


def _copy_files(source: str, copy: Copy, contents: Contents) -> None:
    step = copy.step
    found = sorted(_matching(source, contents.ground))
    if not found:
        text = f"{source} is not in the project now"
        contents.say_stranger(_into(copy, source, contents), step.instruction.line, text)
    for path in found:
        _keep(path, _target(path, copy, contents, several=len(found) > 1), step, contents)
    if found and _WILDCARDS & set(source):
        contents.findings.say(step.instruction.line, f"{source} is carried over as the files of now")


def _matching(source: str, ground: Ground) -> Iterator[str]:
    if not _WILDCARDS & set(source):
        yield from filter(None, [ground.source(source)])
        return
    pattern = re.sub(r"\*+", "*", source.lstrip("/"))  # Docker knows no `**`
    for folder in dict.fromkeys((ground.root, ground.folder)):
        yield from (path.relative_to(ground.root).as_posix() for path in folder.glob(pattern))


def _target(path: str, copy: Copy, contents: Contents, *, several: bool = False) -> str:
    """Give what a file or folder is called in the image; COPY takes the contents of a folder."""
    if (contents.ground.root / path).is_dir():
        return copy.target
    return posixpath.join(copy.target, posixpath.basename(path)) if several else _into(copy, path, contents)


def _into(copy: Copy, path: str, contents: Contents) -> str:
    """Give a file's path in the image: below the target where that is a folder."""
    is_folder = copy.is_folder or copy.target in known_folders(contents)
    return posixpath.join(copy.target, posixpath.basename(path)) if is_folder else copy.target


def _keep(path: str, target: str, step: Step, contents: Contents) -> None:
    """Add to `image.files`; a second folder of the same target becomes its children."""
    source = contents.ground.root / path
    if "$" in target:
        contents.findings.say(step.instruction.line, f"{target} is not known before the image is built")
        return
    if source.is_dir() and any(file["to"] == target for file in contents.files):
        for child in sorted(source.iterdir()):
            child_path = child.relative_to(contents.ground.root).as_posix()
            _keep(child_path, posixpath.join(target, child.name), step, contents)
        return
    others = [file for file in contents.files if file["to"] != target]  # a later COPY wins
    files = [*others, {"from": path, "to": target}]
    if contents.findings.keep(("image", "files"), files, step.instruction.line):
        contents.files = files
        if is_executable_mode(step.instruction.flag("chmod")):
            chmod = Change("chmod", "+x", (target,), is_recursive=True, line=step.instruction.line)
            say_lost_modes(contents.ground.root, path, target, [chmod], contents.findings)
        for pattern in ignored_patterns(contents.ground, contents.findings.name, path):
            contents.findings.say(
                step.instruction.line,
                f"{path} is carried over whole, with what .dockerignore leaves out: {pattern}",
            )
