"""Find what a project has already: Dockerfiles, and the folder of its module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from gomab_tasks.errors import SettingsError
from gomab_tasks.project import HEADING

FOLDERS = (".", "build", "build/package", "docker", "deploy", "deploy/docker", "deployments")
"""Where Dockerfiles are looked for, besides the folders of main packages."""
_NAMES = ("Dockerfile", "Containerfile")
# Not read by Docker as they are: templates, and what stands beside a Dockerfile.
_OTHERS = frozenset({".dockerignore", ".tmpl", ".j2", ".in", ".md", ".bak", ".orig", ".sh"})
_NO_MODULES = frozenset({"vendor", "testdata", "node_modules", "examples", "example"})


def find_dockerfiles(root: Path, mains: Sequence[Path]) -> list[Path]:
    """List the Dockerfiles where people put them, the likeliest first.

    Folders of that name, and links that lead nowhere, are among them.

    Args:
        mains: the folders of main packages, which may have their own.
    """
    folders = dict.fromkeys([*(root / folder for folder in FOLDERS), *mains])
    return [path for folder in folders for path in _in_folder(folder)]


def why_unread(path: Path) -> str:
    """Say why a Dockerfile is none to read; nothing if it is."""
    if path.is_dir():
        return "is a folder, no Dockerfile"
    if not path.exists():
        return f"a link to what is not there: {path.readlink()}"
    with path.open(encoding="utf-8", errors="replace") as file:
        is_own = any(HEADING in line for line in islice(file, 3))
    return "gomab wrote it, from a table that is not here; it is not read back" if is_own else ""


def find_module(root: Path) -> str:
    """Give the folder of go.mod or go.work relative to the root: the root itself, else the only one below.

    Raises `SettingsError` where several could be meant.
    """
    if any((root / name).is_file() for name in ("go.mod", "go.work")):
        return "."
    found = sorted({path.parent.relative_to(root).as_posix() for path in _module_files(root)})
    if len(found) > 1:
        raise SettingsError(
            f"no go.mod here, and several below: {', '.join(found)}; start this in the folder of one, or "
            "set `module` in [tool.gomab]"
        )
    return found[0] if found else "."


def _in_folder(folder: Path) -> Iterator[Path]:
    for name in _NAMES:
        yield from (path for path in [folder / name] if path.exists() or path.is_symlink())
    for pattern in (f"{name}.*" for name in _NAMES):
        yield from _readable(sorted(folder.glob(pattern)))
    for pattern in (f"*.{name}" for name in _NAMES):
        yield from _readable(sorted(folder.glob(pattern)))


def _readable(paths: list[Path]) -> Iterator[Path]:
    yield from (path for path in paths if path.suffix not in _OTHERS and _is_there(path))


def _is_there(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())


def _module_files(root: Path) -> Iterator[Path]:
    for pattern in ("*/go.mod", "*/*/go.mod"):
        for path in root.glob(pattern):
            parts = path.relative_to(root).parts
            if not _NO_MODULES & set(parts) and not any(part.startswith((".", "_")) for part in parts):
                yield path
