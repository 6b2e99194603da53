"""Find the credentials that the user of Docker or Podman already has.

Sources: github.com/docker/cli (cli/config), containers-auth.json(5), and
docs.gitlab.com on DOCKER_AUTH_CONFIG.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from gomab_tasks.errors import RegistryError
from gomab_tasks.grammar import DOCKER_HUB, HUB_ALIASES
from gomab_tasks.process import Processes
from gomab_tasks.registry.helper import HelperError, ask_helper
from gomab_tasks.registry.login import Credentials
from gomab_tasks.registry.reference import Repository

# What Docker writes for Docker Hub, and what helpers know it by.
HUB_KEY = "https://index.docker.io/v1/"
_API_PATHS = ("/v1", "/v2")


class Found(Struct, frozen=True):
    """Hold what was found for a repository.

    Attributes:
        remarks: what was in the way, one line each; for the message when the
            registry refuses.
    """

    credentials: Credentials | None = None
    remarks: tuple[str, ...] = ()


class _Source(Struct, frozen=True):
    """Hold one config file, or the variable that stands for one."""

    where: str
    auths: Mapping[str, object]
    helpers: Mapping[str, object]
    store: object

    def __repr__(self) -> str:
        return f"{type(self).__name__}(where={self.where!r})"


def find_credentials(repository: Repository, processes: Processes, warn: Callable[[str], None]) -> Found:
    """Look where Docker and Podman keep them; the first place that has some wins.

    The order: $DOCKER_AUTH_CONFIG, $REGISTRY_AUTH_FILE, Docker's config.json,
    Podman's auth.json. An entry that cannot be used is remarked and passed over.

    Args:
        warn: told of a helper that takes long, while it does.

    Raises `RegistryError` for a file that cannot be read at all.
    """
    remarks: list[str] = []
    for source in _sources(processes.environment):
        try:
            credentials = _from_helper(source, repository, processes, warn)
        except HelperError as error:
            remarks.append(f"{source.where}: {error}")
            credentials = None
        try:
            credentials = credentials or _from_auths(source, repository)
        except ValueError as error:
            remarks.append(f"{source.where}: {error}")
        if credentials:
            return Found(credentials, tuple(remarks))
    return Found(None, tuple(remarks))


def _sources(environment: Mapping[str, str]) -> Iterator[_Source]:
    inline = environment.get("DOCKER_AUTH_CONFIG", "")
    if inline.strip():
        yield _read("DOCKER_AUTH_CONFIG", inline)
    for path in config_paths(environment):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            raise RegistryError(f"{path}: cannot be read: {reason}; mend or remove it") from None
        yield _read(str(path), text)


def config_paths(environment: Mapping[str, str]) -> list[Path]:
    """List the files that may hold credentials, in the order they are asked."""
    home = environment.get("HOME")
    candidates = [
        _path(environment.get("REGISTRY_AUTH_FILE"), ""),
        _path(environment.get("DOCKER_CONFIG"), "config.json") or _path(home, ".docker/config.json"),
        # Without that variable, as root in containers of CI systems, Podman has a place of its own.
        _path(environment.get("XDG_RUNTIME_DIR"), "containers/auth.json")
        or Path(f"/run/containers/{os.getuid()}/auth.json"),
        _path(environment.get("XDG_CONFIG_HOME"), "containers/auth.json")
        or _path(home, ".config/containers/auth.json"),
    ]
    return list(dict.fromkeys(filter(None, candidates)))


def _path(folder: str | None, name: str) -> Path | None:
    return Path(folder) / name if folder else None


def _read(where: str, text: str) -> _Source:
    try:
        document = json.loads(text or "{}")
    except ValueError as error:
        # The parser's own message holds no part of the text.
        raise RegistryError(f"{where}: is not JSON: {error}; mend it, or log in again") from None
    if not isinstance(document, dict):
        raise RegistryError(f"{where}: is no JSON object; mend it, or log in again")
    return _Source(
        where,
        _mapping(document.get("auths")),
        _mapping(document.get("credHelpers")),
        document.get("credsStore") or "",
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _from_helper(
    source: _Source, repository: Repository, processes: Processes, warn: Callable[[str], None]
) -> Credentials | None:
    """Ask the registry's own helper, or else the store of all."""
    key = _best_key(source.helpers, repository)
    name = source.store if key is None else source.helpers[key]
    if not name:
        return None
    server = HUB_KEY if repository.registry == DOCKER_HUB else _helper_server(key, repository)
    return ask_helper(name, server, processes, source.where, warn)


def _helper_server(key: str | None, repository: Repository) -> str:
    """Give what the helper knows the registry by: a key with a path says it itself, as Podman's do."""
    return key if key and "/" in _plain(key) else repository.registry


def _from_auths(source: _Source, repository: Repository) -> Credentials | None:
    key = _best_key(source.auths, repository)
    if key is None:
        return None
    entry = source.auths[key]
    if not isinstance(entry, dict):
        raise ValueError(f"auths: {key}: is no JSON object; log in again")  # noqa: TRY004 - it is a wrong value
    return _read_entry(entry, key, source.where)


def _read_entry(entry: Mapping[str, object], key: str, where: str) -> Credentials | None:
    """Read one entry of `auths`; an empty one, as `docker login` writes beside a store, is none."""
    texts = {name: value for name, value in entry.items() if isinstance(value, str)}
    username, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth"):
        username, password = _decode(texts["auth"], key)
    credentials = Credentials(
        where, username, password, texts.get("identitytoken", ""), texts.get("registrytoken", "")
    )
    return credentials if credentials.has_secret else None


def _decode(auth: str, key: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(auth.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError(f"auths: {key}: auth is not base64 of USER:PASSWORD; log in again") from None
    username, colon, password = text.partition(":")
    if not colon:
        raise ValueError(f"auths: {key}: auth is not base64 of USER:PASSWORD; log in again")
    return username, password.rstrip("\0")  # old versions of Docker pad with NUL


def _best_key(keys: Mapping[str, object], repository: Repository) -> str | None:
    """Find the longest key that names the repository, a folder above it, or its registry."""
    by_plain = {_plain(key): key for key in keys}
    place = str(repository)
    while place:
        if place in by_plain:
            return by_plain[place]
        place = place.rpartition("/")[0]
    return None


def _plain(key: str) -> str:
    """Spell a key as `HOST[:PORT][/PATH]`; Docker Hub has one name."""
    scheme, separator, rest = key.partition("://")
    place = (rest if separator else scheme).rstrip("/")
    host, slash, path = place.partition("/")
    # Docker writes whole addresses for registries alone, whatever their path.
    if separator or f"/{path}" in _API_PATHS:
        slash = path = ""
    return f"{DOCKER_HUB if host.lower() in HUB_ALIASES else host.lower()}{slash}{path}"
