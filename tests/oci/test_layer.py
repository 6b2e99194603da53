"""Layers: the same bytes everywhere, small in memory, never made twice."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import StoppedError, StorageError, VerificationError
from gomab_tasks.oci.descriptor import LAYER_GZIP, digest_of
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from tests.layers import write_layer

CONTENT = b"".join(b"%d\n" % number for number in range(700_000))
ENTRIES = (
    Entry(path="app/api", kind="file", mode=0o755, source=CONTENT),
    Entry(path="etc/grüße.txt", kind="file", mode=0o644, source=b"hello\n"),
    Entry(path="etc/" + "long/" * 30 + "name", kind="file", mode=0o644, source=b""),
    Entry(path="tmp", kind="directory", mode=0o1777),
    Entry(path="var/data", kind="directory", mode=0o755, uid=65532, gid=65532),
    Entry(path="bin/sh", kind="symlink", mode=0o777, target="../app/api"),
)
SMALL = ENTRIES[1:]
# What every machine, Python and job count must make of ENTRIES.
DIGEST = "sha256:f1fcce137e4f0cc6d076cce110f63fe4d09dfab8557219ceb7f9cea8c0073144"
DIFF_ID = "sha256:d0dd0d10d698c2176feba9aad198522ab524e8592b2546033e16a8ec9c3f310e"

# Prints digest and diff_id of ENTRIES' layer, and its record's name; its sources are read from FOLDER.
_SCRIPT = """
import os, sys
os.umask(int(sys.argv[1], 8))
import importlib.util
spec = importlib.util.spec_from_file_location("entries", sys.argv[2])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(*module.make_from_disk(module.Path(sys.argv[3]), int(sys.argv[4])))
"""


@pytest.fixture
def cache(tmp_path: Path) -> LayerCache:
    return LayerCache(tmp_path / "cache")


def make_from_disk(folder: Path, jobs: int) -> tuple[str, ...]:
    """Write ENTRIES' sources to files, backwards, and make their layer in the same folder."""
    entries = []
    for number, entry in enumerate(reversed(ENTRIES)):
        if isinstance(entry.source, bytes):
            source = folder / str(number)
            source.write_bytes(entry.source)
            entry = replace(entry, source=source)  # noqa: PLW2901
        entries.append(entry)
    layout = Layout(folder / "layout")
    cache = LayerCache(folder / "layers")
    layer = cache.layer(entries, layout, jobs)
    assert layout.blob_path(layer.descriptor.digest).stat().st_mode & 0o777 == 0o644
    return layer.descriptor.digest, layer.diff_id, *names_of(cache)


def names_of(cache: LayerCache) -> list[str]:
    """Give the names of the records, each made from the key of a layer."""
    return sorted(path.name for path in cache.folder.iterdir())


def test_the_bytes_are_pinned(layout: Layout) -> None:
    """A change of these digests changes everybody's images: raise TAR_VERSION or FORMAT with them."""
    layer = write_layer(ENTRIES, layout)
    assert (layer.descriptor.digest, layer.diff_id) == (DIGEST, DIFF_ID)


@pytest.mark.parametrize(
    ("umask", "zone", "locale", "jobs"),
    [
        ("022", "UTC", "C", 1),
        ("077", "Asia/Kathmandu", "C.UTF-8", 2),
        ("000", "America/St_Johns", "POSIX", 7),
    ],
)
def test_nothing_of_the_machine_is_in_the_bytes(
    umask: str, zone: str, locale: str, jobs: int, tmp_path: Path
) -> None:
    """Another umask, time zone, locale, HOME, folder and job count give the same digests."""
    environment = os.environ | {
        "TZ": zone,
        "LC_ALL": locale,
        "HOME": str(tmp_path),
        "PYTHONHASHSEED": str(jobs),
    }
    command = [sys.executable, "-c", _SCRIPT, umask, __file__, str(tmp_path), str(jobs)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, check=True, text=True)
    here = tmp_path / "here"
    here.mkdir()
    assert done.stdout.split()[:2] == [DIGEST, DIFF_ID]
    assert done.stdout.split() == list(make_from_disk(here, 2))


def test_the_descriptor_is_that_of_the_blob(layout: Layout) -> None:
    """size and digest count the stored bytes, unpacked_size and diff_id those of the tar."""
    layer = write_layer(ENTRIES, layout)
    stored = layout.blob_path(layer.descriptor.digest).read_bytes()
    tar = gzip.decompress(stored)
    assert layer.descriptor.media_type == LAYER_GZIP
    assert (layer.descriptor.size, layer.descriptor.digest) == (len(stored), digest_of(stored))
    assert (layer.unpacked_size, layer.diff_id) == (len(tar), digest_of(tar))
    with tarfile.open(fileobj=io.BytesIO(stored)) as archive:
        extracted = archive.extractfile("app/api")
        assert extracted is not None
        assert extracted.read() == CONTENT


def test_a_layer_without_entries_is_an_empty_tar(layout: Layout) -> None:
    """Its diff_id is the one that Docker knows as the empty layer."""
    layer = write_layer((), layout)
    assert layer.diff_id == "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"


def test_nothing_is_left_when_a_source_fails(layout: Layout, tmp_path: Path) -> None:
    """Neither a blob nor a temporary file."""
    missing = Entry(path="z", kind="file", mode=0o644, source=tmp_path / "missing")
    with pytest.raises(StorageError, match="missing: cannot be read"):
        write_layer([*ENTRIES, missing], layout)
    assert [path for path in layout.folder.rglob("*") if path.is_file()] == []


def test_the_work_can_be_stopped(cache: LayerCache, layout: Layout) -> None:
    """Ctrl-C does not wait for a large layer."""

    def check() -> None:
        raise StoppedError("interrupted")

    with pytest.raises(StoppedError):
        cache.layer(ENTRIES, layout, 2, check)
    assert [path for path in layout.folder.rglob("*") if path.is_file()] == []


_MEMORY_SCRIPT = """
import sys
from msgspec.structs import replace
from pathlib import Path
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
source, folder = map(Path, sys.argv[1:])
entry = Entry(path="x", kind="file", mode=0o644, source=source)
LayerCache(folder).layer([entry], Layout(folder), 2)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_layer(tmp_path: Path) -> None:
    """200 MB pass through less than 100 MB; 500 MB take no more (46 MB with two jobs)."""
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.write(os.urandom(8 << 20))
        file.truncate(200_000_000)
    command = [sys.executable, "-c", _MEMORY_SCRIPT, str(source), str(tmp_path / "layout")]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    assert int(done.stdout) < 100_000


@pytest.mark.parametrize(
    "change",
    [
        {"path": "etc/file"},
        {"mode": 0o700},
        {"uid": 1},
        {"gid": 1},
        {"source": b"x"},
        {"kind": "directory", "source": None},
        {"kind": "symlink", "source": None, "target": "x"},
    ],
)
def test_whatever_decides_the_bytes_changes_the_key(
    change: dict[str, object], cache: LayerCache, layout: Layout
) -> None:
    """Two different layers never share a record."""
    changed = replace(SMALL[0], **change)
    assert cache.layer([changed, *SMALL[1:]], layout, 1) != cache.layer(SMALL, layout, 1)
    assert len(names_of(cache)) == 2


def test_what_does_not_decide_the_bytes_leaves_the_key(
    tmp_path: Path, cache: LayerCache, layout: Layout
) -> None:
    """Order, implied directories, and where a content comes from."""
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    implied = Entry(path="app", kind="directory", mode=0o755)
    same = [*reversed(ENTRIES[1:]), replace(ENTRIES[0], source=source), implied]
    assert cache.layer(same, layout, 1) == cache.layer(ENTRIES, layout, 1)
    assert len(names_of(cache)) == 1


def test_entries_that_do_not_fit_in_a_layer(layout: Layout) -> None:
    """They are refused before anything is written."""
    with pytest.raises(VerificationError, match="two entries"):
        write_layer([SMALL[0], SMALL[0]], layout)
    assert not layout.folder.exists()


def inode(layout: Layout, digest: str) -> int:
    return layout.blob_path(digest).stat().st_ino


def test_a_layer_on_disk_is_not_made_again(cache: LayerCache, layout: Layout) -> None:
    """The second time the blob stays the very file it was."""
    layer = cache.layer(SMALL, layout, 2)
    before = inode(layout, layer.descriptor.digest)
    assert cache.layer(SMALL, layout, 2) == layer
    assert inode(layout, layer.descriptor.digest) == before


def test_a_layer_is_made_again_for_another_layout(cache: LayerCache, layout: Layout, tmp_path: Path) -> None:
    """A record alone is not the blob."""
    layer = cache.layer(SMALL, layout, 2)
    other = Layout(tmp_path / "other")
    assert cache.layer(SMALL, other, 2) == layer
    other.check_blob(layer.descriptor)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_blob_is_made_again(
    damage: Callable[[Path], None], cache: LayerCache, layout: Layout
) -> None:
    """A power cut or a full disk costs one compression, not a wrong image."""
    layer = cache.layer(SMALL, layout, 2)
    damage(layout.blob_path(layer.descriptor.digest))
    assert cache.layer(SMALL, layout, 2) == layer
    layout.check_blob(layer.descriptor)


def other_size(path: Path) -> None:
    record = json.loads(path.read_text())
    record["layer"]["unpacked_size"] += 1
    path.write_text(json.dumps(record))


def of_another_key(path: Path) -> None:
    path.write_text(path.read_text().replace(path.stem, "0" * 64))


def without_layer(path: Path) -> None:
    path.write_text("{}")


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff\x00")


@pytest.mark.parametrize(
    "damage", [flip, cut, other_size, of_another_key, without_layer, no_text, Path.unlink]
)
def test_a_damaged_record_is_made_again(
    damage: Callable[[Path], None], cache: LayerCache, layout: Layout
) -> None:
    """Whatever is in the file, it is a miss at worst."""
    layer = cache.layer(SMALL, layout, 2)
    (record,) = cache.folder.iterdir()
    before = record.read_bytes()
    damage(record)
    assert cache.layer(SMALL, layout, 2) == layer
    assert record.read_bytes() == before


def test_a_source_that_changes_before_it_is_read_again_is_an_error(
    cache: LayerCache, layout: Layout, tmp_path: Path
) -> None:
    """The record would map the old content to the new layer."""
    source = tmp_path / "source"
    source.write_bytes(b"old")
    # The second entry's content is read twice, and `check` runs before each time.
    first = Entry(path="a", kind="file", mode=0o644, source=os.urandom(5 << 20))
    entries = [first, Entry(path="b", kind="file", mode=0o644, source=source)]
    with pytest.raises(StorageError, match=f"{source}: a file changed while it was read"):
        cache.layer(entries, layout, 1, check=lambda: _replace(source))
    assert not cache.folder.exists()


def _replace(source: Path) -> None:
    source.write_bytes(os.urandom(8))


def test_records_without_a_blob_are_removed(cache: LayerCache, layout: Layout, tmp_path: Path) -> None:
    """The folder of records does not grow for ever."""
    cache.layer(SMALL, layout, 2)
    kept = names_of(cache)
    gone = cache.layer(SMALL[1:], layout, 2)
    layout.blob_path(gone.descriptor.digest).unlink()
    (cache.folder / "damaged.json").write_text("{")
    cache.remove_unusable([Layout(tmp_path / "none"), layout])
    assert names_of(cache) == kept


def test_an_identity_stands_for_the_content(layout: Layout, tmp_path: Path) -> None:
    """A file that says what it is need not be read to be found again; without that, its bytes count."""
    program = tmp_path / "program"
    program.write_bytes(b"one")
    entry = Entry(path="app/api", kind="file", mode=0o755, source=program)
    named = replace(entry, identity="id/1")
    cache = LayerCache(tmp_path / "layers")
    layer = cache.layer([named], layout, 1)
    program.write_bytes(b"two")
    assert cache.layer([named], layout, 1) == layer
    assert cache.layer([replace(entry, identity="id/2")], layout, 1) != layer
    assert cache.layer([entry], layout, 1) != layer
