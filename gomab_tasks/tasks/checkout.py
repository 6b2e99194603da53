"""Look at a checkout, and clean it."""

from typing import TYPE_CHECKING

from gomab_tasks.tasks.options import Arch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gomab_tasks.doctor import DoctorResult, Finding
    from gomab_tasks.plan_report import PlanResult
    from gomab_tasks.project import Project
    from gomab_tasks.results import CleanResult


def doctor(project: "Project") -> "DoctorResult":
    """Say what this machine has and lacks for the project, and what mends it."""
    from gomab_tasks.doctor import examine

    return examine(project, [_builder, _engine, _authorities])


def _builder(project: "Project") -> "Iterator[Finding]":
    from gomab_tasks.backends.solve import describe_builder
    from gomab_tasks.doctor import Finding, lacking
    from gomab_tasks.errors import ToolError

    if project.settings.backend != "buildkit":
        return
    try:
        yield Finding("BuildKit", "ok", describe_builder(project.processes, project.settings.buildkit))
    except ToolError as error:
        yield lacking("BuildKit", error)


def _engine(project: "Project") -> "Iterator[Finding]":
    """Look for what `load` needs, and `smoke` likes to have."""
    from gomab_tasks.doctor import Finding
    from gomab_tasks.engines.engine import find_engine
    from gomab_tasks.errors import ToolError

    try:
        engine = find_engine(project.processes, project.settings.engine)
        runs = f", runs {engine.platform}" if engine.platform else ""
        yield Finding("engine", "ok", f"{engine.name}{runs}")
    except ToolError as error:
        yield Finding("engine", "note", f"load has nowhere to put images: {error}")


def _authorities(project: "Project") -> "Iterator[Finding]":
    """Look at the file of the table that registries' certificates are checked with; none is asked."""
    from gomab_tasks.destinations.clients import Registries
    from gomab_tasks.doctor import Finding, lacking
    from gomab_tasks.errors import SettingsError
    from gomab_tasks.registry.reference import Repository

    name = project.settings.registry.ca_file
    if name is None:
        return
    try:
        with Registries(project) as registries:
            registries.client(Repository("localhost", "any"))
        yield Finding("ca-file", "ok", name)
    except SettingsError as error:
        yield lacking("ca-file", error)


def plan(project: "Project", *, arch: Arch = ()) -> "PlanResult":
    """Show everything that would happen, without compiling."""
    from gomab_tasks.contents.executable import warn_not_executable
    from gomab_tasks.contents.ignored import warn_ignored
    from gomab_tasks.plan import require_linkable
    from gomab_tasks.plan_report import report_plan
    from gomab_tasks.tasks.planning import plan_project

    facts, planned = plan_project(project, arch, ["labels", "annotations"])
    require_linkable(planned.wanted, planned.added, project.settings.source)
    warn_ignored(project, planned)
    warn_not_executable(project, planned)
    return report_plan(project, facts, planned)


def clean(project: "Project") -> "CleanResult":
    """Remove what gomab wrote, and nothing else."""
    from gomab_tasks import files
    from gomab_tasks.results import CleanResult

    removed, kept = files.remove_output(project.out)
    if removed and not kept:
        files.remove_empty(project.out.parent, project.root)
    return CleanResult(project.shown(project.out), removed, kept)
