"""Connections are known, whoever makes them, and can all be broken off."""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Iterator

from urllib3.connection import HTTPConnection

from gomab_tasks.registry.pool import Pool


class Slow(weakref.WeakSet[HTTPConnection]):
    """Have another thread make a connection while this is gone through."""

    pool: Pool

    def __iter__(self) -> Iterator[HTTPConnection]:
        for connection in super().__iter__():
            thread = threading.Thread(target=self.pool._new_conn, daemon=True)
            thread.start()
            thread.join(0.05)
            yield connection


def test_a_connection_may_be_made_while_all_are_broken_off() -> None:
    """The thread that watches for the end of the run would end instead."""
    pool = Pool("localhost", 5000)
    pool._made = made = Slow()
    made.pool = pool
    connection = pool._new_conn()
    connection.sock, other_end = socket.socketpair()
    with connection.sock, other_end:
        pool.break_off()
        other_end.settimeout(5)
        assert other_end.recv(1) == b""


def test_a_connection_that_cannot_be_made_ahead_is_put_back() -> None:
    """The request that gets it connects again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    pool = Pool("127.0.0.1", port, maxsize=1)
    pool.warm(1)
    assert pool.pool is not None
    connection = pool.pool.get(timeout=5)
    assert connection is next(iter(pool._made))
    assert connection.is_closed
