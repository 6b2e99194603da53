"""Find which of a repository's files a project is made of, so that a workflow runs when they change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gomab_tasks.golang.module import Module

_RELATIVE = re.compile(r"(?<![^\s\"])\.\.?(?:/[^\s\"]*)?(?![^\s\"])")


def reaches_out(root: Path, top: Path, module: Module) -> bool:
    """Tell whether code of a module lies outside of the project's folder, by go.mod and go.work.

    Args:
        top: the repository's folder; a go.work between it and the module is Go's too.
    """
    return any(
        not path.resolve().is_relative_to(root)
        for file in _files(top, module)
        for path in (
            file,
            *(file.parent / found for found in _RELATIVE.findall(file.read_text(errors="replace"))),
        )
    )


def _files(top: Path, module: Module) -> Iterator[Path]:
    folders = [folder for folder in (module.folder, *module.folder.parents) if folder.is_relative_to(top)]
    files = [*(member / "go.mod" for member in module.members), *(folder / "go.work" for folder in folders)]
    yield from (file for file in files if file.is_file())
