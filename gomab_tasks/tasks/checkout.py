"""Look at a checkout, and clean it."""

from typing import TYPE_CHECKING

from gomab_tasks.tasks.options import Arch

if TYPE_CHECKING:
    from gomab_tasks.doctor import DoctorResult
    from gomab_tasks.plan_report import PlanResult
    from gomab_tasks.project import Project
    from gomab_tasks.results import CleanResult


def doctor(project: "Project") -> "DoctorResult":
    """Say what this machine has and lacks for the project, and what mends it."""
    from gomab_tasks.doctor import examine

    return examine(project)


def plan(project: "Project", *, arch: Arch = ()) -> "PlanResult":
    """Show everything that would happen, without compiling."""
    from gomab_tasks.ignored import warn_ignored
    from gomab_tasks.plan_report import report_plan
    from gomab_tasks.tasks.job import plan_project

    facts, planned = plan_project(project, arch)
    warn_ignored(project, planned)
    return report_plan(project, facts, planned)


def clean(project: "Project") -> "CleanResult":
    """Remove what gomab wrote, and nothing else."""
    from gomab_tasks import files
    from gomab_tasks.results import CleanResult

    return CleanResult(project.shown(project.out), files.remove_output(project.out))
