"""Find the folders of a module that may hold a main package."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

# A package clause stands below a licence and constraints.
_HEAD = 16 * 1024
_LEFT_OUT = ("testdata", "vendor", "node_modules")
_MAIN_CLAUSE = re.compile(rb"^(?:\xef\xbb\xbf)?[ \t]*(?:/\*.*?\*/[ \t]*)?package[ \t]+main\b", re.MULTILINE)


def main_folders(member: Path) -> Iterator[Path]:
    """Give the folders that may hold a main package: cmd/*, and those that Go's `./...` stands for.

    Reading is left to Go for these alone: listing all packages takes it longer
    than a build without changes.
    """
    for path, names, found in os.walk(member):
        folder = Path(path)
        names[:] = sorted(name for name in names if _is_searched(folder / name, member))
        if any(_says_main(folder / name) for name in found if name.endswith(".go")):
            yield folder


def _is_searched(folder: Path, member: Path) -> bool:
    if (folder / "go.mod").exists():
        return False
    is_left_out = folder.name.startswith((".", "_")) or folder.name in _LEFT_OUT
    return folder.parent == member / "cmd" or not is_left_out


def _says_main(path: Path) -> bool:
    if path.name.endswith("_test.go"):
        return False
    try:
        with path.open("rb") as file:
            return bool(_MAIN_CLAUSE.search(file.read(_HEAD)))
    except OSError:
        return False
