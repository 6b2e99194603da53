"""Keep small notes between runs, of which a damaged one is as good as none."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from gomab_tasks import files

Note = TypeVar("Note")


def read_note(path: Path, kind: type[Note]) -> Note | None:
    """Read a note; None where there is none of that kind."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def write_note(path: Path, note: object) -> None:
    """Write a note in the place of the one before; raises `StorageError`."""
    files.write(path, msgspec.json.encode(note))
