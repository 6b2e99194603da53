"""Remember what unpacking an image's layers told, so that it is done once."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.oci.descriptor import Layer, digest_of
from gomab_tasks.oci.image import Manifest
from gomab_tasks.oci.tree import Tree

FORMAT = 2


class Unpacked(Struct, frozen=True, kw_only=True):
    """Hold the diff_ids and unpacked sizes of layers, and what they hold together."""

    format: int = FORMAT
    diff_ids: tuple[str, ...]
    sizes: tuple[int, ...]
    tree: Tree

    def layers_of(self, manifest: Manifest) -> tuple[Layer, ...]:
        """Give the manifest's layers with what is known of them."""
        rows = zip(manifest.layers, self.diff_ids, self.sizes, strict=True)
        return tuple(Layer(descriptor, diff_id, size) for descriptor, diff_id, size in rows)


def read_unpacked(path: Path, diff_ids: tuple[str, ...]) -> Unpacked | None:
    """Read what is remembered of layers, unless it is damaged, of others or another gomab's."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
        found = msgspec.json.decode(content, type=Unpacked)
    except (OSError, msgspec.MsgspecError):
        return None
    is_right = digest.decode(errors="replace") == digest_of(content)
    return found if is_right and found.format == FORMAT and found.diff_ids == diff_ids else None


def write_unpacked(path: Path, unpacked: Unpacked) -> None:
    """Remember, with a digest of it, what unpacking told."""
    content = msgspec.json.encode(unpacked)
    files.write(path, digest_of(content).encode() + b"\n" + content)
