"""Carry an image's stage over: what it is built upon, and one instruction after the other."""

from __future__ import annotations

import re

from gomab_tasks.adoption.accounts import made_accounts
from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.copies import carry_copy, say_left_out
from gomab_tasks.adoption.modes import read_chmods, say_lost_modes
from gomab_tasks.adoption.ownership import say_ownership
from gomab_tasks.adoption.properties import carry_property
from gomab_tasks.adoption.recipe import Step
from gomab_tasks.adoption.runs import carry_run
from gomab_tasks.settings import SCRATCH

_WITHOUT_SHELL = re.compile(r"(^|[/.])distroless[/.-]|chainguard/static|cgr\.dev/")

_FIRST = frozenset({"USER", "VOLUME"})
_OF_A_PLATFORM = re.compile(r"\$\{?\w*(?:ARCH|PLATFORM)")


def carry_image(contents: Contents) -> None:
    """Walk through the stage, from the image it is built upon to its end."""
    _carry_base(contents)
    contents.accounts = made_accounts(step for stage in contents.recipe.stages for step in stage.steps)
    _carry_workdir(contents)
    # What is said of a file may depend on the user and the volumes.
    for step in sorted(contents.stage.all_steps(), key=lambda step: step.instruction.name not in _FIRST):
        _carry_step(step, contents)
    say_ownership(contents)
    chmods = list(read_chmods(contents.stage))
    for file in contents.files:
        say_lost_modes(contents.ground.root, file["from"], file["to"], chmods, contents.findings)


def _carry_step(step: Step, contents: Contents) -> None:
    if step.instruction.name == "RUN":
        carry_run(step, contents)
    elif step.instruction.name not in ("ADD", "COPY"):
        carry_property(step, contents)
    elif contents.is_compiling and not step.instruction.flag("from"):
        say_left_out(step, contents)
    else:
        carry_copy(step, contents)


def _carry_base(contents: Contents) -> None:
    root, findings = contents.stage.root, contents.findings
    platform = contents.stage.platform or root.platform
    if platform and "$" not in platform:
        findings.keep(("platforms",), [platform], contents.stage.line)
    if root.base == SCRATCH:
        return
    if contents.is_compiling:
        findings.say(root.line, f"{root.base} compiles, and is no base: the image is made on scratch")
        return
    if "$" in root.base:
        findings.say(root.line, f"FROM {root.base} is not known before the image is built; set image.base")
        return
    findings.keep(("image", "base"), root.base, root.line)
    written = next(one.text for one in contents.recipe.source.instructions if one.line == root.line)
    if _OF_A_PLATFORM.search(written):
        findings.say(
            root.line,
            f"FROM {written} is {root.base} here, one for all platforms: set image.base to what has them "
            "all, or set platforms",
        )
    if not _WITHOUT_SHELL.search(root.base):
        findings.say(
            root.line,
            f"{root.base} stays the base; without a need for its shell, take the line image.base out",
        )


def _carry_workdir(contents: Contents) -> None:
    workdir = contents.stage.scope.workdir
    # Without one, a program on scratch starts in /; gomab's default is /app.
    default = "" if contents.has_base else "/app"
    if contents.is_compiling or (contents.has_base and not workdir):
        return
    if "$" in workdir:
        contents.findings.say(
            contents.stage.line, f"WORKDIR {workdir} is not known before the image is built"
        )
    elif (workdir or "/") != default:
        contents.findings.keep(("image", "workdir"), workdir or "/", contents.stage.line)
