"""Find programs in the words that start an image: at their head, behind `tini --`, in a shell's text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from gomab_tasks.adoption.contents import Contents
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.plan import PROGRAM_FOLDER

_AS_USER = frozenset({"gosu", "su-exec"})  # `gosu USER COMMAND`
_WRAPPERS = _AS_USER | {"catatonit", "dumb-init", "tini", "tini-static"}
_SHELLS = frozenset({"ash", "bash", "dash", "sh"})
_WORD = re.compile(r"(?<![\w./$-])[\w./-]+")
# What stands before a word that a shell takes for a command.
_BEFORE_COMMAND = re.compile(r"(?:^|[;&|(\n]|\b(?:exec|then|else|do))\s*$")


def command_place(words: Sequence[str]) -> int:
    """Give the place of the command behind programs that only start another one; 0 without them."""
    place = 0
    while place < len(words) and posixpath.basename(words[place]) in _WRAPPERS:
        name, rest = posixpath.basename(words[place]), words[place + 1 :]
        if "--" in rest:
            place += rest.index("--") + 2
        else:
            options = next((number for number, word in enumerate(rest) if word[:1] != "-"), len(rest))
            place += 1 + options + (name in _AS_USER)
    return place


def program_of(word: str, contents: Contents) -> MainPackage | None:
    """Tell which program a word starts: by its path, or by its name where PATH finds it."""
    if "/" in word:
        return contents.programs.get(contents.stage.scope.path(word))
    named = (main for path, main in contents.programs.items() if posixpath.basename(path) == word)
    return next(named, None)


def program_path(main: MainPackage) -> str:
    """Give the path that a program has in gomab's images."""
    return f"{PROGRAM_FOLDER}/{main.name}"


def shell_texts(words: Sequence[str]) -> Iterator[int]:
    """List the places of what a shell reads: `sh -c TEXT`."""
    is_shell = False
    for place, word in enumerate(words[:-1]):
        is_shell = is_shell or posixpath.basename(word) in _SHELLS
        if is_shell and re.fullmatch(r"-[a-z]*c", word):
            yield place + 1


def programs_in(text: str, contents: Contents) -> list[MainPackage]:
    """List the programs that a shell's text starts."""
    found = (_called(match, contents) for match in _WORD.finditer(text))
    return [main for main in found if main]


def rewritten_text(text: str, contents: Contents) -> str:
    """Put the paths that programs have with gomab into a shell's text."""

    def path(match: re.Match[str]) -> str:
        main = _called(match, contents)
        return program_path(main) if main else match[0]

    return _WORD.sub(path, text)


def has_command(word: str, contents: Contents) -> bool:
    """Tell whether the image has what it starts: a base may have anything but what was added to it."""
    path, name = contents.stage.scope.path(word), posixpath.basename(word)
    if program_of(word, contents) or path in {file["to"] for file in contents.files}:
        return True
    if not contents.has_base or name in contents.packages or path in contents.strangers:
        return False
    instructions = (step.instruction for step in contents.stage.all_steps())
    adding = (one for one in instructions if one.name in ("ADD", "COPY", "RUN"))
    return name not in _WRAPPERS or not any(name in one.text for one in adding)


def _called(match: re.Match[str], contents: Contents) -> MainPackage | None:
    is_command = bool(_BEFORE_COMMAND.search(match.string[: match.start()]))
    return program_of(match[0], contents) if is_command or "/" in match[0] else None
