"""Networks that fail, stall or lead nowhere are borne or told, and never outlast Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from gomab_tasks.errors import RegistryError, StoppedError
from gomab_tasks.process import Processes
from gomab_tasks.registry.message import Request, Upload
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.transfer import Destination, push, read_content
from gomab_tasks.registry.transport import Patience, Transport
from tests.conftest import Made
from tests.registry.conftest import OpenClient, Push
from tests.registry.faults import answering, stalling
from tests.registry.server import State, serving
from tests.servers import free_port

BLOB_PUT = r"PUT .*/blobs/uploads/"


def test_an_unknown_host_is_named(pushed: Push) -> None:
    """A misspelt registry."""
    with pytest.raises(RegistryError, match=r"the host registry\.invalid is unknown"):
        pushed(address="registry.invalid")


def test_a_registry_that_restarts_is_waited_for(opened: OpenClient, made: Made) -> None:
    """It has answered before, so a refused connection is no wrong name."""
    with serving() as first:
        address = first.address
        with opened(address, patience=Patience(attempts=8, backoff_seconds=0.1)) as client:
            repository = Repository(address, "acme/api")
            assert client.find_digest(repository, "v1") is None
            first.close()
            timer = threading.Timer(0.2, first.listen)
            timer.start()
            push(client, read_content(made.layout, made.index), Destination(repository, ("v1",)))
            timer.join()
    assert first.tags["acme/api", "v1"] == made.index.digest


def test_a_refused_connection_is_told(pushed: Push) -> None:
    """A registry that does not run."""
    port = free_port()
    with pytest.raises(RegistryError, match=rf"cannot connect to 127\.0\.0\.1:{port}: Connection refused"):
        pushed(address=f"127.0.0.1:{port}")


def test_a_stalled_connection_is_given_up(strict: State, pushed: Push) -> None:
    """It does not hang for ever."""
    strict.fail("HEAD", stalling(3), times=100)
    with pytest.raises(RegistryError, match="stalled"):
        pushed(client={"patience": Patience(attempts=2, backoff_seconds=0.01, stall_seconds=0.2)})


def test_a_slow_line_is_no_stall(environment: dict[str, str], tmp_path: Path) -> None:
    """However long all of it takes, something moves; what lies in buffers has to arrive as well."""
    body = tmp_path / "blob"
    body.write_bytes(bytes(320 << 10))

    def take(server: socket.socket) -> None:
        with server.accept()[0] as connection:
            left = len(body.read_bytes())
            left -= len(connection.recv(16 << 10).partition(b"\r\n\r\n")[2])
            while left > 0:
                time.sleep(0.04)
                left -= len(connection.recv(16 << 10))
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        server.bind(("127.0.0.1", 0))
        server.listen()
        threading.Thread(target=take, args=(server,), daemon=True).start()
        transport = Transport(environment, lambda: None, patience=Patience(stall_seconds=0.5))
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        answer = transport.send(Request("PUT", url, body=Upload(body, body.stat().st_size)), "blob")
        transport.close()
    assert answer.status == 201


def test_the_end_of_the_run_breaks_off_a_stall(
    strict: State, pushed: Push, environment: dict[str, str]
) -> None:
    """Ctrl-C does not wait for the network."""
    processes = Processes(environment, str)
    strict.fail("HEAD", stalling(3), times=100)
    timer = threading.Timer(0.3, processes.stop)
    timer.start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        pushed(client={"processes": processes, "patience": Patience()})
    assert time.monotonic() - start < 2.5
    timer.join()


@pytest.mark.parametrize("requests", ["HEAD .*/manifests/sha256", "HEAD .*/blobs/", BLOB_PUT])
def test_ctrl_c_breaks_off_a_stall(strict: State, pushed: Push, requests: str) -> None:
    """Whether one connection waits or several."""
    strict.fail(requests, stalling(3), times=100)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pushed(client={"patience": Patience()})
    assert time.monotonic() - start < 2.5
    timer.join()


def test_the_end_of_the_run_breaks_off_a_wait(
    strict: State, pushed: Push, environment: dict[str, str]
) -> None:
    """Neither does it wait for Retry-After."""
    processes = Processes(environment, str)
    strict.fail("HEAD", answering(429, Retry_After="30"), times=100)
    timer = threading.Timer(0.3, processes.stop)
    timer.start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        pushed(client={"processes": processes, "patience": Patience()})
    assert time.monotonic() - start < 5
    timer.join()


def test_a_server_of_another_protocol_is_told(pushed: Push) -> None:
    """Something that answers neither HTTP nor TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            for _ in range(40):
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"220 mail.example.com ESMTP\r\n")

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(RegistryError, match=rf"127\.0\.0\.1:{port}"):
            pushed(address=f"127.0.0.1:{port}")


def test_addresses_stay_out_of_logs(pushed: Push, caplog: pytest.LogCaptureFixture) -> None:
    """Nox logs whatever is logged at any level; addresses of uploads may hold a login."""
    caplog.set_level(logging.DEBUG)
    pushed()
    assert not [record for record in caplog.records if record.name.startswith("urllib3")]
