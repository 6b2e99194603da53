"""Carry over what an image says of itself: environment, labels, ports, volumes, user, signal."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from gomab_tasks.adoption.accounts import is_account
from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.expansion import UnknownValueError, expand, split_pairs, split_words
from gomab_tasks.adoption.programs import commands_of
from gomab_tasks.adoption.recipe import Step, braced
from gomab_tasks.contents.rootfs import DEFAULT_USER, SCRATCH_USERS
from gomab_tasks.secrets import is_secret_name, redactor
from gomab_tasks.settings import SCRATCH

# Images of systems have accounts of their own below it.
_FIRST_OF_PEOPLE = 1000


def carry_property(step: Step, contents: Contents) -> None:
    """Carry an instruction over that does nothing but say something."""
    if carry := _CARRIERS.get(step.instruction.name):
        carry(step, contents)


def _carry_ports(step: Step, contents: Contents) -> None:
    _extend("expose", split_words(step.instruction.text, contents.escape), step, contents)


def _carry_volumes(step: Step, contents: Contents) -> None:
    words = step.instruction.words or split_words(step.instruction.text, contents.escape)
    _extend("volumes", words, step, contents)


def _extend(key: str, words: Sequence[str], step: Step, contents: Contents) -> None:
    """Add to a list of the table, item by item: one wrong item leaves the others."""
    for word in words:
        found = contents.findings.keys.get(("image", key), [])
        assert isinstance(found, list)
        items = [str(item) for item in found]
        value = _filled(word, step, contents)
        if "$" in value:
            contents.findings.say(step.instruction.line, f"{value} is not known before the image is built")
        elif value not in items:
            contents.findings.keep(("image", key), [*items, value], step.instruction.line)


def _carry_signal(step: Step, contents: Contents) -> None:
    signal = _filled(step.instruction.text, step, contents)
    name = signal if signal.isdecimal() else f"SIG{signal.upper().removeprefix('SIG')}"
    contents.findings.keep(("image", "stop-signal"), name, step.instruction.line)


def _carry_user(step: Step, contents: Contents) -> None:
    text, line = _filled(step.instruction.text, step, contents), step.instruction.line
    name, _, group = text.partition(":")
    user = contents.accounts.user(name)
    contents.user = text
    if name.isdecimal() and not group and not (user and _has_accounts(contents)):
        _carry_number(name, step, contents)
    elif user and user.uid:
        gid = contents.accounts.gid(group) if group else user.gid
        contents.findings.keep(("image", "user"), f"{user.uid}:{gid or user.uid}", line)
        if not gid:
            whose = f"of the group {group}" if group else f"of {name}'s group"
            contents.findings.say(line, f"USER {text}: the number {whose} is not known, {user.uid} is taken")
    elif _is_known(name, group, contents):
        number = contents.accounts.groups.get(group)
        contents.findings.keep(("image", "user"), f"{name}:{number}" if number else text, line)
    else:
        if contents.has_base:  # on scratch it is the default
            contents.findings.keep(("image", "user"), DEFAULT_USER, line)
        contents.findings.say(line, f"USER {text} has no number here: image.user is {DEFAULT_USER}")


def _has_accounts(contents: Contents) -> bool:
    """Tell whether the stage has accounts that its commands made, or that it copies."""
    steps = contents.stage.all_steps()
    made = any(is_account(command) for step in steps for command in commands_of(step))
    return made or any(
        step.instruction.name in ("ADD", "COPY") and "passwd" in step.instruction.text for step in steps
    )


def _carry_number(number: str, step: Step, contents: Contents) -> None:
    """Carry a user without a group over: where /etc/passwd has none, Docker takes 0, gomab the number."""
    line, base = step.instruction.line, contents.stage.root.base
    is_known = number in map(str, SCRATCH_USERS.values())
    is_new = contents.is_compiling and not is_known and int(number) >= _FIRST_OF_PEOPLE
    if is_new or (base == SCRATCH and not _has_accounts(contents)):
        contents.findings.keep(("image", "user"), f"{number}:0", line)
    elif contents.findings.keep(("image", "user"), number, line) and not is_known:
        whose = "the /etc/passwd that is copied" if base == SCRATCH else base
        text = (
            f"its group is that in {whose}, or else"
            if contents.has_base
            else f"its group in {whose} is not known,"
        )
        contents.findings.say(line, f"USER {number}: {text} {number}; Docker takes 0 where it finds none")


def _is_known(name: str, group: str, contents: Contents) -> bool:
    """Tell whether gomab can resolve a user, by itself or with the files of a base."""
    known, made = {*SCRATCH_USERS, ""}, contents.accounts
    is_numbered = all(part.isdecimal() or part in known or made.groups.get(part) for part in (name, group))
    is_of_base = name not in made.users and group not in made.groups and "$" not in name + group
    return is_numbered or (contents.has_base and is_of_base)


def _say_health(step: Step, contents: Contents) -> None:
    if step.instruction.text.upper() != "NONE":
        text = "HEALTHCHECK is no part of OCI images; [tool.gomab.smoke] tries the program"
        contents.findings.say(step.instruction.line, text)


def _say_keyless(step: Step, contents: Contents) -> None:
    contents.findings.say(step.instruction.line, f"{step.instruction.name} has no key")


def _carry_env(step: Step, contents: Contents) -> None:
    line, findings = step.instruction.line, contents.findings
    for name, word in split_pairs(step.instruction.text, contents.escape):
        try:
            value = expand(word, step.scope.values, contents.escape)
        except UnknownValueError as error:
            findings.say(line, f"ENV {name}: {error}")
            continue
        if is_secret(name, value):
            findings.say(
                line, f"ENV {name} looks like a secret, which an image cannot keep; give it to the container"
            )
        elif not contents.is_compiling or not name.startswith(("GO", "CGO_")):
            findings.keep(("image", "env", name), value, line)


def is_secret(name: str, value: str) -> bool:
    """Tell what nobody should read; the path of a secret is none, nor is an empty value."""
    is_named = is_secret_name(name) and bool(value) and not _PATH.fullmatch(value)
    return is_named or redactor({})(value) != value


def _carry_labels(step: Step, contents: Contents) -> None:
    for name, word in split_pairs(step.instruction.text, contents.escape):
        try:
            value = expand(word, step.scope.templates, contents.escape, braced)
        except UnknownValueError as error:
            contents.findings.say(step.instruction.line, f"LABEL {name}: {error}")
            continue
        contents.findings.keep(("image", "labels", name), value, step.instruction.line)


def _filled(word: str, step: Step, contents: Contents) -> str:
    try:
        return expand(word, step.scope.values, contents.escape)
    except UnknownValueError:
        return word


# In lower case alone: base64 has slashes too.
_PATH = re.compile(r"(/[a-z0-9_.-]+)+")
_CARRIERS: Mapping[str, Callable[[Step, Contents], None]] = {
    "ENV": _carry_env,
    "EXPOSE": _carry_ports,
    "HEALTHCHECK": _say_health,
    "LABEL": _carry_labels,
    "MAINTAINER": _say_keyless,
    "ONBUILD": _say_keyless,
    "SHELL": _say_keyless,
    "STOPSIGNAL": _carry_signal,
    "USER": _carry_user,
    "VOLUME": _carry_volumes,
}
