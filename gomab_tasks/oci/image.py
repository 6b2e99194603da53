"""Write and read the JSON documents of an image: config, manifest and index.

Sources: OCI image-spec, config.md, manifest.md and image-index.md. Fields stand
in the order of the spec's Go types, free keys are sorted, nothing depends on
the machine or the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from gomab_tasks.errors import DamagedError, VerificationError
from gomab_tasks.oci.descriptor import (
    INDEX,
    MANIFEST,
    Descriptor,
    Layer,
    as_digest,
    as_list,
    as_object,
    platform_fields,
    read_object,
    read_platform,
    to_json,
)
from gomab_tasks.platforms import Platform

SCHEMA_VERSION = 2
# What Docker gives every container that sets none.
DOCKER_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ImageSpec(Struct, frozen=True, kw_only=True):
    """Hold how containers of an image run; the same for all platforms of an index.

    Attributes:
        env: `NAME=value` each, in order; PATH is put first where it is missing.
        exposed_ports: `8080/tcp` each; order does not matter.
        volumes: absolute folders; order does not matter.
    """

    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""


class History(Struct, frozen=True, kw_only=True):
    """Say what made a layer, or (`empty_layer`) a step that made none; `docker history` shows it."""

    created_by: str
    created: str | None = None
    comment: str = ""
    author: str = ""
    empty_layer: bool = False

    def to_dict(self) -> dict[str, object]:
        """Give the JSON object."""
        document: dict[str, object] = {
            "created": self.created,
            "created_by": self.created_by,
            "author": self.author,
            "comment": self.comment,
            "empty_layer": self.empty_layer,
        }
        return {key: value for key, value in document.items() if value}

    @classmethod
    def from_dict(cls, value: object, where: str) -> History:
        """Read a JSON object; raises `VerificationError` that starts with `where`."""
        document = as_object(value, where)
        created = document.get("created")
        return cls(
            created_by=str(document.get("created_by") or ""),
            created=str(created) if created else None,
            comment=str(document.get("comment") or ""),
            author=str(document.get("author") or ""),
            empty_layer=document.get("empty_layer") is True,
        )


def config_bytes(
    spec: ImageSpec,
    platform: Platform,
    layers: Sequence[Layer],
    *,
    created: str | None = None,
    history: Sequence[History] = (),
) -> bytes:
    """Write an image's config.

    Args:
        layers: from the base's first to the last.
        created: a time as RFC 3339 writes it, from SOURCE_DATE_EPOCH or not at all.
        history: none, or one for each layer in the same order, with further
            ones that made no layer between them (a base may have some).
    """
    filled = sum(not step.empty_layer for step in history)
    if history and filled != len(layers):
        # Docker and skopeo refuse such an image when they read it.
        raise ValueError(f"{filled} steps of history for {len(layers)} layers")
    document: dict[str, object] = {"created": created} if created else {}
    document |= platform_fields(platform)
    document["config"] = _execution(spec)
    document["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    if history:
        document["history"] = [step.to_dict() for step in history]
    return to_json(document)


def _execution(spec: ImageSpec) -> dict[str, object]:
    fields: dict[str, object] = {
        "User": spec.user,
        "ExposedPorts": {port: {} for port in sorted(spec.exposed_ports)},
        "Env": _environment(spec.env),
        "Entrypoint": list(spec.entrypoint),
        "Cmd": list(spec.args),
        "Volumes": {folder: {} for folder in sorted(spec.volumes)},
        "WorkingDir": spec.workdir,
        "Labels": dict(sorted(spec.labels.items())),
        "StopSignal": spec.stop_signal,
    }
    return {key: value for key, value in fields.items() if value}


def _environment(env: Sequence[str]) -> list[str]:
    has_path = any(variable.startswith("PATH=") for variable in env)
    return [*([] if has_path else [f"PATH={DOCKER_PATH}"]), *env]


def manifest_bytes(
    config: Descriptor, layers: Iterable[Descriptor], annotations: Mapping[str, str] | None = None
) -> bytes:
    """Write the manifest of one platform; layers from the base's first to the last."""
    document: dict[str, object] = {
        "schemaVersion": SCHEMA_VERSION,
        "mediaType": MANIFEST,
        "config": config.to_dict(),
        "layers": [layer.to_dict() for layer in layers],
    }
    return to_json(document | _annotation_field(annotations))


def index_bytes(manifests: Iterable[Descriptor], annotations: Mapping[str, str] | None = None) -> bytes:
    """Write an index; clients take the first manifest that fits, so the order is the caller's."""
    document: dict[str, object] = {
        "schemaVersion": SCHEMA_VERSION,
        "mediaType": INDEX,
        "manifests": [manifest.to_dict() for manifest in manifests],
    }
    return to_json(document | _annotation_field(annotations))


def _annotation_field(annotations: Mapping[str, str] | None) -> dict[str, object]:
    return {"annotations": dict(sorted(annotations.items()))} if annotations else {}


class Manifest(Struct, frozen=True):
    """Hold what a manifest points to; layers from the base's first to the last."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Manifest:
        """Read a manifest strictly; raises `VerificationError` that starts with `where`."""
        document = _read_versioned(content, MANIFEST, where)
        layers = as_list(document.get("layers"), f"{where}: layers")
        return cls(
            Descriptor.from_dict(document.get("config"), f"{where}: config"),
            tuple(Descriptor.from_dict(layer, f"{where}: layers[{i}]") for i, layer in enumerate(layers)),
        )


class Index(Struct, frozen=True):
    """Hold what an index points to, in its order."""

    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Index:
        """Read an index strictly; raises `VerificationError` that starts with `where`."""
        document = _read_versioned(content, INDEX, where)
        manifests = as_list(document.get("manifests"), f"{where}: manifests")
        annotations = as_object(document.get("annotations") or {}, f"{where}: annotations")
        return cls(
            tuple(Descriptor.from_dict(item, f"{where}: manifests[{i}]") for i, item in enumerate(manifests)),
            {key: str(value) for key, value in annotations.items()},
        )


def _read_versioned(content: bytes, media_type: str, where: str) -> dict[str, object]:
    document = read_object(content, where)
    for key, expected in (("schemaVersion", SCHEMA_VERSION), ("mediaType", media_type)):
        if document.get(key) != expected:
            raise DamagedError(f"{where}: {key} is {document.get(key)!r}; expected {expected!r}")
    return document


class Config(Struct, frozen=True):
    """Hold what a config says.

    Attributes:
        execution: the object `config`, as it is written.
        history: empty where the config has none.
    """

    platform: Platform
    diff_ids: tuple[str, ...]
    history: tuple[History, ...]
    execution: Mapping[str, object]

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Config:
        """Read a config; raises `VerificationError` that starts with `where`."""
        document = read_object(content, where)
        rootfs = as_object(document.get("rootfs"), f"{where}: rootfs")
        if rootfs.get("type") != "layers":
            raise VerificationError(f"{where}: rootfs: type is {rootfs.get('type')!r}; expected 'layers'")
        diff_ids = as_list(rootfs.get("diff_ids"), f"{where}: rootfs: diff_ids")
        history = as_list(document.get("history") or [], f"{where}: history")
        return cls(
            read_platform(document, where),
            tuple(as_digest(d, f"{where}: rootfs: diff_ids[{i}]") for i, d in enumerate(diff_ids)),
            tuple(History.from_dict(step, f"{where}: history[{i}]") for i, step in enumerate(history)),
            as_object(document.get("config") or {}, f"{where}: config"),
        )
