"""An image's file system in a folder: whole, and never outside of it."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import LAYER_TAR
from gomab_tasks.oci.extraction import extract_image, inside
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from tests.layers import write_layer

Extract = Callable[..., Path]


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, target, mode
    made.uid, made.gid = os.geteuid(), os.getegid()
    return made


def folder(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    return member(name, tarfile.DIRTYPE, mode=mode)


def link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, target)


@pytest.fixture
def extract(layout: Layout, tmp_path: Path) -> Extract:
    """Extract layers of members, each file holding its own name, and give the folder."""

    def extracted(*layers: list[tarfile.TarInfo]) -> Path:
        stored = []
        for members in layers:
            file = io.BytesIO()
            with tarfile.open(fileobj=file, mode="w") as tar:
                for one in members:
                    content = one.name.encode() if one.isreg() else b""
                    one.size = len(content)
                    tar.addfile(one, io.BytesIO(content))
            stored.append(layout.put_blob(LAYER_TAR, file.getvalue()))
        extract_image(layout, stored, tmp_path / "root")
        return tmp_path / "root"

    return extracted


def test_own_layers(layout: Layout, tmp_path: Path) -> None:
    """What this package writes, compressed in several members, comes out the same, executable bits too."""
    program = os.urandom(5 << 20)
    entries = [
        Entry(path="app/api", kind="file", mode=0o755, source=program),
        Entry(path="etc/link", kind="symlink", mode=0o777, target="../app/api"),
        Entry(path="tmp", kind="directory", mode=0o1777),
    ]
    extract_image(layout, [write_layer(entries, layout).descriptor], tmp_path / "root")
    assert (tmp_path / "root/etc/link").read_bytes() == program
    assert (tmp_path / "root/app/api").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "root/tmp").stat().st_mode & 0o777 == 0o777


def test_later_layers_win(extract: Extract) -> None:
    """They replace files and folders, and whiteouts remove a name or all that a folder held."""
    root = extract(
        [folder("a"), member("a/gone"), member("a/kept"), folder("b"), member("b/gone"), folder("c")],
        [member("a/.wh.gone"), member("b/.wh..wh..opq"), member("b/new"), member("c"), folder("a")],
    )
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert found == {"a", "a/kept", "b", "b/new", "c"}
    assert (root / "c").read_text() == "c"


def test_a_whiteout_hides_lower_layers_alone(extract: Extract) -> None:
    """Wherever in its own layer it stands."""
    root = extract(
        [folder("a"), member("a/gone"), folder("a/b"), member("a/b/gone"), member("x")],
        [member("a/b/new"), member("x"), member("a/.wh..wh..opq"), member(".wh.x")],
    )
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert found == {"a", "a/b", "a/b/new", "x"}


def test_links_stay_inside(extract: Extract, tmp_path: Path) -> None:
    """An absolute link, and one that climbs, lead into the root as they do in a container."""
    outside = tmp_path / "etc"
    outside.mkdir()
    root = extract(
        [link("abs", str(outside)), link("up", "../../../../.."), folder("etc")],
        [member("abs/one"), member("up/etc/two"), member("hard", tarfile.LNKTYPE, "up/etc/two")],
    )
    assert list(outside.iterdir()) == []
    assert inside(root, "/abs/one").read_text() == "abs/one"
    assert inside(root, "/abs/one").is_relative_to(root.resolve())
    assert (root / "etc/two").read_text() == (root / "hard").read_text() == "up/etc/two"


def test_a_link_is_replaced_not_followed(extract: Extract, tmp_path: Path) -> None:
    """A file over a link to a file outside leaves that file alone."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    root = extract([link("x", str(victim))], [member("x")])
    assert victim.read_text() == "mine"
    assert (root / "x").read_text() == "x"


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/out", ".wh...", "a/.wh..", ".wh."])
def test_paths_that_lead_out(extract: Extract, tmp_path: Path, name: str) -> None:
    """They are refused; nothing is written."""
    with pytest.raises(VerificationError, match="leads out of the image"):
        extract([member(name)])
    assert not (tmp_path / "out").exists()


def test_circles(extract: Extract) -> None:
    """Links that lead in circles end with an error."""
    with pytest.raises(VerificationError, match="leads in circles"):
        extract([link("a", "b"), link("b", "a"), member("a/x")])


def test_no_rights_are_unpacked(extract: Extract) -> None:
    """Neither setuid bits nor devices; a folder that its owner may not enter can still be removed."""
    root = extract(
        [member("su", mode=0o4755), member("null", tarfile.CHRTYPE), folder("shut", 0o000), member("shut/x")]
    )
    assert (root / "su").stat().st_mode & 0o7777 == 0o755
    assert not (root / "null").exists()
    assert (root / "shut/x").is_file()
