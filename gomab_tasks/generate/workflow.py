"""Write a workflow for GitHub Actions that runs the tasks, and nothing that they do not do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gomab_tasks.generate import steps, yaml
from gomab_tasks.generate.actions import keep_pins
from gomab_tasks.generate.needs import Needs
from gomab_tasks.generate.steps import Step
from gomab_tasks.generate.yaml import Remarked, Value
from gomab_tasks.settings import HEADING

Job = dict[str, Value]

_RUNNER = "ubuntu-24.04"
_MINUTES = 30
_READ: Job = {"contents": "read"}
# Forks have neither the secrets nor a say in the registry.
_PUSHES = "github.event_name == 'push' && !github.event.repository.fork"


@dataclass(frozen=True, slots=True)
class WorkflowResult:
    """Hold a workflow; `path` is from the project's folder.

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


def workflow_path(root: Path, needs: Needs) -> Path:
    """Say where GitHub reads it: `images.yml`, for a project in a folder `images-FOLDER.yml`."""
    top = root.parents[len(Path(needs.folder).parts) - 1] if needs.folder else root
    return top / ".github" / "workflows" / f"{_name(needs)}.yml"


def write_workflow(needs: Needs, committed: str, *, matrix: bool = False) -> str:
    """Write the workflow.

    Args:
        committed: the one that is there; its actions keep their commits.
        matrix: divide the platforms among several runners.
    """
    text = yaml.dump(_document(needs, matrix=matrix))
    words = "workflow --matrix --write" if matrix else "workflow --write"
    return keep_pins(
        f"{HEADING}: change that, and run its task `{words}` again.\n"
        f"# Commits of actions may be moved, by a bot for example; they are kept.\n\n{text}",
        committed,
    )


def _document(needs: Needs, *, matrix: bool) -> Job:
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
        **({"defaults": {"run": {"working-directory": needs.folder}}} if needs.folder else {}),
        "jobs": jobs,
    }


def _name(needs: Needs) -> str:
    return "-".join(["images", *Path(needs.folder).parts])


def _events(needs: Needs) -> Job:
    push: Job = {"branches": [needs.branch]} if needs.built.branch else {}
    if needs.pushed.tags:
        push["tags"] = ["v*"]
    return {"push": push, **({"pull_request": {}} if needs.built.pulls else {})}


def _variables(needs: Needs) -> Job:
    return {name: f"${{{{ vars.{name} }}}}" for name in needs.variables}


def _images(needs: Needs) -> Job:
    """Test, build and measure on one runner."""
    build = {"name": "Build the images", **steps.gomab("images")}
    return _job(
        "Test and build",
        [
            *_prepare(needs, matrix=False),
            steps.test(needs),
            *steps.buildx(needs),
            build,
            *_finish(needs),
        ],
    )


def _fan_out(needs: Needs) -> dict[str, Value]:
    """Divide the platforms among runners, and join what they made."""
    matrix: Step = {"name": "Divide the platforms", "id": "matrix", **steps.gomab("matrix")}
    go = [] if needs.settings.images else [steps.set_up_go(needs)]
    image: Step = {"name": "Build the images of some platforms", **steps.gomab("image", matrix=True)}
    join: Step = {"name": "Join the images", **steps.gomab("images", "--join")}
    return {
        "plan": {
            **_job("Plan", [steps.checkout(needs), *steps.install(), *go, matrix]),
            "outputs": {"matrix": "${{ steps.matrix.outputs.matrix }}"},
        },
        "test": _job("Test", [steps.checkout(needs), steps.set_up_go(needs), steps.test(needs)]),
        "image": {
            "needs": "plan",
            "strategy": {"matrix": "${{ fromJSON(needs.plan.outputs.matrix) }}"},
            **_job(
                "Build ${{ matrix.arch }}",
                [
                    *_prepare(needs, matrix=True),
                    *steps.buildx(needs),
                    image,
                    steps.upload_platforms(needs),
                ],
            ),
        },
        "images": {
            "needs": ["test", "image"],
            **_job(
                "Join and measure",
                [
                    steps.checkout(needs),
                    *steps.install(),
                    steps.download_platforms(needs),
                    join,
                    *_finish(needs),
                ],
            ),
        },
    }


def _push(needs: Needs) -> Job:
    """Push what was built and checked; the only job that may write, and it compiles nothing."""
    where = "" if needs.pushed.branch else " && github.ref_type == 'tag'"
    permissions: Job = {
        "contents": "read",
        "id-token": Remarked("write", "to sign attestations"),
        "attestations": Remarked("write", "to keep them"),
    }
    if "ghcr.io" in needs.registries:
        permissions["packages"] = Remarked("write", "to push")
    return {
        "needs": "images",
        "if": f"${{{{ {_PUSHES}{where} }}}}",
        **_job(
            "Push",
            [
                steps.checkout(needs),
                *steps.install(),
                steps.download(needs),
                *map(steps.log_in, needs.registries),
                steps.push(needs),
                *map(steps.attest, needs.images),
            ],
            permissions,
        ),
    }


def _prepare(needs: Needs, *, matrix: bool) -> list[Step]:
    caches = steps.caches(needs, matrix=matrix)
    return [steps.checkout(needs), *steps.install(), steps.set_up_go(needs), *caches]


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
