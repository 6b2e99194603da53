"""Base images are fetched once and checked, and the images on them are what a Dockerfile would make."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.bases import fetched as bases
from gomab_tasks.bases.base import Base
from gomab_tasks.bases.fetched import read_bases
from gomab_tasks.errors import RegistryError, SettingsError, VerificationError
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.oci.descriptor import INDEX, LAYER_GZIP, LAYER_TAR, MANIFEST, digest_of
from gomab_tasks.places import blob_lock
from gomab_tasks.plan import ImagePlan
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event
from gomab_tasks.project import Project, open_project
from tests.foreign_images import EXECUTION, LOWER, UPPER, Shop
from tests.registry.server import Strict, serving

AMD64, ARM, ARM64 = (Platform.parse(f"linux/{name}") for name in ("amd64", "arm/v7", "arm64"))


@pytest.fixture
def strict() -> Iterator[Strict]:
    """Run a strict registry of this test's own."""
    with serving() as state:
        yield state


@pytest.fixture
def shop(strict: Strict) -> Shop:
    """Give a repository for bases."""
    return Shop(strict)


def opened(root: Path, base: str, events: list[Event] | None = None, user: str | None = None) -> Project:
    emit = events.append if events is not None else lambda _event: None
    image = {"base": base, **({"user": user} if user else {})}
    project = open_project(root, settings={"image": image}, emit=emit)
    project.prepare_output()
    return project


def read(project: Project, *platforms: Platform) -> dict[Platform, Base]:
    main = MainPackage("example.com/api", "api", project.root)
    plan = ImagePlan("api", project.settings.shared, (main,), platforms, platforms)
    return {platform: base for (_, platform), base in read_bases(project, [plan]).items()}


def blobs_of(project: Project) -> Path:
    return project.out / "bases/blobs/sha256"


def hexadecimal(descriptor: Mapping[str, Any]) -> str:
    return str(descriptor["digest"]).removeprefix("sha256:")


@pytest.mark.parametrize("docker", [False, True])
def test_bases_of_an_index(strict: Strict, tmp_path: Path, docker: bool) -> None:  # noqa: FBT001
    """Each platform has its own, found by its normalised name; Docker's media types become OCI's."""
    shop = Shop(strict, docker=docker)
    entries = [shop.image("linux/amd64"), shop.image("linux/arm64/v8"), shop.image("linux/arm")]
    digest = shop.index(*entries, *map(shop.attestation, entries))
    found = read(opened(tmp_path, f"{shop.repository}:v1"), AMD64, ARM64, ARM)
    for entry, base in zip(entries, found.values(), strict=True):
        assert (base.origin.name, base.origin.digest) == (f"{shop.repository}:v1", digest)
        assert base.origin.manifest == entry["digest"]
        assert [layer.diff_id for layer in base.layers] == [digest_of(LOWER), digest_of(UPPER)]
        assert [layer.unpacked_size for layer in base.layers] == [len(LOWER), len(UPPER)]
        assert [layer.descriptor.media_type for layer in base.layers] == [LAYER_GZIP, LAYER_TAR]
        assert base.config.execution == EXECUTION


def test_a_single_manifest_is_for_its_own_platform(shop: Shop, strict: Strict, tmp_path: Path) -> None:
    """Which its config tells; others are refused, all at once, before any layer is fetched."""
    manifest = shop.image("linux/amd64")
    base = f"{shop.repository}@{manifest['digest']}"
    project = opened(tmp_path, base)
    with pytest.raises(SettingsError) as refusal:
        read(project, AMD64, ARM64, ARM)
    assert str(refusal.value) == (
        f"pyproject.toml: image.base is '{base}', which is not there for linux/arm64, linux/arm/v7; "
        "it is for linux/amd64: take the others out of platforms, or choose another base"
    )
    assert len(strict.requests("GET .*/blobs/")) == 1
    assert read(project, AMD64)[AMD64].origin.digest == manifest["digest"]
    assert read(project, AMD64)[AMD64].origin.name == base


def test_an_index_need_not_say_what_it_leads_to(shop: Shop, tmp_path: Path) -> None:
    """It may hold further indexes, and images without their platform: then their configs tell."""
    amd64, arm64, other = (shop.image(name) for name in ("linux/amd64", "linux/arm64", "linux/amd64"))
    inner = shop.manifest(INDEX, {"manifests": [amd64]})
    helm = shop.blob("application/vnd.cncf.helm.config.v1+json", b"{}")
    chart = shop.manifest(MANIFEST, {"config": helm, "layers": []})
    del arm64["platform"]
    digest = shop.index(inner, chart, arm64, other)
    project = opened(tmp_path, f"{shop.repository}@{digest}")
    found = read(project, AMD64, ARM64)
    assert [found[AMD64].origin.manifest, found[ARM64].origin.manifest] == [amd64["digest"], arm64["digest"]]
    with pytest.raises(SettingsError, match="it is for linux/amd64, linux/arm64: take"):
        read(project, ARM)


def test_levels_stand_on_lower_ones(shop: Shop, tmp_path: Path) -> None:
    """As containerd runs them: amd64/v3 on amd64, arm/v7 on arm/v6, and never the other way round."""
    entries = [shop.image("linux/amd64"), shop.image("linux/arm/v5"), shop.image("linux/arm/v6")]
    shop.index(*entries)
    v3 = Platform.parse("linux/amd64/v3")
    project = opened(tmp_path, f"{shop.repository}:v1")
    found = read(project, v3, ARM)
    assert [found[v3].origin.manifest, found[ARM].origin.manifest] == [
        entries[0]["digest"],
        entries[2]["digest"],
    ]
    shop.index(shop.image("linux/arm/v7"))
    with pytest.raises(SettingsError, match="not there for linux/arm/v6; it is for linux/arm/v7"):
        read(project, Platform.parse("linux/arm/v6"))


def test_a_pinned_base_needs_the_network_once(
    shop: Shop, strict: Strict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then neither the registry nor the decompression of a layer."""
    project = opened(tmp_path, f"{shop.repository}:v1@{shop.index(shop.image('linux/amd64'))}")
    first = read(project, AMD64)
    strict.close()
    strict.log.clear()
    monkeypatch.setattr(bases, "read_layers", None)
    assert read(project, AMD64) == first
    assert strict.log == []
    strict.listen()


@pytest.mark.parametrize("user", [None, "", "root", "0", "0:0"])
def test_a_base_without_a_user_is_told(user: str | None, shop: Shop, tmp_path: Path) -> None:
    """An image on scratch has another one, so nobody expects root; with the line that changes it."""
    execution = {key: value for key, value in {**EXECUTION, "User": user}.items() if value is not None}
    digest = shop.index(shop.image("linux/amd64", config=execution))
    events: list[Event] = []
    project = opened(tmp_path, f"{shop.repository}@{digest}", events)
    read(project, AMD64)
    assert [event.text for event in events if event.kind == "warned"] == [
        'api runs as root, as image.base says; to change that, write user = "65532:65532"'
    ]


@pytest.mark.parametrize(("own", "of_base"), [("0", "root"), ("1000", ""), (None, "nonroot")])
def test_a_user_of_the_table_or_the_base_is_not(
    own: str | None, of_base: str, shop: Shop, tmp_path: Path
) -> None:
    """Whoever wants root says so."""
    digest = shop.index(shop.image("linux/amd64", config={**EXECUTION, "User": of_base}))
    events: list[Event] = []
    read(opened(tmp_path, f"{shop.repository}@{digest}", events, user=own), AMD64)
    assert not [event for event in events if event.kind == "warned"]


def test_an_unpinned_base_is_asked_for_each_time(shop: Shop, strict: Strict, tmp_path: Path) -> None:
    """And told how to pin; without a network too."""
    digest = shop.index(shop.image("linux/amd64"))
    events: list[Event] = []
    project = opened(tmp_path, f"{shop.repository}:v1", events)
    read(project, AMD64)
    (warning,) = [event.text for event in events if event.kind == "warned"]
    assert warning.endswith(f'write base = "{shop.repository}:v1@{digest}"')
    newer = shop.index(shop.image("linux/amd64", (LOWER,), history=[]))
    assert read(project, AMD64)[AMD64].origin.digest == newer
    strict.close()
    advice = (
        rf'needs no network once it was fetched, until `gomab clean`: base = "{shop.repository}:v1@{newer}"'
    )
    with pytest.raises(RegistryError, match=advice):
        read(project, AMD64)
    (project.out / "bases/digests.json").write_text("{")
    with pytest.raises(RegistryError, match=rf'{shop.repository}:v1@sha256:…"$'):
        read(project, AMD64)
    strict.listen()


def test_a_wait_for_the_registry_is_told(shop: Shop, strict: Strict, tmp_path: Path) -> None:
    """The step starts before the first request, and is the only one of all bases."""
    bases = [f"{shop.repository}@{shop.image(name)['digest']}" for name in ("linux/amd64", "linux/arm64")]
    told: list[tuple[str, str, str, int]] = []

    def emit(event: Event) -> None:
        told.append((event.kind, event.step, event.subject, len(strict.log)))

    project = open_project(
        tmp_path,
        settings={"images": {name: {"base": base} for name, base in zip("ab", bases, strict=True)}},
        emit=emit,
    )
    project.prepare_output()
    main = MainPackage("example.com/api", "api", project.root)
    a, b = (
        ImagePlan(name, project.settings.group(name), (main,), (platform,), (platform,))
        for name, platform in (("a", AMD64), ("b", ARM64))
    )
    read_bases(project, [a])
    assert told[0] == ("started", "pull", bases[0], 0)
    del told[:]
    read_bases(project, [a, b])
    steps = [(kind, step, subject) for kind, step, subject, _ in told if kind in {"started", "finished"}]
    assert steps == [("started", "pull", "2 bases"), ("finished", "pull", "2 bases")]


def test_a_download_continues(shop: Shop, strict: Strict, tmp_path: Path) -> None:
    """What an interrupted run left of a blob is not fetched again."""
    shop.index(shop.image("linux/amd64"))
    content = shop.blob(LAYER_TAR, UPPER)
    project = opened(tmp_path, f"{shop.repository}:v1")
    partial = blobs_of(project) / f"{hexadecimal(content)}.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(UPPER[:1000])
    read(project, AMD64)
    assert len(strict.requests(f"GET .*{content['digest']} 206")) == 1
    assert (blobs_of(project) / hexadecimal(content)).read_bytes() == UPPER


def test_no_blob_waits_for_another(shop: Shop, strict: Strict, tmp_path: Path) -> None:
    """Also where their digests begin alike; the locks of what was fetched are gone afterwards."""
    manifest = shop.image("linux/amd64")
    base = f"{shop.repository}@{shop.index(manifest)}"
    project = opened(tmp_path, base)
    project = replace(project, emit=lambda event: project.processes.stop() if event.kind == "said" else None)
    with contextlib.ExitStack() as held:
        for digest in {f"{digest[:9]}{'0' * 62}" for _, digest in strict.blobs}:
            held.enter_context(files.locked(blob_lock(project.out, digest)))
        assert set(read(project, AMD64)) == {AMD64}
    assert not list((project.out / "locks").glob("blob-*"))


def test_damage_is_mended_where_it_can_be(shop: Shop, strict: Strict, tmp_path: Path) -> None:
    """Blobs, documents and what is remembered of them are checked whenever they are read."""
    manifest = shop.image("linux/amd64")
    project = opened(tmp_path, f"{shop.repository}@{shop.index(manifest)}")
    first = read(project, AMD64)
    kept = [path for path in (project.out / "bases").rglob("*") if path.is_file()]
    for path in kept:
        path.write_bytes(bytes(path.stat().st_size))
    assert read(project, AMD64) == first
    (blobs_of(project) / hexadecimal(manifest)).write_bytes(b"{}")
    strict.close()
    with pytest.raises(RegistryError, match="cannot connect"):
        read(project, AMD64)
    strict.listen()


def test_what_a_registry_changed_is_refused(shop: Shop, tmp_path: Path) -> None:
    """A layer of another digest, and one that unpacks to something else than the config says."""
    digest = shop.index(shop.image("linux/amd64"))
    layer = shop.blob(LAYER_TAR, UPPER)["digest"]
    shop.state.blobs[shop.name, layer] = bytes(len(UPPER))
    with pytest.raises(VerificationError, match=f"{layer}: its content has the digest"):
        read(opened(tmp_path, f"{shop.repository}@{digest}"), AMD64)
    diff_ids = {"type": "layers", "diff_ids": [digest_of(b"x"), digest_of(UPPER)]}
    shop.index(shop.image("linux/amd64", rootfs=diff_ids))
    shop.blob(LAYER_TAR, UPPER)
    with pytest.raises(VerificationError, match=f"unpacks to {digest_of(LOWER)}, but its config says"):
        read(opened(tmp_path, f"{shop.repository}:v1"), AMD64)
    shop.index(shop.image("linux/amd64", rootfs={"type": "layers", "diff_ids": []}))
    with pytest.raises(VerificationError, match="has 0 diff_ids for 2 layers"):
        read(opened(tmp_path, f"{shop.repository}:v1"), AMD64)


def test_a_base_that_is_not_there(shop: Shop, tmp_path: Path) -> None:
    """The registry's answer, and no advice to pin."""
    with pytest.raises(RegistryError, match=r"/acme/base:v9: is not there; check its name, tag and digest$"):
        read(opened(tmp_path, f"{shop.repository}:v9"), AMD64)


def test_what_is_no_image(shop: Shop, tmp_path: Path) -> None:
    """An index of nothing is for nobody, an artifact refused."""
    inner = shop.manifest(INDEX, {"manifests": []})
    shop.index(inner | {"platform": {"os": "linux", "architecture": "amd64"}})
    with pytest.raises(SettingsError, match="not there for linux/amd64; it is for none"):
        read(opened(tmp_path, f"{shop.repository}:v1"), AMD64)
    helm = shop.blob("application/vnd.cncf.helm.config.v1+json", b"{}")
    shop.manifest(MANIFEST, {"config": helm, "layers": []}, "v1")
    with pytest.raises(VerificationError, match=r"config: mediaType is 'application/vnd\.cncf"):
        read(opened(tmp_path, f"{shop.repository}:v1"), AMD64)
