"""Every check of an index, a manifest or a config, with one corrupted in exactly that way."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import (
    CONFIG,
    INDEX,
    MANIFEST,
    Layer,
    digest_of,
)
from gomab_tasks.oci.layout import blob_name
from gomab_tasks.oci.verify import verify_image
from gomab_tasks.platforms import Platform
from tests.conftest import AMD64, Made
from tests.oci.conftest import Change, Document, Forgery, Refused

OTHER = digest_of(b"other")


# The nested index

NESTED: Mapping[str, tuple[Change, str]] = {
    "schema": (lambda d: d.update(schemaVersion="2"), "schemaVersion is '2'; expected 2"),
    "type": (lambda d: d.pop("mediaType"), f"mediaType is None; expected '{INDEX}'"),
    "empty": (lambda d: d["manifests"].clear(), "lists no manifest; make the image again"),
    "twice": (
        lambda d: d["manifests"].append(d["manifests"][0]),
        "lists linux/amd64 more than once; make the image again",
    ),
    "twice, spelt differently": (
        lambda d: d["manifests"][0].update(platform={"os": "linux", "architecture": "arm"}),
        "lists linux/arm/v7 more than once",
    ),
    "no platform": (
        lambda d: d["manifests"][0].pop("platform"),
        "manifests[0]: has no platform; make the image again",
    ),
    "attestation": (
        lambda d: d["manifests"][0].update(platform={"os": "unknown", "architecture": "unknown"}),
        "manifests[0]: platform is 'unknown/unknown'; expected one that Go builds for;",
    ),
    "deeper": (
        lambda d: d["manifests"][0].update(mediaType=INDEX),
        f"manifests[0]: mediaType is '{INDEX}'; expected '{MANIFEST}'; make the image again",
    ),
    "docker": (
        lambda d: d["manifests"][0].update(mediaType="application/vnd.docker.distribution.manifest.v2+json"),
        "manifests[0]: mediaType is 'application/vnd.docker.distribution.manifest.v2+json'; expected",
    ),
}


@pytest.mark.parametrize(("change", "message"), NESTED.values(), ids=NESTED)
def test_a_wrong_nested_index_is_refused(
    change: Change, message: str, forgery: Forgery, refused: Refused
) -> None:
    """Wrong in one way only: its digest and size are mended."""
    forgery.write(index=change)
    refused(forgery.layout, f"{forgery.index}: {message}")


# Manifest and config

MANIFESTS: Mapping[str, tuple[Change, str]] = {
    "schema": (lambda d: d.update(schemaVersion=1), "schemaVersion is 1; expected 2"),
    "type": (lambda d: d.update(mediaType=INDEX), f"mediaType is '{INDEX}'; expected '{MANIFEST}'"),
    "no config": (lambda d: d.pop("config"), "config: is missing; expected a JSON object"),
    "no layers": (lambda d: d.pop("layers"), "layers: is missing; expected a list"),
    "artifact": (
        lambda d: d["config"].update(mediaType="application/vnd.oci.empty.v1+json"),
        f"config: mediaType is 'application/vnd.oci.empty.v1+json'; expected '{CONFIG}'",
    ),
    "docker config": (
        lambda d: d["config"].update(mediaType="application/vnd.docker.container.image.v1+json"),
        "config: mediaType is 'application/vnd.docker.container.image.v1+json'; expected",
    ),
}


@pytest.mark.parametrize(("change", "message"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_wrong_manifest_is_refused(
    change: Change, message: str, forgery: Forgery, refused: Refused
) -> None:
    """Wrong in one way only: the digests above it are mended."""
    forgery.write(manifest=change)
    refused(forgery.layout, f"{forgery.manifest}: {message}")


def test_a_manifest_that_is_not_json_is_refused(forgery: Forgery, refused: Refused) -> None:
    """Its digest is right all the same."""
    stored = forgery.layout.put_blob(MANIFEST, b"{")
    forgery.write(index=lambda d: d["manifests"][0].update(digest=stored.digest, size=1))
    refused(forgery.layout, f"{blob_name(stored.digest)}: is not JSON: ")


CONFIGS: Mapping[str, tuple[Change, str]] = {
    "os": (
        lambda d: d.update(os="windows"),
        "is for windows/amd64; its manifest is for linux/amd64; make the image again",
    ),
    "architecture": (
        lambda d: d.update(architecture="arm64"),
        "is for linux/arm64; its manifest is for linux/amd64; make the image again",
    ),
    "variant": (
        lambda d: d.update(variant="v3"),
        "is for linux/amd64/v3; its manifest is for linux/amd64; make the image again",
    ),
    "no os": (lambda d: d.pop("os"), "os: is missing; expected a text"),
    "no architecture": (lambda d: d.pop("architecture"), "architecture: is missing; expected a text"),
    "no rootfs": (lambda d: d.pop("rootfs"), "rootfs: is missing; expected a JSON object"),
    "rootfs type": (lambda d: d["rootfs"].update(type="files"), "rootfs: type is 'files'; expected 'layers'"),
    "no diff_ids": (lambda d: d["rootfs"].pop("diff_ids"), "rootfs: diff_ids: is missing; expected a list"),
    "diff_id": (
        lambda d: d["rootfs"].update(diff_ids=["sha256:1"]),
        "rootfs: diff_ids[0]: is 'sha256:1'; expected 'sha256:' and 64",
    ),
    "fewer": (
        lambda d: d["rootfs"]["diff_ids"].pop(),
        "rootfs: has 1 diff_ids; the manifest has 2 layers; make the image again",
    ),
    "more": (
        lambda d: d["rootfs"]["diff_ids"].append(OTHER),
        "rootfs: has 3 diff_ids; the manifest has 2 layers; make the image again",
    ),
    "history": (
        lambda d: d["history"][0].update(empty_layer=True),
        "history: has 1 steps that made a layer; the manifest has 2 layers; make the image again",
    ),
    "history entry": (lambda d: d.update(history=["x"]), "history[0]: is 'x'; expected a JSON object"),
    "config": (lambda d: d.update(config=["x"]), "config: is ['x']; expected a JSON object"),
}


@pytest.mark.parametrize(("change", "message"), CONFIGS.values(), ids=CONFIGS)
def test_a_wrong_config_is_refused(change: Change, message: str, forgery: Forgery, refused: Refused) -> None:
    """Wrong in one way only: the digests above it are mended."""
    forgery.write(config=change)
    refused(forgery.layout, f"{forgery.config}: {message}")


def test_a_missing_variant_is_found(made: Made) -> None:
    """A config for ARMv6 in the place of ARMv7 would be pulled and crash."""
    platform = Platform("linux", "arm", "v6")
    with pytest.raises(VerificationError, match=r"is for linux/arm/v7; its manifest is for linux/arm/v6"):
        verify_image(made.layout, made.manifests[1], platform)


def test_an_image_under_another_platform_is_found(forgery: Forgery, refused: Refused) -> None:
    """The index swaps two manifests: each is fine alone."""

    def swap(document: Document) -> None:
        first, second = document["manifests"]
        first["platform"], second["platform"] = second["platform"], first["platform"]

    forgery.write(index=swap)
    refused(forgery.layout, f"{forgery.config}: is for linux/amd64; its manifest is for linux/arm/v7")


def test_a_wrong_diff_id_is_found(
    forgery: Forgery, refused: Refused, maybe_known: dict[str, Layer] | None
) -> None:
    """Docker would refuse to unpack the layer; a known layer is compared just as well."""
    forgery.write(config=lambda d: d["rootfs"]["diff_ids"].__setitem__(1, OTHER))
    layer = forgery.made.layers[AMD64][1]
    refused(
        forgery.layout,
        f"{forgery.config}: rootfs: diff_ids[1]: is {OTHER}, but {blob_name(layer.descriptor.digest)}"
        f" unpacks to {layer.diff_id}; make the image again",
        maybe_known,
    )


def test_swapped_diff_ids_are_found(forgery: Forgery, refused: Refused) -> None:
    """They are compared one by one, not as a set."""
    forgery.write(config=lambda d: d["rootfs"]["diff_ids"].reverse())
    refused(forgery.layout, f"{forgery.config}: rootfs: diff_ids[0]: is ")
