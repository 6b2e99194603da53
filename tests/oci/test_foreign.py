"""Manifests that others wrote: OCI's and Docker's are read alike, what cannot be taken over is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import CONFIG, INDEX, LAYER_GZIP, LAYER_TAR, MANIFEST, Descriptor
from gomab_tasks.oci.foreign import read_foreign
from gomab_tasks.oci.image import Index, Manifest
from gomab_tasks.platforms import Platform
from tests.foreign_images import DOCKER

DIGEST = "sha256:" + "1" * 64
UNKNOWN = {"os": "unknown", "architecture": "unknown"}
ARM = {"os": "linux", "architecture": "arm", "variant": "v7"}


def at(kind: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": DIGEST, "size": 1} | more


def read(**document: Any) -> Index | Manifest:
    return read_foreign(json.dumps({"schemaVersion": 2} | document).encode(), "x")


@pytest.mark.parametrize("names", [{}, DOCKER])
@pytest.mark.parametrize("says_kind", [True, False])
def test_manifests(names: dict[str, str], says_kind: bool) -> None:  # noqa: FBT001
    """Layers keep digest and size; a manifest need not say what it is."""
    kind = {"mediaType": names.get(MANIFEST, MANIFEST)} if says_kind else {}
    layers = [at(names.get(name, name), annotations={"a": "b"}) for name in (LAYER_GZIP, LAYER_TAR)]
    assert read(config=at(names.get(CONFIG, CONFIG)), layers=layers, **kind) == Manifest(
        Descriptor(CONFIG, DIGEST, 1),
        (Descriptor(LAYER_GZIP, DIGEST, 1), Descriptor(LAYER_TAR, DIGEST, 1)),
    )


@pytest.mark.parametrize("names", [{}, DOCKER])
def test_indexes(names: dict[str, str]) -> None:
    """Images, with a platform or without, and further indexes are given; attestations are not."""
    manifest = names.get(MANIFEST, MANIFEST)
    entries = [
        at(manifest, platform=ARM),
        at(manifest, platform=UNKNOWN),
        at(manifest, platform=ARM, annotations={"vnd.docker.reference.type": "attestation-manifest"}),
        at(manifest),
        at(names.get(INDEX, INDEX), platform=ARM),
    ]
    found = read(mediaType=names.get(INDEX, INDEX), manifests=entries)
    arm = Platform("linux", "arm", "v7")
    assert found == Index(
        (
            Descriptor(MANIFEST, DIGEST, 1, arm),
            Descriptor(MANIFEST, DIGEST, 1),
            Descriptor(INDEX, DIGEST, 1, arm),
        )
    )


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "may not be handed on; use another base",
        ),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "may not be handed on"),
        ("application/vnd.oci.image.layer.v1.tar+zstd", "not every engine reads zstd; use a base with"),
        ("text/plain", r"use a base with layers of tar or tar\+gzip"),
    ],
)
def test_layers_that_cannot_be_taken_over(kind: str, advice: str) -> None:
    """Each with its reason."""
    with pytest.raises(VerificationError, match=rf"^x: layers\[1\]: mediaType is '.*'; .*{advice}"):
        read(config=at(CONFIG), layers=[at(LAYER_GZIP), at(kind)])


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, "is in Docker's schema 1"),
        ({}, r"is no image \(neither index nor manifest\)"),
        ({"mediaType": "a/b", "layers": []}, r"is no image \(a/b\)"),
        ({"mediaType": MANIFEST, "manifests": []}, "is no image"),
        ({"layers": []}, "config: is missing"),
        ({"config": at("a/b"), "layers": []}, "config: mediaType is 'a/b'"),
        ({"manifests": {}}, "manifests: is {}; expected a list"),
        ({"manifests": [1]}, r"manifests\[0\]: is 1; expected a JSON object"),
    ],
)
def test_what_is_no_image(document: dict[str, Any], problem: str) -> None:
    """Is told, never guessed."""
    with pytest.raises(VerificationError, match=f"^x: {problem}"):
        read(**document)
