"""What several tests of images need: layouts, golden files, a real registry."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import (
    CONFIG,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    Layer,
    digest_of,
    to_json,
)
from gomab_tasks.oci.image import History, ImageSpec, config_bytes, index_bytes, manifest_bytes
from gomab_tasks.oci.layer import Entry, write_layer
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.verify import verify_layout
from gomab_tasks.platforms import Platform

Golden = Callable[[str, bytes], None]
ToolFactory = Callable[[str], Path]
Document = dict[str, Any]
Change = Callable[[Document], object]
Refused = Callable[..., None]

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


PLATFORMS = (Platform("linux", "amd64"), Platform("linux", "arm", "v7"))


@dataclass(frozen=True, slots=True)
class Made:
    """Hold what `made` wrote: two platforms that share their first layer."""

    layout: Layout
    index: Descriptor
    manifests: tuple[Descriptor, ...]
    layers: Mapping[Platform, tuple[Layer, Layer]]


@pytest.fixture
def made(layout: Layout) -> Made:
    """Write a small but whole layout, as a build does."""
    shared = write_layer([Entry(path="tmp", kind="directory", mode=0o1777)], layout, 1)
    layers, manifests = {}, []
    for platform in PLATFORMS:
        program = Entry(path="app/api", kind="file", mode=0o755, source=f"{platform}\n".encode() * 1000)
        layers[platform] = (shared, write_layer([program], layout, 1))
        spec = ImageSpec(entrypoint=("/app/api",), user="65532:65532", workdir="/app")
        history = [History(created_by="gomab: root files"), History(created_by="gomab: /app/api")]
        config = layout.put_blob(CONFIG, config_bytes(spec, platform, layers[platform], history=history))
        content = manifest_bytes(config, [layer.descriptor for layer in layers[platform]])
        manifests.append(replace(layout.put_blob(MANIFEST, content), platform=platform))
    index = layout.put_blob(INDEX, index_bytes(manifests, {"org.opencontainers.image.revision": "abc"}))
    layout.write_index(index, "v1")
    return Made(layout, index, tuple(manifests), layers)


def _unchanged(document: Document) -> None:
    """Leave a document as it is."""


class Forgery:
    """Change documents of a layout and mend all digests and sizes above them.

    So only the change itself is wrong. Places in messages are kept as written
    last: `index`, `manifest` and `config` of linux/amd64.
    """

    def __init__(self, made: Made) -> None:
        self.made = made
        self.layout = made.layout
        self.index = self.manifest = self.config = ""

    def write(
        self, config: Change = _unchanged, manifest: Change = _unchanged, index: Change = _unchanged
    ) -> None:
        top = self._read(self.made.index)
        entry = self._read(self.made.manifests[0])
        self.config = self._put(entry["config"], self._read_digest(entry["config"]["digest"]), config)
        self.manifest = self._put(top["manifests"][0], entry, manifest)
        descriptor: Document = {}
        self.index = self._put(descriptor, top, index)
        self.layout.write_index(Descriptor(INDEX, descriptor["digest"], descriptor["size"]))

    def put_layer(self, content: bytes, tar: bytes, media_type: str = LAYER_GZIP) -> str:
        """Make `content` the last layer of linux/amd64 and `tar` what it should unpack to."""
        stored = self.layout.put_blob(media_type, content)

        def config(document: Document) -> None:
            document["rootfs"]["diff_ids"][1] = digest_of(tar)

        def manifest(document: Document) -> None:
            document["layers"][1] = stored.to_dict()

        self.write(config, manifest)
        return blob_name(stored.digest)

    def _put(self, descriptor: Document, document: Document, change: Change) -> str:
        change(document)
        stored = self.layout.put_blob("", to_json(document))
        descriptor |= {"digest": stored.digest, "size": stored.size}
        return blob_name(stored.digest)

    def _read(self, descriptor: Descriptor) -> Document:
        return self._read_digest(descriptor.digest)

    def _read_digest(self, digest: str) -> Document:
        document: Document = json.loads(self.layout.blob_path(digest).read_bytes())
        return document


@pytest.fixture
def forgery(made: Made) -> Forgery:
    """Give a whole layout whose documents can be changed."""
    return Forgery(made)


@pytest.fixture
def known(made: Made) -> dict[str, Layer]:
    """Give the layers of `made` by digest, as a run knows those it wrote."""
    return {layer.descriptor.digest: layer for layers in made.layers.values() for layer in layers}


@pytest.fixture(params=["unpacked", "known"])
def maybe_known(request: pytest.FixtureRequest, known: dict[str, Layer]) -> dict[str, Layer] | None:
    """Let a test run twice: with layers that must be unpacked, and with known ones."""
    return known if request.param == "known" else None


@pytest.fixture
def refused() -> Refused:
    """Expect a layout to be refused with a message that starts like this."""

    def verify(layout: Layout, message: str, known: Mapping[str, Layer] | None = None) -> None:
        with pytest.raises(VerificationError, match="^" + re.escape(message)):
            verify_layout(layout, known)

    return verify
