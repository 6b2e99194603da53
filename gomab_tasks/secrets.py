"""Keep secrets out of everything that people and machines read.

Two things are secret: the values of variables whose names say so (TOKEN,
PASSWORD, SECRET, KEY, …) and the login of any URL (GOPROXY often carries
one).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

Redact = Callable[[str], str]

_NAMES = re.compile(
    r"TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|(?:^|_)(?:KEY|PAT|AUTH)(?:_|$)|APIKEY"
)
# To the last @ before the host ends: a password may hold one too.
_USERINFO = re.compile(r"(?<=://)[^\s/?#'\"]+@")
# Shorter values ("1", "on") would blank out ordinary words and protect nothing.
_SHORTEST = 6


def is_secret_name(name: str) -> bool:
    """Tell whether an environment variable's name says that its value is secret."""
    return bool(_NAMES.search(name.upper()))


def has_login(text: str) -> bool:
    """Tell whether a URL in a text carries a login; a name alone is none for ssh: `ssh://git@host`."""
    return any(map(_is_login, _USERINFO.finditer(text)))


def redactor(*environments: Mapping[str, str]) -> Redact:
    """Make a function that replaces what is secret in a text by `***`."""
    # A key of several lines is also looked for line by line, as output comes.
    values = sorted(
        {
            part
            for environment in environments
            for name, value in environment.items()
            if is_secret_name(name) and not _is_path(value)
            for part in (value, *value.splitlines())
            if len(part) >= _SHORTEST
        },
        key=len,
        reverse=True,
    )
    pattern = re.compile("|".join(map(re.escape, values))) if values else None

    def redact(text: str) -> str:
        if "://" in text:
            text = _USERINFO.sub(lambda found: "***@" if _is_login(found) else found[0], text)
        return pattern.sub("***", text) if pattern else text

    return redact


def _is_login(userinfo: re.Match[str]) -> bool:
    return ":" in userinfo[0] or not userinfo.string.endswith("ssh://", 0, userinfo.start())


def _is_path(value: str) -> bool:
    """Tell where something lies from a secret that begins with a slash, as base64 may."""
    return value.startswith("/") and os.path.exists(value)  # noqa: PTH110 - `Path.exists` raises for long values
