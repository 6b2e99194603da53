"""Find tables that were meant to be `[tool.gomab]`: other names mean nothing, and nobody would say so."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from gomab_tasks.settings.problem import FILE

_HEADER = re.compile(r"^[ \t]*\[+([^\]\n]+)\]", re.MULTILINE)
_NEAR = 0.75


def explain_misnamed(text: str) -> Iterator[str]:
    """Give a line for each misspelled name, where a pyproject.toml first has it."""
    seen: set[str] = set()
    for header in _HEADER.finditer(text):
        parts = [part.strip().strip("\"'") for part in header[1].split(".")]
        known = _count_misspelled(parts)
        name = ".".join(parts[:known])
        if known and name not in seen:
            seen.add(name)
            line = text.count("\n", 0, header.start(1)) + 1
            meant = ".".join(["tool", "gomab", *parts[known:]])
            yield f"{FILE}:{line}: [{'.'.join(parts)}] means nothing; did you mean [{meant}]?"


def _count_misspelled(parts: Sequence[str]) -> int:
    """Count the first words of a header that stand for `tool.gomab`; 0 where they are right, or of others."""
    first, second = parts[0], parts[1] if len(parts) > 1 else ""
    if (first, second) == ("tool", "gomab"):
        return 0
    if first.lower() == "gomab":
        return 1
    return 2 if _is_near(first, "tool") and _is_near(second, "gomab") else 0


def _is_near(word: str, name: str) -> bool:
    return word.startswith(name) or difflib.SequenceMatcher(None, word.lower(), name).ratio() >= _NEAR
