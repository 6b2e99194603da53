"""Read slices of a file that may be hostile: never past its end, never without a limit."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO


class FormatError(ValueError):
    """Say what in a file is not as its format wants it."""


class Slices:
    """Give bytes of an open file by offset; every length is checked before memory is taken."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def check(self, offset: int, length: int, what: str) -> None:
        """Raise `FormatError` unless `length` bytes from `offset` lie inside the file.

        Nothing lies inside wherever it is: the offset of .bss may be anything.
        """
        if length and offset + length > self.size:
            raise FormatError(
                f"{what} would end at byte {offset + length}, but the file has {self.size}: it is cut short"
            )

    def read(self, offset: int, length: int, what: str, limit: int = 1 << 20) -> bytes:
        """Give exactly `length` bytes; `what` names them in a `FormatError`."""
        if length > limit:
            raise FormatError(f"{what} has {length} bytes; more than {limit} are not believed")
        self.check(offset, length, what)
        data = self.upto(offset, length)
        if len(data) < length:
            raise FormatError(f"{what} could not be read whole: the file shrank meanwhile")
        return data

    def upto(self, offset: int, length: int) -> bytes:
        """Give at most `length` bytes, fewer at the end of the file."""
        if offset >= self.size:
            return b""
        self._file.seek(offset)
        return self._file.read(min(length, self.size - offset))

    def unpack(self, layout: struct.Struct, offset: int, what: str) -> tuple[int, ...]:
        """Give the integers of a header."""
        return layout.unpack(self.read(offset, layout.size, what))

    def table(self, layout: struct.Struct, offset: int, count: int, what: str) -> list[tuple[int, ...]]:
        """Give the rows of a table of equal headers; at most 65,536 of them."""
        if count > 1 << 16:
            raise FormatError(f"{what}: {count} entries; more than {1 << 16} are not believed")
        data = self.read(offset, count * layout.size, what, limit=layout.size << 16)
        return list(layout.iter_unpack(data))

    def text(self, offset: int, what: str, limit: int = 4096) -> str:
        """Give the text up to the next NUL byte."""
        return terminated(self.upto(offset, limit), 0, what, limit)


def terminated(data: bytes, start: int, what: str, limit: int = 4096) -> str:
    """Give the text of `data` from `start` to the next NUL byte.

    Raises `FormatError` where none comes within `limit` bytes, so that many names
    that share one endless string cost nothing.
    """
    end = data.find(b"\0", start, start + limit)
    if end < 0:
        raise FormatError(f"{what} has no end within {limit} bytes")
    return data[start:end].decode("utf-8", "replace")
