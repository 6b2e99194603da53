"""Download modules, and say what is wrong when that fails."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.errors import CompileError
from gomab_tasks.golang.module import Module
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.process import Completed, Processes


def download(
    processes: Processes,
    toolchain: Toolchain,
    module: Module,
    scratch: Path,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Fill the module cache with what go.mod and go.sum list, once for all platforms.

    `go mod download` may add lines to go.sum, so it works on copies in a
    temporary folder below `scratch`. (Workspaces allow no -modfile.)

    Raises `CompileError` that names the module and what would mend it.
    """
    with files.temporary_folder(scratch) as folder:
        argv: list[str | Path] = [toolchain.go, "mod", "download"]
        if (module.folder / "go.mod").is_file() and toolchain.env.get("GOWORK", "") in ("", "off"):
            for source in module.sums:
                shutil.copyfile(source, folder / source.name)
            argv.append(f"-modfile={folder / 'go.mod'}")
        completed = processes.run(argv, cwd=module.folder, on_line=on_line)
    if completed.code:
        raise CompileError(explain_download(completed.stderr.replace(f"{folder}/", "")))
    return completed


def explain_download(output: str) -> str:
    """Say which module could not be had, and why, from Go's own words."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("go: downloading")]
    text = "\n".join(lines).strip()
    module = re.search(r"([\w.\-~/]+\.[\w.\-~/]+@v[\w.+\-]+)", text)
    name = f" of {module[1]}" if module else ""
    return f"module download{name} failed: {_cure(text)}\n{text}"


_CURES = (
    (
        ("checksum mismatch", "SECURITY ERROR"),
        (
            "its content is not what go.sum records; nothing was used. "
            "Compare with its author, then `go mod tidy`"
        ),
    ),
    (("missing go.sum entry",), "go.sum lacks it; run `go mod tidy` and commit go.sum"),
    (
        ("terminal prompts disabled", "could not read Username", "Permission denied", "401", "403"),
        "its host wants a login; for a private host set GOPRIVATE and ~/.netrc or a git credential",
    ),
    (
        ("no such host", "dial tcp", "i/o timeout", "connection refused", "proxyconnect"),
        "its host cannot be reached; check the network, GOPROXY, and GOPRIVATE for a private host",
    ),
    (
        ("404", "410", "unknown revision", "not found"),
        "no proxy or host has it; check the version, and set GOPRIVATE for a private host",
    ),
    (
        ("disabled by GOPROXY=off", "GOFLAGS=-mod=vendor"),
        "downloads are switched off here; fill the module cache first or unset GOPROXY=off",
    ),
)


def _cure(text: str) -> str:
    for signs, cure in _CURES:
        if any(sign in text for sign in signs):
            return cure
    return "Go says:"
