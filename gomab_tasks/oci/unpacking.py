"""Read the tar of a stored layer as it unpacks, in bounded memory."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from gomab_tasks.errors import DamagedError
from gomab_tasks.oci.compression import decompress
from gomab_tasks.oci.descriptor import LAYER_GZIP, Descriptor
from gomab_tasks.oci.layout import Layout, blob_name


class Unpacked:
    """Hash and count a tar while its headers are read; hold one piece at a time."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self.sha256 = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        """Give the next bytes; fewer than asked for only at the tar's end."""
        parts = []
        while size and self._fill():
            parts.append(self._piece[:size].tobytes())
            size -= len(parts[-1])
            self._piece = self._piece[len(parts[-1]) :]
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Pass over the next bytes and give how many there were."""
        left = size
        while left and self._fill():
            step = min(left, len(self._piece))
            left -= step
            self._piece = self._piece[step:]
        return size - left

    def drain(self) -> None:
        """Pass over all that is left, so that hash and size are those of the whole tar."""
        self._piece = memoryview(b"")
        while self._fill():
            self._piece = memoryview(b"")

    def _fill(self) -> bool:
        """Have bytes at hand, unless the tar has ended."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self.sha256.update(piece)
            self.size += len(piece)
            self._piece = memoryview(piece)
        return True


@contextmanager
def unpacking(layout: Layout, descriptor: Descriptor) -> Iterator[Unpacked]:
    """Give the tar of a layer for the block; the blob's own digest is not checked here.

    Raises `VerificationError` where the blob cannot be decompressed.
    """
    pieces = layout.blob_pieces(descriptor)
    try:
        yield Unpacked(decompress(pieces) if descriptor.media_type == LAYER_GZIP else pieces)
    except (zlib.error, EOFError) as error:
        where = blob_name(descriptor.digest)
        raise DamagedError(f"{where}: cannot be decompressed: {error}") from None
