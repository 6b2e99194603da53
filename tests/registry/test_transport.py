"""Connections are watched while other threads make them."""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Iterator
from typing import cast

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from gomab_tasks.registry.transport import Transport


class Slow(weakref.WeakSet[HTTPConnection]):
    """Have another thread make a connection while this is gone through."""

    pool: HTTPConnectionPool

    def __iter__(self) -> Iterator[HTTPConnection]:
        for connection in super().__iter__():
            thread = threading.Thread(target=self.pool.ConnectionCls, args=("localhost",), daemon=True)
            thread.start()
            thread.join(0.05)
            yield connection


def test_a_connection_may_be_made_while_all_are_broken_off() -> None:
    """The thread that watches for the end of the run would end instead."""
    transport = Transport({}, lambda: None)
    transport._live = live = Slow()
    live.pool = transport._pool(("http", "localhost", 5000))
    connection = cast("HTTPConnection", live.pool.ConnectionCls("localhost"))
    connection.sock, other_end = socket.socketpair()
    with connection.sock, other_end:
        transport.stop()
        other_end.settimeout(5)
        assert other_end.recv(1) == b""
    transport.close()
