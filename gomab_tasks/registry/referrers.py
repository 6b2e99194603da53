"""Attach artifacts, such as a bill of materials, to images.

Sources: OCI image-spec, manifest.md ("Guidelines for Artifact Usage"), and
distribution-spec, "Pushing Manifests with Subject" and "Referrers Tag Schema".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gomab_tasks.errors import RegistryError
from gomab_tasks.oci.descriptor import (
    INDEX,
    MANIFEST,
    Descriptor,
    as_list,
    as_object,
    digest_of,
    read_object,
    to_json,
)
from gomab_tasks.oci.image import SCHEMA_VERSION
from gomab_tasks.registry.authentication import pull_scope
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.message import Request
from gomab_tasks.registry.reference import Repository

EMPTY = "application/vnd.oci.empty.v1+json"
_EMPTY_CONFIG = b"{}"
_LACKING = frozenset({404, 405})
# Others may write the same index at the same time; the spec knows no lock.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Artifact:
    """Hold what is attached to a subject: its type, and one document with its media type."""

    artifact_type: str
    subject: Descriptor
    media_type: str
    content: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def layer(self) -> Descriptor:
        """Point to the document."""
        return Descriptor(self.media_type, digest_of(self.content), len(self.content))

    def manifest(self) -> bytes:
        """Write the manifest."""
        subject = self.subject
        document: dict[str, object] = {
            "schemaVersion": SCHEMA_VERSION,
            "mediaType": MANIFEST,
            "artifactType": self.artifact_type,
            "config": Descriptor(EMPTY, digest_of(_EMPTY_CONFIG), len(_EMPTY_CONFIG)).to_dict(),
            "layers": [self.layer.to_dict()],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_dict(),
        }
        if self.annotations:
            document["annotations"] = dict(sorted(self.annotations.items()))
        return to_json(document)


def attach(client: Client, repository: Repository, artifact: Artifact) -> Descriptor:
    """Push an artifact so that it is listed at its subject; the same one twice is there once.

    A registry without the referrers API gets the fallback tag `sha256-HEX`.
    """
    for content in (artifact.content, _EMPTY_CONFIG):
        digest = digest_of(content)
        if not client.has_blob(repository, digest):
            client.send_blob(repository, digest, content)
    manifest = artifact.manifest()
    pushed = Descriptor(MANIFEST, digest_of(manifest), len(manifest))
    answer = client.put_manifest(repository, pushed.digest, MANIFEST, manifest)
    if "oci-subject" not in answer.headers:
        entry = pushed.to_dict() | {"artifactType": artifact.artifact_type}
        if artifact.annotations:
            entry["annotations"] = dict(sorted(artifact.annotations.items()))
        _list_by_tag(client, repository, artifact.subject.digest, entry)
    return pushed


def list_referrers(client: Client, repository: Repository, digest: str) -> list[dict[str, object]]:
    """List the descriptors of what is attached to a subject, with their `artifactType`."""
    url = client.session.url(repository, f"referrers/{digest}")
    scopes = (pull_scope(repository.name),)
    request = Request("GET", url, {"Accept": INDEX})
    answer = client.session.call(repository, request, scopes, "list referrers", _LACKING)
    if answer is None:
        return _read_tag(client, repository, digest)
    return _entries(answer.body, f"{repository}: referrers of {digest}")


def _list_by_tag(client: Client, repository: Repository, digest: str, entry: dict[str, object]) -> None:
    for _ in range(_TRIES):
        entries = _read_tag(client, repository, digest)
        if any(other.get("digest") == entry["digest"] for other in entries):
            return
        document = {"schemaVersion": SCHEMA_VERSION, "mediaType": INDEX, "manifests": [*entries, entry]}
        client.put_manifest(repository, fallback_tag(digest), INDEX, to_json(document))
    raise RegistryError(
        f"{repository}:{fallback_tag(digest)}: others keep changing it, so {entry['digest']} "
        "could not be listed there; run it again"
    )


def fallback_tag(digest: str) -> str:
    """Give the tag that lists what is attached to a subject: `sha256-HEX`."""
    return digest.replace(":", "-", 1)


def _read_tag(client: Client, repository: Repository, digest: str) -> list[dict[str, object]]:
    stored = client.find_manifest(repository, fallback_tag(digest))
    return _entries(stored.content, f"{repository}:{fallback_tag(digest)}") if stored else []


def _entries(content: bytes, where: str) -> list[dict[str, object]]:
    manifests = as_list(read_object(content, where).get("manifests"), f"{where}: manifests")
    return [as_object(entry, f"{where}: manifests[{i}]") for i, entry in enumerate(manifests)]
