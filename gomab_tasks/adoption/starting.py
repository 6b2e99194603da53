"""Carry ENTRYPOINT and CMD over: which program starts, with which words."""

from __future__ import annotations

import fnmatch
import posixpath
import re
import shlex

from msgspec import Struct

from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.launching import (
    command_place,
    has_command,
    program_of,
    program_path,
    programs_in,
    rewritten_text,
    shell_texts,
)
from gomab_tasks.adoption.programs import programs_of
from gomab_tasks.adoption.properties import is_secret
from gomab_tasks.adoption.recipe import Step
from gomab_tasks.adoption.shell import fill
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.plan import PROGRAM_FOLDER

_SHELL_WORDS = re.compile(r"[$;&|<>()`*?~]")


class _Start(Struct, frozen=True):
    """Hold the words of an ENTRYPOINT or CMD, as an exec form has them."""

    words: tuple[str, ...]
    line: int


class _Line(Struct, frozen=True):
    """Hold the words that start an image: an entrypoint, or a CMD alone, and arguments behind it."""

    first: _Start
    args: _Start | None

    @property
    def words(self) -> list[str]:
        """All words."""
        return [*self.first.words, *(self.args.words if self.args else ())]

    @property
    def heads(self) -> list[int]:
        """The places where the command may stand: behind wrappers, or first of the arguments."""
        places = [command_place(self.words), len(self.first.words)]
        return [place for place in places if place < len(self.words)]


def carry_start(contents: Contents) -> tuple[MainPackage, ...]:
    """Carry over how the image starts; give its main packages, the one that starts first."""
    compiled = {found.path: found.main for found in programs_of(contents.stage, contents.ground)}
    contents.programs |= compiled
    entrypoint, cmd = (_read(name, contents) for name in ("ENTRYPOINT", "CMD"))
    first = entrypoint or (None if _steps("ENTRYPOINT", contents) else cmd)
    is_started = _steps("ENTRYPOINT", contents) or _steps("CMD", contents)
    if not is_started and contents.stage is not contents.recipe.stages[-1]:
        return ()  # it was made for a build, not for an image
    line = _Line(first, cmd if entrypoint else None) if first else None
    if line:
        _adopt_stranger(line, contents)
    started = _started(line, contents) if line else []
    mains = tuple(dict.fromkeys([*started, *contents.programs.values()]))
    if mains and line:
        _carry_words(line, mains[0], contents)
    _say_moved(contents.programs.keys() - compiled.keys(), line, contents)
    return mains


def _read(name: str, contents: Contents) -> _Start | None:
    steps = _steps(name, contents)
    if not steps:
        return None
    words = _words(steps[-1], contents)
    if words is None:
        text = steps[-1].instruction.text
        contents.findings.say(
            steps[-1].instruction.line, f"{name} {text} needs a shell: write its words into image.entrypoint"
        )
    return _Start(words, steps[-1].instruction.line) if words else None


def _steps(name: str, contents: Contents) -> list[Step]:
    return [step for step in contents.stage.all_steps() if step.instruction.name == name]


def _words(step: Step, contents: Contents) -> tuple[str, ...] | None:
    """Give the words of the JSON form, or of a text that needs nothing of a shell but what ENV set."""
    if step.instruction.words is not None:
        return step.instruction.words
    written, scope = step.instruction.text, step.scope
    kept = {name: value for name, value in scope.values.items() if name in scope.environment}
    text = fill(written, {name: value for name, value in kept.items() if not is_secret(name, value)})
    try:
        words = [] if _SHELL_WORDS.search(text) else shlex.split(text)
    except ValueError:
        return None
    if words and text != written:
        contents.findings.say(
            step.instruction.line,
            f"no shell puts values in when the image starts: {written} is always {text}",
        )
    return tuple(words[1:] if words[:1] == ["exec"] else words) or None


def _adopt_stranger(line: _Line, contents: Contents) -> None:
    """Take what starts, and came from where nobody knows, for the only main package."""
    found = (_stranger(line.words[place], contents) for place in line.heads)
    path, pattern = next(filter(None, found), ("", ""))
    if path and not contents.programs and len(contents.ground.mains) == 1:
        contents.findings.remarks.remove(contents.strangers[pattern])
        main = contents.ground.mains[0]
        contents.programs[path] = main
        contents.has_guessed = True
        contents.findings.say(line.first.line, f"{path} is taken for the program of {main.import_path}")


def _stranger(word: str, contents: Contents) -> tuple[str, str] | None:
    """Give the path of what a word starts, and the one under which nobody knows it."""
    for pattern in contents.strangers:
        path = contents.stage.scope.path(word) if "/" in word else f"{posixpath.dirname(pattern)}/{word}"
        if fnmatch.fnmatchcase(path, pattern):
            return path, pattern
    return None


def _started(line: _Line, contents: Contents) -> list[MainPackage]:
    """Give the program that starts, if one does; of a shell's text the last, which stays."""
    heads = [program_of(line.words[place], contents) for place in line.heads]
    texts = [main for place in shell_texts(line.words) for main in programs_in(line.words[place], contents)]
    return [main for main in (*heads, *reversed(texts)) if main][:1]


def _carry_words(line: _Line, main: MainPackage, contents: Contents) -> None:
    words, args = _with_command(line, main, contents)
    program, number = program_path(main), line.first.line
    if not _steps("ENTRYPOINT", contents) and words[0] == program:
        contents.findings.say(
            number, f"CMD alone: {program} is the entrypoint, which words behind the image's name reach"
        )
        words, args = words[:1], words[1:]
    if words != [program]:
        contents.findings.keep(("image", "entrypoint"), words, number)
    if args:
        contents.findings.keep(("image", "args"), args, line.args.line if line.args else number)
    for place in shell_texts([*words, *args]):
        text = [*words, *args][place]
        contents.findings.say(
            number, f"see whether the shell finds all it calls, {PROGRAM_FOLDER} is not in PATH: {text}"
        )


def _with_command(line: _Line, main: MainPackage, contents: Contents) -> tuple[list[str], list[str]]:
    """Give the words of entrypoint and arguments, without what the image does not have."""
    words, end, place = _rewritten(line, contents), len(line.first.words), command_place(line.words)
    if has_command(line.words[0], contents):
        return words[:end], words[end:]
    contents.findings.say(
        line.first.line, f"{line.words[0]} is not in the image, which starts {program_path(main)} itself"
    )
    if 0 < place < len(words) and has_command(line.words[place], contents):
        end = max(end, place + 1)
        return words[place:end], words[end:]
    program = [program_path(main)]
    return program, words[end + (words[end : end + 1] == program) :]


def _rewritten(line: _Line, contents: Contents) -> list[str]:
    """Put the paths that programs have with gomab in."""
    words = line.words
    commands = [place for place in line.heads if program_of(words[place], contents)][:1]
    texts = set(shell_texts(words))
    for place, word in enumerate(words):
        main = program_of(word, contents)
        if place in texts:
            words[place] = rewritten_text(word, contents)
        elif main and ("/" in word or place in commands):
            words[place] = program_path(main)
        elif main:
            contents.findings.say(
                line.first.line, f"the word {word} stays; as a command it is {program_path(main)}"
            )
    return words


def _say_moved(copied: set[str], line: _Line | None, contents: Contents) -> None:
    """Say where programs lie now, for those who call them by their old path."""
    words = line.words if line else []
    for main in dict.fromkeys(contents.programs.values()):
        new = program_path(main)
        paths = [path for path, other in contents.programs.items() if other == main]
        called = [path for path in paths if any(_is_call(word, path, contents) for word in words)]
        # Of what -o names, a file comes before a folder that holds the program.
        old = next(iter(called or [path for path in paths if path in copied]), new)
        if old != new:
            contents.findings.say(
                line.first.line if line else contents.stage.line,
                f"{old} is {new} now, for all that calls it: scripts, probes, a Kubernetes `command:`",
            )


def _is_call(word: str, path: str, contents: Contents) -> bool:
    return contents.stage.scope.path(word) == path if "/" in word else posixpath.basename(path) == word
