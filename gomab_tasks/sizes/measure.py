"""Take an image's sizes from its record."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Struct

from gomab_tasks.output.record import ImageRecord


class Measurement(Struct, frozen=True, order=True):
    """Hold an image's sizes on a platform.

    Attributes:
        size: bytes as stored and pulled.
        unpacked_size: bytes after decompression.
    """

    image: str
    platform: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    unpacked_size: Annotated[int, msgspec.Meta(ge=0)]

    @classmethod
    def of(cls, record: ImageRecord) -> Measurement:
        """Take the sizes out of a record."""
        return cls(record.image, record.platform, record.size, record.unpacked_size)
