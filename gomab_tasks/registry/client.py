"""Speak the OCI distribution spec with one registry."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlsplit

from msgspec import Struct

from gomab_tasks.errors import RegistryError, VerificationError
from gomab_tasks.oci.descriptor import INDEX, LARGEST_DOCUMENT, MANIFEST, Descriptor, digest_of
from gomab_tasks.process import Processes
from gomab_tasks.registry.authentication import pull_scope, push_scope
from gomab_tasks.registry.failure import LoginError
from gomab_tasks.registry.message import Answer, Request, Upload
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.session import Session
from gomab_tasks.registry.transport import Patience, Receive, Transport

MANIFEST_TYPES = (
    INDEX,
    MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_LACKING = frozenset({HTTPStatus.NOT_FOUND})


class Stored(Struct, frozen=True):
    """Hold a manifest or index as the registry has it; the digest is that of the content."""

    media_type: str
    content: bytes
    digest: str

    @property
    def descriptor(self) -> Descriptor:
        """Point to it."""
        return Descriptor(self.media_type, self.digest, len(self.content))


class Client:
    """Ask one registry, from several threads; made by `open_client`.

    All methods raise `RegistryError`, with the repository and what to do, and
    `VerificationError` where the registry contradicts a digest.
    """

    def __init__(
        self, registry: str, transport: Transport, processes: Processes, warn: Callable[[str], None]
    ) -> None:
        self.registry = registry
        self.transport = transport
        self.session = Session(registry, transport, processes, warn)

    def warm(self, repository: Repository) -> None:
        """Get connections ready while the first request is under way."""
        self.transport.warm(self.session.url(repository, ""))

    def find_digest(self, repository: Repository, target: str) -> str | None:
        """Give the digest of a manifest by tag or digest; none where it is not there.

        Asks as one who pushes: the same token serves what follows.
        """
        request = Request("HEAD", self.session.url(repository, f"manifests/{target}"), _ACCEPT)
        scopes = (push_scope(repository.name),)
        answer = self.session.call(repository, request, scopes, f"look for {target}", _LACKING)
        if answer is None:
            return None
        if not answer.digest:
            stored = self.find_manifest(repository, target)
            return stored.digest if stored else None
        if target.startswith("sha256:"):
            _check_digest(repository, f"the manifest {target}", target, answer.digest)
        return answer.digest

    def find_manifest(self, repository: Repository, target: str) -> Stored | None:
        """Read a manifest by tag or digest; none where it is not there. Its digest is checked."""
        request = Request("GET", self.session.url(repository, f"manifests/{target}"), _ACCEPT)
        scopes = (pull_scope(repository.name),)
        answer = self.session.call(repository, request, scopes, f"read {target}", _LACKING)
        if answer is None:
            return None
        if len(answer.body) > LARGEST_DOCUMENT:
            raise RegistryError(
                f"{repository}: the manifest {target} is larger than {LARGEST_DOCUMENT} bytes; "
                "is this an image?"
            )
        found = digest_of(answer.body)
        for expected in (answer.digest, target):
            if expected.startswith("sha256:"):
                _check_digest(repository, f"the manifest {target}", expected, found)
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        return Stored(media_type, answer.body, found)

    def put_manifest(self, repository: Repository, target: str, media_type: str, content: bytes) -> Answer:
        """Store a manifest by tag or digest; the registry must name the same digest."""
        url = self.session.url(repository, f"manifests/{target}")
        request = Request("PUT", url, {"Content-Type": media_type}, content)
        scopes = (push_scope(repository.name),)
        answer = self.session.call(repository, request, scopes, f"store the manifest as {target}")
        assert answer is not None
        _check_digest(repository, f"the manifest {target}", digest_of(content), answer.digest)
        return answer

    def has_blob(self, repository: Repository, digest: str, *, guesses: bool = False) -> bool:
        """Tell whether a blob is there.

        Args:
            guesses: one at which the registry fails counts as not there.
        """
        request = Request("HEAD", self.session.url(repository, f"blobs/{digest}"))
        scopes = (push_scope(repository.name),)
        lacking = _LACKING | {HTTPStatus.INTERNAL_SERVER_ERROR} if guesses else _LACKING
        answer = self.session.call(repository, request, scopes, f"look for {digest}", lacking)
        if answer:
            _check_digest(repository, f"the blob {digest}", digest, answer.digest)
        return answer is not None

    def read_blob(self, repository: Repository, digest: str, offset: int, receive: Receive) -> None:
        """Give the answer and a blob's bytes to `receive`: from `offset` on if its status is 206.

        Tries once; what came before a failure is the caller's to keep.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        request = Request("GET", self.session.url(repository, f"blobs/{digest}"), headers)
        answer = self.session.exchange(repository, request, (pull_scope(repository.name),), receive)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise self.session.refusal(repository, answer, f"read the blob {digest}")

    def send_blob(
        self,
        repository: Repository,
        digest: str,
        body: bytes | Upload,
        mounts: Collection[str] = (),
        location: str = "",
    ) -> bool:
        """Store a blob, or have it mounted; tell whether its bytes were sent.

        A failed upload starts from its beginning with a new POST: docker-registry
        2.8 answers a second PUT to a broken upload with 404.

        Args:
            mounts: names of repositories of this registry that may have the blob.
            location: what `start_upload` gave, for the first try.
        """
        tries = 0

        def act() -> bool:
            nonlocal tries
            tries += 1
            if tries > 1 and self.has_blob(repository, digest):  # only the answer was lost
                return True
            is_started = tries == 1 and location
            address = location if is_started else self.start_upload(repository, digest, mounts)
            if address:
                self._put_blob(repository, digest, body, address)
            return bool(address)

        return self.session.retry(act)

    def store_blob(self, repository: Repository, digest: str, content: bytes) -> bool:
        """Send a small blob unless it is there; tell whether it was sent."""
        return not self.has_blob(repository, digest) and self.send_blob(repository, digest, content)

    def cancel_upload(self, repository: Repository, location: str) -> None:
        """Have the registry forget an upload that nothing was sent to; it would in time by itself."""
        with suppress(RegistryError):
            self.session.exchange(repository, Request("DELETE", location), (push_scope(repository.name),))

    def _put_blob(self, repository: Repository, digest: str, body: bytes | Upload, location: str) -> None:
        separator = "&" if urlsplit(location).query else "?"
        url = f"{location}{separator}digest={quote(digest, safe='')}"
        request = Request("PUT", url, {"Content-Type": "application/octet-stream"}, body)
        scopes = (push_scope(repository.name),)
        answer = self.session.exchange(repository, request, scopes, sends_once=True)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:  # success is below
            raise self.session.refusal(repository, answer, f"store the blob {digest}")
        _check_digest(repository, f"the blob {digest}", digest, answer.digest)

    def start_upload(self, repository: Repository, digest: str, mounts: Collection[str]) -> str:
        """Give the address to send a blob to; empty where it could be mounted. Tries once."""
        for source in mounts:
            answer = self._mount(repository, digest, source)
            if answer and answer.status == HTTPStatus.CREATED:
                _check_digest(repository, f"the blob {digest}", digest, answer.digest)
                return ""
            # The blob is not there; this is an upload like any other.
            if answer and answer.status == HTTPStatus.ACCEPTED:
                return self._location(repository, answer)
        answer = self._post_upload(repository)
        if answer.status != HTTPStatus.ACCEPTED:
            raise self.session.refusal(repository, answer, "start an upload")
        return self._location(repository, answer)

    def _mount(self, repository: Repository, digest: str, source: str) -> Answer | None:
        query = f"?mount={quote(digest, safe='')}&from={quote(source, safe='')}"
        try:
            return self._post_upload(repository, query, (pull_scope(source),))
        except LoginError:  # the source is out of reach; the repository itself need not be
            return None

    def _post_upload(
        self, repository: Repository, query: str = "", further_scopes: tuple[str, ...] = ()
    ) -> Answer:
        request = Request("POST", self.session.url(repository, f"blobs/uploads/{query}"), {}, b"")
        return self.session.exchange(repository, request, (push_scope(repository.name), *further_scopes))

    def _location(self, repository: Repository, answer: Answer) -> str:
        location = answer.headers.get("location", "")
        if not location:
            raise RegistryError(f"{repository}: gave no Location to upload to; is this a registry?")
        return self.session.join(repository, self.session.url(repository, "blobs/uploads/"), location)


@contextmanager
def open_client(
    registry: str,
    processes: Processes,
    warn: Callable[[str], None],
    *,
    plain_http: Collection[str] = (),
    ca_file: Path | None = None,
    patience: Patience | None = None,
) -> Iterator[Client]:
    """Open a client for a registry, `ghcr.io` or `localhost:5000`; nothing is sent yet.

    Args:
        warn: told of what takes long, while it does.
        plain_http: registries that may be spoken to without TLS; those on loopback always may.
        ca_file: certificates that are trusted as well.
    """
    transport = Transport(processes.environment, processes.check, plain_http, ca_file, patience)
    try:
        yield Client(registry, transport, processes, warn)
    finally:
        transport.close()


def _check_digest(repository: Repository, what: str, expected: str, found: str) -> None:
    """Hold what the registry names, if anything, against what it must be."""
    if found not in {"", expected}:
        raise VerificationError(
            f"{repository}: {what} has the digest '{found}' there instead of '{expected}'; "
            "the registry, or a proxy before it, changes content: push to another, or ask who runs it"
        )
