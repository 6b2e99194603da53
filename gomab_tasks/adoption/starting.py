"""Carry ENTRYPOINT and CMD over: which program starts, with which words."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass

from gomab_tasks.adoption.copies import Contents
from gomab_tasks.adoption.programs import programs_of
from gomab_tasks.adoption.recipe import Step
from gomab_tasks.adoption.shell import fill
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.plan import PROGRAM_FOLDER

_SHELL_WORDS = re.compile(r"[$;&|<>()`*?~]")


@dataclass(frozen=True, slots=True)
class _Start:
    """Hold the words of an ENTRYPOINT or CMD, as an exec form has them."""

    words: tuple[str, ...]
    line: int


def carry_start(contents: Contents) -> tuple[MainPackage, ...]:
    """Carry over how the image starts; give its main packages, the one that starts first."""
    contents.programs |= {found.path: found.main for found in programs_of(contents.stage, contents.ground)}
    entrypoint, cmd = (_read(name, contents) for name in ("ENTRYPOINT", "CMD"))
    first = entrypoint or (None if _steps("ENTRYPOINT", contents) else cmd)
    is_started = _steps("ENTRYPOINT", contents) or _steps("CMD", contents)
    if not is_started and contents.stage is not contents.recipe.stages[-1]:
        return ()  # it was made for a build, not for an image
    if first:
        _adopt_stranger(first, contents)
    started = _program(first.words[0], contents) if first else None
    mains = tuple(dict.fromkeys([*filter(None, [started]), *contents.programs.values()]))
    if mains and first:
        _carry_words(first, cmd if entrypoint else None, mains[0], contents)
    return mains


def _read(name: str, contents: Contents) -> _Start | None:
    steps = _steps(name, contents)
    if not steps:
        return None
    words = _words(steps[-1])
    if words is None:
        text = steps[-1].instruction.text
        contents.findings.say(
            steps[-1].instruction.line, f"{name} {text} needs a shell: write its words into image.entrypoint"
        )
    return _Start(words, steps[-1].instruction.line) if words else None


def _steps(name: str, contents: Contents) -> list[Step]:
    return [step for step in contents.stage.all_steps() if step.instruction.name == name]


def _words(step: Step) -> tuple[str, ...] | None:
    """Give the words of the JSON form, or of a text that needs nothing of a shell."""
    if step.instruction.words is not None:
        return step.instruction.words
    text = fill(step.instruction.text, step.scope.values)
    try:
        words = [] if _SHELL_WORDS.search(text) else shlex.split(text)
    except ValueError:
        return None
    return tuple(words[1:] if words[:1] == ["exec"] else words) or None


def _adopt_stranger(first: _Start, contents: Contents) -> None:
    """Take what starts, and came from a stage that is not understood, for the only main package."""
    path = contents.stage.scope.path(first.words[0])
    if path in contents.strangers and not contents.programs and len(contents.ground.mains) == 1:
        contents.findings.remarks.remove(contents.strangers[path])
        main = contents.ground.mains[0]
        contents.programs[path] = main
        contents.findings.say(first.line, f"{path} is taken for the program of {main.import_path}")


def _program(word: str, contents: Contents) -> MainPackage | None:
    """Tell which program a word starts: by its path, or by its name where PATH finds it."""
    if "/" in word:
        return contents.programs.get(contents.stage.scope.path(word))
    named = (main for path, main in contents.programs.items() if posixpath.basename(path) == word)
    return next(named, None)


def _carry_words(first: _Start, args: _Start | None, main: MainPackage, contents: Contents) -> None:
    words = _rewritten(first.words, contents)
    program = f"{PROGRAM_FOLDER}/{main.name}"
    is_cmd_alone = not _steps("ENTRYPOINT", contents)
    if not _can_start(words[0], contents):
        contents.findings.say(first.line, f"{words[0]} is not in the image, which starts {program} itself")
    elif is_cmd_alone and words[0] == program:
        contents.findings.say(
            first.line, f"CMD alone: {program} is the entrypoint, which words behind the image's name reach"
        )
        args = _Start(first.words[1:], first.line)
    elif words != [program]:
        contents.findings.keep(("image", "entrypoint"), words, first.line)
    if args and args.words:
        contents.findings.keep(("image", "args"), _rewritten(args.words, contents), args.line)


def _can_start(path: str, contents: Contents) -> bool:
    """Tell whether the image has what it starts; a base may have anything."""
    known = {f"{PROGRAM_FOLDER}/{main.name}" for main in contents.programs.values()}
    return contents.has_base or path in known | {file["to"] for file in contents.files}


def _rewritten(words: tuple[str, ...], contents: Contents) -> list[str]:
    """Put the paths that programs have with gomab in."""
    found = [
        _program(word, contents) if number == 0 or "/" in word else None for number, word in enumerate(words)
    ]
    return [
        f"{PROGRAM_FOLDER}/{main.name}" if main else word for word, main in zip(words, found, strict=True)
    ]
