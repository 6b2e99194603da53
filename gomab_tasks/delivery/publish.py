"""Publish what `images` and `image` left: exactly those bytes, into registries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.destinations.targets import Target, has_gone, remember
from gomab_tasks.errors import GomabError, SettingsError
from gomab_tasks.oci.descriptor import INDEX, Descriptor
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.built import Built
from gomab_tasks.progress.events import Step, step
from gomab_tasks.project import Project
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.referrers import Artifact
from gomab_tasks.registry.transfer import Push, Pushed, read_content
from gomab_tasks.selection import Selection
from gomab_tasks.units import columns


class PlatformDigest(Struct, frozen=True):
    """Hold one platform's manifest, as it can be pulled."""

    platform: str
    digest: str


class Published(Struct, frozen=True):
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

    @property
    def remark(self) -> str:
        """What to know of what went by digest alone."""
        platforms = ", ".join(one.platform for one in self.platforms)
        return "" if self.tags else f"({platforms}, without a tag)"


class PushResult(Struct, frozen=True):
    """Hold all images that were pushed."""

    images: tuple[Published, ...]

    def text(self) -> str:
        """Give a line for each reference, with its digest whole."""
        rows = [[one.image, reference, one.remark] for one in self.images for reference in one.references]
        return columns(rows)


class Parcel(Struct, frozen=True):
    """Hold what goes to one repository: an index with its platforms, or one platform alone.

    Attributes:
        layout: where it lies, checked.
        images: its platforms.
        artifacts: what is attached to them.
    """

    target: Target
    client: Client
    layout: Layout
    root: Descriptor
    images: Sequence[VerifiedImage]
    artifacts: Sequence[Artifact]

    @property
    def platform(self) -> str:
        """The platform of what goes without an index."""
        return "" if self.root.media_type == INDEX else str(self.images[0].platform)


def publish(project: Project, parcels: Sequence[Parcel]) -> PushResult:
    """Push checked images with what is attached to them, the tags of all after the content of all.

    Raises what `registry.transfer.push` does, with what is published by then as
    its result; for a tag that must not move before anything is sent.
    """
    shipments = [_Shipment(project, parcel) for parcel in parcels]
    if len(shipments) > 1:
        for shipment in shipments:
            shipment.push.refuse_moves()
    try:
        for shipment in shipments:
            shipment.send()
        for shipment in shipments:
            shipment.set_tags()
    except GomabError as error:
        published = _published(shipments)
        error.result = published if published.images else None
        raise
    return _published(shipments)


class _Shipment:
    """Carry out the push of one parcel, and know how far it came."""

    def __init__(self, project: Project, parcel: Parcel) -> None:
        self._project = project
        self._parcel = parcel
        self._place = parcel.target.destination
        self._sent: Pushed | None = None
        self._is_done = False
        is_new = not has_gone(project, parcel.target.image, self._place.repository, parcel.root.digest)
        destination = replace(self._place, artifacts=tuple(parcel.artifacts), is_new=is_new)
        self.push = Push(parcel.client, read_content(parcel.layout, parcel.root), destination)

    def send(self) -> None:
        """Bring the content there; what has no tags is done with that."""
        with self._step("push") as running:
            self._sent = self.push.send(running)
            if not self._place.tags:
                self._store_root()

    def set_tags(self) -> None:
        """Set the tags, if it has any."""
        if self._place.tags:
            with self._step("tag") as running:
                self._store_root()
                running.result = ", ".join(self._place.tags)

    def _step(self, name: str) -> AbstractContextManager[Step]:
        return step(self._project.emit, name, self._parcel.target.image, self._parcel.platform)

    def _store_root(self) -> None:
        self.push.set_tags()
        self._is_done = True
        remember(self._project, self._parcel.target.image, self._place.repository, self._parcel.root.digest)

    def published(self) -> Iterator[Published]:
        """Give what is in the registry by now under a name that leads to it, with the tags that do."""
        if self._sent is None:
            return
        lacking = set(self._sent.moved) - set(self.push.moved)
        tags = tuple(tag for tag in self._sent.tags if tag not in lacking)
        if tags or self._is_done:
            yield _published_of(self._parcel, self._sent, tags)


def _published(shipments: Sequence[_Shipment]) -> PushResult:
    return PushResult(tuple(one for shipment in shipments for one in shipment.published()))


def _published_of(parcel: Parcel, sent: Pushed, tags: tuple[str, ...]) -> Published:
    return Published(
        parcel.target.image,
        str(sent.repository),
        tags,
        sent.digest,
        tuple(PlatformDigest(str(one.platform), one.manifest.digest) for one in parcel.images),
        sent.blobs,
        sent.sent_blobs,
        sent.mounted_blobs,
        sent.sent_size,
        tuple(dict.fromkeys(artifact.artifact_type for artifact in parcel.artifacts)),
    )


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
