"""Read the images that `images` left, checked, for what sends, loads or tries them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gomab_tasks import files
from gomab_tasks.errors import NotMeasurableError
from gomab_tasks.oci.descriptor import Descriptor, Layer
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage, verify_layout
from gomab_tasks.platforms import Platform
from gomab_tasks.project import Project
from gomab_tasks.record import ImageRecord, image_lock, layout_folder, read_records, recorded_images
from gomab_tasks.selection import Selection
from gomab_tasks.settings import Group


@dataclass(frozen=True, slots=True)
class Built:
    """Hold an image as it lies in its layout, every byte checked.

    Attributes:
        platforms: all that the index lists, in its order.
    """

    name: str
    group: Group
    layout: Layout
    index: Descriptor
    platforms: tuple[VerifiedImage, ...]

    def of(self, platforms: Sequence[Platform]) -> tuple[VerifiedImage, ...]:
        """Give some platforms, in the order asked for; those that are not there are left out."""
        found = {image.platform: image for image in self.platforms}
        return tuple(found[platform] for platform in platforms if platform in found)


def image_names(project: Project) -> tuple[str, ...]:
    """Name the images without asking Go: from the table, else from what was left.

    Raises `NotMeasurableError` when there are none.
    """
    names = tuple(project.settings.images) or recorded_images(project.out)
    if not names:
        raise NotMeasurableError(
            f"there are no images in {project.settings.out}; build them: {project.type('images')}"
        )
    return names


def group_of(project: Project, image: str) -> Group:
    """Give the settings of an image."""
    return project.settings.images.get(image, project.settings.shared)


def recorded(project: Project, image: str, selection: Selection) -> list[ImageRecord]:
    """Give the records of the platforms that an image should have, in that order.

    Raises `NotMeasurableError` for a platform without one.
    """
    found = {record.platform: record for _, record in read_records(project.out, image)}
    platforms = [str(platform) for platform in selection.of(group_of(project, image).platforms)]
    if missing := [platform for platform in platforms if platform not in found]:
        raise NotMeasurableError(
            f"{image} {', '.join(missing)}: was not built; build it: {project.type('images')}"
        )
    return [found[platform] for platform in platforms]


def is_joined(project: Project, image: str, records: Sequence[ImageRecord]) -> bool:
    """Tell whether the index of an image lists just these records, none less and none more."""
    layout = Layout(layout_folder(project.out, image))
    if not (layout.folder / "index.json").is_file():
        return False
    listed = [manifest.digest for manifest in layout.read_index()[1].manifests]
    return listed == [record.manifest for record in records]


@contextmanager
def reading(project: Project, image: str) -> Iterator[Built]:
    """Give an image for the block; meanwhile no join replaces it.

    Raises `NotMeasurableError` when it was not built, `VerificationError` when
    it is damaged.
    """
    layout = Layout(layout_folder(project.out, image))
    with files.locked(image_lock(project.out, image), project.processes.check, shared=True):
        if not (layout.folder / "index.json").is_file():
            raise NotMeasurableError(f"{image}: was not built; build it: {project.type('images')}")
        index, _ = layout.read_index()
        yield Built(
            image, group_of(project, image), layout, index, verify_layout(layout, _known(project, image))
        )


def _known(project: Project, image: str) -> dict[str, Layer]:
    """Give the layers whose unpacked content was checked when they were recorded or joined."""
    records = [record for _, record in read_records(project.out, image)]
    return {layer.digest: layer.layer for record in records for layer in record.layers}


def choose(project: Project, built: Built, selection: Selection) -> tuple[VerifiedImage, ...]:
    """Give the platforms that `--arch` names; without it all, which must be those of the table at least.

    Raises `NotMeasurableError` for platforms that were not built.
    """
    wanted = selection.of(built.group.platforms)
    require_platforms(project, built, wanted)
    return built.of(wanted) if selection.chosen else built.platforms


def require_platforms(project: Project, built: Built, platforms: Sequence[Platform]) -> None:
    """Raise `NotMeasurableError` for platforms that were not built."""
    there = {image.platform for image in built.platforms}
    missing = [str(platform) for platform in platforms if platform not in there]
    if missing:
        raise NotMeasurableError(
            f"{built.name} {', '.join(missing)}: was not built ({', '.join(map(str, there))} was); "
            f"build it: {project.type('images')}, or choose with --arch"
        )
