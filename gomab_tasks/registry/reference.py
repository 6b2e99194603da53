"""Name images in registries."""

from __future__ import annotations

from msgspec import Struct

from gomab_tasks import grammar
from gomab_tasks.errors import SettingsError

# Where Docker Hub's API is; docker.io itself is a website.
_HUB_API = "registry-1.docker.io"
_LONGEST_NAME = 255


class Repository(Struct, frozen=True):
    """Hold where images are kept: `docker.io` and `library/alpine`."""

    registry: str
    name: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.name}"


class Reference(Struct, frozen=True):
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
    return _HUB_API if registry == grammar.DOCKER_HUB else registry


def parse_repository(text: str) -> Repository:
    """Read `[REGISTRY/]NAME`; raises `SettingsError` that says what is wrong, without a login in it."""
    before, at, after = text.partition("@")
    if after.startswith("sha256:"):
        raise SettingsError(f"repository '{before}': write it without '@{after}'")
    if at:
        raise SettingsError(
            "repository: has '@', and a login before it shows in logs; write it without, and log in with "
            f"docker login: '{after}'"
        )
    scheme, separator, rest = text.partition("://")
    if separator:
        raise SettingsError(f"repository '{text}': write it without '{scheme}://': '{rest}'")
    registry, name = grammar.split_repository(text)
    if not grammar.is_host(registry):
        raise SettingsError(f"repository '{text}': '{registry}' is no host name; write 'ghcr.io/acme/api'")
    if not grammar.is_name(name):
        raise SettingsError(f"repository '{text}': {_name_advice(name)}")
    if len(name) > _LONGEST_NAME:
        raise SettingsError(f"repository '{text}': is longer than {_LONGEST_NAME} characters; shorten it")
    return Repository(registry, name)


def _name_advice(name: str) -> str:
    bare, _, tag = name.rpartition(":")
    if grammar.is_name(bare) and grammar.is_tag(tag):
        return f"write it without ':{tag}'; tags are given by --tag {tag} or image.tags"
    if name != name.lower():
        return f"names of repositories are in lower case: '{name.lower()}'"
    return "write it as registry/path, in lower case: 'ghcr.io/acme/api'"


def parse_reference(text: str) -> Reference:
    """Read `[REGISTRY/]NAME[:TAG][@DIGEST]`; without both, the tag is `latest`.

    Raises `SettingsError` that says what is wrong.
    """
    name, tag, digest = grammar.split_reference(text)
    if digest is not None and not grammar.is_digest(digest):
        # What stands before it may be a login.
        raise SettingsError(f"image: '@{digest}' is no digest; that is 'sha256:' and 64 hexadecimal digits")
    if tag is not None:
        check_tag(tag)
    elif digest is None:
        tag = "latest"
    return Reference(parse_repository(name), tag or "", digest or "")


def check_tag(tag: str) -> str:
    """Give a tag back, or raise `SettingsError`."""
    if not grammar.is_tag(tag):
        raise SettingsError(
            f"tag '{tag}': may have only letters, digits, '_', '.' and '-', those two not first, 128 at most"
        )
    return tag
