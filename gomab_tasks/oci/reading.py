"""Turn what the disk refuses while reading into an error with the path and the reason."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gomab_tasks.errors import StorageError


@contextlib.contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into a `StorageError` about reading `path`."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise StorageError(f"{error.filename or path}: cannot be read: {reason}") from error
