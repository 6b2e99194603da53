"""Tell what a Docker build would not have seen of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gomab_tasks.adoption.programs import Ground

_GO_FOLDERS = frozenset({"testdata", "vendor"})


def ignored_patterns(ground: Ground, dockerfile: str, folder: str) -> Iterator[str]:
    """List the lines of the .dockerignore that leave something of a folder out.

    Args:
        dockerfile: relative to the root; NAME.dockerignore beside it comes first.
        folder: relative to the root.
    """
    for line, pattern in _patterns(ground, dockerfile):
        below = ground.root / folder
        if any(path != below and path.is_relative_to(below) for path in _matched(ground, pattern)):
            yield line


def folders_without_go(ground: Ground, dockerfile: str, folder: str) -> Iterator[str]:
    """List what lies in a folder, or the folder itself, that Go does not compile but a program may read.

    Args:
        dockerfile: relative to the root; what its .dockerignore leaves out is not listed.
        folder: relative to the root, and so are the results.
    """
    ignored = {path for _, pattern in _patterns(ground, dockerfile) for path in _matched(ground, pattern)}
    root = ground.root
    for path in sorted((root / folder).iterdir()) if folder == "." else [root / folder]:
        is_other = path.name.startswith((".", "_")) or path.name in _GO_FOLDERS or path in ignored
        if path.is_dir() and not is_other and not any(path.rglob("*.go")):
            yield path.relative_to(root).as_posix()


def _patterns(ground: Ground, dockerfile: str) -> Iterator[tuple[str, str]]:
    """Give the lines of the .dockerignore that leave something out, as written and as a pattern."""
    files = [ground.root / f"{dockerfile}.dockerignore", ground.root / ".dockerignore"]
    text = next((path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()), "")
    for line in text.splitlines():
        pattern = line.strip().strip("/")
        if pattern and not pattern.startswith(("#", "!")):
            yield line.strip(), pattern


def _matched(ground: Ground, pattern: str) -> list[Path]:
    try:
        return list(ground.root.glob(pattern))
    except (ValueError, NotImplementedError):  # a pattern of Go's that is none of Python's
        return []
