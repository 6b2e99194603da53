"""Read images from registries; every byte is held against its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.errors import RegistryError, VerificationError
from gomab_tasks.oci.descriptor import Descriptor
from gomab_tasks.registry.client import Client, Stored
from gomab_tasks.registry.failure import AGAIN, TransientError
from gomab_tasks.registry.message import Answer
from gomab_tasks.registry.reference import Reference, Repository

_PIECE = 1 << 20


def fetch_manifest(client: Client, reference: Reference) -> Stored:
    """Read the manifest or index that a reference means.

    Raises `RegistryError` where there is none, `VerificationError` where its
    content has another digest.
    """
    stored = client.find_manifest(reference.repository, reference.target)
    if stored is None:
        raise RegistryError(f"{reference}: is not there; check its name, tag and digest")
    return stored


def fetch_blob(
    client: Client,
    repository: Repository,
    descriptor: Descriptor,
    folder: Path,
    on_received: Callable[[int], None] = lambda _size: None,
) -> Path:
    """Have a blob in a cache folder, as `folder/sha256/HEX`, and give its path.

    What an earlier run left of it is continued. Who shares the folder with others holds a lock meanwhile.

    Args:
        on_received: called with the bytes that are here so far.

    Raises `RegistryError`; `VerificationError` for content of another digest.
    """
    path = folder / descriptor.digest.replace(":", "/", 1)
    partial = path.with_name(f"{path.name}.partial")
    if _size(path) != descriptor.size or _digest(path) != descriptor.digest:
        download = _Download(client, repository, descriptor, partial, on_received)
        client.session.retry(download.run)
        with files.storage_errors(path):
            partial.chmod(0o644)
            partial.replace(path)
    return path


class _Download:
    """Fetch the rest of one blob; each run continues where the last one failed."""

    def __init__(
        self,
        client: Client,
        repository: Repository,
        descriptor: Descriptor,
        partial: Path,
        on_received: Callable[[int], None],
    ) -> None:
        self._client = client
        self._repository = repository
        self._descriptor = descriptor
        self._partial = partial
        self._on_received = on_received

    def run(self) -> None:
        offset = _size(self._partial) or 0
        if offset > self._descriptor.size:
            offset = 0
        if offset < self._descriptor.size or not self._partial.exists():
            self._client.read_blob(self._repository, self._descriptor.digest, offset, self._receive)
        size = _size(self._partial) or 0
        if size < self._descriptor.size:
            raise TransientError(f"{self._where}: ended after {size} bytes; {AGAIN}")
        self._check(is_continued=offset > 0)

    def _receive(self, answer: Answer, pieces: Iterator[bytes]) -> None:
        start = f"bytes {_size(self._partial) or 0}-"
        begins_there = answer.headers.get("content-range", "").startswith(start)
        continues = begins_there and answer.status == HTTPStatus.PARTIAL_CONTENT
        with files.storage_errors(self._partial):
            self._partial.parent.mkdir(parents=True, exist_ok=True)
            with self._partial.open("ab" if continues else "wb") as file:
                for piece in pieces:
                    file.write(piece)
                    self._on_received(file.tell())
                    if file.tell() > self._descriptor.size:
                        break  # more than there should be: its digest will tell

    def _check(self, *, is_continued: bool) -> None:
        found = _digest(self._partial)
        if found != self._descriptor.digest:
            with files.storage_errors(self._partial):
                self._partial.unlink()
            if is_continued:  # nothing is synced to disk, so a crash may have damaged what was there
                problem = "what an earlier run left of it is damaged"
                raise TransientError(f"{self._where}: {problem}; {AGAIN}", wait_seconds=0)
            raise VerificationError(
                f"{self._where}: its content has the digest {found}; "
                "the registry, or a proxy before it, changes content: ask who runs it"
            )

    @property
    def _where(self) -> str:
        return f"{self._repository}: the blob {self._descriptor.digest}"


def _size(path: Path) -> int | None:
    with files.read_errors(path):
        return path.stat().st_size if path.exists() else None


def _digest(path: Path) -> str:
    sha256 = hashlib.sha256()
    with files.read_errors(path), path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            sha256.update(piece)
    return f"sha256:{sha256.hexdigest()}"
