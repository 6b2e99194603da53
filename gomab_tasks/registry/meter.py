"""Show how far transfers over several connections have come."""

from __future__ import annotations

import threading
import time

from gomab_tasks.progress.events import Step
from gomab_tasks.units import mebibytes

_REPORT_SECONDS = 0.1


class Meter:
    """Add up what several connections have moved, and show it now and then."""

    def __init__(self, running: Step, total: int = 0) -> None:
        self.total = total
        self._running = running
        self._moved: dict[str, int] = {}
        self._shown = 0.0
        self._lock = threading.Lock()

    @property
    def moved(self) -> int:
        """Bytes of all blobs so far."""
        return sum(self._moved.values())

    def note(self, digest: str, size: int) -> None:
        """Note how many bytes of a blob have been moved."""
        with self._lock:
            self._moved[digest] = size
            if time.monotonic() - self._shown < _REPORT_SECONDS:
                return
            self._shown = time.monotonic()
            self._running.progress(f"{mebibytes(self.moved)} of {mebibytes(self.total)}")
