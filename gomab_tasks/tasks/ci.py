"""Serve CI systems: a matrix, cache keys, a workflow."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Arch, Option

if TYPE_CHECKING:
    from gomab_tasks.generate.cache_key import CacheKeyResult
    from gomab_tasks.generate.matrix import MatrixResult
    from gomab_tasks.generate.workflow import WorkflowResult
    from gomab_tasks.project import Project


def matrix(
    project: "Project",
    *,
    arch: Arch = (),
    runners: Annotated[int, Option("divide the platforms among at most N; 0 is one for each", "N")] = 0,
) -> "MatrixResult":
    """Print a CI matrix as JSON, an entry for each runner of `image --arch`.

    In GitHub Actions it is also the output `matrix` of the step.
    """
    from gomab_tasks import github
    from gomab_tasks.generate.matrix import find_work, make_matrix
    from gomab_tasks.selection import select

    result = make_matrix(find_work(project, select(arch, project.settings)), runners)
    github.set_outputs(project.environment, {"matrix": result.text()})
    return result


def cache_key(project: "Project", *, arch: Arch = ()) -> "CacheKeyResult":
    """Print keys for CI caches of Go's modules and compiled packages.

    In GitHub Actions the lines are also outputs of the step.
    """
    from gomab_tasks import github
    from gomab_tasks.facts import read_facts
    from gomab_tasks.generate.cache_key import make_keys
    from gomab_tasks.plan import plan_images
    from gomab_tasks.selection import select

    facts = read_facts(project)
    images = plan_images(project.settings, facts, select(arch, project.settings))
    result = make_keys(facts, images)
    github.set_outputs(project.environment, result.outputs)
    return result


def workflow(
    project: "Project",
    *,
    write: Annotated[bool, Option("write it into .github/workflows")] = False,
    check: Annotated[bool, Option("fail when the committed one is not what the table says")] = False,
    matrix: Annotated[bool, Option("build each platform on a runner of its own")] = False,
) -> "WorkflowResult":
    """Show, write or check a GitHub workflow that runs these tasks.

    It tests, builds, measures and pushes. The commits of actions that a bot moved are kept.
    """
    from gomab_tasks.generate.committed import Generated, check_files, refuse_both, write_files
    from gomab_tasks.generate.needs import find_needs
    from gomab_tasks.generate.workflow import WorkflowResult, workflow_path, write_workflow

    refuse_both(write=write, check=check)
    needs = find_needs(project)
    words = "workflow --matrix --write" if matrix else "workflow --write"
    path = needs.top / workflow_path(needs)
    committed = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    text = write_workflow(needs, project.heading(words), committed, matrix=matrix)
    generated = Generated({path: text}, needs.top, project.type(words))
    if write:
        write_files(generated)
    if check:
        check_files(generated)
    return WorkflowResult(workflow_path(needs), text, written=write, checked=check)
