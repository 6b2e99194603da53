"""Carry RUN over: packages that gomab has a key for, users that were made; say the rest."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from gomab_tasks.adoption.copies import Contents, keep_for_scratch
from gomab_tasks.adoption.gobuild import read_go_build
from gomab_tasks.adoption.programs import commands_of
from gomab_tasks.adoption.recipe import Step
from gomab_tasks.adoption.shell import Command

_INSTALLERS = frozenset({"apk", "apt", "apt-get", "dnf", "microdnf", "tdnf", "yum", "zypper"})
_INSTALLED = {
    "ca-certificates": "ca-certificates",
    "ca-certificates-bundle": "ca-certificates",
    "tzdata": "timezones",
}
# What prepares a stage and leaves nothing that an image of gomab's would lack.
_IDLE = (
    "[ addgroup adduser chmod chown cd clean echo env exit export groupadd ls printenv rm set strip test "
    "true update-ca-certificates update-ca-trust useradd"
)
_IDLE_GO = frozenset({"env", "get", "list", "mod", "version"})
_FOLDERS = "image.volumes makes folders that belong to the user"
_FLAGS_ALONE = ("-D", "-H", "-M", "-S", "-m", "-r")


def carry_run(step: Step, contents: Contents) -> None:
    """Carry the commands of one RUN over."""
    for command in commands_of(step):
        if not command.words or read_go_build(command, step.instruction.line):
            continue
        if is_installing(command):
            _carry_packages(command, step, contents)
        elif command.words[0] == "mkdir":
            if not contents.is_compiling:
                contents.findings.say(step.instruction.line, f"RUN {command.text}: {_FOLDERS}")
        elif not is_idle(command):
            contents.findings.say(step.instruction.line, f"RUN {command.text}: gomab runs nothing in images")


def is_idle(command: Command) -> bool:
    """Tell whether a command leaves nothing that an image of gomab's would lack."""
    name = posixpath.basename(command.words[0])
    if name == "go":
        return len(command.words) < 2 or command.words[1] in _IDLE_GO  # noqa: PLR2004 - a verb
    return name in _IDLE.split()


def is_installing(command: Command) -> bool:
    """Tell whether a command is a package manager's."""
    return command.words[0] in _INSTALLERS


def _carry_packages(command: Command, step: Step, contents: Contents) -> None:
    words = [word for word in command.words[1:] if not word.startswith("-")]
    if not words or words[0] not in ("add", "install"):
        return
    for package in words[1:]:
        name = re.split("[=<>~]", package)[0]
        contents.packages.add(name)
        if name in _INSTALLED:
            keep_for_scratch(_INSTALLED[name], step, contents)
        elif not contents.is_compiling:
            contents.findings.say(step.instruction.line, f"package {name}: gomab installs nothing in images")


def made_users(steps: Iterable[Step]) -> dict[str, str]:
    """Find users that commands made, with the numbers they were given: name -> UID:GID, or nothing."""
    found: dict[str, str] = {}
    for step in steps:
        for command in commands_of(step):
            if command.words and command.words[0] in ("adduser", "useradd") and len(command.words) > 1:
                number = re.search(r"\s(?:-[A-Za-z]*u|--uid)[ =]?(\d+)\b", command.text)
                name = _user_name(command)
                found[name] = f"{number[1]}:{number[1]}" if number else ""
    return found


def _user_name(command: Command) -> str:
    """Give the user's name: the last word, or the one before a group (`adduser USER GROUP`)."""
    words = list(command.words[1:])
    plain = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not word.startswith("-") and (not before.startswith("-") or before in _FLAGS_ALONE)
    ]
    return plain[0] if plain else words[-1]
