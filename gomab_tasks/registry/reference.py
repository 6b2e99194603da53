"""Name images in registries.

Sources: github.com/distribution/reference (grammar, Docker Hub's short names)
and the OCI distribution-spec, "Pulling manifests".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gomab_tasks.errors import SettingsError

DOCKER_HUB = "docker.io"
HUB_ALIASES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
# Where Docker Hub's API is; docker.io itself is a website.
_HUB_API = "registry-1.docker.io"
_HOST = r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_LONGEST_NAME = 255
_LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Repository:
    """Hold where images are kept: `docker.io` and `library/alpine`."""

    registry: str
    name: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.name}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Hold a repository and what is meant in it; tag or digest may be empty, not both."""

    repository: Repository
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.repository}{self.tag and f':{self.tag}'}{self.digest and f'@{self.digest}'}"

    @property
    def target(self) -> str:
        """What to ask the registry for: the digest where there is one."""
        return self.digest or self.tag


def api_host(registry: str) -> str:
    """Give the host that speaks the distribution spec for a registry's name."""
    return _HUB_API if registry == DOCKER_HUB else registry


def parse_repository(text: str) -> Repository:
    """Read `[REGISTRY/]NAME`; raises `SettingsError` that says what is wrong."""
    scheme, separator, rest = text.partition("://")
    if separator:
        raise SettingsError(f"repository '{text}': write it without '{scheme}://': '{rest}'")
    registry, name = _split_registry(text)
    if not re.fullmatch(_HOST, registry) or not _has_port(registry):
        raise SettingsError(f"repository '{text}': '{registry}' is no host name; write 'ghcr.io/acme/api'")
    if not re.fullmatch(_NAME, name):
        raise SettingsError(f"repository '{text}': {_name_advice(name)}")
    if len(name) > _LONGEST_NAME:
        raise SettingsError(f"repository '{text}': is longer than {_LONGEST_NAME} characters; shorten it")
    return Repository(registry, name)


def _has_port(registry: str) -> bool:
    port = registry.rpartition("]")[2].partition(":")[2]
    return not port or 0 < int(port) <= _LARGEST_PORT


def _split_registry(text: str) -> tuple[str, str]:
    """Tell a registry from the first part of a name, and give Docker Hub one name."""
    first, slash, rest = text.partition("/")
    if not slash or not (set(".:[") & set(first) or first == "localhost"):
        first, rest = DOCKER_HUB, text
    registry = first.lower()
    if registry not in HUB_ALIASES:
        return registry, rest
    return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"


def _name_advice(name: str) -> str:
    if name != name.lower():
        return f"names of repositories are in lower case: '{name.lower()}'"
    return "write it as registry/path, in lower case: 'ghcr.io/acme/api'"


def parse_reference(text: str) -> Reference:
    """Read `[REGISTRY/]NAME[:TAG][@DIGEST]`; without both, the tag is `latest`.

    Raises `SettingsError` that says what is wrong.
    """
    rest, at, digest = text.partition("@")
    if at and not re.fullmatch(_DIGEST, digest):
        raise SettingsError(f"image '{text}': a digest is 'sha256:' and 64 hexadecimal digits")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:  # the colon was that of a port
        name, colon, tag = rest, "", ""
    if colon:
        check_tag(tag)
    return Reference(parse_repository(name), tag if colon or at else "latest", digest)


def check_tag(tag: str) -> str:
    """Give a tag back, or raise `SettingsError`."""
    if not re.fullmatch(_TAG, tag):
        raise SettingsError(
            f"tag '{tag}': has letters, digits, '_', '.' and '-', the last two not first, 128 at most"
        )
    return tag
