"""Servers that tests run, and how to wait for them."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_REGISTRY = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{port}}}
"""


@contextmanager
def run_registry(program: Path, folder: Path) -> Iterator[str]:
    """Run docker-registry with a folder of its own, and give its address."""
    port = free_port()
    settings = folder / "registry.yml"
    settings.write_text(_REGISTRY.format(root=folder / "storage", port=port))
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
    try:
        wait_until_up(f"http://127.0.0.1:{port}/v2/", folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(port: int, log: Path) -> None:
    """Wait until a server that was just started takes connections; else fail with its log."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"nothing listens at {port}: {log.read_text()}")


def wait_until_up(url: str, log: Path) -> None:
    """Wait until a server that was just started answers with success; else fail with its log."""
    # A proxy of the environment must not see loopback addresses.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{url} does not answer: {log.read_text()}")
