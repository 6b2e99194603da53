"""A real BuildKit with a Go image that is made here, and both ways to speak to it."""

from __future__ import annotations

import importlib.resources
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import certifi
import pytest

from gomab_tasks.oci.descriptor import CONFIG, INDEX, MANIFEST
from gomab_tasks.oci.image import ImageSpec, config_bytes, index_bytes, manifest_bytes
from gomab_tasks.oci.layer import write_layer
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.platforms import Platform

ToolFactory = Callable[[str], Path]

# What tests/modules ask for; the toolchain inside is the machine's own.
GO_IMAGE = "library/golang:1.21"
_COMMANDS = ("chmod", "chown", "cp", "mkdir", "printf", "rm", "sh")
_DAEMON = """\
root = "{folder}/state"
insecure-entitlements = ["network.host"]
[grpc]
address = ["unix://{folder}/s"]
[worker.oci]
enabled = true
networkMode = "host"
[worker.containerd]
enabled = false
[registry."{registry}"]
http = true
insecure = true
[registry."docker.io"]
mirrors = ["{registry}"]
"""


@pytest.fixture(scope="session")
def go_image(registry: str, go: Path, tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Push an image with the machine's Go, for the machine's own platform; give its registry."""
    layout = Layout(tmp_path_factory.mktemp("golang"))
    asked = subprocess.run([go, "env", "GOROOT", "GOHOSTARCH"], check=True, capture_output=True, text=True)
    goroot, architecture = asked.stdout.split()
    layer = write_layer(_go_image_entries(Path(goroot), tool("busybox")), layout, os.cpu_count() or 1)
    platform = Platform("linux", architecture)
    spec = ImageSpec(env=("PATH=/usr/local/go/bin:/bin", "GOTOOLCHAIN=local"))
    config = layout.put_blob(CONFIG, config_bytes(spec, platform, [layer]))
    manifest = layout.put_blob(MANIFEST, manifest_bytes(config, [layer.descriptor]))
    layout.write_index(layout.put_blob(INDEX, index_bytes([replace(manifest, platform=platform)])))
    argv: list[str | Path] = [tool("skopeo"), "copy", "--all", "--quiet", "--dest-tls-verify=false"]
    target = f"docker://{registry}/{GO_IMAGE}"
    subprocess.run([*argv, f"oci:{layout.folder}", target], check=True, capture_output=True)
    return registry


def _go_image_entries(goroot: Path, busybox: Path) -> Iterator[Entry]:
    """List the least that looks like golang: a shell, Go without its own tests, certificates, zones."""
    yield Entry(path="bin/busybox", kind="file", mode=0o755, source=busybox)
    for name in _COMMANDS:
        yield Entry(path=f"bin/{name}", kind="symlink", mode=0o777, target="busybox")
    yield Entry(path="tmp", kind="directory", mode=0o1777)
    certificates = Path(certifi.where())
    yield Entry(path="etc/ssl/certs/ca-certificates.crt", kind="file", mode=0o644, source=certificates)
    zones = Path(str(importlib.resources.files("tzdata"))) / "zoneinfo"
    yield Entry(
        path="usr/share/zoneinfo/Asia/Tokyo", kind="file", mode=0o644, source=zones / "Asia" / "Tokyo"
    )
    for top in ("bin", "pkg", "src", "lib", "VERSION", "go.env"):
        for path in [goroot / top, *(goroot / top).rglob("*")]:
            inside = path.relative_to(goroot)
            if path.is_file() and not _is_left_out(inside):
                mode = 0o755 if os.access(path, os.X_OK) else 0o644
                yield Entry(path=f"usr/local/go/{inside}", kind="file", mode=mode, source=path)


def _is_left_out(path: Path) -> bool:
    return path.parts[:2] == ("src", "cmd") or "testdata" in path.parts or path.name.endswith("_test.go")


@pytest.fixture(scope="session")
def buildkit(go_image: str, tool: ToolFactory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run buildkitd and give its address."""
    with Daemon(tmp_path_factory.mktemp("buildkit"), go_image, tool) as daemon:
        yield daemon.address


class Daemon:
    """Run a buildkitd in a folder for the block; `kill` ends it at once."""

    def __init__(self, folder: Path, registry: str, tool: ToolFactory) -> None:
        if os.geteuid() != 0:
            pytest.skip("buildkitd needs root")
        for name in ("runc", "buildctl"):
            tool(name)
        self._log = folder / "log"
        settings = folder / "buildkitd.toml"
        settings.write_text(_DAEMON.format(folder=folder, registry=registry))
        self.address = f"unix://{folder}/s"
        with self._log.open("wb") as log:
            self._child = subprocess.Popen([tool("buildkitd"), "--config", settings], stdout=log, stderr=log)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            argv = ["buildctl", "--addr", self.address, "debug", "workers"]
            if not subprocess.run(argv, capture_output=True, check=False).returncode:
                return self
            time.sleep(0.1)
        pytest.fail(f"buildkitd does not answer: {self._log.read_text()}")

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        self._child.wait()


@pytest.fixture(params=["buildctl", "buildx"])
def builder(
    request: pytest.FixtureRequest,
    buildkit: str,
    tool: ToolFactory,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Give what `buildkit.builder` is set to: an address for buildctl, then a name for buildx."""
    if request.param == "buildctl":
        return buildkit
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path_factory.mktemp("buildx")))
    subprocess.run(
        [tool("buildx"), "create", "--name", "gomab", "--driver", "remote", buildkit],
        check=True,
        capture_output=True,
    )
    return "gomab"
