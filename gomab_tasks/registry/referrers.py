"""Attach artifacts, such as a bill of materials, to images.

Sources: OCI image-spec, manifest.md ("Guidelines for Artifact Usage"), and
distribution-spec, "Pushing Manifests with Subject" and "Referrers Tag Schema".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus

from msgspec import Struct, field

from gomab_tasks.errors import RegistryError
from gomab_tasks.oci.descriptor import (
    INDEX,
    MANIFEST,
    Descriptor,
    as_digest,
    as_list,
    as_object,
    digest_of,
    read_object,
    to_json,
)
from gomab_tasks.oci.image import SCHEMA_VERSION
from gomab_tasks.registry.authentication import pull_scope
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.failure import TransientError
from gomab_tasks.registry.message import Request
from gomab_tasks.registry.reference import Repository

EMPTY = "application/vnd.oci.empty.v1+json"
_EMPTY_CONFIG = b"{}"
# What registries, and proxies before them, answer to an API that they do not know.
_LACKING = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
# Others may write the same index at the same time; the spec knows no lock.
_TRIES = 5
_MOST_PAGES = 100
_NEXT = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next\b')

Entry = dict[str, object]
"""A descriptor with an `artifactType`, as JSON."""


class Artifact(Struct, frozen=True):
    """Hold what is attached to a subject: its type, and one document with its media type."""

    artifact_type: str
    subject: Descriptor
    media_type: str
    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)

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


def blobs_of(artifacts: Iterable[Artifact]) -> dict[str, bytes]:
    """Give what artifacts need at their registry before they are attached: digest -> content, each once."""
    contents = {artifact.layer.digest: artifact.content for artifact in artifacts}
    return contents | {digest_of(_EMPTY_CONFIG): _EMPTY_CONFIG} if contents else {}


def attach(client: Client, repository: Repository, artifact: Artifact) -> Descriptor:
    """Push an artifact, whose blobs are there, so that it is listed at its subject; the same one is so once.

    A registry without the referrers API gets the fallback tag `sha256-HEX`.
    """
    manifest = artifact.manifest()
    pushed = Descriptor(MANIFEST, digest_of(manifest), len(manifest))
    answer = client.put_manifest(repository, pushed.digest, MANIFEST, manifest)
    if "oci-subject" not in answer.headers:
        entry = pushed.to_dict() | {"artifactType": artifact.artifact_type}
        if artifact.annotations:
            entry["annotations"] = dict(sorted(artifact.annotations.items()))
        _list_by_tag(client, repository, artifact.subject.digest, entry)
    return pushed


class Referrer(Struct, frozen=True):
    """Hold what a registry lists of an artifact."""

    digest: str
    artifact_type: str


def list_referrers(client: Client, repository: Repository, digest: str) -> list[Referrer]:
    """List what is attached to a subject.

    Raises `RegistryError`, and `VerificationError` for a list that cannot be read.
    """
    try:
        entries = _ask(client, repository, digest)
    except TransientError:
        raise
    except RegistryError:
        # Some forbid what they do not know; then the tag was written all the same.
        with suppress(RegistryError):
            if tagged := _read_tag(client, repository, digest):
                return _referrers(tagged)
        raise
    return _referrers(_read_tag(client, repository, digest) if entries is None else entries)


def _referrers(entries: Iterable[Entry]) -> list[Referrer]:
    return [Referrer(str(entry["digest"]), str(entry.get("artifactType", ""))) for entry in entries]


def _ask(client: Client, repository: Repository, digest: str) -> list[Entry] | None:
    """Read all pages of the referrers API; none where the registry has none."""
    url = client.session.url(repository, f"referrers/{digest}")
    entries: list[Entry] = []
    for _ in range(_MOST_PAGES):
        request = Request("GET", url, {"Accept": INDEX})
        scopes = (pull_scope(repository.name),)
        answer = client.session.call(repository, request, scopes, "list referrers", _LACKING)
        if answer is None:
            return None
        entries += _entries(answer.body, f"{repository}: referrers of {digest}")
        following = _NEXT.search(answer.headers.get("link", ""))
        if not following:
            return entries
        url = client.session.join(repository, url, following[1])
    raise RegistryError(f"{repository}: lists referrers of {digest} without end; is this a registry?")


def _list_by_tag(client: Client, repository: Repository, digest: str, entry: Entry) -> None:
    for tries in range(_TRIES + 1):
        entries = _read_tag(client, repository, digest)
        if any(other.get("digest") == entry["digest"] for other in entries):
            return
        if tries == _TRIES:
            break
        document = {"schemaVersion": SCHEMA_VERSION, "mediaType": INDEX, "manifests": [*entries, entry]}
        client.put_manifest(repository, fallback_tag(digest), INDEX, to_json(document))
    raise RegistryError(
        f"{repository}:{fallback_tag(digest)}: others keep changing it, so {entry['digest']} "
        "could not be listed there; run it again"
    )


def fallback_tag(digest: str) -> str:
    """Give the tag that lists what is attached to a subject: `sha256-HEX`."""
    return digest.replace(":", "-", 1)


def _read_tag(client: Client, repository: Repository, digest: str) -> list[Entry]:
    stored = client.find_manifest(repository, fallback_tag(digest))
    return _entries(stored.content, f"{repository}:{fallback_tag(digest)}") if stored else []


def _entries(content: bytes, where: str) -> list[Entry]:
    """Read the descriptors of a list, as they are: what is not ours goes back into it unchanged."""
    manifests = as_list(read_object(content, where).get("manifests"), f"{where}: manifests")
    entries = [as_object(entry, f"{where}: manifests[{i}]") for i, entry in enumerate(manifests)]
    for entry in entries:
        as_digest(entry.get("digest"), f"{where}: digest")
    return entries
