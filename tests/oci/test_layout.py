"""The folder an image lies in, read by us and by others."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from gomab_tasks.errors import StorageError, VerificationError
from gomab_tasks.oci.descriptor import (
    CONFIG,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    digest_of,
)
from gomab_tasks.oci.image import Index, index_bytes
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.platforms import Platform
from tests.conftest import Made, ToolFactory


def blobs(layout: Layout) -> set[str]:
    return {f"sha256:{path.name}" for path in (layout.folder / "blobs" / "sha256").iterdir()}


def test_blobs_lie_under_their_digest(layout: Layout) -> None:
    """They are readable by all whatever the umask, and nothing temporary stays."""
    before = os.umask(0o077)
    try:
        descriptor = layout.put_blob(CONFIG, b"{}")
    finally:
        os.umask(before)
    path = layout.folder / "blobs/sha256/44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert descriptor == Descriptor(CONFIG, digest_of(b"{}"), 2)
    assert path.read_bytes() == b"{}"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [item for item in layout.folder.rglob("*") if item.is_file()] == [path]


def test_a_blob_that_is_there_is_left_alone(layout: Layout) -> None:
    """The same file stays, so another process may be reading it."""
    descriptor = layout.put_blob(CONFIG, b"{}")
    before = layout.blob_path(descriptor.digest).stat().st_ino
    layout.put_blob(CONFIG, b"{}")
    assert layout.blob_path(descriptor.digest).stat().st_ino == before


@pytest.mark.parametrize("damaged", [b"[]", b"", b"{}{}"])
def test_a_damaged_blob_is_written_again(damaged: bytes, layout: Layout) -> None:
    """Of the same size or another."""
    path = layout.blob_path(layout.put_blob(CONFIG, b"{}").digest)
    path.write_bytes(damaged)
    layout.put_blob(CONFIG, b"{}")
    assert path.read_bytes() == b"{}"


def test_a_blob_in_pieces_gets_its_digest_at_the_end(layout: Layout) -> None:
    """Layers are written while they are made."""
    with layout.writing() as blob:
        blob.write(b"con")
        blob.write(b"tent")
    assert (blob.digest, blob.size) == (digest_of(b"content"), 7)
    assert layout.blob_path(blob.digest).read_bytes() == b"content"
    assert list(layout.folder.iterdir()) == [layout.folder / "blobs"]


def test_a_blob_that_fails_half_way_leaves_nothing(layout: Layout) -> None:
    """Nothing is ever half there."""

    def fail() -> None:
        with layout.writing() as blob:
            blob.write(b"con")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        fail()
    assert list(layout.folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The message is about the path, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file.*: cannot be written: "):
        Layout(tmp_path / "file").put_blob(CONFIG, b"{}")


def test_index_json_points_at_one_nested_index(made: Made) -> None:
    """skopeo refuses a list of several; the tag is an annotation, as image-layout.md has it."""
    folder = made.layout.folder
    assert (folder / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert json.loads((folder / "index.json").read_bytes()) == {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {"mediaType": INDEX, "digest": made.index.digest, "size": made.index.size},
        ],
    }
    made.layout.check_version()
    descriptor, index = made.layout.read_index()
    assert descriptor == made.index
    assert index == Index(made.manifests, {"org.opencontainers.image.revision": "abc"})


def test_index_json_is_written_last(made: Made) -> None:
    """A layout that cannot be finished keeps its old image."""
    folder = made.layout.folder
    before = (folder / "index.json").read_bytes()
    (folder / "oci-layout").unlink()
    (folder / "oci-layout").mkdir()
    with pytest.raises(StorageError):
        made.layout.write_index(made.index)
    assert (folder / "index.json").read_bytes() == before


def test_a_document_is_read_and_checked(layout: Layout) -> None:
    """What is not what the descriptor says never gets parsed."""
    descriptor = layout.put_blob(CONFIG, b"{}")
    where = blob_name(descriptor.digest)
    path = layout.blob_path(descriptor.digest)
    assert layout.read_blob(descriptor) == b"{}"
    path.write_bytes(b"[]")
    for read in (layout.read_blob, layout.check_blob):
        with pytest.raises(
            VerificationError, match=f"^{where}: its content has the digest {digest_of(b'[]')}"
        ):
            read(descriptor)
    path.write_bytes(b"{} ")
    for read in (layout.read_blob, layout.check_blob):
        with pytest.raises(
            VerificationError, match=f"^{where}: has 3 bytes; expected 2; make the image again"
        ):
            read(descriptor)
    path.unlink()
    for read in (layout.read_blob, layout.check_blob):
        with pytest.raises(VerificationError, match=f"^{where}: is missing; make the image again"):
            read(descriptor)


def test_a_document_of_no_sensible_size_is_not_read(layout: Layout) -> None:
    """A layer that passes for a manifest must not fill the memory."""
    descriptor = layout.put_blob(MANIFEST, bytes((4 << 20) + 1))
    with pytest.raises(
        VerificationError, match="has 4194305 bytes; expected a JSON document of at most 4194304"
    ):
        layout.read_blob(descriptor)


def test_everything_an_image_needs_is_kept(made: Made) -> None:
    """index.json leads to all blobs of the layout, so nothing goes."""
    before = blobs(made.layout)
    assert not made.layout.remove_unreferenced()
    assert blobs(made.layout) == before
    assert len(before) == 1 + 2 + 2 + 3


def test_what_nothing_leads_to_is_removed(made: Made) -> None:
    """A smaller index leaves the other platform's own blobs behind; the shared layer stays."""
    orphan = made.layout.put_blob(CONFIG, b"orphan")
    index = made.layout.put_blob(INDEX, index_bytes(made.manifests[:1]))
    made.layout.write_index(index)
    assert made.layout.remove_unreferenced()
    left = blobs(made.layout)
    assert len(left) == 1 + 1 + 1 + 2
    shared = next(iter(made.layers.values()))[0]
    assert shared.descriptor.digest in left
    assert orphan.digest not in left
    assert made.manifests[1].digest not in left


@pytest.mark.parametrize("which", ["index.json", "index", "manifest"])
def test_nothing_is_removed_where_the_way_is_damaged(which: str, made: Made) -> None:
    """Better a full disk than a lost image."""
    layout = made.layout
    paths = {
        "index.json": layout.folder / "index.json",
        "index": layout.blob_path(made.index.digest),
        "manifest": layout.blob_path(made.manifests[0].digest),
    }
    layout.put_blob(CONFIG, b"orphan")
    before = blobs(layout)
    content = paths[which].read_bytes()
    paths[which].write_bytes(content[:-1] + b" ")
    with pytest.raises(VerificationError):
        layout.remove_unreferenced()
    assert blobs(layout) == before


def test_only_what_is_ours_is_removed(made: Made) -> None:
    """Names that are no digest stay; temporary files go once they are old enough to be left over."""
    folder = made.layout.folder / "blobs" / "sha256"
    (folder / "README").write_text("mine")
    for name, age in ((".tmp-old", 90_000), (".tmp-new", 0)):
        for parent in (folder, made.layout.folder / f"{name}-folder"):
            parent.mkdir(exist_ok=True)
            (parent / name).write_text("half")
            os.utime(parent / name, (0, (parent / name).stat().st_mtime - age))
        parent = made.layout.folder / f"{name}-folder"
        os.utime(parent, (0, parent.stat().st_mtime - age))
    assert not made.layout.remove_unreferenced()
    assert {path.name for path in folder.glob("[!0-9a-f]*")} == {"README", ".tmp-new"}
    assert [path.name for path in made.layout.folder.glob(".tmp-*")] == [".tmp-new-folder"]


def run(*argv: str | Path) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True).stdout


@pytest.mark.tool("skopeo")
def test_skopeo_reads_the_layout(made: Made, tool: ToolFactory, tmp_path: Path) -> None:
    """It sees our index byte for byte, and copies every platform."""
    skopeo = tool("skopeo")
    content = made.layout.read_blob(made.index)
    assert run(skopeo, "inspect", "--raw", f"oci:{made.layout.folder}") == content
    copied = tmp_path / "copied"
    run(skopeo, "copy", "--insecure-policy", "--all", f"oci:{made.layout.folder}", f"dir:{copied}")
    assert (copied / "manifest.json").read_bytes() == content
    hexes = {path.name.removesuffix(".manifest.json") for path in copied.iterdir()}
    assert {digest.removeprefix("sha256:") for digest in blobs(made.layout)} - hexes == {
        made.index.digest[7:]
    }


@pytest.mark.tool("skopeo")
@pytest.mark.parametrize(("name", "platform"), [("amd64", "amd64"), ("arm", "arm/v7")])
def test_skopeo_understands_config_and_layers(
    name: str, platform: str, made: Made, tool: ToolFactory
) -> None:
    """It picks a platform's image and reads its config."""
    choice = ["--override-os", "linux", "--override-arch", name]
    seen = json.loads(run(tool("skopeo"), *choice, "inspect", "--config", f"oci:{made.layout.folder}"))
    layers = made.layers[Platform.parse(f"linux/{platform}")]
    assert seen["rootfs"]["diff_ids"] == [layer.diff_id for layer in layers]
    assert seen["config"]["Entrypoint"] == ["/app/api"]


@pytest.mark.tool("skopeo", "crane", "docker-registry")
def test_crane_validates_what_a_registry_got(made: Made, tool: ToolFactory, registry: str) -> None:
    """Every digest, size and diff_id holds for others too; the index keeps its digest."""
    target = f"{registry}/layout/skopeo:v1"
    run(
        tool("skopeo"),
        "copy",
        "--insecure-policy",
        "--all",
        "--dest-tls-verify=false",
        f"oci:{made.layout.folder}",
        f"docker://{target}",
    )
    crane = tool("crane")
    assert run(crane, "digest", "--insecure", target).decode().strip() == made.index.digest
    run(crane, "validate", "--insecure", "--remote", target)
    for manifest in made.manifests:
        run(crane, "validate", "--insecure", "--remote", f"{registry}/layout/skopeo@{manifest.digest}")


@pytest.mark.tool("crane", "docker-registry")
def test_crane_pushes_the_layout(made: Made, tool: ToolFactory, registry: str) -> None:
    """Its own way of reading a layout gives the same digest."""
    target = f"{registry}/layout/crane:v1"
    run(tool("crane"), "push", "--insecure", made.layout.folder, target)
    assert run(tool("crane"), "digest", "--insecure", target).decode().strip() == made.index.digest


@pytest.mark.parametrize("can_link", [True, False])
def test_a_blob_of_another_layout(
    layout: Layout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    can_link: bool,  # noqa: FBT001
) -> None:
    """It is linked, or copied where the disk has no links; what lay in its place is replaced."""
    other = Layout(tmp_path / "other")
    blob = other.put_blob(LAYER_GZIP, b"content")
    layout.put_blob(LAYER_GZIP, b"content")
    layout.blob_path(blob.digest).write_bytes(b"damaged")
    if not can_link:
        monkeypatch.setattr(os, "link", _refuse_link)
    for _ in range(2):
        layout.take_blob(other, blob)
        layout.check_blob(blob)
    assert layout.blob_path(blob.digest).samefile(other.blob_path(blob.digest)) == can_link
    assert layout.blob_path(blob.digest).stat().st_mode & 0o777 == 0o644
    assert [path.name for path in layout.folder.iterdir()] == ["blobs"]


def _refuse_link(_path: Path, _target: Path) -> None:
    raise PermissionError(1, "no links here")
