"""Write the steps that jobs of a workflow are made of."""

from __future__ import annotations

import shlex

import gomab_tasks
from gomab_tasks.generate.actions import pinned
from gomab_tasks.generate.needs import Needs
from gomab_tasks.generate.yaml import Value

Step = dict[str, Value]

PYTHON = "3.13"
JOINED = "images"
"""The artifact with the output folder from which is pushed."""
_PLATFORM = "platform-"
# A release is compiled from nothing, so that no cache has a say in it.
_RELEASE = "${{ startsWith(github.ref, 'refs/tags/') }}"


def checkout(needs: Needs) -> Step:
    """Check out; whole only where values come from git's tags."""
    options: Step = {"persist-credentials": False, **({"fetch-depth": 0} if needs.history else {})}
    return {"name": "Check out", **use("actions/checkout", options)}


def install() -> list[Step]:
    """Install this gomab."""
    wanted = shlex.quote(f"gomab-tasks=={gomab_tasks.__version__}")
    return [
        {"name": "Set up Python", **use("actions/setup-python", {"python-version": PYTHON})},
        {"name": "Install gomab", "run": f"python -m pip install {wanted}"},
    ]


def set_up_go(needs: Needs) -> Step:
    """Install the Go that the module asks for; its caches are handled by steps of their own."""
    options: Step = {"go-version-file": needs.go_file, "cache": False}
    return {"name": "Set up Go", **use("actions/setup-go", options)}


def caches(needs: Needs, *, matrix: bool) -> list[Step]:
    """Restore Go's caches, and save them where their key is new."""
    keys: Step = {"name": "Name the caches", "id": "cache-key", **gomab("cache-key", matrix=matrix)}
    kinds = ["build"] if needs.module.vendored else ["modules", "build"]
    return [keys, *(_cache(kind) for kind in kinds)]


def test(needs: Needs) -> Step:
    """Run the module's tests."""
    module = needs.settings.module
    where: Step = {} if module == "." else {"working-directory": needs.path(module)}
    return {"name": "Test", **where, "run": needs.test}


def buildx(needs: Needs) -> list[Step]:
    """Set up BuildKit, where images are made with it."""
    if needs.settings.backend != "buildkit":
        return []
    options: Step = {"cache-binary": False}
    return [{"name": "Set up BuildKit", **use("docker/setup-buildx-action", options)}]


def smoke(needs: Needs) -> list[Step]:
    """Try the programs, emulated where the runner is of another architecture."""
    if not needs.smoke:
        return []
    options: Step = {"platforms": ",".join(needs.emulated), "cache-image": False}
    qemu = use("docker/setup-qemu-action", options)
    emulation: list[Step] = [{"name": "Set up QEMU", **qemu}] if needs.emulated else []
    return [*emulation, {"name": "Try the programs", **gomab("smoke")}]


def upload(needs: Needs, name: str = JOINED) -> Step:
    """Keep the output folder for a later job, hidden files included: they keep git from seeing it."""
    out = needs.path(needs.settings.out)
    options: Step = {
        "name": name,
        "path": f"{out}\n!{out}/bin\n",
        "include-hidden-files": True,
        "if-no-files-found": "error",
        "compression-level": 0,
        "retention-days": 1,
    }
    return {"name": "Keep the output folder", **use("actions/upload-artifact", options)}


def upload_platforms(needs: Needs) -> Step:
    """Keep what one runner of a matrix made."""
    return upload(needs, f"{_PLATFORM}${{{{ matrix.name }}}}")


def download(needs: Needs) -> Step:
    """Get the output folder back."""
    options: Step = {"name": JOINED, "path": needs.path(needs.settings.out)}
    return {"name": "Get the output folder", **use("actions/download-artifact", options)}


def download_platforms(needs: Needs) -> Step:
    """Get what all runners of a matrix made, into one folder."""
    options: Step = {
        "pattern": f"{_PLATFORM}*",
        "merge-multiple": True,
        "path": needs.path(needs.settings.out),
    }
    return {"name": "Get the output folders", **use("actions/download-artifact", options)}


def log_in(registry: str) -> Step:
    """Log in to a registry: GitHub's with the run's own token, others with secrets."""
    github = registry == "ghcr.io"
    options: Step = {
        **({} if registry == "docker.io" else {"registry": registry}),
        "username": "${{ github.actor }}" if github else "${{ secrets.REGISTRY_USERNAME }}",
        "password": "${{ github.token }}" if github else "${{ secrets.REGISTRY_PASSWORD }}",
    }
    return {"name": f"Log in to {registry}", **use("docker/login-action", options)}


def push(needs: Needs) -> Step:
    """Push; a tag such as `latest` moves with the main branch alone."""
    step: Step = {"name": "Push", "id": "push"}
    if not (needs.pushed.branch and needs.pushed.tags and needs.release_tags):
        return {**step, **gomab("push")}
    tags = " ".join(f"--tag {shlex.quote(tag)}" for tag in needs.release_tags)
    script = f'if [ "$GITHUB_REF_TYPE" = tag ]; then\n  gomab push {tags}\nelse\n  gomab push\nfi\n'
    return {**step, "run": script}


def attest(image: str) -> Step:
    """Attest where an image comes from; GitHub does so for public repositories."""
    options: Step = {
        "subject-name": f"${{{{ steps.push.outputs['repository-{image}'] }}}}",
        "subject-digest": f"${{{{ steps.push.outputs['digest-{image}'] }}}}",
    }
    condition = "${{ github.event.repository.visibility == 'public' }}"
    return {"name": f"Attest {image}", "if": condition, **use("actions/attest", options)}


def gomab(task: str, *options: str, matrix: bool = False) -> Step:
    """Run a task, with `matrix` for the platforms of one runner alone."""
    words = " ".join(["gomab", task, *options])
    if not matrix:
        return {"run": words}
    return {"env": {"ARCH": "${{ matrix.arch }}"}, "run": f'{words} --arch "$ARCH"'}


def use(action: str, options: Step) -> Step:
    """Use an action at its pinned commit."""
    return {"uses": pinned(action), "with": options}


def _cache(kind: str) -> Step:
    output = "${{{{ steps.cache-key.outputs.{} }}}}".format
    options: Step = {"path": output(f"{kind}-path"), "key": output(kind)}
    if kind == "build":
        options["restore-keys"] = output("build-restore")
    options["lookup-only"] = _RELEASE
    what = "modules" if kind == "modules" else "compiled packages"
    return {"name": f"Cache {what}", **use("actions/cache", options)}
