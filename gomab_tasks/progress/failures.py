"""Show each failure whole, and once."""

from __future__ import annotations

import threading

from gomab_tasks.progress.text import printable_lines


class Failures:
    """Remember the messages that were shown.

    An error passes through every step around it, which should not fill the
    screen again and again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: set[tuple[str, str]] = set()

    def whole(self, message: str, platform: str = "") -> list[str]:
        """Give the lines of a message; none when it was shown, for that platform if one is given."""
        with self._lock:
            if (platform, message) in self._shown or not message.strip():
                return []
            self._shown |= {(platform, message), ("", message)}
        return printable_lines(message)
