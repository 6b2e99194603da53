"""Carry RUN over: packages that gomab has a key for; say the rest."""

from __future__ import annotations

import posixpath
import re

from gomab_tasks.adoption.copies import Contents, keep_for_scratch
from gomab_tasks.adoption.gobuild import is_go, read_go_build
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
    "true update-ca-certificates update-ca-trust useradd xx-apk xx-apt xx-apt-get xx-info xx-verify"
)
_BUILDERS = "ash bash bazel bazelisk dash gmake goreleaser just mage make ninja sh task"
_IDLE_GO = frozenset({"--wrap", "env", "get", "list", "mod", "version"})
_FOLDERS = "image.volumes makes folders that belong to the user"


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
    if is_go(command.words[0]):
        return len(command.words) < 2 or command.words[1] in _IDLE_GO  # noqa: PLR2004 - a verb
    return posixpath.basename(command.words[0]) in _IDLE.split()


def may_compile(command: Command) -> bool:
    """Tell whether a command may start `go build`, unless its name says that it does something else."""
    name = posixpath.basename(command.words[0])
    return name in _BUILDERS.split() or name.endswith(".sh")


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
