"""Tell whether dependencies lie in vendor/, so that nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gomab_tasks.golang.toolchain import flags_of


def is_vendored(folder: Path, env: Mapping[str, str]) -> bool:
    """Tell whether Go takes the dependencies of the module in a folder from a vendor/.

    A workspace has one of its own beside go.work; those of its members do not
    count while it is in use (go.dev/ref/mod#vendoring).

    Args:
        env: GOFLAGS and GOWORK, where they are known; a go.work is looked for above otherwise.
    """
    flags = flags_of(env)
    if "-mod" in flags:
        return flags["-mod"] == "vendor"
    workspace = env.get("GOWORK") or _workspace_above(folder)
    is_in_use = workspace not in ("", "off")
    listed = (Path(workspace).parent if is_in_use else folder) / "vendor" / "modules.txt"
    return listed.is_file() and listed.read_bytes().startswith(b"## workspace") == is_in_use


def _workspace_above(folder: Path) -> str:
    found = (path / "go.work" for path in (folder, *folder.parents))
    return str(next(filter(Path.is_file, found), ""))
