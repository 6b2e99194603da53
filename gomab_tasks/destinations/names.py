"""Name images as they are published and loaded: by the table, or by words of the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gomab_tasks.errors import SettingsError, map_all
from gomab_tasks.project import Project
from gomab_tasks.registry.reference import Reference, check_tag, parse_reference
from gomab_tasks.settings import Image
from gomab_tasks.settings.refusal import Where, refusal_at
from gomab_tasks.settings.template import check_template, fields_of, fill_template

LOCAL_TAG = "dev"
"""The tag of a file or a loaded image where the default has no value, as outside git.

Without any, kind, containerd and `docker run` have no name to call it by; `latest` would promise more, and
Kubernetes looks for it in a registry.
"""
_REPOSITORY: Where = ("image", "repository")
_TAGS: Where = ("image", "tags")
# docker/metadata-action does the same.
_NOT_IN_TAGS = r"[^a-zA-Z0-9._-]+"


class Names:
    """Fill the templates of repositories and tags.

    All methods raise `SettingsError` for a template without a value, and for
    what is no repository or tag.
    """

    def __init__(self, project: Project, repository: str = "", tags: Sequence[str] = ()) -> None:
        """Take what the command line gives in place of the table's; raises `SettingsError`."""
        self._project = project
        self.given_repository = _checked(repository, "--repository")
        self.given_tags = map_all(lambda tag: _checked(tag, "--tag"), tags)

    def find_repository(self, image: str) -> str:
        """Give where an image goes; empty where nothing says so."""
        text, where = self._repository(image)
        return self._project.templates.fill(text, where, image) if text else ""

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
        return tuple(dict.fromkeys(map_all(lambda text: self._tag(text, image), self._tag_texts(image))))

    def revision(self, image: str) -> str | None:
        """Give the commit, as `{git.sha}` spells it, where repository or tags take anything from git."""
        texts = (self._repository(image)[0], *self._tag_texts(image))
        fields = frozenset[str]().union(*map(fields_of, texts))
        return self._project.templates.fill("{git.sha}", _TAGS) if any(map(_is_of_git, fields)) else None

    def references(self, image: str) -> tuple[Reference, ...]:
        """Give a reference for each tag, for files and engines.

        Without a repository they bear the image's name alone; where the default
        of tags has no value, the tag is `LOCAL_TAG`, and that is said.
        """
        repository = self.find_repository(image) or image
        return tuple(parse_reference(f"{repository}:{tag}") for tag in self._local_tags(image))

    def _local_tags(self, image: str) -> tuple[str, ...]:
        try:
            return self.tags(image)
        except SettingsError as error:
            if tuple(self._tag_texts(image)) != Image().tags:
                raise
            self._project.say(f"{image}: gets the tag '{LOCAL_TAG}', since {error}")
            return (LOCAL_TAG,)

    def _repository(self, image: str) -> tuple[str, Where]:
        """Give the template of an image's repository and where it stands; empty where nothing says so."""
        if self.given_repository:
            return self.given_repository, "--repository"
        return self._project.settings.group(image).image.repository or "", _REPOSITORY

    def _tag_texts(self, image: str) -> Sequence[str]:
        return self.given_tags or self._project.settings.group(image).image.tags

    def _tag(self, text: str, image: str) -> str:
        where: Where = "--tag" if self.given_tags else _TAGS

        def value(field: str) -> str:
            filled = self._project.templates.fill(f"{{{field}}}", where, image)
            # Branches and tags of git may have a slash or a plus, as in feature/login.
            return re.sub(_NOT_IN_TAGS, "-", filled) if _is_of_git(field) else filled

        tag = fill_template(text, value)
        try:
            return check_tag(tag)
        except SettingsError as error:
            problem = f"has '{text}', which gives the {error}" if fields_of(text) else f"gives the {error}"
            raise refusal_at(self._project.settings.source, where, problem, image) from None


def _checked(template: str, option: str) -> str:
    try:
        return check_template(template)
    except ValueError as error:
        raise SettingsError(f"{option} {error}") from None


def _is_of_git(field: str) -> bool:
    return field == "version" or field.startswith("git.")
