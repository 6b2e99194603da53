"""Carry RUN over: packages that gomab has a key for; say the rest."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from gomab_tasks.adoption.accounts import is_account
from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.gobuild import is_go, read_go_build
from gomab_tasks.adoption.known import has_own_certificates, keep_for_scratch
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
    ": [ cd clean echo env exit export ls printenv set strip test true xx-apk xx-apt xx-apt-get xx-info "
    "xx-verify"
)
_UPDATERS = frozenset({"update-ca-certificates", "update-ca-trust"})
# What is said as owners, modes, folders and accounts.
_MAKING = frozenset({"chgrp", "chmod", "chown", "mkdir"})
_REMOVERS = frozenset({"rm", "rmdir", "unlink"})
_TEMPORARY = re.compile(
    r"(?:/var/(?:cache|log|tmp|lib/apt)|/tmp|/go/pkg|/usr/share/(?:doc|man|locale))(?:/|$)"
    r"|(?:/root|~|\$HOME)/\.(?:cache|npm|netrc|ssh|gitconfig)\b"
)
_UPGRADES = frozenset({"dist-upgrade", "full-upgrade", "upgrade"})
_REMOVALS = frozenset({"autoremove", "del", "erase", "purge", "remove"})
_OF_INSTALLERS = ("/etc/apk/", "/etc/apt/", "/etc/yum.repos.d/")
_NOTHING = "gomab runs nothing in images"
LOGINS = "with dockerfile.netrc = true, logins for private modules are read from a secret"
"""What is said of a file of logins that a build stage writes."""
_BUILDERS = "ash bash bazel bazelisk dash gmake goreleaser just mage make ninja sh task"
_IDLE_GO = frozenset({"--wrap", "list", "mod", "version"})


def carry_run(step: Step, contents: Contents) -> None:
    """Carry the commands of one RUN over."""
    for command in commands_of(step):
        if read_go_build(command, step.instruction.line):
            continue
        if is_installing(command):
            _carry_packages(command, step, contents)
        elif not _is_idle_here(command, contents):
            why = LOGINS if contents.is_compiling and is_login(command) else _NOTHING
            contents.findings.say(step.instruction.line, f"RUN {command.text}: {why}")


def _is_idle_here(command: Command, contents: Contents) -> bool:
    if contents.is_compiling and is_removing(command):
        return True
    return is_idle(command) and not (command.words[0] in _UPDATERS and has_own_certificates(contents))


def is_idle(command: Command) -> bool:
    """Tell whether a command leaves nothing that an image of gomab's would lack, or is said elsewhere."""
    name = command.name
    if command.writes:
        return False
    if is_go(name):
        return _is_idle_go(command.words[1:])
    if is_removing(command):
        return all(_TEMPORARY.match(path) for path in _paths(command))
    return name in _IDLE.split() or name in _MAKING | _UPDATERS or is_account(command)


def _is_idle_go(words: Sequence[str]) -> bool:
    """Tell whether a command of Go's leaves the modules and the environment as they are."""
    match words:
        case ["env", *options]:
            return not {"-u", "-w"} & set(options)
        case ["get", *options]:
            return "-u" not in options and not any("@" in option for option in options)
        case ["mod", verb, *_]:
            return verb not in ("edit", "init", "tidy")
    return not words or words[0] in _IDLE_GO


def is_login(command: Command) -> bool:
    """Tell whether a command writes logins for private modules alone."""
    return bool(command.writes) and all(posixpath.basename(path) == ".netrc" for path in command.writes)


def is_removing(command: Command) -> bool:
    """Tell whether a command removes files."""
    return command.name in _REMOVERS


def is_preparing(command: Command) -> bool:
    """Tell whether a command says to a package manager where packages are."""
    return bool(command.writes) and all(path.startswith(_OF_INSTALLERS) for path in command.writes)


def _paths(command: Command) -> list[str]:
    """Give the arguments that are no options, absolute but for what a shell puts in."""
    words = [word for word in command.words[1:] if not word.startswith("-")]
    return [word if word.startswith(("~", "$")) else command.path(word) for word in words]


def may_compile(command: Command) -> bool:
    """Tell whether a command may start `go build`, unless its name says that it does something else."""
    name = command.name
    return name in _BUILDERS.split() or name.endswith(".sh")


def is_installing(command: Command) -> bool:
    """Tell whether a command is a package manager's."""
    return command.words[0] in _INSTALLERS


def _carry_packages(command: Command, step: Step, contents: Contents) -> None:
    words = [word for word in command.words[1:] if not word.startswith("-")]
    match words:
        case ["add" | "install", *packages]:
            for package in packages:
                _carry_package(re.split("[=<>~]", package)[0], step, contents)
        case [verb, *packages] if not contents.is_compiling and _changes_base(
            verb, packages, command, contents
        ):
            contents.findings.say(step.instruction.line, f"RUN {command.text}: {_NOTHING}")


def _carry_package(name: str, step: Step, contents: Contents) -> None:
    contents.packages.add(name)
    if name in _INSTALLED:
        keep_for_scratch(_INSTALLED[name], step, contents)
    elif not contents.is_compiling:
        contents.findings.say(step.instruction.line, f"package {name}: gomab installs nothing in images")


def _changes_base(verb: str, packages: list[str], command: Command, contents: Contents) -> bool:
    """Tell whether packages of the base become others or go; `update` alone reads lists in some managers."""
    is_update = verb == "update" and not command.words[0].startswith("ap")
    own = {*contents.packages, *(name for name in packages if name.startswith("."))}
    return verb in _UPGRADES or is_update or (verb in _REMOVALS and bool(set(packages) - own))
