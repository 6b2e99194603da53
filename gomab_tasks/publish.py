"""Publish what `images` and `image` left: exactly those bytes, into registries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from gomab_tasks import files
from gomab_tasks.built import Built, group_of
from gomab_tasks.errors import SettingsError
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage, verify_image
from gomab_tasks.plan import Selection
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.record import ImageRecord, image_lock, layout_folder
from gomab_tasks.registry.client import Client, open_client
from gomab_tasks.registry.reference import Repository, check_tag, parse_repository
from gomab_tasks.registry.transfer import Destination, Pushed, push, push_content, read_content
from gomab_tasks.templates import Templates
from gomab_tasks.units import columns

_REMEMBERED = 4


@dataclass(frozen=True, slots=True)
class PlatformDigest:
    """Hold one platform's manifest, as it can be pulled."""

    platform: str
    digest: str


@dataclass(frozen=True, slots=True)
class Published:
    """Hold what is in a registry now.

    Attributes:
        digest: of the index, or of the manifest of a platform that was pushed alone.
        tags: empty for what was pushed by digest.
        sent_size: bytes that were sent; other blobs were there or mounted.
        attached: media types of the documents that were attached to each platform.
    """

    image: str
    repository: str
    tags: tuple[str, ...]
    digest: str
    platforms: tuple[PlatformDigest, ...]
    blobs: int
    sent_blobs: int
    mounted_blobs: int
    sent_size: int
    attached: tuple[str, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """What to pull, by digest and with each tag."""
        names = [f"{self.repository}:{tag}" for tag in self.tags] or [self.repository]
        return tuple(f"{name}@{self.digest}" for name in names)


@dataclass(frozen=True, slots=True)
class PushResult:
    """Hold all images that were pushed."""

    images: tuple[Published, ...]

    def text(self) -> str:
        """Give a line for each reference, with its digest whole."""
        return columns([[one.image, reference] for one in self.images for reference in one.references])


@dataclass(frozen=True, slots=True)
class Target:
    """Hold an image and where it goes."""

    image: str
    destination: Destination


class Registries:
    """Open a client for each registry once, and close all of them at the end."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._stack = ExitStack()
        self._clients: dict[str, Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def client(self, repository: Repository) -> Client:
        """Give the client of a repository's registry."""
        if repository.registry not in self._clients:
            settings = self._project.settings.registry
            opened = open_client(
                repository.registry,
                self._project.processes,
                plain_http=settings.plain_http,
                ca_file=self._project.root / settings.ca_file if settings.ca_file else None,
            )
            self._clients[repository.registry] = self._stack.enter_context(opened)
        return self._clients[repository.registry]


def find_targets(
    project: Project,
    names: Sequence[str],
    repository: str,
    tags: Sequence[str],
    untagged: Collection[str] = (),
) -> tuple[Target, ...]:
    """Say where each image goes: by the words of the command line, else by the table.

    A repository without `{image}` that ends with the name of one of several
    images is meant for that one.

    Args:
        untagged: images that are pushed by digest: their tags are not looked up.

    Raises `SettingsError` for an image without a repository, and for two
    images in one place.
    """
    chosen = _meant(names, repository)
    templates = Templates(project.processes, project.root)
    repositories = {name: _repository(project, name, repository, templates) for name in chosen}
    targets = tuple(
        Target(
            name,
            Destination(
                repositories[name],
                () if name in untagged else _tags(project, name, tags, templates),
                tuple(_mounts(project, name, repositories)),
                group_of(project, name).image.immutable_tags,
            ),
        )
        for name in chosen
    )
    _require_places(targets)
    return targets


def publish(project: Project, client: Client, target: Target, built: Built) -> Published:
    """Push a checked image to where it goes, tags last.

    Raises what `registry.transfer.push` does.
    """
    pushed = push(
        client,
        built.layout,
        target.destination,
        known={layer.descriptor.digest: layer for image in built.platforms for layer in image.layers},
        emit=project.emit,
        image=target.image,
    )
    remember(project, target.image, pushed.repository)
    return published(target.image, pushed, built.platforms)


def publish_platform(project: Project, client: Client, target: Target, record: ImageRecord) -> Published:
    """Push the image of one platform by its digest, without a tag.

    Raises `VerificationError` for what is damaged, and `RegistryError`.
    """
    layout = Layout(layout_folder(project.out, target.image))
    lock = image_lock(project.out, target.image)
    with (
        step(project.emit, "push", target.image, record.platform) as running,
        files.locked(lock, project.processes.check, shared=True),
    ):
        image = verify_image(layout, record.descriptor, Platform.parse(record.platform))
        pushed = push_content(client, read_content(layout, image.manifest), target.destination)
        running.result = pushed.digest
    remember(project, target.image, pushed.repository)
    return published(target.image, pushed, [image])


def published(image: str, pushed: Pushed, images: Sequence[VerifiedImage]) -> Published:
    """Say what a push has done for an image."""
    return Published(
        image,
        str(pushed.repository),
        pushed.tags,
        pushed.digest,
        tuple(PlatformDigest(str(one.platform), one.manifest.digest) for one in images),
        pushed.blobs,
        pushed.sent_blobs,
        pushed.mounted_blobs,
        pushed.sent_size,
    )


def remember(project: Project, image: str, repository: Repository) -> None:
    """Note where blobs of an image were sent, so that another repository can mount them."""
    path = _memory(project, image)
    before = [other for other in _remembered(project, image) if other != str(repository)]
    files.write(path, msgspec.json.encode([str(repository), *before][:_REMEMBERED]))


def require_whole(project: Project, built: Built, selection: Selection) -> None:
    """Refuse a layout whose platforms are not those that the table, or `--arch`, names.

    Raises `SettingsError` with the command that mends it.
    """
    there = [str(image.platform) for image in built.platforms]
    asked = [str(platform) for platform in selection.of(built.group.platforms)]
    if sorted(there) == sorted(asked):
        return
    where = "--arch names" if selection.chosen else "the table lists"
    raise SettingsError(
        f"{built.name}: was built for {', '.join(there)}, but {where} {', '.join(asked)}; "
        f"build it again ({project.type('images')}), or give the --arch that it was built with"
    )


def _meant(names: Sequence[str], repository: str) -> Sequence[str]:
    if not repository or "{image}" in repository or len(names) == 1:
        return names
    last = repository.rpartition("/")[2]
    if last in names:
        return (last,)
    raise SettingsError(
        f"--repository is '{repository}', one place for the images {', '.join(names)}; "
        f"write {{image}} for their names: '{repository}/{{image}}'"
    )


def _repository(project: Project, image: str, given: str, templates: Templates) -> Repository:
    text = given or group_of(project, image).image.repository
    if not text:
        raise SettingsError(
            f"{image}: has no repository to go to; set repository in [tool.gomab.image], "
            "for example 'ghcr.io/acme/{image}', or give --repository"
        )
    return parse_repository(templates.fill(text, "--repository" if given else "image.repository", image))


def _tags(project: Project, image: str, given: Sequence[str], templates: Templates) -> tuple[str, ...]:
    texts = given or group_of(project, image).image.tags
    where = "--tag" if given else "image.tags"
    return tuple(dict.fromkeys(check_tag(templates.fill(text, where, image)) for text in texts))


def _mounts(project: Project, image: str, repositories: dict[str, Repository]) -> Iterator[str]:
    """Name repositories of the same registry that may have blobs of an image."""
    own = repositories[image]
    siblings = [str(repository) for name, repository in repositories.items() if name != image]
    for text in dict.fromkeys([*_remembered(project, image), *siblings]):
        other = parse_repository(text)
        if other.registry == own.registry and other != own:
            yield other.name


def _require_places(targets: Sequence[Target]) -> None:
    places: dict[tuple[Repository, str], str] = {}
    for target in targets:
        for tag in target.destination.tags:
            place = (target.destination.repository, tag)
            if other := places.get(place):
                raise SettingsError(
                    f"pyproject.toml: images {other} and {target.image} both go to "
                    f"{place[0]}:{tag}; write {{image}} in repository or tags"
                )
            places[place] = target.image


def _memory(project: Project, image: str) -> Path:
    return project.out / "pushed" / f"{image}.json"


def _remembered(project: Project, image: str) -> list[str]:
    """Give the repositories that an image went to, the last first; a damaged note is none."""
    try:
        return msgspec.json.decode(_memory(project, image).read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):
        return []
