"""Hold the connections to one server: make some ahead, break all of them off."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from collections.abc import Mapping
from typing import cast
from urllib.parse import unquote, urlsplit

from urllib3 import PoolManager, ProxyManager, make_headers
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from gomab_tasks.registry.message import Origin

# Each piece has the time of a stall to leave, also where many connections share a slow line; and what waits
# to be sent is kept small, or the system would take no more until much of it has left.
_PIECE = 16 << 10
_WAITING = (socket.IPPROTO_TCP, getattr(socket, "TCP_NOTSENT_LOWAT", 0), 128 << 10)
_SOCKET_OPTIONS = [*HTTPConnection.default_socket_options, *([_WAITING] if _WAITING[1] else [])]


class Pool(HTTPConnectionPool):
    """Know the connections that were made, also those that are in use."""

    def __init__(self, host: str, port: int | None = None, **options: object) -> None:
        super().__init__(host, port, **options)  # type: ignore[arg-type]
        self._made: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._made_lock = threading.Lock()

    def _new_conn(self) -> HTTPConnection:
        connection = cast("HTTPConnection", super()._new_conn())
        with self._made_lock:
            self._made.add(connection)
        return connection

    def _validate_conn(self, conn: HTTPConnection) -> None:  # type: ignore[override]
        """Have a connection before each request; from then on time counts only while nothing moves."""
        if conn.is_closed:
            conn.connect()
        super()._validate_conn(conn)
        conn.sock.settimeout(self.timeout.read_timeout)

    def warm(self, number: int) -> None:
        """Connect in the background: by the time many requests come, as many connections are there."""
        # All are taken first: what was just put back would be handed out again.
        for connection in [cast("HTTPConnection", self._get_conn()) for _ in range(number)]:
            threading.Thread(target=self._connect, args=(connection,), daemon=True).start()

    def _connect(self, connection: HTTPConnection) -> None:
        try:
            if connection.is_closed:
                connection.connect()
        except (OSError, HTTPError):  # the request that needs it will tell
            connection.close()
        self._put_conn(connection)

    def break_off(self) -> None:
        """End what is under way; whoever waits for it gets an error."""
        with self._made_lock:
            for connection in list(self._made):
                # TLS in TLS, to a proxy, is no socket; what it wraps is.
                wire = getattr(connection.sock, "socket", connection.sock)
                if wire is not None:
                    with contextlib.suppress(OSError):
                        # Not that of ssl.SSLSocket, which other threads use at the moment.
                        socket.socket.shutdown(wire, socket.SHUT_RDWR)


class TLSPool(Pool, HTTPSConnectionPool):  # type: ignore[misc]
    """Hold connections that are encrypted."""


def make_pool(origin: Origin, proxy: str | None, **options: object) -> Pool:
    """Make a pool of connections to a server, or to the proxy that leads there.

    Args:
        proxy: its address, with a login or without.
        options: of urllib3's pools.
    """
    scheme, host, port = origin
    options |= {"blocksize": _PIECE, "socket_options": _SOCKET_OPTIONS}
    manager = _proxy_manager(proxy, options) if proxy else PoolManager(**options)  # type: ignore[arg-type]
    manager.pool_classes_by_scheme = {"http": Pool, "https": TLSPool}
    pool = manager.connection_from_host(host, port, scheme)
    assert isinstance(pool, Pool)
    return pool


def _proxy_manager(proxy: str, options: Mapping[str, object]) -> ProxyManager:
    parts = urlsplit(proxy)
    user, _, place = parts.netloc.rpartition("@")
    headers = make_headers(proxy_basic_auth=unquote(user)) if user else {}
    address, context = f"{parts.scheme}://{place}", options.get("ssl_context")
    return ProxyManager(address, proxy_headers=headers, proxy_ssl_context=context, **options)  # type: ignore[arg-type]
