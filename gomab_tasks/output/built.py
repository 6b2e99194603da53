"""Read the images that `images` left, checked, for what sends, loads or tries them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from gomab_tasks.errors import DamagedError, NotMeasurableError, VerificationError, map_all
from gomab_tasks.oci.descriptor import Descriptor, Layer
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage, verify_image, verify_layout
from gomab_tasks.output.record import Found, ImageRecord, read_records, recorded_images
from gomab_tasks.places import image_lock, layout_folder
from gomab_tasks.platforms import Platform
from gomab_tasks.project import Project
from gomab_tasks.selection import Selection
from gomab_tasks.settings import Group


class Built(Struct, frozen=True):
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


def records_of(project: Project, image: str) -> list[Found]:
    """Read all records of an image; raises `VerificationError` with the files and the cure."""
    try:
        return read_records(project.out, image)
    except VerificationError as error:
        out, cure = project.settings.out, project.type("image")
        lines = [f"{out}/{line}: {cure}" for line in str(error).splitlines()]
        raise VerificationError("\n".join(lines)) from None


def recorded(project: Project, image: str, selection: Selection) -> list[ImageRecord]:
    """Give the records of the platforms that an image should have, in that order.

    Raises `NotMeasurableError` for a platform without one.
    """
    found = {record.platform: record for _, record in records_of(project, image)}
    platforms = [str(platform) for platform in selection.of(project.settings.group(image).platforms)]
    if missing := [platform for platform in platforms if platform not in found]:
        only = f", only {', '.join(found)}" if found else ""
        # `images` would leave no other platforms than those that `--arch` names.
        words = f"image --arch {','.join(missing)}" if selection.chosen else "images"
        raise NotMeasurableError(
            f"{image} {', '.join(missing)}: was not built{only}; build it: {project.type(words)}"
        )
    return [found[platform] for platform in platforms]


def is_joined(project: Project, image: str, platforms: Sequence[Platform]) -> bool:
    """Tell whether the index of an image lists just these platforms, as they were recorded last."""
    layout = Layout(layout_folder(project.out, image))
    if not _has_index(layout):
        return False
    with layout_errors(project, layout):
        manifests = layout.read_index()[1].manifests
    listed = {str(manifest.platform): manifest.digest for manifest in manifests}
    made = {record.platform: record.manifest for _, record in records_of(project, image)}
    is_same = all(made.get(platform, digest) == digest for platform, digest in listed.items())
    return is_same and set(listed) == set(map(str, platforms))


@contextmanager
def reading(project: Project, image: str) -> Iterator[Built]:
    """Give an image for the block; meanwhile no join replaces it.

    Warns where a platform was built anew and not joined since.

    Raises `NotMeasurableError` when it was not built, `VerificationError` when
    it is damaged.
    """
    layout = Layout(layout_folder(project.out, image))
    _require_index(project, image, layout)  # first: a lock would make folders where nothing was built
    with project.locked(image_lock(project.out, image), shared=True):
        _require_index(project, image, layout)
        records = [record for _, record in records_of(project, image)]
        with layout_errors(project, layout):
            index, _ = layout.read_index()
            platforms = verify_layout(layout, _known(records))
        _warn_of_newer(project, image, platforms, records)
        yield Built(image, project.settings.group(image), layout, index, platforms)


def read_whole(project: Project, image: str, selection: Selection) -> list[ImageRecord]:
    """Give the records that `recorded` gives, held against what they are about, byte by byte.

    Raises what `recorded` does, `NotMeasurableError` for an image without a
    layout, and `VerificationError`.
    """
    records = recorded(project, image, selection)
    layout = Layout(layout_folder(project.out, image))
    if records and not layout.folder.is_dir():
        raise NotMeasurableError(
            f"{image}: has records, but {project.shown(layout.folder)} is not there; "
            f"build it again: {project.type('images')}"
        )
    with project.locked(image_lock(project.out, image), shared=True):
        if _has_index(layout):
            with layout_errors(project, layout):
                layout.check_version()
                layout.read_index()
        verify_records(project, records)
    return records


@contextmanager
def reading_records(project: Project, records: Sequence[ImageRecord]) -> Iterator[tuple[VerifiedImage, ...]]:
    """Give the images of records of one image, checked, for the block; meanwhile no join removes them.

    Raises `VerificationError`.
    """
    lock = image_lock(project.out, records[0].image)
    with project.locked(lock, shared=True):
        yield tuple(verify_record(project, record) for record in records)


def verify_records(project: Project, records: Sequence[ImageRecord], checked: Sequence[Layer] = ()) -> None:
    """Check as `verify_record` does; what several records share is read once."""
    known = list(checked)

    def verify(record: ImageRecord) -> None:
        known.extend(verify_record(project, record, known).layers)

    map_all(verify, records)


def verify_record(project: Project, record: ImageRecord, checked: Sequence[Layer] = ()) -> VerifiedImage:
    """Check the image of a record, and that the record says of it what is so.

    Args:
        checked: as in `oci.verify.verify_image`.

    Raises `VerificationError`.
    """
    layout = Layout(layout_folder(project.out, record.image))
    with layout_errors(project, layout):
        verified = verify_image(layout, record.descriptor, Platform.parse(record.platform), checked)
    recorded = (record.config, tuple(layer.layer for layer in record.layers))
    if recorded != (verified.config.digest, verified.layers):
        raise VerificationError(
            f"{record.image} {record.platform}: its record names another config or other layers than its "
            f"manifest; build that platform again: {project.type('image')}"
        )
    return verified


@contextmanager
def layout_errors(project: Project, layout: Layout) -> Iterator[None]:
    """Add where the layout is, and the command that makes it again, to what is wrong in it."""
    try:
        yield
    except VerificationError as error:
        problem = error.problem if isinstance(error, DamagedError) else error
        raise VerificationError(
            f"{project.shown(layout.folder)}/{problem}; make it again: {project.type('images')}"
        ) from None


def _has_index(layout: Layout) -> bool:
    return (layout.folder / "index.json").is_file()


def _require_index(project: Project, image: str, layout: Layout) -> None:
    if _has_index(layout):
        return
    if made := _made(project, image):
        raise _unjoined(project, image, made, made)
    raise NotMeasurableError(f"{image}: was not built; build it: {project.type('images')}")


def _made(project: Project, image: str) -> tuple[str, ...]:
    return tuple(record.platform for _, record in records_of(project, image))


def _unjoined(
    project: Project, image: str, missing: Sequence[str], made: Sequence[str]
) -> NotMeasurableError:
    """Say of platforms that no index lists how one of all that were made comes about."""
    table = set(map(str, project.settings.group(image).platforms))
    were, them = ("was", "it") if len(missing) == 1 else ("were", "them")
    arch = "" if set(made) == table else f" --arch {','.join(made)}"
    build = "" if table <= set(made) else f", or build all: {project.type('images')}"
    return NotMeasurableError(
        f"{image} {', '.join(missing)}: {were} built, but not joined; "
        f"join {them}: {project.type(f'images --join{arch}')}{build}"
    )


def _known(records: Sequence[ImageRecord]) -> dict[str, Layer]:
    """Give the layers whose unpacked content was checked when they were recorded or joined."""
    return {layer.digest: layer.layer for record in records for layer in record.layers}


def _warn_of_newer(
    project: Project, image: str, platforms: Sequence[VerifiedImage], records: Sequence[ImageRecord]
) -> None:
    joined = {str(one.platform): one.manifest.digest for one in platforms}
    newer = [one.platform for one in records if joined.get(one.platform, one.manifest) != one.manifest]
    if newer:
        project.warn(
            f"{image} {', '.join(newer)}: was built anew since it was joined, and this is about the one "
            f"before; join it: {project.type('images --join')}, or build all: {project.type('images')}"
        )


def choose(project: Project, built: Built, selection: Selection) -> tuple[VerifiedImage, ...]:
    """Give the platforms that `--arch` names; without it all, which must be those of the table at least.

    Raises `NotMeasurableError` for platforms that were not built.
    """
    wanted = selection.of(built.group.platforms)
    require_platforms(project, built, wanted)
    return built.of(wanted) if selection.chosen else built.platforms


def require_platforms(project: Project, built: Built, platforms: Sequence[Platform]) -> None:
    """Raise `NotMeasurableError` for platforms that were not built, or not joined since."""
    there = {image.platform for image in built.platforms}
    missing = [str(platform) for platform in platforms if platform not in there]
    if not missing:
        return
    made = _made(project, built.name)
    if set(missing) <= set(made):
        raise _unjoined(project, built.name, missing, made)
    is_of_table = set(platforms) <= set(built.group.platforms)
    arch = "" if is_of_table else f" --arch {','.join(map(str, platforms))}"
    raise NotMeasurableError(
        f"{built.name} {', '.join(missing)}: was not built, only {', '.join(sorted(map(str, there)))}; "
        f"build it: {project.type(f'images{arch}')}, or choose {'others ' if arch else ''}with --arch"
    )
