"""Plan what a task makes; few imports, so that Go is asked early in a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from gomab_tasks.facts import Facts, read_facts
from gomab_tasks.golang.compile import replaced_flags
from gomab_tasks.golang.toolchain import passed_line
from gomab_tasks.parallel import run_all
from gomab_tasks.plan import Plan, Values, make_plan
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.selection import select

_INSTEAD = {
    "-buildvcs": "set go.vcs-stamp in the table",
    "-p": "give --jobs",
    **{f"-{name}": f"write it as go.{name} in the table" for name in ("gcflags", "ldflags", "tags")},
}
"""What to do about flags of GOFLAGS that have no effect."""


def plan_project(project: Project, arch: Sequence[str], needed: Sequence[Values] = ()) -> tuple[Facts, Plan]:
    """Ask Go, then plan; what `--arch` adds to the table is said.

    Args:
        needed: as in `make_plan`.
    """
    selection = select(arch, project.settings)
    with step(project.emit, "resolve") as running:
        facts = read_facts(project)
        plan = make_plan(project.settings, facts, selection, project.out, project.templates, needed)
        running.result = f"go {facts.toolchain.version}"
    lost = [name for planned in plan.builds for name in replaced_flags(planned.build, facts.toolchain)]
    for name in dict.fromkeys(lost):
        cure = _INSTEAD.get(name, "take it out")
        project.warn(f"GOFLAGS has {name}, which gomab's own replaces; {cure}")
    if plan.added:
        project.say(f"not in the table, added for this run: {', '.join(map(str, plan.added))}")
    if passed := passed_line(facts.toolchain):
        project.say("; ".join(passed))
    for folder, reason in facts.misnamed.items():
        project.warn(f"{folder}: is left out, since {reason}; rename the folder")
    if facts.skipped:
        project.say(f"skipped, name them in image.main to build them: {', '.join(facts.skipped)}")
    return facts, plan


def plan_beside(
    project: Project,
    arch: Sequence[str],
    needed: Sequence[Values],
    begin: Callable[[], object] = lambda: None,
) -> tuple[Facts, Plan]:
    """Plan images as `plan_project` does, and meanwhile ask git and call `begin`: Go takes 40 ms to answer.

    The commit is asked for now, since it is that of the start.

    Raises what `begin` raises, once all have ended.
    """
    planned: list[tuple[Facts, Plan]] = []
    revisions: list[str | None] = []
    functions: list[Callable[[], object]] = [
        lambda: planned.append(plan_project(project, arch, needed)),
        begin,
        lambda: revisions.append(project.templates.commit()),
    ]
    for outcome in run_all(functions, len(functions), project.processes.stop):
        if isinstance(outcome, Exception):
            raise outcome
    ((facts, plan),) = planned
    return facts, replace(plan, revision=revisions[0])
