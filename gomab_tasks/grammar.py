"""The grammar of references to images: registries, repositories, tags, digests.

Sources: github.com/distribution/reference (grammar, Docker Hub's short names)
and the OCI distribution-spec, "Pulling manifests".
"""

from __future__ import annotations

import re

DOCKER_HUB = "docker.io"
HUB_ALIASES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
LARGEST_PORT = 65535
LONGEST_TAG = 128
HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
"""The pattern of `HOST` and `HOST:PORT`; whether there is such a port, `is_host` knows."""
DIGEST = r"sha256:[0-9a-f]{64}"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = rf"[a-zA-Z0-9_][a-zA-Z0-9._-]{{0,{LONGEST_TAG - 1}}}"


def is_host(text: str) -> bool:
    """Tell whether a text is a host, with or without a port."""
    port = text.rpartition("]")[2].partition(":")[2]
    return bool(re.fullmatch(HOST, text)) and (not port or 0 < int(port) <= LARGEST_PORT)


def is_name(text: str) -> bool:
    """Tell whether a text is a repository's name, without its registry."""
    return bool(re.fullmatch(_NAME, text))


def is_repository(text: str) -> bool:
    """Tell whether a text is `[REGISTRY/]NAME`."""
    registry, name = split_repository(text)
    return is_host(registry) and is_name(name)


def is_tag(text: str) -> bool:
    """Tell whether a text is a tag."""
    return bool(re.fullmatch(_TAG, text))


def is_digest(text: str) -> bool:
    """Tell whether a text is a digest, of SHA-256 as all that gomab writes and reads."""
    return bool(re.fullmatch(DIGEST, text))


def split_repository(text: str) -> tuple[str, str]:
    """Tell a registry from the first part of a name, and give Docker Hub one name."""
    first, slash, rest = text.partition("/")
    if not slash or not (set(".:[") & set(first) or first == "localhost"):
        first, rest = DOCKER_HUB, text
    registry = first.lower()
    if registry not in HUB_ALIASES:
        return registry, rest
    return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"


def split_reference(text: str) -> tuple[str, str | None, str | None]:
    """Take a reference apart: repository, tag, digest; None for what it has not."""
    rest, at, digest = text.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:  # the colon was that of a port
        name, colon, tag = rest, "", ""
    return name, tag if colon else None, digest if at else None
