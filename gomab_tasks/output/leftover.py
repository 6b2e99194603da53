"""Remove what is left of images whose main packages are gone."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from gomab_tasks.output.record import record_folder, recorded_images
from gomab_tasks.places import image_lock, layout_folder
from gomab_tasks.project import Project


def remove_leftover(project: Project, images: Collection[str]) -> None:
    """Remove records and layouts of all but these images, where the table names none.

    Tasks that do without Go then know the images by their records alone, and
    would measure and push what no longer has a main package.
    """
    if project.settings.images:
        return
    for image in recorded_images(project.out):
        if image not in images:
            with project.locked(image_lock(project.out, image)):
                shutil.rmtree(record_folder(project.out, image), ignore_errors=True)
                shutil.rmtree(layout_folder(project.out, image), ignore_errors=True)
            project.say(f"{image}: has no main package any more; what was left of it is removed")
