"""Name images as they are published and loaded: by the table, or by words of the command line."""

from __future__ import annotations

from collections.abc import Sequence

from gomab_tasks.built import group_of
from gomab_tasks.errors import SettingsError
from gomab_tasks.project import Project
from gomab_tasks.registry.reference import Reference, check_tag, parse_reference
from gomab_tasks.templates import Templates


class Names:
    """Fill the templates of repositories and tags.

    All methods raise `SettingsError` for a template without a value, and for
    what is no repository or tag.
    """

    def __init__(self, project: Project, repository: str = "", tags: Sequence[str] = ()) -> None:
        """Take what the command line gives in place of the table's."""
        self._project = project
        self._repository = repository
        self._tags = tags
        self._templates = Templates(project.processes, project.root)

    def find_repository(self, image: str) -> str:
        """Give where an image goes; empty where nothing says so."""
        if self._repository:
            return self._templates.fill(self._repository, "--repository", image)
        text = group_of(self._project, image).image.repository
        return self._templates.fill(text, "image.repository", image) if text else ""

    def repository(self, image: str) -> str:
        """Give where an image goes; raises `SettingsError` where nothing says so."""
        if found := self.find_repository(image):
            return found
        raise SettingsError(
            f"{image}: has no repository to go to; set repository in [tool.gomab.image], "
            "for example 'ghcr.io/acme/{image}', or give --repository"
        )

    def tags(self, image: str) -> tuple[str, ...]:
        """Give an image's tags, each once."""
        texts = self._tags or group_of(self._project, image).image.tags
        where = "--tag" if self._tags else "image.tags"
        return tuple(dict.fromkeys(check_tag(self._templates.fill(text, where, image)) for text in texts))

    def references(self, image: str) -> tuple[Reference, ...]:
        """Give a reference for each tag; without a repository they bear the image's name alone."""
        repository = self.find_repository(image) or image
        return tuple(parse_reference(f"{repository}:{tag}") for tag in self.tags(image))
