"""Make images as others do, straight into a strict registry: JSON and tars of Python's own."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gomab_tasks.oci.descriptor import CONFIG, INDEX, LAYER_GZIP, LAYER_TAR, MANIFEST, digest_of
from tests.registry.server import State

DOCKER = {
    INDEX: "application/vnd.docker.distribution.manifest.list.v2+json",
    MANIFEST: "application/vnd.docker.distribution.manifest.v2+json",
    CONFIG: "application/vnd.docker.container.image.v1+json",
    LAYER_GZIP: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    LAYER_TAR: "application/vnd.docker.image.rootfs.diff.tar",
}
Document = dict[str, Any]


def folder(name: str, mode: int = 0o755, owner: int = 0) -> tarfile.TarInfo:
    return _member(name, tarfile.DIRTYPE, mode, owner)


def link(name: str, target: str) -> tarfile.TarInfo:
    member = _member(name, tarfile.SYMTYPE, 0o777, 0)
    member.linkname = target
    return member


def _member(name: str, kind: bytes, mode: int, owner: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.uid, member.gid = kind, mode, owner, owner
    return member


def tar_of(*members: tarfile.TarInfo | tuple[str, str]) -> bytes:
    """Write a tar; a file is its name and its text."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = _member(member[0], tarfile.REGTYPE, 0o644, 0)
                info.size = len(member[1].encode())
                tar.addfile(info, io.BytesIO(member[1].encode()))
    return stream.getvalue()


PASSWD = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65533::/home/nonroot:/sbin/nologin\n"
GROUP = "root:x:0:\nstaff:x:50:\n"
LOWER = tar_of(
    folder("./"),
    folder("./etc/"),
    ("./etc/passwd", "root:x:0:0::/:/bin/sh\ngone:x:9:9::/:/bin/sh\n"),
    ("./etc/group", GROUP),
    folder("./srv/", 0o750, 7),
    folder("./usr/"),
    folder("./usr/lib/"),
    link("./lib", "usr/lib"),
)
UPPER = tar_of(folder("etc"), ("etc/passwd", PASSWD))
EXECUTION: Mapping[str, object] = {
    "User": "nonroot",
    "Env": ["PATH=/base/bin", "LANG=C", "HOME=/home/nonroot"],
    "Entrypoint": ["/bin/sh"],
    "Cmd": ["-c"],
    "WorkingDir": "/srv",
    "Labels": {"vendor": "base", "title": "base"},
    "ExposedPorts": {"80/tcp": {}},
    "Volumes": {"/var/lib/base": {}},
    "StopSignal": "SIGQUIT",
}
HISTORY = [
    {"created": "2024-01-01T00:00:00Z", "created_by": "first"},
    {"created_by": "ENV LANG=C", "empty_layer": True},
    {"created_by": "second"},
]


class Shop:
    """Put images into one repository of a registry."""

    def __init__(self, state: State, name: str = "acme/base", *, docker: bool = False) -> None:
        self.state = state
        self.name = name
        self._names = DOCKER if docker else {}

    @property
    def repository(self) -> str:
        """What a reference begins with."""
        return f"{self.state.address}/{self.name}"

    def blob(self, kind: str, content: bytes) -> Document:
        digest = digest_of(content)
        self.state.blobs[self.name, digest] = content
        return self._descriptor(kind, digest, content)

    def image(self, platform: str, layers: tuple[bytes, ...] = (LOWER, UPPER), **config: Any) -> Document:
        """Store an image: its first layer in gzip, others as tars."""
        stored = [
            self.blob(LAYER_TAR, tar) if number else self.blob(LAYER_GZIP, gzip.compress(tar, mtime=0))
            for number, tar in enumerate(layers)
        ]
        fields = {"config": EXECUTION, "history": HISTORY, **_platform(platform), **config}
        fields = {"rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in layers]}} | fields
        document = {"config": self.blob(CONFIG, _json(fields)), "layers": stored}
        return self.manifest(MANIFEST, document) | {"platform": _platform(platform)}

    def manifest(self, kind: str, document: Document, tag: str = "") -> Document:
        kind_there = self._names.get(kind, kind)
        content = _json({"schemaVersion": 2, "mediaType": kind_there} | document)
        digest = digest_of(content)
        self.state.manifests[self.name, digest] = (kind_there, content)
        if tag:
            self.state.tags[self.name, tag] = digest
        return self._descriptor(kind, digest, content)

    def index(self, *manifests: Document, tag: str = "v1") -> str:
        """Store an index; give its digest."""
        digest: str = self.manifest(INDEX, {"manifests": list(manifests)}, tag)["digest"]
        return digest

    def attestation(self, manifest: Document) -> Document:
        """Store what BuildKit adds for an image."""
        of = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": manifest["digest"],
        }
        made = self.manifest(MANIFEST, {"config": self.blob(CONFIG, b"{}"), "layers": []})
        return made | {"annotations": of, "platform": {"os": "unknown", "architecture": "unknown"}}

    def save(self, index: str, folder: Path) -> None:
        """Write all that is in the repository as an OCI layout of one index."""
        blobs = folder / "blobs/sha256"
        blobs.mkdir(parents=True)
        blobs_there = {digest: content for (_, digest), content in self.state.blobs.items()}
        documents = {digest: content for (_, digest), (_, content) in self.state.manifests.items()}
        for digest, content in (blobs_there | documents).items():
            (blobs / digest.removeprefix("sha256:")).write_bytes(content)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        root = self._descriptor(INDEX, index, documents[index])
        (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [root]}))

    def _descriptor(self, kind: str, digest: str, content: bytes) -> Document:
        return {"mediaType": self._names.get(kind, kind), "digest": digest, "size": len(content)}


def _platform(text: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False))


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode()
