"""Show each failure whole, and once."""

from __future__ import annotations

import threading

from gomab_tasks.progress.events import Event
from gomab_tasks.progress.text import printable_lines

_SHORTEST_REPEAT = 2


class Failures:
    """Remember the messages that were shown.

    An error passes through every step around it, and one wrong line of source
    fails for each platform: neither should fill the screen again and again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: set[tuple[str, str]] = set()
        self._lines: dict[str, str] = {}

    def whole(self, message: str, platform: str = "") -> list[str]:
        """Give the lines of a message; none when it was shown, for that platform if one is given."""
        with self._lock:
            if (platform, message) in self._shown or not message.strip():
                return []
            self._shown |= {(platform, message), ("", message)}
        return printable_lines(message)

    def news(self, event: Event, ellipsis: str) -> list[str]:
        """Give the lines of a step's failure, with one line in place of those shown for another platform.

        Nothing where all of them were: the platform's state tells that it failed.
        """
        lines = self.whole(event.text, event.platform)
        with self._lock:
            shown = [self._lines.get(line, "") for line in lines]
            for line in lines:
                self._lines.setdefault(line, event.platform or event.subject or event.step)
        return [] if all(shown) else _without_repeats(lines, shown, ellipsis)


def _without_repeats(lines: list[str], shown: list[str], ellipsis: str) -> list[str]:
    result: list[str] = []
    index = 0
    while index < len(lines):
        end = index
        while end < len(lines) and shown[end]:
            end += 1
        if end - index >= _SHORTEST_REPEAT:
            result.append(f"{ellipsis} {end - index} lines, the same as for {shown[index]}")
        else:
            end = max(end, index + 1)
            result += lines[index:end]
        index = end
    return result
