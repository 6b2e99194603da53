"""Download modules, and say what is wrong when that fails."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.errors import CompileError
from gomab_tasks.golang.failure import explain_download
from gomab_tasks.golang.module import Module
from gomab_tasks.golang.toolchain import Toolchain, workspace_of
from gomab_tasks.process import Completed, Processes


def download(
    processes: Processes,
    toolchain: Toolchain,
    module: Module,
    scratch: Path,
    *,
    env: Mapping[str, str],
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Fill the module cache with what go.mod and go.sum list, once for all platforms.

    `go mod download` may add lines to go.sum, so it works on copies in a
    temporary folder below `scratch`. In a workspace it would ask proxies for
    the members themselves, so there the packages are listed, which downloads
    what they need.

    Args:
        env: the table's own variables for `go`.

    Raises `CompileError` that names the module and what would mend it.
    """
    with files.temporary_folder(scratch) as folder:
        if not workspace_of({**toolchain.env, **env}):
            for source in module.sums:
                shutil.copyfile(source, folder / source.name)
            words = ["mod", "download", f"-modfile={folder / 'go.mod'}"]
        else:
            words = ["list", "-deps", "-f={{.Dir}}", *(f"{member}/..." for member in module.members)]
        # Go leaves its own temporary folder behind when it is interrupted.
        variables = {**env, "GOTMPDIR": str(folder)}
        completed = processes.run([toolchain.go, *words], cwd=module.folder, env=variables, on_line=on_line)
    if completed.code:
        raise CompileError(explain_download(completed.stderr.replace(f"{folder}/", "")))
    return completed


def requires_any(toolchain: Toolchain, module: Module, env: Mapping[str, str]) -> bool:
    """Tell whether a go.mod in use asks for another module; of those of a go.work above, some may.

    Args:
        env: as in `download`.
    """
    if workspace_of({**toolchain.env, **env}) and module.path:
        return True
    return any(_has_requirement(path) for path in module.sums if path.name == "go.mod")


def _has_requirement(path: Path) -> bool:
    with files.read_errors(path):
        return bool(re.search(rb"^\s*require\b", path.read_bytes(), re.MULTILINE))
