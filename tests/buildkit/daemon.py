"""Run a real BuildKit, and give it a Go image that is made here."""

from __future__ import annotations

import importlib.resources
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import certifi
from msgspec.structs import replace

from gomab_tasks.oci.descriptor import CONFIG, INDEX, MANIFEST
from gomab_tasks.oci.image import ImageSpec, config_bytes, index_bytes, manifest_bytes
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.platforms import Platform
from tests.layers import write_layer

_COMMANDS = ("chmod", "chown", "cp", "mkdir", "printf", "rm", "sh")
_SETTINGS = """\
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


def push_go_image(target: str, goroots: Mapping[Platform, Path], busybox: Path, layout: Layout) -> None:
    """Push an image with Go for some platforms to `HOST:PORT/NAME:TAG`.

    Args:
        goroots: the folder of each platform's Go.
        busybox: of the machine's own platform, which runs in every image on this machine.
        layout: an empty one, to write into.
    """
    manifests = []
    for platform, goroot in goroots.items():
        layer = write_layer(_entries(goroot, busybox), layout)
        spec = ImageSpec(env=("PATH=/usr/local/go/bin:/bin", "GOTOOLCHAIN=local"))
        config = layout.put_blob(CONFIG, config_bytes(spec, platform, [layer]))
        manifest = layout.put_blob(MANIFEST, manifest_bytes(config, [layer.descriptor]))
        manifests.append(replace(manifest, platform=platform))
    layout.write_index(layout.put_blob(INDEX, index_bytes(manifests)))
    argv = ["skopeo", "copy", "--all", "--quiet", "--dest-tls-verify=false"]
    subprocess.run([*argv, f"oci:{layout.folder}", f"docker://{target}"], check=True, capture_output=True)


def _entries(goroot: Path, busybox: Path) -> Iterator[Entry]:
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
                # Go's own download of a toolchain has no x bits.
                mode = 0o755 if inside.parts[0] == "bin" or inside.parts[:2] == ("pkg", "tool") else 0o644
                yield Entry(path=f"usr/local/go/{inside}", kind="file", mode=mode, source=path)


def _is_left_out(path: Path) -> bool:
    return path.parts[:2] == ("src", "cmd") or "testdata" in path.parts or path.name.endswith("_test.go")


class Daemon:
    """Run a buildkitd in a folder for the block; `kill` ends it at once."""

    def __init__(self, folder: Path, registry: str) -> None:
        """Start it; images without a registry of their own come from `registry`."""
        self._log = folder / "log"
        settings = folder / "buildkitd.toml"
        settings.write_text(_SETTINGS.format(folder=folder, registry=registry))
        self.address = f"unix://{folder}/s"
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(["buildkitd", "--config", settings], stdout=log, stderr=log)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            argv = ["buildctl", "--addr", self.address, "debug", "workers"]
            if not subprocess.run(argv, capture_output=True, check=False).returncode:
                return self
            time.sleep(0.1)
        self.kill()
        raise RuntimeError(f"buildkitd does not answer: {self._log.read_text()}")

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        self._child.wait()

    def cpu_seconds(self) -> float:
        """Give the processor time so far, with all steps of builds that have ended (proc_pid_stat(5))."""
        stat = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End it as a machine that fails does."""
        self._child.kill()
        self._child.wait()
