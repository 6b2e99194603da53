"""Read the manifests that others wrote, in OCI's words or in Docker's.

Sources: OCI image-spec, manifest.md, image-index.md and media-types.md
("Compatibility Matrix"); Docker's "Image Manifest V 2, Schema 2".
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import (
    CONFIG,
    INDEX,
    LAYER_GZIP,
    LAYER_TAR,
    MANIFEST,
    Descriptor,
    as_list,
    read_object,
)
from gomab_tasks.oci.image import Index, Manifest

# The bytes are the same; BuildKit renames them so too.
_OCI_NAMES: Mapping[str, str] = {
    "application/vnd.docker.distribution.manifest.list.v2+json": INDEX,
    "application/vnd.docker.distribution.manifest.v2+json": MANIFEST,
    "application/vnd.docker.container.image.v1+json": CONFIG,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER_TAR,
}
_KINDS = {"manifests": INDEX, "layers": MANIFEST}
# What BuildKit marks attestations with (docs/attestations/attestation-storage.md).
_ATTESTATION = "vnd.docker.reference.type"


def read_foreign(content: bytes, where: str) -> Index | Manifest:
    """Read an index or manifest; media types are given as OCI's, layers without annotations.

    Of an index only what may be an image, or lead to some, is given: no attestations.

    Raises `VerificationError` that starts with `where`, for schema 1 and for
    layers that cannot be taken over as well.
    """
    document = read_object(content, where)
    if document.get("schemaVersion") == 1:
        raise VerificationError(
            f"{where}: is in Docker's schema 1, whose layers cannot be taken over; "
            "use a base of today, or convert this one: skopeo copy --format oci"
        )
    kind = next((kind for key, kind in _KINDS.items() if key in document), "")
    found = _oci_name(document.get("mediaType") or kind)  # a manifest need not say what it is
    if not kind or found != kind:
        raise VerificationError(
            f"{where}: is no image ({found or 'neither index nor manifest'}); use an image as base"
        )
    if kind == INDEX:
        entries = _descriptors(document, "manifests", where)
        return Index(tuple(entry for entry in entries if _is_image(entry)))
    return _read_manifest(document, where)


def _descriptors(document: Mapping[str, object], key: str, where: str) -> list[Descriptor]:
    values = as_list(document[key], f"{where}: {key}")
    return [_descriptor(value, f"{where}: {key}[{i}]") for i, value in enumerate(values)]


def _descriptor(value: object, where: str) -> Descriptor:
    found = Descriptor.from_dict(value, where)
    return replace(found, media_type=_oci_name(found.media_type))


def _is_image(entry: Descriptor) -> bool:
    is_known = entry.platform is None or entry.platform.os != "unknown"
    return entry.media_type in {MANIFEST, INDEX} and is_known and _ATTESTATION not in entry.annotations


def _read_manifest(document: Mapping[str, object], where: str) -> Manifest:
    config = _descriptor(document.get("config"), f"{where}: config")
    if config.media_type != CONFIG:
        raise VerificationError(f"{where}: config: mediaType is '{config.media_type}'; use an image as base")
    layers = _descriptors(document, "layers", where)
    for number, layer in enumerate(layers):
        if layer.media_type not in {LAYER_GZIP, LAYER_TAR}:
            raise VerificationError(
                f"{where}: layers[{number}]: mediaType is '{layer.media_type}'; {_advice(layer.media_type)}"
            )
    return Manifest(config, tuple(replace(layer, annotations={}, platform=None) for layer in layers))


def _advice(media_type: str) -> str:
    if "foreign" in media_type or "nondistributable" in media_type:
        return "such a layer may not be handed on; use another base"
    if media_type.endswith("zstd"):
        return "not every engine reads zstd; use a base with layers of gzip"
    return "use a base with layers of tar or tar+gzip"


def _oci_name(media_type: object) -> str:
    return _OCI_NAMES.get(str(media_type), str(media_type))
