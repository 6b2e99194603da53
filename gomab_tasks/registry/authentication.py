"""Answer a registry's challenges: Basic, and Bearer tokens by scope.

Sources: RFC 9110 (11.6.1), distribution.github.io/distribution/spec/auth
(token, oauth, scope).
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from gomab_tasks.errors import RegistryError
from gomab_tasks.oci.descriptor import read_json
from gomab_tasks.registry.credentials import Found
from gomab_tasks.registry.failure import not_a_registry, refusal, unauthorised
from gomab_tasks.registry.login import Credentials
from gomab_tasks.registry.message import Answer, Request, origin_of
from gomab_tasks.registry.reference import Repository

Scopes = tuple[str, ...]

_CLIENT_ID = "gomab-tasks"
_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# The spec's default, and how long before its end a token is no longer used:
# an upload that begins with it must not outlive it.
_LIFETIME_SECONDS = 60.0
_MARGIN_SECONDS = 10.0
_PART = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([A-Za-z][\w-]*)')


# What may stand in a header without harm.
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Challenge(Struct, frozen=True):
    """Hold one way to log in that a registry offers; the scheme is in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def read_challenges(headers: Sequence[str]) -> list[Challenge]:
    """Read the values of WWW-Authenticate; one may hold several challenges."""
    challenges: list[Challenge] = []
    for match in _PART.finditer(", ".join(headers)):
        key, quoted, plain, scheme = match.groups()
        if scheme:
            challenges.append(Challenge(scheme.lower(), {}))
        elif challenges:
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            last = challenges.pop()
            challenges.append(Challenge(last.scheme, {**last.parameters, key.lower(): value}))
    return challenges


def pull_scope(name: str) -> str:
    """Give the scope to read a repository."""
    return f"repository:{name}:pull"


def push_scope(name: str) -> str:
    """Give the scope to read and write a repository."""
    return f"repository:{name}:pull,push"


class _Token(Struct, frozen=True):
    header: str
    ends: float

    def __repr__(self) -> str:
        return f"{type(self).__name__}(ends={self.ends!r})"


class Authentication:
    """Log in to one registry, once it asks for it, from several threads.

    Args:
        find: gives the credentials for a repository; asked once for each.
        fetch: sends a request to a token server.
        is_plain_allowed: tells whether a host may be spoken to without TLS.
    """

    def __init__(
        self,
        find: Callable[[Repository], Found],
        fetch: Callable[[Request, str], Answer],
        is_plain_allowed: Callable[[str], bool],
    ) -> None:
        self._find = find
        self._fetch = fetch
        self._is_plain_allowed = is_plain_allowed
        self._lock = threading.RLock()
        self._challenge: Challenge | None = None
        self._found: dict[Repository, Found] = {}
        self._tokens: dict[tuple[Repository, Scopes], _Token] = {}

    def header(self, repository: Repository, scopes: Scopes) -> str:
        """Give the value of Authorization as far as the registry has asked for one, else nothing."""
        with self._lock:
            if self._challenge is None:
                return ""
            token = self._tokens.get((repository, scopes))
            if token is None or token.ends < time.monotonic():
                token = self._obtain(repository, scopes)
            return token.header

    def renew(self, repository: Repository, scopes: Scopes, refused: str, answer: Answer) -> str:
        """Give another value than the refused one.

        Raises `RegistryError` where there is none to be had.
        """
        with self._lock:
            self._choose(repository, answer)
            token = self._tokens.get((repository, scopes))
            if token is None or token.header == refused:  # else another thread was faster
                token = self._obtain(repository, scopes)
            if not token.header or token.header == refused:
                raise self.refused(repository, answer)
            return token.header

    def refused(self, repository: Repository, answer: Answer) -> RegistryError:
        """Word that the registry does not accept us."""
        said = tuple(map(self.redact, answer.errors))
        return unauthorised(str(repository), repository.registry, self.found(repository), said)

    def found(self, repository: Repository) -> Found:
        """Give the credentials for a repository."""
        with self._lock:
            if repository not in self._found:
                self._found[repository] = self._find(repository)
            return self._found[repository]

    def redact(self, text: str) -> str:
        """Replace what is secret: registries may send back what they were sent."""
        for secret in filter(None, self._secrets()):
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> Iterator[str]:
        for found in list(self._found.values()):
            yield from found.credentials.secrets if found.credentials else ()
        for token in list(self._tokens.values()):
            yield from token.header.partition(" ")[2:]

    def _choose(self, repository: Repository, answer: Answer) -> None:
        """Take the first challenge that can be met; tokens before passwords."""
        challenges = {
            challenge.scheme: challenge for challenge in reversed(read_challenges(answer.challenges))
        }
        challenge = challenges.get("bearer") or challenges.get("basic")
        if challenge is None:
            if answer.is_html:
                raise not_a_registry(str(repository), answer)
            offered = ", ".join(challenges) or "none"
            raise RegistryError(
                f"{repository}: asks for a login of a kind that is not known here ({offered}); "
                "Basic and Bearer are"
            )
        self._challenge = challenge

    def _obtain(self, repository: Repository, scopes: Scopes) -> _Token:
        assert self._challenge is not None
        credentials = self.found(repository).credentials
        if credentials and _TOKEN.fullmatch(credentials.registry_token):
            token = _Token(f"Bearer {credentials.registry_token}", float("inf"))
        elif self._challenge.scheme == "basic":
            token = _Token(_basic(credentials), float("inf"))
        else:
            token = self._ask(repository, scopes, self._challenge, credentials)
        self._tokens[repository, scopes] = token
        return token

    def _ask(
        self, repository: Repository, scopes: Scopes, challenge: Challenge, credentials: Credentials | None
    ) -> _Token:
        realm = challenge.parameters.get("realm", "")
        self._check_realm(repository, realm)
        request = _token_request(realm, challenge.parameters.get("service", ""), scopes, credentials)
        answer = self._fetch(request, f"{repository}: token server")
        if answer.status in _REFUSALS:
            raise self.refused(repository, answer)
        if answer.status != HTTPStatus.OK:
            error = refusal(answer, str(repository), f"get a token from {urlsplit(realm).netloc}")
            raise RegistryError(self.redact(str(error)))
        return _read_token(answer, repository)

    def _check_realm(self, repository: Repository, realm: str) -> None:
        try:
            scheme, host, _ = origin_of(realm)
        except ValueError:
            scheme = host = ""
        if "@" in realm:
            raise RegistryError(
                f"{repository}: names a token server with a login of its own; nothing was sent there; "
                "is this a registry?"
            )
        if not host:
            raise RegistryError(
                f"{repository}: asks for a token, but names no address to get one from; is this a registry?"
            )
        if scheme != "https" and not (scheme == "http" and self._is_plain_allowed(urlsplit(realm).netloc)):
            raise RegistryError(
                f"{repository}: names '{realm}' as its token server, which is not encrypted; "
                "no credentials were sent there"
            )


def _basic(credentials: Credentials | None) -> str:
    if credentials is None or not credentials.password:
        return ""
    return f"Basic {credentials.basic}"


def _token_request(realm: str, service: str, scopes: Scopes, credentials: Credentials | None) -> Request:
    """Write a GET with Basic, or OAuth2's POST for an identity token."""
    fields = [("service", service)] if service else []
    if credentials and credentials.identity_token:
        form = [
            *fields,
            ("scope", " ".join(scopes)),
            ("client_id", _CLIENT_ID),
            ("grant_type", "refresh_token"),
            ("refresh_token", credentials.identity_token),
        ]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, headers, urlencode(form).encode())
    fields += [("scope", scope) for scope in scopes]
    basic = _basic(credentials)
    if credentials and basic:
        fields += [("account", credentials.username)]
    separator = "&" if urlsplit(realm).query else "?"
    return Request("GET", f"{realm}{separator}{urlencode(fields)}", {"Authorization": basic} if basic else {})


def _read_token(answer: Answer, repository: Repository) -> _Token:
    if answer.is_html:
        raise not_a_registry(f"{repository}: token server", answer)
    try:
        document: Any = read_json(answer.body)
        token, lifetime = document.get("token") or document.get("access_token"), _lifetime(document)
    except (ValueError, TypeError, AttributeError):
        token, lifetime = None, 0.0
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RegistryError(f"{repository}: its token server sent no token; is it set up for this registry?")
    margin = min(_MARGIN_SECONDS, lifetime / 4)
    return _Token(f"Bearer {token}", time.monotonic() + lifetime - margin)


def _lifetime(document: Mapping[str, str | float]) -> float:
    try:
        seconds = float(document.get("expires_in") or _LIFETIME_SECONDS)
    except OverflowError:
        return _LIFETIME_SECONDS
    return seconds if 0 < seconds < math.inf else _LIFETIME_SECONDS
