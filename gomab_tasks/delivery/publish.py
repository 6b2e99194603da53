"""Publish what `images` and `image` left: exactly those bytes, into registries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.destinations.targets import Target, has_gone, remember
from gomab_tasks.errors import GomabError, SettingsError, StoppedError
from gomab_tasks.oci.descriptor import INDEX, Descriptor
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.built import Built
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.referrers import Artifact
from gomab_tasks.registry.transfer import Destination, Push, Pushed, read_content
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
    pushes = [_push_of(project, parcel) for parcel in parcels]
    if len(pushes) > 1:
        for push in pushes:
            push.refuse_moves()
    sent = [_send(project, *one) for one in zip(parcels, pushes, strict=True)]
    done: list[Published] = []
    for parcel, push, pushed in zip(parcels, pushes, sent, strict=True):
        try:
            _set_tags(project, parcel, push)
        except GomabError as error:
            error.result = _told_so_far(project, [*done, *_set_so_far(parcel, push, pushed)], error)
            raise
        remember(project, parcel.target.image, pushed.repository, pushed.digest)
        done.append(_published(parcel, pushed))
    return PushResult(tuple(done))


def _set_so_far(parcel: Parcel, push: Push, pushed: Pushed) -> Iterator[Published]:
    """Give what is published of an image whose tags could not all be set."""
    lacking = set(pushed.moved) - set(push.moved)
    if tags := tuple(tag for tag in pushed.tags if tag not in lacking):
        yield _published(parcel, replace(pushed, tags=tags))


def _told_so_far(project: Project, done: Sequence[Published], error: GomabError) -> PushResult | None:
    if not done:
        return None
    if isinstance(error, StoppedError):  # which ends the run without a result
        project.warn(f"published before that: {', '.join(ref for one in done for ref in one.references)}")
    return PushResult(tuple(done))


def _push_of(project: Project, parcel: Parcel) -> Push:
    content = read_content(parcel.layout, parcel.root)
    return Push(parcel.client, content, _destination(project, parcel))


def _send(project: Project, parcel: Parcel, push: Push) -> Pushed:
    with step(project.emit, "push", parcel.target.image, parcel.platform) as running:
        pushed = push.send(running)
        if not pushed.tags:
            push.set_tags()  # the root by its digest
        return pushed


def _set_tags(project: Project, parcel: Parcel, push: Push) -> None:
    if tags := parcel.target.destination.tags:
        with step(project.emit, "tag", parcel.target.image) as running:
            push.set_tags()
            running.result = ", ".join(tags)


def _destination(project: Project, parcel: Parcel) -> Destination:
    destination = parcel.target.destination
    is_new = not has_gone(project, parcel.target.image, destination.repository, parcel.root.digest)
    return replace(destination, artifacts=tuple(parcel.artifacts), is_new=is_new)


def _published(parcel: Parcel, pushed: Pushed) -> Published:
    """Say what a push has done for an image."""
    return Published(
        parcel.target.image,
        str(pushed.repository),
        pushed.tags,
        pushed.digest,
        tuple(PlatformDigest(str(one.platform), one.manifest.digest) for one in parcel.images),
        pushed.blobs,
        pushed.sent_blobs,
        pushed.mounted_blobs,
        pushed.sent_size,
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
