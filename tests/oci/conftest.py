"""What several tests of images need: forgeries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import INDEX, LAYER_GZIP, Descriptor, Layer, digest_of, to_json
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.verify import verify_layout
from tests.conftest import Made

Document = dict[str, Any]
Change = Callable[[Document], object]
Refused = Callable[..., None]


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
