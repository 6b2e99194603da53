"""Send single requests: pools of connections, TLS, proxies, timeouts.

urllib3 itself reads neither proxy variables nor SSL_CERT_FILE, so this does.
Nothing here knows credentials, redirects or retries.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit, urlunsplit

import certifi
import urllib3
from msgspec import Struct
from urllib3.response import BaseHTTPResponse

from gomab_tasks import __version__
from gomab_tasks.errors import RegistryError, StoppedError
from gomab_tasks.oci.descriptor import LARGEST_DOCUMENT
from gomab_tasks.registry.failure import connection_failure
from gomab_tasks.registry.message import Answer, Origin, Request, Upload, origin_of
from gomab_tasks.registry.pool import Pool, make_pool
from gomab_tasks.registry.proxy import is_loopback, proxy_for

Receive = Callable[[Answer, Iterator[bytes]], None]
"""Takes an answer without its body, and the pieces of the body."""

# An image of two platforms has 6 blobs; with its root and a tag all are looked for, and uploads started, in
# one round trip.
WORKERS = 16
# Several images may be pushed at once, and urllib3 warns when it discards connections.
_KEPT = 8 * WORKERS
_PIECE = 256 << 10
# Its debug lines show whole addresses, and those of uploads are as good as a
# login; Nox lets everything through that anybody logs.
logging.getLogger("urllib3").setLevel(logging.WARNING)
_POLL_SECONDS = 0.1
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


class Patience(Struct, frozen=True):
    """Hold how long and how often to try.

    Attributes:
        backoff_seconds: the longest wait before the second try; doubles for each further one.
        longest_wait_seconds: a registry that asks to wait longer is an error.
        stall_seconds: how long nothing may move on a connection.
        arrival_seconds: how long the answer to a file may take: what is in buffers on the way arrives first.
    """

    attempts: int = 6
    backoff_seconds: float = 0.5
    longest_wait_seconds: float = 60
    connect_seconds: float = 10
    stall_seconds: float = 30
    arrival_seconds: float = 120


class Transport:
    """Send requests, from several threads, until closed or stopped.

    Args:
        environment: of the run: proxies and CA files.
        check: raises `StoppedError` once the run is to end.
        plain_http: registries, `HOST` or `HOST:PORT`, that may be spoken to
            without TLS; those on loopback always may.
        ca_file: trusted as well.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        check: Callable[[], None],
        plain_http: Collection[str] = (),
        ca_file: Path | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.patience = patience or Patience()
        self._environment = environment
        self._check = check
        self._plain_http = plain_http
        self._ca_file = ca_file
        self._pools: dict[Origin, Pool] = {}
        self._answered: set[Origin] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._stopped = False
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Close all connections."""
        self._closed.set()
        with self._lock:
            for pool in self._pools.values():
                pool.close()

    def stop(self) -> None:
        """Break off what is under way: connections may stall for longer than a user waits."""
        self._stopped = True
        with self._lock:
            for pool in self._pools.values():
                pool.break_off()

    def check(self) -> None:
        """Raise `StoppedError` once the run is to end."""
        self._check()
        if self._stopped:
            raise StoppedError("interrupted")

    def pause(self, seconds: float) -> None:
        """Wait; ends early, with `StoppedError`, when the run is to end."""
        whole, rest = divmod(seconds, _POLL_SECONDS)
        for part in [*[_POLL_SECONDS] * int(whole), rest]:
            self.check()
            self._closed.wait(part)

    def is_plain_allowed(self, host: str) -> bool:
        """Tell whether a host, `HOST` or `HOST:PORT`, may be spoken to without TLS."""
        name = urlsplit(f"//{host}").hostname or ""
        return host in self._plain_http or name in self._plain_http or is_loopback(name)

    def send(self, request: Request, where: str, receive: Receive | None = None) -> Answer:
        """Send one request and read its answer, at most 4 MiB of it.

        Args:
            where: what messages are about.
            receive: takes the body of a successful answer instead.

        Raises `RegistryError`; `TransientError` for what may go right next time.
        """
        self.check()
        parts = urlsplit(request.url)
        host = parts.netloc.rpartition("@")[2]
        if parts.scheme != "https" and not (parts.scheme == "http" and self.is_plain_allowed(host)):
            raise RegistryError(f"{where}: leads to {_shown(request.url)}, which is not encrypted; refused")
        try:
            return self._send(request, receive)
        except urllib3.exceptions.HTTPError as error:
            self.check()  # a connection that we broke off is no failure of the registry
            has_answered = origin_of(request.url) in self._answered
            raise connection_failure(error, where, host, has_answered=has_answered) from error

    def _send(self, request: Request, receive: Receive | None) -> Answer:
        pool = self._pool(origin_of(request.url))
        parts = urlsplit(request.url)
        target = (
            request.url if pool.proxy and parts.scheme == "http" else urlunsplit(("", "", *parts[2:4], ""))
        )
        headers = {"User-Agent": f"gomab-tasks/{__version__}", **request.headers}
        with _opened(request, headers) as body:
            response = pool.urlopen(
                request.method,
                target,
                body=body,
                headers=headers,
                timeout=self._timeout(request.body),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
        try:
            return self._read(response, request, receive)
        finally:
            if response.connection is not None:  # the body was not read to its end
                response.close()

    def _read(self, response: BaseHTTPResponse, request: Request, receive: Receive | None) -> Answer:
        self._answered.add(origin_of(request.url))
        headers = {name.lower(): value for name, value in response.headers.items()}
        challenges = tuple(response.headers.getlist("www-authenticate"))
        answer = Answer(response.status, headers, challenges)
        if receive and response.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            receive(answer, self._pieces(response))
            return answer
        if request.method == "HEAD":
            response.drain_conn()
            return answer
        return Answer(response.status, headers, challenges, self._body(response))

    def _body(self, response: BaseHTTPResponse) -> bytes:
        body = b""
        for piece in self._pieces(response):
            body += piece
            if len(body) > LARGEST_DOCUMENT:
                return body[: LARGEST_DOCUMENT + 1]
        return body

    def _pieces(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        while piece := response.read(_PIECE):
            self.check()
            yield piece

    def warm(self, url: str) -> None:
        """Connect in the background: by the time many requests come, as many connections are there."""
        origin = origin_of(url)
        if origin not in self._pools and (pool := self._pool(origin)).proxy is None:
            pool.warm(WORKERS)

    def _pool(self, origin: Origin) -> Pool:
        with self._lock:
            if origin not in self._pools:
                self._pools[origin] = self._make_pool(origin)
            return self._pools[origin]

    def _make_pool(self, origin: Origin) -> Pool:
        proxy = proxy_for(*origin, self._environment)
        has_tls = "https" in {origin[0], urlsplit(proxy or "").scheme}
        return make_pool(
            origin,
            proxy,
            maxsize=_KEPT,
            timeout=self._timeout(None),
            ssl_context=trust(self._environment, self._ca_file) if has_tls else None,
        )

    def _timeout(self, body: object) -> urllib3.Timeout:
        """Give the times to connect, and to wait for the answer to a body."""
        seconds = self.patience.arrival_seconds if isinstance(body, Upload) else self.patience.stall_seconds
        return urllib3.Timeout(connect=self.patience.connect_seconds, read=seconds)

    def _watch(self) -> None:
        """Notice the end of the run while all threads wait for the network, or still connect."""
        while not self._closed.wait(_POLL_SECONDS):
            try:
                self.check()
            except StoppedError:
                self.stop()


@contextlib.contextmanager
def _opened(request: Request, headers: dict[str, str]) -> Iterator[bytes | IO[bytes] | None]:
    if not isinstance(request.body, Upload):
        yield request.body
        return
    # Without it urllib3 would send a file in chunks, which many registries refuse.
    headers["Content-Length"] = str(request.body.size)
    with request.body.opened() as reader:
        yield cast("IO[bytes]", reader)  # urllib3 calls read() alone


def trust(environment: Mapping[str, str], ca_file: Path | None) -> ssl.SSLContext:
    """Trust what the environment names, else what the system does, else certifi; and `ca_file`.

    Raises `RegistryError` for a file that is none of certificates.
    """
    named = next(((name, environment[name]) for name in _CA_VARIABLES if environment.get(name)), None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if named:
        _load(context, Path(named[1]), named[0])
    else:
        context.load_default_certs()
        if not context.cert_store_stats()["x509_ca"]:
            _load(context, Path(certifi.where()), "certifi")
    if ca_file:
        _load(context, ca_file, "registry.ca-file")
    return context


def _load(context: ssl.SSLContext, path: Path, name: str) -> None:
    try:
        load_certificates(context, path)
    except ValueError as error:
        raise RegistryError(f"{name} is '{path}', which {error}") from None


def load_certificates(context: ssl.SSLContext, path: Path) -> None:
    """Trust the certificates of a file as well.

    Raises `ValueError` that says of the file why that cannot be.
    """
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError("holds no CA certificates in PEM form") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


def _shown(url: str) -> str:
    """Leave out what may be secret: user and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
