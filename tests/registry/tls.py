"""Certificates, and servers that put TLS before others."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ToolFactory

_NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.example"
_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificate(tool: ToolFactory, folder: Path) -> tuple[Path, Path]:
    """Write a certificate that signs itself, and its key: of this machine and registry.example."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *(tool("openssl"), "req", "-x509", *_EC, "-days", "2"),
            *("-subj", "/CN=registry", "-addext", _NAMES, "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def speaking_tls(pair: tuple[Path, Path], behind: str, *, is_proxy: bool = False) -> Iterator[str]:
    """Put TLS before the plain server at an address; as a proxy, lead every CONNECT there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)

    class Bound(_Tunnel):
        tls, target, takes_connect = context, behind, is_proxy

    with _Server(("127.0.0.1", 0), Bound) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


class _Tunnel(socketserver.BaseRequestHandler):
    tls: ssl.SSLContext
    target: str
    takes_connect: bool

    def handle(self) -> None:
        """Pass bytes on in both directions; clients may break off at any time."""
        host, _, port = self.target.partition(":")
        with (
            contextlib.suppress(OSError),
            self.tls.wrap_socket(self.request, server_side=True) as near,
            socket.create_connection((host, int(port))) as far,
        ):
            if self.takes_connect:
                _answer_connect(near)
            back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
            back.start()
            _pass_on(near, far)
            back.join()


def _answer_connect(near: socket.socket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += near.recv(4096)
    assert head.startswith(b"CONNECT ")
    near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
