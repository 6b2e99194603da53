"""Run servers on this machine's loopback while a benchmark needs them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_REGISTRY = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{storage}"}}}}
http: {{addr: "{address}"}}
"""


def free_address() -> str:
    """Give HOST:PORT on loopback where nothing listens yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def serving(argv: Sequence[str], address: str, folder: Path) -> Iterator[None]:
    """Run a server for the block, which begins once it answers; its log lies in the folder."""
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(address)
        yield
    finally:
        server.terminate()
        server.wait()


def wait_for(address: str) -> None:
    """Wait until something listens; exit after 5 seconds."""
    host, port = address.split(":")
    for _ in range(100):
        with socket.socket() as attempt:
            if attempt.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"no server answers at {address}")


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Give the address of a registry that keeps nothing but what lies in FOLDER/storage."""
    folder.mkdir()
    address = free_address()
    settings = folder / "registry.yml"
    settings.write_text(_REGISTRY.format(storage=folder / "storage", address=address))
    with serving(("docker-registry", "serve", str(settings)), address, folder):
        yield address
