"""Write an image into one file that engines and tools read.

The file is an OCI layout and a `docker save` at once: `oci-layout` and
`index.json` (OCI image-spec, image-layout.md) for Podman, skopeo's
`oci-archive:` and containerd, so for kind and for Docker where containerd keeps
its images; `manifest.json` (moby, image/spec/v1.2.md) for Docker's own store,
skopeo's `docker-archive:`, crane and container-structure-test. Both point to the
same blobs.

`manifest.json` lists one platform only, the first. It has no word for platforms,
and of several entries with one name Docker keeps the last, skopeo takes the
first, and crane and container-structure-test refuse the file. Not the machine's
own: the same image must give the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.errors import DamagedError
from gomab_tasks.oci.descriptor import INDEX, Descriptor, digest_of, to_json
from gomab_tasks.oci.image import Manifest, index_bytes
from gomab_tasks.oci.layout import LAYOUT_VERSION, Layout, blob_name
from gomab_tasks.oci.tar import Entry, complete, tar_pieces

_REF_NAME = "org.opencontainers.image.ref.name"
# What containerd, Docker and Podman call the image; the other has room for a tag only.
_CONTAINERD_NAME = "io.containerd.image.name"
_MODE = 0o644


def write_archive(layout: Layout, platforms: Sequence[Descriptor], names: Sequence[str], path: Path) -> str:
    """Write some platforms of a layout, or all, and give the digest of the index in the file.

    With all platforms that is the layout's own index, byte by byte. Layers are
    streamed, and every blob's digest is checked as it passes.

    Args:
        platforms: manifests of the layout's index, the one for `manifest.json` first.
        names: whole references with a tag, `docker.io/library/api:v1`.

    Raises `VerificationError` for a blob that is missing or damaged.
    """
    index, content = _index(layout, platforms)
    blobs = _blobs(layout, platforms)
    documents = {
        "oci-layout": to_json({"imageLayoutVersion": LAYOUT_VERSION}),
        "index.json": index_bytes(_named(index, names)),
        "manifest.json": _manifest_json(layout, platforms[0], names),
        blob_name(index.digest): content,
    }
    entries = [
        *(Entry(path=name, kind="file", mode=_MODE, source=source) for name, source in documents.items()),
        *(Entry(path=blob_name(digest), kind="file", mode=_MODE, source=path) for digest, path in blobs),
    ]
    _write(entries, path)
    return index.digest


def _index(layout: Layout, platforms: Sequence[Descriptor]) -> tuple[Descriptor, bytes]:
    whole, index = layout.read_index()
    if {one.digest for one in platforms} == {one.digest for one in index.manifests}:
        return whole, layout.read_blob(whole)
    content = index_bytes(platforms, index.annotations)
    return Descriptor(INDEX, digest_of(content), len(content)), content


def _blobs(layout: Layout, platforms: Sequence[Descriptor]) -> list[tuple[str, Path]]:
    manifests = [(one, _manifest(layout, one)) for one in platforms]
    digests = dict.fromkeys(
        blob.digest for one, manifest in manifests for blob in (one, manifest.config, *manifest.layers)
    )
    return [(digest, layout.blob_path(digest)) for digest in digests]


def _manifest(layout: Layout, descriptor: Descriptor) -> Manifest:
    return Manifest.from_bytes(layout.read_blob(descriptor), blob_name(descriptor.digest))


def _named(index: Descriptor, names: Sequence[str]) -> list[Descriptor]:
    """Point to the index once for each name, as `docker save` does: an entry has room for one."""
    return [
        replace(index, annotations={_CONTAINERD_NAME: name, _REF_NAME: name.rpartition(":")[2]})
        for name in names
    ]


def _manifest_json(layout: Layout, platform: Descriptor, names: Sequence[str]) -> bytes:
    manifest = _manifest(layout, platform)
    entry = {
        "Config": blob_name(manifest.config.digest),
        "RepoTags": list(names),
        "Layers": [blob_name(layer.digest) for layer in manifest.layers],
    }
    # A list of one: this document is no object.
    return b"[" + to_json(entry) + b"]"


def _write(entries: Sequence[Entry], path: Path) -> None:
    contents: dict[str, str] = {}
    with files.replacing(path) as file:
        for piece in tar_pieces(complete(entries), contents):
            file.write(piece)
        damaged = [name for name, found in contents.items() if _is_damaged(name, found)]
        if damaged:
            raise DamagedError(f"{damaged[0]}: is damaged")


def _is_damaged(name: str, found: str) -> bool:
    folder, _, expected = name.rpartition("/")
    return bool(found) and folder == "blobs/sha256" and found != expected
