"""Write a workflow for GitHub Actions that runs the tasks, and nothing that they do not do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gomab_tasks.errors import SettingsError
from gomab_tasks.generate import steps, yaml
from gomab_tasks.generate.actions import keep_pins
from gomab_tasks.generate.needs import Needs
from gomab_tasks.generate.steps import Step
from gomab_tasks.generate.yaml import Remarked, Value

Job = dict[str, Value]

_RUNNER = "ubuntu-24.04"
_MINUTES = 30
_READ: Job = {"contents": "read"}
# Forks have neither the secrets nor a say in the registry.
_PUSHES = "github.event_name == 'push' && !github.event.repository.fork"


class WorkflowResult(Struct, frozen=True):
    """Hold a workflow; `path` is from the repository's top.

    Attributes:
        written, checked: what was done with the file.
    """

    path: str
    workflow: str
    written: bool = False
    checked: bool = False

    def text(self) -> str:
        """Give the workflow, or say what was done."""
        if self.written:
            return f"wrote {self.path}; commit it"
        if self.checked:
            return f"{self.path} is what the table says"
        return self.workflow.rstrip("\n")


def workflow_path(needs: Needs) -> str:
    """Say where GitHub reads it, from the repository's top: for a project in a folder `images-FOLDER.yml`."""
    return f".github/workflows/{_name(needs)}.yml"


def write_workflow(needs: Needs, heading: str, committed: str, *, matrix: bool = False) -> str:
    """Write the workflow.

    Args:
        heading: the first line.
        committed: the one that is there; its actions keep their commits.
        matrix: divide the platforms among several runners.

    Raises `SettingsError` where the task file lacks tasks that the workflow types.
    """
    _require_tasks(needs, matrix=matrix)
    text = yaml.dump(_document(needs, matrix=matrix))
    return keep_pins(
        f"{heading}\n# Commits of actions may be moved, by a bot for example; they are kept.\n\n{text}",
        committed,
    )


def tasks_of(needs: Needs, *, matrix: bool) -> list[str]:
    """Name the tasks that the workflow types."""
    is_pushed = needs.pushed.branch or needs.pushed.tags
    return [
        "cache-key",
        *(["matrix", "image"] if matrix else []),
        "images",
        *(["smoke"] if needs.smoke else []),
        *(["push"] if is_pushed else []),
    ]


def _require_tasks(needs: Needs, *, matrix: bool) -> None:
    lacking = [task for task in tasks_of(needs, matrix=matrix) if task in needs.commands.left_out]
    if lacking:
        raise SettingsError(
            f"the workflow types {', '.join(lacking)}, which only= in the task file leaves out; "
            "add that there, or write the workflow with the gomab script"
        )


def _document(needs: Needs, *, matrix: bool) -> Job:
    folder = needs.commands.folder
    jobs = _fan_out(needs) if matrix else {"images": _images(needs)}
    if needs.pushed.branch or needs.pushed.tags:
        jobs["push"] = _push(needs)
    return {
        "name": _name(needs),
        "on": _events(needs),
        "permissions": {},
        "concurrency": {
            "group": "${{ github.workflow }}-${{ github.ref }}",
            "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
        },
        **({"env": _variables(needs)} if needs.variables else {}),
        **({"defaults": {"run": {"working-directory": folder}}} if folder else {}),
        "jobs": jobs,
    }


def _name(needs: Needs) -> str:
    return "-".join(["images", *Path(needs.folder).parts])


def _events(needs: Needs) -> Job:
    paths: Job = {"paths": [*needs.paths, workflow_path(needs)]} if needs.paths else {}
    push: Job = {"branches": [needs.branch]} if needs.built.branch else {}
    if needs.pushed.tags:
        push["tags"] = ["v*"]
    return {"push": {**push, **paths}, **({"pull_request": paths} if needs.built.pulls else {})}


def _variables(needs: Needs) -> Job:
    return {name: f"${{{{ vars.{name} }}}}" for name in needs.variables}


def _images(needs: Needs) -> Job:
    """Test, build and measure on one runner."""
    build: Step = {"name": "Build the images", **steps.task(needs, "images")}
    work = [*_prepare(needs, matrix=False), steps.test(needs), *steps.buildx(needs), build, *_finish(needs)]
    return _job("Test and build", work)


def _fan_out(needs: Needs) -> dict[str, Value]:
    """Divide the platforms among runners, and join what they made."""
    return {
        "plan": _plan(needs),
        "test": _test(needs),
        "image": _image(needs),
        "images": _join(needs),
    }


def _test(needs: Needs) -> Job:
    """Test once for all platforms, with caches of its own."""
    caches = steps.caches(needs, matrix=False)
    work = [steps.checkout(), *steps.install(needs), *steps.set_up_go(needs), *caches, steps.test(needs)]
    return _job("Test", work)


def _plan(needs: Needs) -> Job:
    """Divide the platforms; Go is asked only where the table names no images."""
    matrix: Step = {"name": "Divide the platforms", "id": "matrix", **steps.task(needs, "matrix")}
    go = [] if needs.settings.images else steps.set_up_go(needs)
    return {
        **_job("Plan", [steps.checkout(), *steps.install(needs), *go, matrix]),
        "outputs": {"matrix": "${{ steps.matrix.outputs.matrix }}"},
    }


def _image(needs: Needs) -> Job:
    """Build what one runner of the matrix makes."""
    build: Step = {"name": "Build the images of some platforms", **steps.task(needs, "image", matrix=True)}
    work = [*_prepare(needs, matrix=True), *steps.buildx(needs), build, steps.upload_platforms(needs)]
    return {
        "needs": "plan",
        "strategy": {"matrix": "${{ fromJSON(needs.plan.outputs.matrix) }}"},
        **_job("Build ${{ matrix.arch }}", work),
    }


def _join(needs: Needs) -> Job:
    """Join what all runners made, and measure it."""
    join: Step = {"name": "Join the images", **steps.task(needs, "images --join")}
    begin = [steps.checkout(history=needs.history), *steps.install(needs), steps.download_platforms(needs)]
    return {"needs": ["test", "image"], **_job("Join and measure", [*begin, join, *_finish(needs)])}


def _push(needs: Needs) -> Job:
    """Push what was built and checked; the only job that may write, and it compiles nothing."""
    where = "" if needs.pushed.branch else " && github.ref_type == 'tag'"
    work = [
        steps.checkout(history=needs.history),
        *steps.install(needs),
        steps.download(needs),
        *map(steps.log_in, needs.registries),
        steps.push(needs),
        *map(steps.attest, needs.images),
    ]
    return {
        "needs": "images",
        "if": f"${{{{ {_PUSHES}{where} }}}}",
        **_job("Push", work, _permissions(needs)),
    }


def _permissions(needs: Needs) -> Job:
    packages: Job = {"packages": Remarked("write", "to push")} if "ghcr.io" in needs.registries else {}
    return {
        "contents": "read",
        "id-token": Remarked("write", "to sign attestations"),
        "attestations": Remarked("write", "to keep them"),
        **packages,
    }


def _prepare(needs: Needs, *, matrix: bool) -> list[Step]:
    caches = steps.caches(needs, matrix=matrix)
    return [steps.checkout(history=needs.history), *steps.install(needs), *steps.set_up_go(needs), *caches]


def _finish(needs: Needs) -> list[Step]:
    is_pushed = needs.pushed.branch or needs.pushed.tags
    return [*steps.smoke(needs), *([steps.upload(needs)] if is_pushed else [])]


def _job(name: str, work: Sequence[Step], permissions: Job | None = None) -> Job:
    return {
        "name": name,
        "runs-on": _RUNNER,
        "timeout-minutes": _MINUTES,
        "permissions": permissions or _READ,
        "steps": work,
    }
