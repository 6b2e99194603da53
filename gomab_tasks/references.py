"""Name images as they are published and loaded."""

from __future__ import annotations

from gomab_tasks.project import Project
from gomab_tasks.registry.reference import Reference, parse_reference
from gomab_tasks.settings import Group
from gomab_tasks.templates import Templates


def references_of(project: Project, image: str, group: Group) -> tuple[Reference, ...]:
    """Give an image's references, one for each tag; without a repository they bear its name alone.

    Raises `SettingsError` for a template without a value, and for what is no reference.
    """
    templates = Templates(project.processes, project.root)
    repository = templates.fill(group.image.repository or image, "image.repository", image)
    tags = (templates.fill(tag, "image.tags", image) for tag in group.image.tags)
    return tuple(parse_reference(f"{repository}:{tag}") for tag in dict.fromkeys(tags))
