"""Name the setting behind a failure of Go's, where Go names only a flag or a variable."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gomab_tasks.settings import Go, Settings
from gomab_tasks.settings.problem import KeyPath, Problem, show
from gomab_tasks.settings.refusal import refusal

# What Go says -> the key that made it say so. The linker and the compiler name themselves.
_SAID: tuple[tuple[str, KeyPath], ...] = (
    (r"(?m)^\s*usage: link |[/\\]link(?:\.exe)?: -\w+ flag |^-linkmode=", ("go", "ldflags")),
    (r"(?m)^\s*usage: compile |[/\\]compile(?:\.exe)?: (?!signal|exit status)", ("go", "gcflags")),
    (r"unknown GOEXPERIMENT ", ("go", "env", "GOEXPERIMENT")),
    (r"parsing \$GOFLAGS", ("go", "env", "GOFLAGS")),
)


def blame(said: str, settings: Settings, images: Iterable[str] = ()) -> str:
    """Give a line for each setting to blame, with its place in the table; empty where there is none.

    Args:
        said: Go's own words.
        images: those it spoke of; all, or what they share, if not given.
    """
    key = next((key for words, key in _SAID if re.search(words, said)), ())
    lines = [
        str(refusal(settings.source, [Problem(key, f"is {show(value)}, which Go refuses; mend it")], image))
        for image in images or settings.images or [""]
        if (value := _value(settings.images.get(image, settings.shared).go, key))
    ]
    return "\n".join(dict.fromkeys(lines))


def _value(go: Go, key: KeyPath) -> object:
    match key:
        case ("go", "env", name):
            return go.env.get(str(name))
        case ("go", "ldflags"):
            return go.ldflags
        case ("go", "gcflags"):
            return go.gcflags
    return None
