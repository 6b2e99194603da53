"""Refuse `go.vcs-stamp` where a build of the Dockerfile would stamp something else than `go build` here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gomab_tasks.dockerfile.patterns import find_hidden
from gomab_tasks.errors import ToolError
from gomab_tasks.plan import ImagePlan, read_each
from gomab_tasks.project import Project
from gomab_tasks.settings.problem import wrong

_KEY = ("go", "vcs-stamp")
_NATIVE = "the backend 'native' has no such limit"
_SHOWN = 3


def require_stamp(project: Project, images: Sequence[ImagePlan], ignored: Sequence[str]) -> None:
    """Require the repository and all its committed files in the context of a stamped build.

    Go stamps nothing without a repository, and says nothing of it; a file that is not
    there is to git a change. Outside of git there is nothing to lose.

    Args:
        images: those that are stamped; none asks git for nothing.
        ignored: the lines of FILE.dockerignore.

    Raises `SettingsError` with the line of each table that asks for the stamp.
    """
    if text := images and (_lie_above(project.root) or _lack_files(project, ignored)):
        error = wrong(_KEY, f"is true, but {text}; {_NATIVE}")
        read_each(images, project.settings.source, lambda _: _refuse(error))


def _refuse(error: Exception) -> None:
    raise error


def _lie_above(root: Path) -> str:
    """Look for git's folder as Go does, from the project upward."""
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    if top == root:
        return ""
    return (
        f"the repository begins above the project, in {top}, which a Dockerfile's build does not see, "
        "so programs would have no stamp"
    )


def _lack_files(project: Project, ignored: Sequence[str]) -> str:
    hidden = find_hidden(ignored, _committed(project))
    if not hidden:
        return ""
    more = f" and {len(hidden) - _SHOWN} more" if len(hidden) > _SHOWN else ""
    return (
        f".dockerignore hides committed files, so programs would be stamped as modified: "
        f"{', '.join(hidden[:_SHOWN])}{more}; let them through there"
    )


def _committed(project: Project) -> list[str]:
    """Ask git which files it keeps, from the root."""
    try:
        completed = project.processes.run(["git", "ls-files", "-z"], cwd=project.root)
    except ToolError:
        return []
    return [path for path in completed.stdout.split("\0") if path] if completed.code == 0 else []
