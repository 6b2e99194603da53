"""Tell what a Docker build would not have seen of a folder."""

from __future__ import annotations

from collections.abc import Iterator

from gomab_tasks.adoption.programs import Ground


def ignored_patterns(ground: Ground, dockerfile: str, folder: str) -> Iterator[str]:
    """List the lines of the .dockerignore that leave something of a folder out.

    Args:
        dockerfile: relative to the root; NAME.dockerignore beside it comes first.
        folder: relative to the root.
    """
    files = [ground.root / f"{dockerfile}.dockerignore", ground.root / ".dockerignore"]
    text = next((path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()), "")
    for line in text.splitlines():
        pattern = line.strip().strip("/")
        if pattern and not pattern.startswith(("#", "!")) and _leaves_out(ground, pattern, folder):
            yield line.strip()


def _leaves_out(ground: Ground, pattern: str, folder: str) -> bool:
    below = ground.root / folder
    try:
        return any(path != below and path.is_relative_to(below) for path in ground.root.glob(pattern))
    except (ValueError, NotImplementedError):  # a pattern of Go's that is none of Python's
        return False
