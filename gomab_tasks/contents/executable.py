"""Find images that cannot start, since the file that they start is not executable in the project."""

from __future__ import annotations

import posixpath
from pathlib import Path

from gomab_tasks.contents.rootfs import workdir_of
from gomab_tasks.contents.sources import file_entries
from gomab_tasks.plan import ImagePlan, Plan
from gomab_tasks.project import Project
from gomab_tasks.settings.problem import WrongValueError

_PLAIN = 0o644


def warn_not_executable(project: Project, plan: Plan) -> None:
    """Warn of each file that is the command of an image and has no x bit."""
    for name in dict.fromkeys(name for image in plan.images for name in _not_executable(image, project)):
        project.warn(
            f"image.entrypoint starts '{name}', which is not executable: "
            f"chmod +x {name} && git update-index --chmod=+x {name}"
        )


def _not_executable(image: ImagePlan, project: Project) -> list[str]:
    settings = image.group.image
    if not settings.entrypoint or "/" not in settings.entrypoint[0]:  # PATH would be asked
        return []
    command = posixpath.normpath(posixpath.join("/", workdir_of(settings), settings.entrypoint[0]))
    try:
        entries = file_entries(settings.files, project.root)
    except WrongValueError:  # the image is refused for it later, with the place in the table
        return []
    found = (entry for entry in entries if f"/{entry.path}" == command and entry.mode == _PLAIN)
    return [project.shown(entry.source) for entry in found if isinstance(entry.source, Path)]
