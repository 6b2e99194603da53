"""What the tasks give: data for machines, with a text for people."""

from __future__ import annotations

from msgspec import Struct

from gomab_tasks.output.record import ImageRecord
from gomab_tasks.sizes.budget import SizesResult, Verdict
from gomab_tasks.units import columns, fits, fitted, mebibytes, noted


class Program(Struct, frozen=True):
    """Hold a program that `build` left; the path is relative to the root, the size in bytes."""

    name: str
    platform: str
    path: str
    size: int


class BuildResult(Struct, frozen=True):
    """Hold the programs of all platforms."""

    programs: tuple[Program, ...]

    def text(self) -> str:
        """Give a table."""
        rows = [[p.name, p.platform, mebibytes(p.size), p.path] for p in self.programs]
        return fitted([["program", "platform", "size", "path"], *rows], right=[2])


class PlatformImage(Struct, frozen=True):
    """Hold an image for one platform: its manifest's digest, and its sizes in bytes.

    Attributes:
        size: as stored and pulled.
        unpacked_size: after decompression.
    """

    image: str
    platform: str
    digest: str
    size: int
    unpacked_size: int

    @classmethod
    def of(cls, record: ImageRecord) -> PlatformImage:
        """Take what users ask for out of a record."""
        sizes = (record.size, record.unpacked_size)
        return cls(record.image, record.platform, record.manifest, *sizes)


class ImageResult(Struct, frozen=True):
    """Hold the images of single platforms, left on disk for a join."""

    images: tuple[PlatformImage, ...]

    def text(self) -> str:
        """Give a line for each, and its digest."""
        rows = [[i.image, i.platform, mebibytes(i.unpacked_size)] for i in self.images]
        return noted(columns(rows, right=[2]), [image.digest for image in self.images])


class Index(Struct, frozen=True):
    """Hold an image for all its platforms; the layout is relative to the root."""

    image: str
    digest: str
    layout: str
    platforms: tuple[PlatformImage, ...]


class ImagesResult(Struct, frozen=True):
    """Hold all images, and how their sizes stand against the budget."""

    images: tuple[Index, ...]
    sizes: tuple[Verdict, ...]

    def text(self) -> str:
        """Give the table of sizes, and where each image lies with its digest."""
        where = columns([[index.image, index.layout] for index in self.images])
        if not fits(where):  # whose last part is the name
            where = "\n".join(index.layout for index in self.images)
        digests = [index.digest for index in self.images]
        return f"{SizesResult(self.sizes).text()}\n\n{noted(where, digests)}"


class DockerfileResult(Struct, frozen=True):
    """Hold a Dockerfile and what its context leaves out; `file` is relative to the root."""

    file: str
    dockerfile: str
    dockerignore: str
    written: bool
    checked: bool

    def text(self) -> str:
        """Give the Dockerfile itself, unless it was only written or checked."""
        if self.written:
            return f"wrote {self.file} and {self.file}.dockerignore; commit them"
        if self.checked:
            return f"{self.file} and {self.file}.dockerignore are what the table says"
        return self.dockerfile.rstrip("\n")


class CleanResult(Struct, frozen=True):
    """Say what was removed, in bytes, and what in the folder is not gomab's and stays."""

    folder: str
    removed: int
    kept: tuple[str, ...] = ()

    def text(self) -> str:
        """Give a line, and one for each that stays."""
        kept = [f"kept {self.folder}/{name}: gomab did not write it" for name in self.kept]
        if self.removed:
            first = f"removed {'from ' if kept else ''}{self.folder}: {mebibytes(self.removed)}"
        else:
            first = f"{self.folder}: {'nothing to remove' if kept else 'nothing there'}"
        return "\n".join([first, *kept])
