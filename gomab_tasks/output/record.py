"""Keep what one run made of an image for a platform, for a later join.

A record is a JSON file in OUT/records/IMAGE/; runs on other machines leave
theirs there too once their output folders are copied together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import VerificationError, map_all
from gomab_tasks.grammar import DIGEST
from gomab_tasks.oci.descriptor import MANIFEST, Descriptor, Layer
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.places import Place
from gomab_tasks.platforms import Platform
from gomab_tasks.settings.form import image_name

FORMAT = 2

BASE, PROGRAMS = "base", "programs"
"""What layers hold that may differ from platform to platform."""
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"

_Digest = Annotated[str, msgspec.Meta(pattern=rf"^{DIGEST}\Z")]
_Size = Annotated[int, msgspec.Meta(ge=0)]


class LayerRecord(Struct, frozen=True, kw_only=True):
    """Hold a layer; `size` is as stored, `unpacked_size` that of its tar.

    Attributes:
        holds: what it is for; `BASE` in those that come from the base.
    """

    holds: str
    media_type: str
    digest: _Digest
    diff_id: _Digest
    size: _Size
    unpacked_size: _Size

    @property
    def layer(self) -> Layer:
        """The layer, as the documents of an image name it."""
        return Layer(Descriptor(self.media_type, self.digest, self.size), self.diff_id, self.unpacked_size)


class BaseRecord(Struct, frozen=True, kw_only=True):
    """Hold which image another one stands on.

    Attributes:
        name: with its registry, and its tag where the table has one.
        digest: of what the name meant: an index, or a manifest.
        manifest: the digest of the manifest for the platform.
    """

    name: str
    digest: _Digest
    manifest: _Digest

    @property
    def manifest_annotations(self) -> dict[str, str]:
        """What a manifest says of its base (OCI image-spec, annotations.md)."""
        return {BASE_NAME: self.name, BASE_DIGEST: self.manifest}

    @property
    def index_annotations(self) -> dict[str, str]:
        """What an index says of its base."""
        return {BASE_NAME: self.name, BASE_DIGEST: self.digest}


class ImageRecord(Struct, frozen=True, kw_only=True):
    """Hold an image for one platform as it lies in the layout.

    Attributes:
        manifest, manifest_size: the manifest's digest, and its size.
        inputs: all that decided the bytes besides the sources, by name; equal
            for all platforms of one index.
        revision: the commit that it was built from, with `-dirty` where files had changed; none outside git.
    """

    format: int = FORMAT
    image: str
    platform: str
    manifest: _Digest
    manifest_size: _Size
    config: _Digest
    layers: tuple[LayerRecord, ...]
    inputs: Mapping[str, str]
    base: BaseRecord | None = None
    revision: str | None = None

    @classmethod
    def of(
        cls,
        image: str,
        verified: VerifiedImage,
        *,
        holds: tuple[str, ...],
        inputs: Mapping[str, str],
        base: BaseRecord | None = None,
        revision: str | None = None,
    ) -> ImageRecord:
        """Record what was read back; `holds` says what each layer is for."""
        return cls(
            image=image,
            platform=str(verified.platform),
            manifest=verified.manifest.digest,
            manifest_size=verified.manifest.size,
            config=verified.config.digest,
            layers=tuple(_layer_record(*pair) for pair in zip(holds, verified.layers, strict=True)),
            inputs=inputs,
            base=base,
            revision=revision,
        )

    @property
    def descriptor(self) -> Descriptor:
        """The manifest, as an index lists it."""
        platform = Platform.parse(self.platform)
        return Descriptor(MANIFEST, self.manifest, self.manifest_size, platform)

    @property
    def size(self) -> int:
        """Bytes as stored and pulled: the sum of the layers' sizes."""
        return sum(layer.size for layer in self.layers)

    @property
    def unpacked_size(self) -> int:
        """Bytes after decompression: the sum of the layers' tars."""
        return sum(layer.unpacked_size for layer in self.layers)


def _layer_record(holds: str, layer: Layer) -> LayerRecord:
    return LayerRecord(
        holds=holds,
        media_type=layer.descriptor.media_type,
        digest=layer.descriptor.digest,
        diff_id=layer.diff_id,
        size=layer.descriptor.size,
        unpacked_size=layer.unpacked_size,
    )


Found = tuple[Path, ImageRecord]
"""A record and the file it was read from."""


def record_folder(out: Path, image: str) -> Path:
    """Give the folder of an image's records."""
    return out / Place.RECORDS / image


def record_path(out: Path, image: str, platform: Platform) -> Path:
    """Give the file of a platform's record."""
    return record_folder(out, image) / f"{platform.slug}.json"


def write_record(out: Path, record: ImageRecord) -> None:
    """Leave a record for a later join."""
    path = record_path(out, record.image, Platform.parse(record.platform))
    files.write(path, record_bytes(record))


def record_bytes(record: ImageRecord) -> bytes:
    """Write a record as JSON."""
    return msgspec.json.format(msgspec.json.encode(record)) + b"\n"


def read_records(out: Path, image: str) -> list[Found]:
    """Read all records of an image, in the order of their file names.

    Raises `VerificationError` for damaged ones, a line with the file for each.
    """
    paths = sorted(record_folder(out, image).glob("*.json"))
    return map_all(lambda path: (path, _read(path, out)), paths)


def recorded_images(out: Path) -> tuple[str, ...]:
    """Name the images that have records."""
    folders = (out / Place.RECORDS).glob("*/*.json")
    return tuple(sorted({path.parent.name for path in folders}))


class _Format(msgspec.Struct):
    format: int


def _read(path: Path, out: Path) -> ImageRecord:
    with files.read_errors(path):
        content = path.read_bytes()
    return parse_record(content, str(path.relative_to(out)))


def _check_name(image: str) -> None:
    """Raise `ValueError` for what is no name: folders are called like it, and records come from elsewhere."""
    try:
        image_name(image)
    except ValueError as error:
        raise ValueError(f"image '{image}' {error}") from None


def parse_record(content: bytes, where: str) -> ImageRecord:
    """Read a record; raises `VerificationError` that starts with `where`."""
    try:
        found = msgspec.json.decode(content, type=_Format).format
        # First: the records of another gomab may hold anything else.
        if found != FORMAT:
            raise VerificationError(
                f"{where}: was written by another gomab (format {found}, not {FORMAT}); "
                "build that platform again with this one"
            )
        record = msgspec.json.decode(content, type=ImageRecord)
        Platform.parse(record.platform)
        _check_name(record.image)
    # The errors of msgspec and Platform are ValueErrors, but for what is nested too deeply.
    except (ValueError, RecursionError) as error:
        raise VerificationError(
            f"{where}: is damaged ({error}); remove it and build that platform again"
        ) from None
    return record
