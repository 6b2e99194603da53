"""What is read out of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import CONFIG, MANIFEST, Descriptor, Layer
from gomab_tasks.oci.image import ImageSpec, config_bytes, manifest_bytes
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.platforms import Platform
from gomab_tasks.sbom.contents import Base, ImageContents, describe
from tests.layers import write_layer
from tests.sbom.conftest import file_of

ARM = Platform("linux", "arm", "v7")


@dataclass(frozen=True, slots=True)
class Written:
    """Hold an image that was written by hand."""

    layout: Layout
    manifest: Descriptor
    layers: tuple[Layer, ...]

    def describe(self, base: Base | None = None) -> ImageContents:
        return describe(self.layout, self.manifest, "api", base=base)


def _write(folder: Path, layers: Sequence[Sequence[Entry]], created: str | None = None) -> Written:
    layout = Layout(folder / "layout")
    written = tuple(write_layer(entries, layout) for entries in layers)
    config = layout.put_blob(CONFIG, config_bytes(ImageSpec(), ARM, written, created=created))
    content = manifest_bytes(config, [layer.descriptor for layer in written])
    return Written(layout, replace(layout.put_blob(MANIFEST, content), platform=ARM), written)


def _file(path: str, content: bytes) -> Entry:
    return Entry(path=path, kind="file", mode=0o644, source=content)


def test_files_of_all_layers(tmp_path: Path) -> None:
    """Regular files with size and digests, sorted; directories and links are none."""
    link = Entry(path="app/link", kind="symlink", mode=0o777, target="data")
    large = b"x" * 3_000_000
    written = _write(tmp_path, [[_file("etc/passwd", b"root")], [_file("app/data", large), link]])
    found = written.describe()
    assert found.files == (file_of("/app/data", large), file_of("/etc/passwd", b"root"))
    assert (found.platform, found.manifest) == (ARM, written.manifest.digest)


def test_later_layers_win(tmp_path: Path) -> None:
    """A file that is replaced counts as it is in the end; one that a link replaces does not."""
    link = Entry(path="b", kind="symlink", mode=0o777, target="a")
    written = _write(tmp_path, [[_file("a", b"old"), _file("b", b"old")], [_file("a", b"new"), link]])
    assert written.describe().files == (file_of("/a", b"new"),)


def test_layers_of_the_base_are_passed_over(tmp_path: Path) -> None:
    """They are the base's to describe."""
    base = Base("example.com/base", f"sha256:{'b' * 64}", 1)
    found = _write(tmp_path, [[_file("bin/sh", b"sh")], [_file("app/api", b"x")]]).describe(base)
    assert [file.path for file in found.files] == ["/app/api"]
    assert found.base == base


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"\x7fELF\x02\x01\x01" + bytes(64), b"MZ", b"#!/bin/sh\n"]
)
def test_other_files_are_no_programs_of_go(tmp_path: Path, content: bytes) -> None:
    """Whatever a file begins with, it is listed; only Go's programs have build info."""
    (file,) = _write(tmp_path, [[_file("app/x", content)]]).describe().files
    assert file == file_of("/app/x", content)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (None, "1970-01-01T00:00:00Z"),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"),
        ("2023-11-15T00:13:20.123456789+02:00", "2023-11-14T22:13:20Z"),
    ],
)
def test_time_is_the_images_own(tmp_path: Path, created: str | None, expected: str) -> None:
    """The one of its config, in whole seconds of UTC; without one, the epoch."""
    assert _write(tmp_path, [[_file("a", b"")]], created).describe().created == expected


def test_a_wrong_time_is_refused(tmp_path: Path) -> None:
    """A config that states no time where one belongs is damaged."""
    with pytest.raises(VerificationError, match="created is 'soon'"):
        _write(tmp_path, [[_file("a", b"")]], "soon").describe()


def test_a_damaged_layer_is_refused(tmp_path: Path) -> None:
    """What is described are the checked bytes."""
    written = _write(tmp_path, [[_file("a", b"content")]])
    blob = written.layout.blob_path(written.layers[0].descriptor.digest)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    with pytest.raises(VerificationError, match="it is damaged"):
        written.describe()
