"""Find files for images that git ignores: other checkouts may lack them."""

from __future__ import annotations

from pathlib import PurePath

from gomab_tasks.contents.sources import LEFT_OUT
from gomab_tasks.errors import ToolError
from gomab_tasks.plan import Plan
from gomab_tasks.project import Project


def warn_ignored(project: Project, plan: Plan) -> None:
    """Warn once of each entry of `image.files` that git ignores, wholly or in part.

    Says nothing outside of git.
    """
    sources = dict.fromkeys(item.source for image in plan.images for item in image.group.image.files)
    ignored = _list_ignored(project, list(sources)) if sources else []
    for source in sources:
        if found := [path for path in ignored if _meet(PurePath(source), PurePath(path))]:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            project.warn(
                f"image.files: '{source}': git ignores '{found[0]}'{more}, "
                "so other checkouts may lack it: their images would differ"
            )


def _list_ignored(project: Project, sources: list[str]) -> list[str]:
    """Ask git for files and folders, relative to the root, that it ignores and does not track."""
    words = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--"]
    asked = [f":(literal){source}" for source in sources]
    try:
        completed = project.processes.run(
            ["git", *words, *asked, f":(exclude,literal){project.settings.out}"], cwd=project.root
        )
    except ToolError:
        return []
    paths = completed.stdout.split("\0") if completed.code == 0 else []
    return [path for path in paths if path and PurePath(path).name not in LEFT_OUT]


def _meet(one: PurePath, other: PurePath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
