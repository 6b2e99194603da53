"""What several tests of images need: layouts, golden files, a real registry."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gomab_tasks.oci.layout import Layout

Golden = Callable[[str, bytes], None]
ToolFactory = Callable[[str], Path]

_REGISTRY = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{port}}}
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Give a layout whose folder does not exist yet."""
    return Layout(tmp_path / "layout")


@pytest.fixture
def golden() -> Golden:
    """Compare bytes with a file of golden/; GOMAB_UPDATE_GOLDEN=1 writes them instead."""

    def compare(name: str, content: bytes) -> None:
        path = Path(__file__).parent / "golden" / name
        if os.environ.get("GOMAB_UPDATE_GOLDEN"):
            path.write_bytes(content + b"\n")
        assert content + b"\n" == path.read_bytes()

    return compare


@pytest.fixture(scope="session")
def registry(tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an empty docker-registry and give its address, `127.0.0.1:PORT`."""
    program = tool("docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / "registry.yml"
    settings.write_text(_REGISTRY.format(root=folder / "storage", port=port))
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/v2/", folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait()


def _wait_until_up(url: str, log: Path) -> None:
    # A proxy of the environment must not see loopback addresses.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with opener.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"docker-registry did not start: {log.read_text()}")
