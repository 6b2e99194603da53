"""Write layers, and read images as an engine does: layer over layer."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from gomab_tasks.oci.descriptor import Layer
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.oci.verify import verify_layout


def write_layer(entries: Iterable[Entry], layout: Layout) -> Layer:
    """Write a layer's blob into a layout, as a first run does."""
    with TemporaryDirectory() as folder:
        return LayerCache(Path(folder)).layer(entries, layout, jobs=2)


def layers_of(layout: Layout, platform: str) -> Iterator[tarfile.TarFile]:
    """Open the layers of a platform's image, lowest first; tarfile and gzip are Python's own."""
    (image,) = (image for image in verify_layout(layout) if str(image.platform) == platform)
    for layer in image.layers:
        blob = layout.blob_path(layer.descriptor.digest)
        yield tarfile.open(blob, mode="r:gz")  # noqa: SIM115 - its user closes it


def members_of(layout: Layout, platform: str) -> dict[str, tarfile.TarInfo]:
    """List what a container would see, by path."""
    found: dict[str, tarfile.TarInfo] = {}
    for layer in layers_of(layout, platform):
        with layer:
            found |= {member.name: member for member in layer.getmembers()}
    return found


def content_of(layout: Layout, platform: str, path: str) -> bytes:
    """Read a file as a container would see it."""
    content = b""
    for layer in layers_of(layout, platform):
        with layer:
            if path in layer.getnames() and (file := layer.extractfile(path)):
                content = file.read()
    return content
