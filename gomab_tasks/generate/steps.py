"""Write the steps that jobs of a workflow are made of."""

from __future__ import annotations

import shlex

from gomab_tasks.generate.actions import pinned
from gomab_tasks.generate.needs import Needs
from gomab_tasks.generate.yaml import Value
from gomab_tasks.modules import download_env
from gomab_tasks.settings import Dockerfile

Step = dict[str, Value]

_NETRC = """\
umask 077
printf '%s\\n' "$NETRC_TEXT" > ~/.netrc
"""
_SSH = """\
umask 077
mkdir -p ~/.ssh
printf '%s\\n' "$KNOWN_HOSTS" >> ~/.ssh/known_hosts
export SSH_AUTH_SOCK="$RUNNER_TEMP/ssh-agent"
ssh-agent -a "$SSH_AUTH_SOCK" > /dev/null
printf '%s\\n' "$SSH_KEY" | ssh-add -q -
echo "SSH_AUTH_SOCK=$SSH_AUTH_SOCK" >> "$GITHUB_ENV"
"""

PYTHON = "3.13"
JOINED = "images"
"""The artifact with the output folder from which is pushed."""
_PLATFORM = "platform-"
# A release is compiled from nothing, so that no cache has a say in it.
_RELEASE = "${{ startsWith(github.ref, 'refs/tags/') }}"


def checkout(*, history: bool = False) -> Step:
    """Check out, with all of the history only where values come from git's tags."""
    options: Step = {"persist-credentials": False, **({"fetch-depth": 0} if history else {})}
    return {"name": "Check out", **use("actions/checkout", options)}


def install(needs: Needs) -> list[Step]:
    """Install this gomab, and what the front door needs."""
    return [
        {"name": "Set up Python", **use("actions/setup-python", {"python-version": PYTHON})},
        {"name": "Install gomab", "run": needs.commands.install},
    ]


def set_up_go(needs: Needs) -> list[Step]:
    """Install the Go that the module asks for, and log it in; its caches have steps of their own."""
    options: Step = {"go-version-file": needs.go_file, "cache": False}
    go = {"name": "Set up Go", **use("actions/setup-go", options)}
    return [go, *_log_in_to_modules(needs.settings.dockerfile)]


def caches(needs: Needs, *, matrix: bool) -> list[Step]:
    """Restore Go's caches, and save them where their key is new."""
    keys: Step = {"name": "Name the caches", "id": "cache-key", **task(needs, "cache-key", matrix=matrix)}
    kinds = ["build"] if needs.module.vendored else ["modules", "build"]
    return [keys, *(_cache(kind) for kind in kinds)]


def test(needs: Needs) -> Step:
    """Run the module's tests, with the table's variables for Go."""
    module, env = needs.path(needs.settings.module), download_env(needs.settings)
    where: Step = {} if module == (needs.commands.folder or ".") else {"working-directory": module}
    return {"name": "Test", **where, **({"env": env} if env else {}), "run": needs.test}


def buildx(needs: Needs) -> list[Step]:
    """Set up BuildKit, where images are made with it; last, since tests need no access to GitHub's cache."""
    settings = needs.settings.buildkit
    if needs.settings.backend != "buildkit":
        return []
    options: Step = {**({"name": settings.builder} if settings.builder else {}), "cache-binary": False}
    steps: list[Step] = [{"name": "Set up BuildKit", **use("docker/setup-buildx-action", options)}]
    if any("type=gha" in cache.split(",") for cache in (*settings.cache_from, *settings.cache_to)):
        steps.append({"name": "Give BuildKit GitHub's cache", **use("crazy-max/ghaction-github-runtime", {})})
    return steps


def smoke(needs: Needs) -> list[Step]:
    """Try the programs, emulated where the runner is of another architecture."""
    if not needs.smoke:
        return []
    options: Step = {"platforms": ",".join(needs.emulated), "cache-image": False}
    qemu = use("docker/setup-qemu-action", options)
    emulation: list[Step] = [{"name": "Set up QEMU", **qemu}] if needs.emulated else []
    return [*emulation, {"name": "Try the programs", **task(needs, "smoke")}]


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
        return {**step, **task(needs, "push")}
    tags = " ".join(f"--tag {shlex.quote(tag)}" for tag in needs.release_tags)
    release, push = map(needs.commands.type, (f"push {tags}", "push"))
    script = f'if [ "$GITHUB_REF_TYPE" = tag ]; then\n  {release}\nelse\n  {push}\nfi\n'
    return {**step, "run": script}


def attest(image: str) -> Step:
    """Attest where an image comes from; GitHub does so for public repositories."""
    options: Step = {
        "subject-name": f"${{{{ steps.push.outputs['repository-{image}'] }}}}",
        "subject-digest": f"${{{{ steps.push.outputs['digest-{image}'] }}}}",
    }
    condition = "${{ github.event.repository.visibility == 'public' }}"
    return {"name": f"Attest {image}", "if": condition, **use("actions/attest", options)}


def task(needs: Needs, words: str, *, matrix: bool = False) -> Step:
    """Run a task with its options, with `matrix` for the platforms of one runner alone."""
    if not matrix:
        return {"run": needs.commands.type(words)}
    return {"env": {"ARCH": "${{ matrix.arch }}"}, "run": needs.commands.type(f'{words} --arch "$ARCH"')}


def use(action: str, options: Step) -> Step:
    """Use an action at its pinned commit."""
    return {"uses": pinned(action), **({"with": options} if options else {})}


def _log_in_to_modules(settings: Dockerfile) -> list[Step]:
    """Log in where private modules lie, by netrc or by an agent for SSH, as the Dockerfile does."""
    text: Step = {"NETRC_TEXT": "${{ secrets.NETRC }}"}
    netrc: Step = {"name": "Log in to private modules", "env": text, "run": _NETRC}
    keys: Step = {"KNOWN_HOSTS": "${{ vars.SSH_KNOWN_HOSTS }}", "SSH_KEY": "${{ secrets.SSH_PRIVATE_KEY }}"}
    git = (f"git config --global url.ssh://git@{host}/.insteadOf https://{host}/\n" for host in settings.ssh)
    ssh: Step = {"name": "Reach private modules over SSH", "env": keys, "run": f"{_SSH}{''.join(git)}"}
    return [*([netrc] if settings.netrc else []), *([ssh] if settings.ssh else [])]


def _cache(kind: str) -> Step:
    output = "${{{{ steps.cache-key.outputs.{} }}}}".format
    options: Step = {"path": output(f"{kind}-path"), "key": output(kind)}
    if kind == "build":
        options["restore-keys"] = output("build-restore")
    options["lookup-only"] = _RELEASE
    what = "modules" if kind == "modules" else "compiled packages"
    return {"name": f"Cache {what}", **use("actions/cache", options)}
