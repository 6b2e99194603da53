"""Carry COPY and ADD of an image's stage over: programs, files of the project, certificates, zones."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator

from msgspec import Struct, field

from gomab_tasks.adoption.accounts import Accounts
from gomab_tasks.adoption.context import folders_without_go, ignored_patterns
from gomab_tasks.adoption.findings import Findings
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
from gomab_tasks.adoption.programs import Copy, Ground, programs_of, project_path, read_copy
from gomab_tasks.adoption.recipe import Recipe, Stage, Step
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.settings import SCRATCH

_CERTIFICATES = ("/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
_ZONES = ("/usr/share/zoneinfo", "/usr/local/go/lib/time", "/etc/localtime")
_LEFT_TO_BASE = {
    "ca-certificates": ("certificates", "TLS fails; scratch gets them (image.ca-certificates)"),
    "timezones": ("time zones", "time.LoadLocation fails; scratch gets them (image.timezones)"),
}
# Every image on scratch has them from gomab.
_MADE_ANYWAY = ("/etc/passwd", "/etc/group", "/tmp")  # noqa: S108 - a path in an image
_SOURCES = "the project's sources: name what the program reads in image.files"
_WHOLE = "the whole project is copied: name what the program reads in image.files"
_WILDCARDS = frozenset("*?[")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


class Contents(Struct):
    """Hold what is known of an image while its stage is walked through.

    Attributes:
        programs: by path in the Dockerfile's image.
        strangers: paths, perhaps patterns, of what nobody knows, and what was remarked.
        packages: names of those that were installed, which gomab does not.
        accounts: what commands made.
        has_guessed: a program is taken for one by its name, or since there is no other.
    """

    recipe: Recipe
    stage: Stage
    ground: Ground
    findings: Findings
    programs: dict[str, MainPackage] = field(default_factory=dict)
    files: list[dict[str, str]] = field(default_factory=list)
    strangers: dict[str, tuple[int, str]] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    accounts: Accounts = field(default_factory=Accounts)
    has_guessed: bool = False

    @property
    def is_compiling(self) -> bool:
        """Tell whether the stage compiles what it then starts."""
        return bool(programs_of(self.stage, self.ground))

    @property
    def has_base(self) -> bool:
        """Tell whether the image is made on another one."""
        return ("image", "base") in self.findings.keys

    @property
    def escape(self) -> str:
        """The Dockerfile's escape character."""
        return self.recipe.source.escape

    def say_stranger(self, path: str, line: int, text: str) -> None:
        """Say that nobody knows what lies at a path: a program may, if it is what starts."""
        self.findings.say(line, text)
        self.strangers[path] = (line, text)


def carry_copy(step: Step, contents: Contents) -> None:
    """Carry one COPY or ADD over."""
    line, findings = step.instruction.line, contents.findings
    copy = read_copy(step, contents.escape)
    if step.instruction.documents:
        findings.say(line, f"a here-document as {copy.target}: make it a file of the project for image.files")
        return
    if not all(map(_is_remote, copy.sources)):
        _say_flags(step, findings)
    origin = step.instruction.flag("from")
    for source in copy.sources:
        if origin:
            _copy_from(origin, source, copy, contents)
        else:
            _copy_context(source, copy, contents)


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


def _say_flags(step: Step, findings: Findings) -> None:
    flags = dict(step.instruction.flags)
    if (owner := flags.get("chown", "")) and not is_root(owner):
        findings.say(step.instruction.line, f"--chown={owner}: {OWNERS}")
    if (mode := flags.get("chmod", "")) and not is_plain_mode(mode):
        findings.say(step.instruction.line, f"--chmod={mode}: {MODES}")
    for name in sorted({"exclude", "parents", "checksum"} & flags.keys()):
        findings.say(step.instruction.line, f"--{name} has no key")


def _copy_from(origin: str, source: str, copy: Copy, contents: Contents) -> None:
    step = copy.step
    stage = contents.recipe.find(origin)
    path = posixpath.normpath(posixpath.join("/", source))
    found = project_path(path, stage, contents.ground, contents.escape) if stage else ""
    if stage and _copy_programs(path, stage, copy, contents):
        if found:
            contents.findings.say(step.instruction.line, f"{source} of {origin} holds {_SOURCES}")
    elif _copy_known(path, step, contents):
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


def _copy_known(path: str, step: Step, contents: Contents) -> bool:
    """Carry over what gomab has a key for, or puts into every image."""
    if path.startswith(_CERTIFICATES):
        keep_for_scratch("ca-certificates", step, contents)
    elif path.startswith(_ZONES):
        keep_for_scratch("timezones", step, contents)
    else:
        return path in _MADE_ANYWAY
    return True


def keep_for_scratch(key: str, step: Step, contents: Contents) -> None:
    """Keep a key that only images on scratch heed; on a base, say what is not there unless it has it."""
    if not contents.has_base:
        contents.findings.keep(("image", key), value=True, line=step.instruction.line)
        return
    what, failing = _LEFT_TO_BASE[key]
    contents.findings.say(
        step.instruction.line,
        f"gomab adds no {what} to a base: unless {contents.stage.root.base} has them, {failing}",
    )


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


def known_folders(contents: Contents) -> set[str]:
    """List the folders that the stage has for certain."""
    known = {"/", *(step.scope.workdir for step in contents.stage.all_steps())} - {""}
    known |= {
        posixpath.dirname(path) for path in (*contents.programs, *(file["to"] for file in contents.files))
    }
    if contents.stage.root.base != SCRATCH:
        known |= {"/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin", "/etc", "/opt", "/srv", "/var"}
    return known


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
