"""Download modules once, before compilers for several platforms ask for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gomab_tasks import files
from gomab_tasks.facts import Facts
from gomab_tasks.golang.download import download
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """Say whether modules were downloaded; `reason` tells why not, or what was done."""

    downloaded: bool
    reason: str

    def text(self) -> str:
        """Give one line."""
        return f"modules: {self.reason}"


def download_modules(project: Project, facts: Facts) -> DownloadResult:
    """Fill the module cache, unless vendor/ or an earlier download makes it needless.

    A stamp in the output folder remembers go.mod and go.sum. Should the module
    cache have been emptied since, `go build` downloads what it needs itself.

    Raises `CompileError` that names the module and what would mend it.
    """
    if facts.module.vendored:
        return DownloadResult(downloaded=False, reason="vendored, nothing to download")
    stamp = project.out / "records" / "modules"
    wanted = _fingerprint(facts)
    if stamp.is_file() and stamp.read_text() == wanted:
        return DownloadResult(downloaded=False, reason="downloaded before, nothing has changed")
    with step(project.emit, "download") as running:
        scratch = project.prepare_output()
        download(
            project.processes,
            facts.toolchain,
            facts.module,
            scratch,
            env=project.settings.shared.go.env,
            on_line=running.progress,
        )
    files.write(stamp, wanted)
    return DownloadResult(downloaded=True, reason="downloaded")


def _fingerprint(facts: Facts) -> str:
    digest = hashlib.sha256()
    for path in facts.module.sums:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(facts.toolchain.env.get("GOMODCACHE", "").encode())
    return digest.hexdigest()
