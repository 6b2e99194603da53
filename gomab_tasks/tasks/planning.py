"""Plan what a task makes; few imports, so that Go is asked early in a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gomab_tasks.facts import Facts, read_facts
from gomab_tasks.golang.compile import replaced_flags
from gomab_tasks.parallel import run_all
from gomab_tasks.plan import Plan, make_plan
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.selection import select


def plan_project(project: Project, arch: Sequence[str]) -> tuple[Facts, Plan]:
    """Ask Go, then plan; what `--arch` adds to the table is said."""
    selection = select(arch, project.settings)
    with step(project.emit, "resolve") as running:
        facts = read_facts(project)
        plan = make_plan(project.settings, facts, selection, project.out, project.templates)
        running.result = f"go {facts.toolchain.version}"
    builds = [planned.build for planned in plan.builds]
    for name in dict.fromkeys(
        name for build in builds for name in replaced_flags(build.flags, facts.toolchain)
    ):
        project.warn(
            f"GOFLAGS has {name}, which gomab's own replaces; write it as go.{name[1:]} in the table"
        )
    if plan.added:
        project.say(f"not in the table, added for this run: {', '.join(map(str, plan.added))}")
    if facts.skipped:
        project.say(f"skipped, name them in image.main to build them: {', '.join(facts.skipped)}")
    return facts, plan


def plan_beside(
    project: Project, arch: Sequence[str], others: Sequence[Callable[[], object]]
) -> tuple[Facts, Plan]:
    """Plan as `plan_project` does, and meanwhile call the others: Go takes 40 ms to answer.

    Raises what they raise, once all have ended.
    """
    planned: list[tuple[Facts, Plan]] = []

    def plan() -> None:
        planned.append(plan_project(project, arch))

    for outcome in run_all([plan, *others], 1 + len(others), project.processes.stop):
        if isinstance(outcome, Exception):
            raise outcome
    return planned[0]
