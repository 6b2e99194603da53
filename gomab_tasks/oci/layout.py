"""Keep images in a folder, as OCI image-spec, image-layout.md describes.

Nothing is synced to disk on purpose: a layout can be made again, every reader
here checks digests, and an fsync for each blob costs more than compressing it.
After a power cut a blob may be damaged; that is found, and the blob made again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import DamagedError, VerificationError
from gomab_tasks.oci.descriptor import (
    INDEX,
    LARGEST_DOCUMENT,
    MANIFEST,
    Descriptor,
    digest_of,
    read_object,
    to_json,
)
from gomab_tasks.oci.image import Index, Manifest, index_bytes

LAYOUT_VERSION = "1.0.0"

_PIECE = 1 << 20
_BLOB_NAME = re.compile(r"[0-9a-f]{64}")


def blob_name(digest: str) -> str:
    """Give a blob's place in its layout: `blobs/sha256/HEX`."""
    return f"blobs/{digest.replace(':', '/', 1)}"


class BlobWriter:
    """Take the bytes of a blob whose digest is known only at its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        self._file.write(piece)
        self._sha256.update(piece)
        self.size += len(piece)

    @property
    def digest(self) -> str:
        """Give the digest of what was written so far."""
        return f"sha256:{self._sha256.hexdigest()}"


class Layout(Struct, frozen=True):
    """Write and read the OCI image layout in `folder`.

    Blobs are written under temporary names and renamed, so several processes
    may add to one layout at once; identical blobs replace each other.
    """

    folder: Path

    def blob_path(self, digest: str) -> Path:
        """Give the path of a blob, whether it is there or not."""
        return self.folder / blob_name(digest)

    @contextmanager
    def writing(self) -> Iterator[BlobWriter]:
        """Store as a blob, mode 0644, what the block writes; nothing if the block fails."""
        blobs = self.folder / "blobs" / "sha256"
        with files.temporary_folder(self.folder) as temporary:
            with files.replacing(temporary / "blob") as file:
                writer = BlobWriter(file)
                yield writer
            with files.storage_errors(blobs):
                blobs.mkdir(parents=True, exist_ok=True)
                (temporary / "blob").replace(self.blob_path(writer.digest))

    def put_blob(self, media_type: str, content: bytes) -> Descriptor:
        """Store a small blob, unless it is there undamaged, and give its descriptor."""
        descriptor = Descriptor(media_type, digest_of(content), len(content))
        path = self.blob_path(descriptor.digest)
        with files.read_errors(path):
            is_there = self.has_blob(descriptor) and path.read_bytes() == content
        if not is_there:
            files.write(path, content)
        return descriptor

    def take_blob(self, other: Layout, descriptor: Descriptor) -> None:
        """Have a blob of another layout here too: linked, or copied where the disk cannot; unchecked."""
        path = self.blob_path(descriptor.digest)
        source = other.blob_path(descriptor.digest)
        if path.exists() and path.samefile(source):
            return
        files.share(source, path)

    def has_blob(self, descriptor: Descriptor) -> bool:
        """Tell whether a blob of the right size is there; its digest is not checked."""
        try:
            return self.blob_path(descriptor.digest).stat().st_size == descriptor.size
        except OSError:
            return False

    def blob_pieces(self, descriptor: Descriptor) -> Iterator[bytes]:
        """Read a blob in pieces of 1 MiB, unchecked."""
        path = self.blob_path(descriptor.digest)
        with files.read_errors(path), path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                yield piece

    def check_blob(self, descriptor: Descriptor) -> None:
        """Raise `VerificationError` unless the blob has the descriptor's size and digest."""
        self._check_size(descriptor)
        sha256 = hashlib.sha256()
        for piece in self.blob_pieces(descriptor):
            sha256.update(piece)
        _check_digest(descriptor, f"sha256:{sha256.hexdigest()}")

    def read_blob(self, descriptor: Descriptor) -> bytes:
        """Read a whole document and check its size and digest; raises `VerificationError`."""
        self._check_size(descriptor)
        if descriptor.size > LARGEST_DOCUMENT:
            raise VerificationError(
                f"{blob_name(descriptor.digest)}: has {descriptor.size} bytes;"
                f" expected a JSON document of at most {LARGEST_DOCUMENT}"
            )
        content = b"".join(self.blob_pieces(descriptor))
        _check_digest(descriptor, digest_of(content))
        return content

    def _check_size(self, descriptor: Descriptor) -> None:
        where = blob_name(descriptor.digest)
        path = self.blob_path(descriptor.digest)
        if not path.is_file():
            raise DamagedError(f"{where}: is missing")
        with files.read_errors(path):
            size = path.stat().st_size
        if size != descriptor.size:
            raise DamagedError(f"{where}: has {size} bytes; expected {descriptor.size}")

    def write_index(self, index: Descriptor) -> None:
        """Make the nested index the layout's one image.

        index.json is replaced last, so readers see the old image or the new one.
        skopeo refuses a layout whose index.json lists several manifests itself.
        """
        files.write(self.folder / "oci-layout", to_json({"imageLayoutVersion": LAYOUT_VERSION}))
        files.write(self.folder / "index.json", index_bytes([index]))

    def check_version(self) -> None:
        """Raise `VerificationError` unless the file oci-layout states the version we know."""
        document = read_object(self._read_file("oci-layout"), "oci-layout")
        version = document.get("imageLayoutVersion")
        if version != LAYOUT_VERSION:
            raise DamagedError(f"oci-layout: imageLayoutVersion is {version!r}; expected {LAYOUT_VERSION!r}")

    def read_index(self) -> tuple[Descriptor, Index]:
        """Read the nested index that index.json points to.

        Raises `VerificationError` for any other shape.
        """
        entries = Index.from_bytes(self._read_file("index.json"), "index.json").manifests
        if len(entries) != 1:
            raise DamagedError(f"index.json: lists {len(entries)} images; expected one")
        entry = entries[0]
        if entry.media_type != INDEX:
            raise DamagedError(
                f"index.json: manifests[0]: mediaType is '{entry.media_type}'; expected '{INDEX}'"
            )
        return entry, Index.from_bytes(self.read_blob(entry), blob_name(entry.digest))

    def _read_file(self, name: str) -> bytes:
        path = self.folder / name
        if not path.is_file():
            raise DamagedError(f"{name}: is missing")
        with files.read_errors(path):
            return path.read_bytes()

    def remove_unreferenced(self) -> bool:
        """Remove blobs that index.json does not lead to; tell whether there were any.

        Call it under the lock that those who write to this layout hold as well:
        a blob just written has nothing that leads to it yet. Raises
        `VerificationError`, and removes nothing, when a document on the way is
        damaged.
        """
        kept = self._referenced(self.read_index()[0])
        blobs = self.folder / "blobs" / "sha256"
        needless = [
            path
            for path in blobs.glob("*")
            if _BLOB_NAME.fullmatch(path.name) and f"sha256:{path.name}" not in kept
        ]
        with files.storage_errors(self.folder):
            for path in needless:
                path.unlink()
            for folder in (self.folder, blobs):
                files.remove_stale(folder)
        return bool(needless)

    def _referenced(self, root: Descriptor) -> set[str]:
        found: set[str] = set()
        waiting = [root]
        while waiting:
            descriptor = waiting.pop()
            if descriptor.digest in found:
                continue
            found.add(descriptor.digest)
            if descriptor.media_type == INDEX:
                waiting += Index.from_bytes(
                    self.read_blob(descriptor), blob_name(descriptor.digest)
                ).manifests
            elif descriptor.media_type == MANIFEST:
                manifest = Manifest.from_bytes(self.read_blob(descriptor), blob_name(descriptor.digest))
                waiting += [manifest.config, *manifest.layers]
        return found


def _check_digest(descriptor: Descriptor, found: str) -> None:
    if found != descriptor.digest:
        raise DamagedError(
            f"{blob_name(descriptor.digest)}: its content has the digest {found}; it is damaged"
        )
