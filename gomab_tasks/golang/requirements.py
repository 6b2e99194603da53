"""Read what go.mod and go.work ask for: a toolchain, other modules, folders in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct

from gomab_tasks.errors import ToolchainError
from gomab_tasks.golang.module import Module
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.process import Processes


class Requirements(Struct, frozen=True):
    """Hold what one go.mod or go.work says.

    Attributes:
        file: absolute.
        module: the module path; of a go.work, empty.
        toolchain: the version that its toolchain line names, else its go line; may be empty.
        requires: module paths.
        replaced_by: absolute folders that take the place of modules.
        uses: the folders of a go.work's modules, absolute.
    """

    file: Path
    module: str
    toolchain: str
    requires: tuple[str, ...]
    replaced_by: tuple[Path, ...]
    uses: tuple[Path, ...]

    @property
    def sums(self) -> Path:
        """The file with the checksums, whether it is there or not."""
        return self.file.with_name("go.work.sum" if self.file.suffix == ".work" else "go.sum")


def read_requirements(processes: Processes, toolchain: Toolchain, module: Module) -> tuple[Requirements, ...]:
    """Read the file that decides, go.work where there is one, then those of a workspace's modules.

    Raises `ToolchainError` with Go's own words for a file that it cannot read.
    """
    workspace = toolchain.env.get("GOWORK", "")
    if workspace in ("", "off"):
        return (_read(processes, toolchain.go, module.folder / "go.mod"),)
    first = _read(processes, toolchain.go, Path(workspace))
    return (first, *(_read(processes, toolchain.go, folder / "go.mod") for folder in first.uses))


def _read(processes: Processes, go: Path, file: Path) -> Requirements:
    kind = "work" if file.suffix == ".work" else "mod"
    completed = processes.run([go, kind, "edit", "-json", file], cwd=file.parent)
    if completed.code:
        *_, reason = completed.stderr.strip().splitlines() or [str(file)]
        raise ToolchainError(f"Go cannot read {reason}")
    document: dict[str, Any] = json.loads(completed.stdout)
    return Requirements(
        file=file,
        module=(document.get("Module") or {}).get("Path", ""),
        toolchain=_version(document),
        requires=tuple(required["Path"] for required in document.get("Require") or ()),
        replaced_by=tuple(_folders(file, (replace["New"] for replace in document.get("Replace") or ()))),
        uses=tuple((file.parent / use["DiskPath"]).resolve() for use in document.get("Use") or ()),
    )


def _version(document: dict[str, Any]) -> str:
    """Prefer the toolchain line; `go1.26.8-acme` names a toolchain that only Acme has."""
    line = document.get("Toolchain") or ""
    name = line if isinstance(line, str) else line.get("Name", "")
    match = re.fullmatch(r"go(\d[0-9a-z.]*)", name)
    return match[1] if match else document.get("Go", "")


def _folders(file: Path, replacements: Iterable[dict[str, str]]) -> Iterable[Path]:
    """Give local replacements: those without a version (go.dev/ref/mod#go-mod-file-replace)."""
    for new in replacements:
        if not new.get("Version"):
            yield (file.parent / new["Path"]).resolve()
