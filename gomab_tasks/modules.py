"""Download modules once, before compilers for several platforms ask for them."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.facts import NETWORK_VARIABLES, Facts
from gomab_tasks.golang.download import download, requires_any
from gomab_tasks.output.notes import read_note, write_note
from gomab_tasks.places import Place
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.settings import Settings
from gomab_tasks.settings.problem import Problem, show
from gomab_tasks.settings.refusal import refusal


class DownloadResult(Struct, frozen=True):
    """Say whether modules were downloaded; `reason` tells why not, or what was done."""

    downloaded: bool
    reason: str

    def text(self) -> str:
        """Give one line."""
        return f"modules: {self.reason}"


def download_modules(project: Project, facts: Facts) -> DownloadResult:
    """Fill the module cache, unless there is none, or vendor/ or an earlier download makes it needless.

    A stamp in the output folder remembers go.mod and go.sum. Should the module
    cache have been emptied since, `go build` downloads what it needs itself.

    Raises `CompileError` that names the module and what would mend it,
    `SettingsError` as `download_env` does.
    """
    if facts.module.vendored:
        return DownloadResult(downloaded=False, reason="vendored, nothing to download")
    env = download_env(project.settings)
    if not requires_any(facts.toolchain, facts.module, env):
        return DownloadResult(downloaded=False, reason="none is required, nothing to download")
    stamp = project.out / Place.DOWNLOADED
    wanted = _fingerprint(facts)
    if read_note(stamp, str) == wanted:
        return DownloadResult(downloaded=False, reason="downloaded before, nothing has changed")
    with step(project.emit, "download") as running:
        scratch = project.prepare_output()
        download(
            project.processes,
            facts.toolchain,
            facts.module,
            scratch,
            env=env,
            on_line=running.progress,
        )
    write_note(stamp, wanted)
    return DownloadResult(downloaded=True, reason="downloaded")


def download_env(settings: Settings) -> dict[str, str]:
    """Give the table's variables for the one download: those of all images, and any image's network.

    Raises `SettingsError` where two images would fetch modules from different places.
    """
    env = dict(settings.shared.go.env)
    for name in NETWORK_VARIABLES:
        groups = [group for group in settings.images.values() if name in group.go.env]
        values = list(dict.fromkeys(group.go.env[name] for group in groups))
        if len(values) > 1:
            text = (
                f"is {' and '.join(map(show, values))}, but modules are downloaded once for all images; "
                "write one value for all: [tool.gomab.go.env]"
            )
            raise refusal(settings.source, [Problem(("go", "env", name), text)], groups[-1].name)
        if values:
            env[name] = values[0]
    return env


def _fingerprint(facts: Facts) -> str:
    digest = hashlib.sha256()
    for path in facts.module.sums:
        with files.read_errors(path):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(facts.toolchain.env.get("GOMODCACHE", "").encode())
    return digest.hexdigest()
