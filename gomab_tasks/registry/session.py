"""Send requests to one registry: logged in, following redirects, again where that helps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

from msgspec.structs import replace

from gomab_tasks.errors import RegistryError
from gomab_tasks.process import Processes
from gomab_tasks.registry.authentication import Authentication, Scopes
from gomab_tasks.registry.credentials import find_credentials
from gomab_tasks.registry.failure import TRANSIENT, PlainTextError, TransientError, not_a_registry, refusal
from gomab_tasks.registry.message import Answer, Request, origin_of
from gomab_tasks.registry.proxy import is_loopback
from gomab_tasks.registry.reference import Repository, api_host
from gomab_tasks.registry.retry import retry
from gomab_tasks.registry.transport import Receive, Transport

Result = TypeVar("Result")

_KEEPING_METHOD = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})
_REDIRECTS = _KEEPING_METHOD | {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}
_MOST_REDIRECTS = 5


class Session:
    """Hold what is known of a registry: its scheme, its challenge, our tokens."""

    def __init__(
        self, registry: str, transport: Transport, processes: Processes, warn: Callable[[str], None]
    ) -> None:
        self._transport = transport
        self._redact = processes.redact
        self._warn = warn
        self._has_warned = False
        self._authentication = Authentication(
            partial(find_credentials, processes=processes, warn=warn),
            self._fetch_token,
            transport.is_plain_allowed,
        )
        host = api_host(registry)
        scheme = "http" if transport.is_plain_allowed(host) else "https"
        self._base = f"{scheme}://{host}"
        # A registry on loopback may have TLS all the same: the first request finds out.
        self._is_settled = scheme == "https" or not is_loopback(urlsplit(self._base).hostname or "")

    def url(self, repository: Repository, path: str) -> str:
        """Give an address below that of a repository."""
        return f"{self._base}/v2/{repository.name}/{path}"

    def join(self, repository: Repository, url: str, location: str) -> str:
        """Resolve a Location; TLS is kept where a registry behind a proxy does not know that it has it."""
        try:
            url = urljoin(url, location)
            origin_of(url)
        except ValueError:
            raise RegistryError(
                f"{repository}: leads to an address that cannot be read; is this a registry?"
            ) from None
        own, other = urlsplit(self._base), urlsplit(url)
        if own.scheme == "https" and other.scheme == "http" and own.hostname == other.hostname:
            return urlunsplit(("https", own.netloc, *other[2:]))
        return url

    def retry(self, act: Callable[[], Result]) -> Result:
        """Try again what may go right next time."""
        return retry(act, self._transport.patience, self._transport.pause, self._tell)

    def _tell(self, error: TransientError) -> None:
        """Say once why it takes longer: whoever waits in silence thinks that it hangs."""
        if not self._has_warned:
            self._has_warned = True
            problem = str(error).partition("; ")[0]
            self._warn(f"{self._authentication.redact(self._redact(problem))}; trying again")

    def call(
        self,
        repository: Repository,
        request: Request,
        scopes: Scopes,
        doing: str,
        may_lack: frozenset[int] = frozenset(),
    ) -> Answer | None:
        """Send until it succeeds; none for the statuses that mean "not there".

        Args:
            doing: completes "cannot" in the message of a refusal.
        """

        def act() -> Answer | None:
            answer = self.exchange(repository, request, scopes)
            if answer.status in may_lack:
                return None
            if answer.status >= HTTPStatus.MULTIPLE_CHOICES:  # success is below
                raise self.refusal(repository, answer, doing)
            if answer.is_html:
                raise not_a_registry(str(repository), answer)
            return answer

        return self.retry(act)

    def refusal(self, repository: Repository, answer: Answer, doing: str) -> RegistryError:
        """Word an answer that says no, without secrets that it may repeat."""
        is_anonymous = (
            answer.status == HTTPStatus.FORBIDDEN
            and not answer.foreign_host
            and not self._authentication.found(repository).credentials
        )
        error = refusal(answer, str(repository), doing, repository.registry if is_anonymous else "")
        error.args = (self._authentication.redact(self._redact(str(error))),)
        return error

    def exchange(
        self,
        repository: Repository,
        request: Request,
        scopes: Scopes,
        receive: Receive | None = None,
        *,
        sends_once: bool = False,
    ) -> Answer:
        """Send one request, logged in, and follow where it leads.

        Args:
            sends_once: a login that has expired is renewed, but the body is
                not sent again: the whole upload starts anew.
        """
        for _ in range(_MOST_REDIRECTS):
            base = self._base  # once: another thread may find out about TLS at any time
            request = _moved(request, base)
            if origin_of(request.url) == origin_of(base):
                answer = self._send(repository, request, scopes, receive, sends_once=sends_once)
            else:  # what is foreign never sees our login
                answer = self._transport.send(request, str(repository), receive)
                answer = replace(answer, foreign_host=urlsplit(request.url).netloc.rpartition("@")[2])
            keeps_method = request.method in {"GET", "HEAD"} or answer.status in _KEEPING_METHOD
            if answer.status not in _REDIRECTS or "location" not in answer.headers or not keeps_method:
                return answer
            request = replace(request, url=self.join(repository, request.url, answer.headers["location"]))
        raise RegistryError(f"{repository}: leads from address to address without end; is this a registry?")

    def _send(
        self,
        repository: Repository,
        request: Request,
        scopes: Scopes,
        receive: Receive | None,
        *,
        sends_once: bool,
    ) -> Answer:
        used = self._authentication.header(repository, scopes)
        answer = self._settle(_authorised(request, used), str(repository), receive)
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return answer
        renewed = self._authentication.renew(repository, scopes, used, answer)
        if sends_once:
            raise TransientError(f"{repository}: the login expired while a blob was sent", wait_seconds=0)
        answer = self._settle(_authorised(_moved(request, self._base), renewed), str(repository), receive)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise self._authentication.refused(repository, answer)
        return answer

    def _settle(self, request: Request, where: str, receive: Receive | None) -> Answer:
        """Send a request; the first ones to loopback, from any thread, find out whether there is TLS."""
        if self._is_settled:
            return self._transport.send(_moved(request, self._base), where, receive)
        try:
            plain: Answer | None = self._transport.send(request, where, receive)
        except TransientError as error:
            plain, failure = None, error
        # 400 is what servers with TLS answer to plain HTTP.
        if plain and plain.status != HTTPStatus.BAD_REQUEST:
            self._is_settled = True
            return plain
        try:
            answer = self._transport.send(_with_scheme(request, "https"), where, receive)
        except (PlainTextError, TransientError):
            if plain:
                return plain
            raise failure from None
        self._base, self._is_settled = f"https://{urlsplit(self._base).netloc}", True
        return answer

    def _fetch_token(self, request: Request, where: str) -> Answer:
        def act() -> Answer:
            answer = self._transport.send(request, where)
            if answer.status in TRANSIENT:
                raise refusal(answer, where, "get a token")
            return answer

        return self.retry(act)


def _moved(request: Request, base: str) -> Request:
    """Follow a change of the scheme, which the first request may have brought about."""
    parts, own = urlsplit(request.url), urlsplit(base)
    return _with_scheme(request, own.scheme) if parts.netloc == own.netloc else request


def _with_scheme(request: Request, scheme: str) -> Request:
    return replace(request, url=urlunsplit((scheme, *urlsplit(request.url)[1:])))


def _authorised(request: Request, header: str) -> Request:
    return replace(request, headers={**request.headers, "Authorization": header}) if header else request
