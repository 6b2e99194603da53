"""Leave each image as one file, for machines without a registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gomab_tasks.destinations.names import Names
from gomab_tasks.oci.archive import write_archive
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.built import choose, image_names, reading
from gomab_tasks.places import Place
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.selection import select
from gomab_tasks.units import columns, fits, mebibytes, noted


class Archive(Struct, frozen=True):
    """Hold one file.

    Attributes:
        path: relative to the root.
        size: in bytes.
        digest: of the index in it.
        platforms: the first is the one that readers without a word for platforms see.
    """

    image: str
    path: str
    size: int
    digest: str
    platforms: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def remark(self) -> str:
        """What to know of a file with several platforms."""
        if len(self.platforms) == 1:
            return ""
        return (
            "readers that know no platforms (docker-archive:, Docker's older image store) see "
            f"{self.platforms[0]}; --arch chooses another"
        )


class ArchiveResult(Struct, frozen=True):
    """Hold the files of all images."""

    archives: tuple[Archive, ...]

    def text(self) -> str:
        """Give a line for each file, and who reads which platform."""
        rows = [[a.image, a.path, mebibytes(a.size)] for a in self.archives]
        table = columns(rows, right=[2])
        if not fits(table):  # whose paths end with the names
            table = columns([[path, size] for _, path, size in rows], right=[1])
        return noted(table, [f"{a.digest}\n{a.remark}" for a in self.archives])


def write_archives(project: Project, arch: Sequence[str]) -> ArchiveResult:
    """Write OUT/archives/NAME.tar for every image, as oci/archive.py describes.

    Raises `NotMeasurableError` where `images` left nothing.
    """
    selection = select(arch, project.settings)
    archives = []
    for name in image_names(project):
        with step(project.emit, "archive", name) as running, reading(project, name) as built:
            images = choose(project, built, selection)
            if not images:
                continue
            references = [str(one) for one in Names(project).references(name)]
            path = project.out / Place.ARCHIVES / f"{name}.tar"
            manifests = [image.manifest for image in images]
            digest = write_archive(built.layout, manifests, references, path)
            running.result = mebibytes(path.stat().st_size)
            archives.append(_archive(project, path, digest, images, references))
    return ArchiveResult(tuple(archives))


def _archive(
    project: Project, path: Path, digest: str, images: Sequence[VerifiedImage], references: Sequence[str]
) -> Archive:
    platforms = tuple(str(image.platform) for image in images)
    return Archive(path.stem, project.shown(path), path.stat().st_size, digest, platforms, tuple(references))
