"""Say why BuildKit made no image, in its own words, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gomab_tasks.backends.vertices import Vertices
from gomab_tasks.errors import CompileError, GomabError, ToolError
from gomab_tasks.golang.failure import explain_download, without_flags
from gomab_tasks.platforms import Platform

_NO_BUILDER = "start one: docker buildx create --use; or name one: buildkit.builder in [tool.gomab]"
# What BuildKit and buildx say -> what to do about it; the first that fits.
_CURES = {
    r"(?i)cannot connect to the docker|failed to connect to the docker": (
        "start Docker; or use a BuildKit elsewhere: docker buildx create --use --driver remote ADDRESS, "
        "or its address as buildkit.builder in [tool.gomab]"
    ),
    r"no builder .* found|failed to find driver": _NO_BUILDER,
    r"not supported for the docker driver": f"Docker's own builder writes no OCI layouts; {_NO_BUILDER}",
    r"no match for platform": (
        "the Go image is not there for the builder's own platform; change dockerfile.go-image in [tool.gomab]"
    ),
    r"ssh agent|SSH_AUTH_SOCK": (
        "start an agent that has the key: ssh-agent, ssh-add; or name a key: buildkit.ssh in [tool.gomab]"
    ),
    r"failed to stat \S+": "that file is named by buildkit.secrets in [tool.gomab]",
    r"cache exporter|exporting cache|error writing (?:layer|config|manifest) blob": (
        "caches go where buildkit.cache-to in [tool.gomab] says"
    ),
    r"cache importer": "caches come from where buildkit.cache-from in [tool.gomab] says",
    r"failed to list workers|dial \S+ \S+ connect: |deadline exceeded": (
        "no BuildKit answers there; start it, or change buildkit.builder in [tool.gomab]"
    ),
    r"code = Unavailable|EOF|closing transport|connection reset": (
        "BuildKit has gone away during the build; look at its own log, then build again"
    ),
}
# What Go says -> what to do about it, where that lies in the Dockerfile and not in the code.
_GO_CURES = {
    r'error obtaining VCS status: exec: "git"': (
        "go.vcs-stamp in [tool.gomab] needs git where Go runs; name a Go image that has it: "
        "dockerfile.go-image"
    ),
    "no required module provides package|no matching files found": (
        "if the project has it, .dockerignore leaves it out; let it through there"
    ),
}
# A line of the Dockerfile that BuildKit points at -> the setting that made it; the first that fits.
_MADE_BY = {
    "# syntax=": "dockerfile.syntax",
    "FROM .* AS go$": "dockerfile.go-image",
    "ENV GIT_": "dockerfile.ssh",
    "ENV ": "image.env or go.env",
    "LABEL ": "image.labels",
    "EXPOSE ": "image.expose",
    "VOLUME ": "image.volumes",
    "WORKDIR ": "image.workdir",
    "USER ": "image.user",
    "STOPSIGNAL ": "image.stop-signal",
    "ENTRYPOINT ": "image.entrypoint",
    "CMD ": "image.args",
}
_POINTED_AT = re.compile(r"^\s*\d+ \| >>> (.*)", re.MULTILINE)
_SHOWN = 20


def explain_failure(
    image: str,
    platforms: Sequence[Platform],
    dockerfile: Path,
    vertices: Vertices,
    log: Path,
    silent: Sequence[str] = (),
) -> GomabError:
    """Give the error of a build that failed; both paths are shown as they are.

    Args:
        silent: machines of the builder that do not answer.

    It is a `CompileError` with Go's own lines where Go failed, a `ToolError` with
    BuildKit's where anything else did.
    """
    failed = vertices.failed
    lines = failed.lines if failed else []
    if failed and "go mod download" in failed.name and "go build" not in failed.name:
        return CompileError(f"{explain_download(failed.output)}\nLog: {log}")
    # Each program of a `go build` has its own `#` line, and what Go says to all of them.
    said = list(dict.fromkeys(line for line in lines if not line.startswith("#")))
    wanted = without_flags(said)[:_SHOWN]
    if failed and "go build" in failed.name and wanted:
        # BuildKit leaves the platform out where there is only one.
        platform = failed.platform or platforms[0]
        shown = [f"{image} {platform}: go build failed: {wanted[0]}", *wanted[1:]]
        return CompileError(
            "\n".join([*shown, *filter(None, [_find(_GO_CURES, failed.output)]), f"Log: {log}"])
        )
    reason, around = _split(vertices.last_words)
    around = [line.replace(f"{dockerfile.name}:", f"{dockerfile}:") for line in around]
    cure = find_cure("\n".join([reason, *around]))
    shown = [f"{image}: BuildKit failed: {reason}", *lines[-_SHOWN:], *around]
    shown += [f"no answer from {node}" for node in silent]
    return ToolError("\n".join([*shown, *filter(None, [cure]), f"Log: {log}"]))


def _split(words: Sequence[str]) -> tuple[str, list[str]]:
    """Tell the client's line with the reason from those around it."""
    found = [number for number, line in enumerate(words) if re.match("(?i)error: ", line)]
    if not found:
        return "it gave no reason", list(words)
    reason = re.sub(r"^(?i:error): (?:failed to (?:build|solve): )*", "", words[found[-1]])
    return reason, [*words[: found[-1]], *words[found[-1] + 1 :]]


def find_cure(words: str) -> str:
    """Say what mends what BuildKit or its client says; empty where nothing is known."""
    cure = _find(_CURES, words)
    line = _POINTED_AT.search(words)
    if cure or line is None:
        return cure
    made_by = next((key for start, key in _MADE_BY.items() if re.match(start, line[1])), "")
    return f"that line comes from {made_by} in [tool.gomab]" if made_by else ""


def _find(cures: Mapping[str, str], words: str) -> str:
    return next((cure for said, cure in cures.items() if re.search(said, words)), "")
