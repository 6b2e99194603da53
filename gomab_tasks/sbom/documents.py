"""Write bills of materials of what was built, in all formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import SettingsError
from gomab_tasks.oci.layout import Layout
from gomab_tasks.output.built import layout_errors
from gomab_tasks.output.record import BASE, ImageRecord
from gomab_tasks.places import Place, image_lock, layout_folder
from gomab_tasks.platforms import Platform
from gomab_tasks.project import Project
from gomab_tasks.registry.reference import parse_reference
from gomab_tasks.sbom.contents import Base, ImageContents, describe
from gomab_tasks.sbom.cyclonedx import cyclonedx_bytes
from gomab_tasks.sbom.packages import all_packages
from gomab_tasks.sbom.spdx import spdx_bytes
from gomab_tasks.units import columns

# What `images` records the versions of, where it takes their files.
_WHEELS = ("certifi", "tzdata")


class Format(Struct, frozen=True):
    """Hold a format: its name, how its files end, what registries call it, and its writer."""

    name: str
    suffix: str
    media_type: str
    to_bytes: Callable[[ImageContents], bytes]


FORMATS = (
    Format("spdx", ".spdx.json", "application/spdx+json", spdx_bytes),
    Format("cyclonedx", ".cdx.json", "application/vnd.cyclonedx+json", cyclonedx_bytes),
)


class Document(Struct, frozen=True):
    """Hold a document that was written; the path is relative to the root.

    Attributes:
        digest: of the image's manifest.
        packages: how many it lists: programs, modules, wheels, Go's library.
    """

    image: str
    platform: str
    digest: str
    format: str
    path: str
    packages: int
    files: int


class SbomResult(Struct, frozen=True):
    """Hold the documents of all images and platforms."""

    documents: tuple[Document, ...]

    def text(self) -> str:
        """Give a table; paths name image and platform."""
        rows = [[d.path, str(d.packages), str(d.files)] for d in self.documents]
        return columns([["path", "packages", "files"], *rows], right=[1, 2])


def find_formats(names: Sequence[str]) -> tuple[Format, ...]:
    """Find formats by their names; all without any.

    Raises `SettingsError` for a name that no format has.
    """
    wanted = [word.strip() for name in names for word in name.split(",") if word.strip()]
    known = {format_.name: format_ for format_ in FORMATS}
    if unknown := [name for name in wanted if name not in known]:
        raise SettingsError(f"--format '{unknown[0]}' is not known; write {' or '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(wanted)) or FORMATS


def write_documents(
    project: Project, records: Sequence[ImageRecord], formats: Sequence[Format]
) -> SbomResult:
    """Write OUT/sbom/NAME-OS_ARCH for each image and platform.

    Raises `VerificationError` where the layout is damaged or lacks an image.
    """
    return SbomResult(tuple(d for record in records for d in _write(project, record, formats)))


def _write(project: Project, record: ImageRecord, formats: Sequence[Format]) -> Iterator[Document]:
    contents = read_contents(project, record)
    name = f"{record.image}-{Platform.parse(record.platform).slug}"
    packages = len(contents.programs) + len(all_packages(contents))
    for format_ in formats:
        path = project.out / Place.SBOMS / f"{name}{format_.suffix}"
        files.write(path, format_.to_bytes(contents))
        yield Document(
            image=record.image,
            platform=record.platform,
            digest=record.manifest,
            format=format_.name,
            path=project.shown(path),
            packages=packages,
            files=len(contents.files),
        )


def read_contents(project: Project, record: ImageRecord) -> ImageContents:
    """Read what a recorded image holds, while no other run may remove it."""
    lock = image_lock(project.out, record.image)
    wheels = {name: record.inputs[name] for name in _WHEELS if name in record.inputs}
    layout = Layout(layout_folder(project.out, record.image))
    with project.locked(lock, shared=True), layout_errors(project, layout):
        return describe(layout, record.descriptor, record.image, wheels=wheels, base=_base(record))


def _base(record: ImageRecord) -> Base | None:
    if record.base is None:
        return None
    layers = sum(layer.holds == BASE for layer in record.layers)
    repository = parse_reference(record.base.name).repository
    return Base(str(repository), record.base.manifest, layers)
