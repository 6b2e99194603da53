"""Publish what `images` and `image` left: exactly those bytes, into registries."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.destinations.targets import Target, has_gone, remember
from gomab_tasks.errors import SettingsError
from gomab_tasks.oci.descriptor import Descriptor
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.built import Built
from gomab_tasks.places import layout_folder
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.referrers import Artifact
from gomab_tasks.registry.transfer import Destination, Pushed, push, read_content
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


def publish(
    project: Project, client: Client, target: Target, built: Built, artifacts: Sequence[Artifact]
) -> Published:
    """Push a checked image to where it goes with what is attached to it, tags last.

    Raises what `registry.transfer.push` does.
    """
    with step(project.emit, "push", target.image) as running:
        content = read_content(built.layout, built.index)
        pushed = push(client, content, _destination(project, target, built.index, artifacts), running)
    remember(project, target.image, pushed.repository, pushed.digest)
    return published(target.image, pushed, built.platforms, artifacts)


def publish_platform(
    project: Project,
    client: Client,
    target: Target,
    image: VerifiedImage,
    artifacts: Sequence[Artifact],
) -> Published:
    """Push the checked image of one platform by its digest, without a tag.

    Raises what `registry.transfer.push` does.
    """
    layout = Layout(layout_folder(project.out, target.image))
    with step(project.emit, "push", target.image, image.platform) as running:
        content = read_content(layout, image.manifest)
        pushed = push(client, content, _destination(project, target, image.manifest, artifacts), running)
    remember(project, target.image, pushed.repository, pushed.digest)
    return published(target.image, pushed, [image], artifacts)


def _destination(
    project: Project, target: Target, root: Descriptor, artifacts: Sequence[Artifact]
) -> Destination:
    is_new = not has_gone(project, target.image, target.destination.repository, root.digest)
    return replace(target.destination, artifacts=tuple(artifacts), is_new=is_new)


def published(
    image: str, pushed: Pushed, images: Sequence[VerifiedImage], artifacts: Sequence[Artifact]
) -> Published:
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
        tuple(dict.fromkeys(artifact.artifact_type for artifact in artifacts)),
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
