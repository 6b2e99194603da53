"""Carry an image's stage over: what it is built upon, and one instruction after the other."""

from __future__ import annotations

import re

from gomab_tasks.adoption.copies import Contents, carry_copy, say_left_out
from gomab_tasks.adoption.properties import carry_property
from gomab_tasks.adoption.runs import carry_run, made_users
from gomab_tasks.settings import SCRATCH

_WITHOUT_SHELL = re.compile(r"(^|[/.])distroless[/.-]|chainguard/static|cgr\.dev/")


def carry_image(contents: Contents) -> None:
    """Walk through the stage, from the image it is built upon to its end."""
    _carry_base(contents)
    contents.users |= made_users(step for stage in contents.recipe.stages for step in stage.steps)
    _carry_workdir(contents)
    for step in contents.stage.all_steps():
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
