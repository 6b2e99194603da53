"""Name content by media type, digest and size, as all OCI documents do.

Sources: OCI image-spec, descriptor.md and media-types.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from msgspec import Struct, field

from gomab_tasks.errors import DamagedError, VerificationError
from gomab_tasks.grammar import is_digest
from gomab_tasks.platforms import Platform, PlatformError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"

# Registries refuse larger manifests too (distribution-spec, "Pushing Manifests").
LARGEST_DOCUMENT = 4 << 20


def digest_of(content: bytes) -> str:
    """Give `sha256:` and the hexadecimal SHA-256 of the content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def to_json(document: Mapping[str, object]) -> bytes:
    """Write a document as compact UTF-8, in the order of its keys.

    The bytes decide the digest, so whoever builds a document fixes the order:
    fields as in the spec's Go types, maps of free keys sorted.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def read_json(content: bytes) -> object:
    """Parse JSON from elsewhere; raises `ValueError` for whatever cannot be read."""
    try:
        document: object = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return document


def read_object(content: bytes, where: str) -> dict[str, object]:
    """Parse a JSON object; `where` names its file in the `VerificationError`."""
    try:
        document = read_json(content)
    except ValueError as error:
        raise DamagedError(f"{where}: is not JSON: {error}") from None
    return as_object(document, where)


def as_object(value: object, where: str) -> dict[str, object]:
    """Give back a JSON object, or raise `VerificationError`."""
    if not isinstance(value, dict):
        raise VerificationError(f"{where}: is {_shown(value)}; expected a JSON object")
    return value


def as_list(value: object, where: str) -> list[object]:
    """Give back a JSON array, or raise `VerificationError`."""
    if not isinstance(value, list):
        raise VerificationError(f"{where}: is {_shown(value)}; expected a list")
    return value


def as_text(value: object, where: str) -> str:
    """Give back a JSON string that is not empty, or raise `VerificationError`."""
    if not isinstance(value, str) or not value:
        raise VerificationError(f"{where}: is {_shown(value)}; expected a text")
    return value


def as_digest(value: object, where: str) -> str:
    """Give back a `sha256:` digest, or raise `VerificationError`.

    Other algorithms are refused: nothing here can check them.
    """
    if not isinstance(value, str) or not is_digest(value):
        raise VerificationError(f"{where}: is {_shown(value)}; expected 'sha256:' and 64 hexadecimal digits")
    return value


def _as_size(value: object, where: str) -> int:
    """Give back a count of bytes, or raise `VerificationError`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise VerificationError(f"{where}: is {_shown(value)}; expected a number of bytes")
    return value


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)


def platform_fields(platform: Platform) -> dict[str, str]:
    """Give the fields `architecture`, `os` and, where there is one, `variant`."""
    fields = {"architecture": platform.architecture, "os": platform.os}
    return fields | ({"variant": platform.variant} if platform.variant else {})


def read_platform(document: Mapping[str, object], where: str) -> Platform:
    """Read `os`, `architecture` and `variant`, normalised.

    A platform that Go does not know (`unknown/unknown` of attestations, say)
    is kept as it is written: a base's index may well have some.
    """
    os = as_text(document.get("os"), f"{where}: os")
    architecture = as_text(document.get("architecture"), f"{where}: architecture")
    variant = document.get("variant") or ""
    if variant:
        variant = as_text(variant, f"{where}: variant")
    raw = Platform(os, architecture, str(variant))
    try:
        return Platform.parse(str(raw))
    except PlatformError:
        return raw


def _read_annotations(document: Mapping[str, object], where: str) -> dict[str, str]:
    annotations = as_object(document.get("annotations") or {}, f"{where}: annotations")
    for key, value in annotations.items():
        if not isinstance(value, str):
            raise VerificationError(f"{where}: annotations: {key}: is {_shown(value)}; expected a text")
    return {key: str(value) for key, value in annotations.items()}


class Descriptor(Struct, frozen=True):
    """Point to content. `size` is that of the stored bytes, compressed where they are."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        # Annotations are a mapping, which has none.
        return hash(self.digest)

    def to_dict(self) -> dict[str, object]:
        """Give the JSON object, its fields in the order of the spec's Go type."""
        document: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.annotations:
            document["annotations"] = dict(sorted(self.annotations.items()))
        if self.platform:
            document["platform"] = platform_fields(self.platform)
        return document

    @classmethod
    def from_dict(cls, value: object, where: str) -> Descriptor:
        """Read a JSON object; unknown fields are passed over, as considerations.md asks.

        Raises `VerificationError` that starts with `where`.
        """
        document = as_object(value, where)
        platform = document.get("platform")
        return cls(
            as_text(document.get("mediaType"), f"{where}: mediaType"),
            as_digest(document.get("digest"), f"{where}: digest"),
            _as_size(document.get("size"), f"{where}: size"),
            None
            if platform is None
            else read_platform(as_object(platform, f"{where}: platform"), f"{where}: platform"),
            _read_annotations(document, where),
        )


class Layer(Struct, frozen=True):
    """Hold one layer: its stored bytes, the digest of its tar and the tar's size in bytes."""

    descriptor: Descriptor
    diff_id: str
    unpacked_size: int

    def to_dict(self) -> dict[str, object]:
        """Give a JSON object for records."""
        return {
            "descriptor": self.descriptor.to_dict(),
            "diff_id": self.diff_id,
            "unpacked_size": self.unpacked_size,
        }

    @classmethod
    def from_dict(cls, value: object, where: str) -> Layer:
        """Read what `to_dict` wrote; raises `VerificationError` that starts with `where`."""
        document = as_object(value, where)
        return cls(
            Descriptor.from_dict(document.get("descriptor"), f"{where}: descriptor"),
            as_digest(document.get("diff_id"), f"{where}: diff_id"),
            _as_size(document.get("unpacked_size"), f"{where}: unpacked_size"),
        )
