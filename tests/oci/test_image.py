"""Config, manifest and index, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import CONFIG, LAYER_GZIP, MANIFEST, Descriptor, Layer, digest_of, to_json
from gomab_tasks.oci.image import (
    DOCKER_PATH,
    Config,
    History,
    ImageSpec,
    Index,
    Manifest,
    config_bytes,
    index_bytes,
    manifest_bytes,
)
from gomab_tasks.platforms import Platform

Golden = Callable[[str, bytes], None]

AMD64 = Platform("linux", "amd64")
ARM = Platform("linux", "arm", "v7")
LAYERS = (
    Layer(Descriptor(LAYER_GZIP, digest_of(b"a"), 1), digest_of(b"A"), 1024),
    Layer(Descriptor(LAYER_GZIP, digest_of(b"b"), 2), digest_of(b"B"), 2048),
)
FULL = ImageSpec(
    user="65532:65532",
    workdir="/app",
    entrypoint=("/app/api",),
    args=("--listen", ":8080"),
    env=("MODE=prod", "GREETING=grüß <&> dich"),
    labels={"org.example.b": "2", "org.example.a": "ä"},
    exposed_ports=("8080/tcp", "53/udp"),
    volumes=("/var/b", "/var/a"),
    stop_signal="SIGINT",
)
HISTORY = (
    History(created_by="RUN make base", created="2024-01-02T03:04:05.6Z", author="base", comment="b"),
    History(created_by="ENV A=b", empty_layer=True),
    History(created_by="gomab: /app/api"),
)


def test_a_full_config(golden: Golden) -> None:
    """Every setting stands where the spec wants it; free keys are sorted."""
    content = config_bytes(FULL, ARM, LAYERS, created="2023-11-14T22:13:20Z", history=HISTORY)
    golden("config-full.json", content)


def test_a_config_without_settings(golden: Golden) -> None:
    """What is unset is left out; PATH is as Docker sets it; there is no time."""
    golden("config-empty.json", config_bytes(ImageSpec(), AMD64, ()))


def test_a_manifest(golden: Golden) -> None:
    """Layers keep their order, annotations are sorted."""
    config = Descriptor(CONFIG, digest_of(b"c"), 3)
    content = manifest_bytes(config, [layer.descriptor for layer in LAYERS], {"b": "2", "a": "1"})
    golden("manifest.json", content)


def test_an_index(golden: Golden) -> None:
    """Manifests keep the caller's order, variants are said."""
    manifests = [Descriptor(MANIFEST, digest_of(p.slug.encode()), 4, p) for p in (ARM, AMD64)]
    golden("index.json", index_bytes(manifests, {"org.opencontainers.image.revision": "abc"}))


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ((), [f"PATH={DOCKER_PATH}"]),
        (("A=1",), [f"PATH={DOCKER_PATH}", "A=1"]),
        (("A=1", "PATH=/bin"), ["A=1", "PATH=/bin"]),
        (("PATHS=1",), [f"PATH={DOCKER_PATH}", "PATHS=1"]),
    ],
)
def test_path_is_set_only_where_it_is_missing(env: tuple[str, ...], expected: list[str]) -> None:
    """A PATH of the user's stays where it stands."""
    config = Config.from_bytes(config_bytes(ImageSpec(env=env), AMD64, ()), "x")
    assert config.execution["Env"] == expected


@pytest.mark.parametrize(
    ("platform", "fields"),
    [
        (AMD64, {"architecture": "amd64", "os": "linux"}),
        (Platform.parse("linux/amd64/v3"), {"architecture": "amd64", "os": "linux", "variant": "v3"}),
        (Platform.parse("linux/arm/v6"), {"architecture": "arm", "os": "linux", "variant": "v6"}),
        (Platform.parse("linux/arm64/v8"), {"architecture": "arm64", "os": "linux"}),
    ],
)
def test_the_platform_of_a_config(platform: Platform, fields: dict[str, str]) -> None:
    """The variant is said exactly where normalisation keeps it."""
    document = json.loads(config_bytes(ImageSpec(), platform, ()))
    assert {key: document.get(key) for key in fields} == fields
    assert ("variant" in document) == ("variant" in fields)


def test_the_order_of_labels_ports_and_volumes_does_not_matter() -> None:
    """Sets and tables of settings have no order, so the bytes have none of theirs."""
    one = ImageSpec(labels={"a": "1", "b": "2"}, exposed_ports=("1/tcp", "2/tcp"), volumes=("/a", "/b"))
    other = ImageSpec(labels={"b": "2", "a": "1"}, exposed_ports=("2/tcp", "1/tcp"), volumes=("/b", "/a"))
    assert config_bytes(one, AMD64, LAYERS) == config_bytes(other, AMD64, LAYERS)


def test_history_that_does_not_fit_the_layers_is_a_bug() -> None:
    """Docker and skopeo would refuse the image later."""
    with pytest.raises(ValueError, match="1 steps of history for 2 layers"):
        config_bytes(ImageSpec(), AMD64, LAYERS, history=(History(created_by="x"),))


def test_a_config_reads_back() -> None:
    """Base images are read by the same code that checks ours."""
    config = Config.from_bytes(config_bytes(FULL, ARM, LAYERS, history=HISTORY), "x")
    assert config.platform == ARM
    assert config.diff_ids == tuple(layer.diff_id for layer in LAYERS)
    assert config.history == HISTORY
    assert config.execution["User"] == "65532:65532"


def test_optional_fields_may_be_null() -> None:
    """config.md: null is the same as absent."""
    document = json.loads(config_bytes(ImageSpec(), AMD64, LAYERS))
    content = to_json({**document, "config": None, "history": None, "variant": None})
    config = Config.from_bytes(content, "x")
    assert (config.execution, config.history, config.platform) == ({}, (), AMD64)


def test_manifest_and_index_read_back() -> None:
    """What is written is what is read."""
    config = Descriptor(CONFIG, digest_of(b"c"), 3)
    layers = tuple(layer.descriptor for layer in LAYERS)
    assert Manifest.from_bytes(manifest_bytes(config, layers), "x") == Manifest(config, layers)
    manifests = (Descriptor(MANIFEST, digest_of(b"m"), 4, ARM),)
    assert Index.from_bytes(index_bytes(manifests, {"a": "1"}), "x") == Index(manifests, {"a": "1"})


@pytest.mark.parametrize("read", [Manifest.from_bytes, Index.from_bytes])
def test_a_document_of_another_kind_is_refused(read: Callable[[bytes, str], object]) -> None:
    """A Docker manifest, say, must not pass for an OCI one."""
    document = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
    with pytest.raises(
        VerificationError, match=r"^x: mediaType is 'application/vnd\.docker.*; expected 'app"
    ):
        read(to_json(document), "x")
