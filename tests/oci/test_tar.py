"""The tar of a layer."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import StorageError, VerificationError
from gomab_tasks.oci.tar import Entry, complete, content_digest, tar_pieces


def file(path: str, content: bytes = b"", mode: int = 0o644) -> Entry:
    return Entry(path=path, kind="file", mode=mode, source=content)


def tar_of(*entries: Entry) -> bytes:
    return b"".join(tar_pieces(complete(entries), {}))


def members(content: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return tar.getmembers()


def test_missing_parents_are_added_and_everything_is_sorted() -> None:
    """Added directories are 0755 and root's; given ones keep what they say."""
    given = Entry(path="var/lib", kind="directory", mode=0o1777, uid=65532, gid=65533)
    rows = [
        (m.name, m.type, oct(m.mode), m.uid, m.gid)
        for m in members(tar_of(file("var/lib/x"), given, file("app/api")))
    ]
    assert rows == [
        ("app", tarfile.DIRTYPE, "0o755", 0, 0),
        ("app/api", tarfile.REGTYPE, "0o644", 0, 0),
        ("var", tarfile.DIRTYPE, "0o755", 0, 0),
        ("var/lib", tarfile.DIRTYPE, "0o1777", 65532, 65533),
        ("var/lib/x", tarfile.REGTYPE, "0o644", 0, 0),
    ]


def test_members_carry_no_trace_of_the_machine(tmp_path: Path) -> None:
    """Time, names of users and the source's own mode stay out."""
    source = tmp_path / "source"
    source.write_bytes(b"content")
    source.chmod(0o600)
    (member,) = members(tar_of(Entry(path="api", kind="file", mode=0o4755, source=source)))
    assert (member.mtime, member.uname, member.gname, member.mode) == (0, "", "", 0o4755)
    assert member.pax_headers == {}


def test_symlinks_point_where_they_say() -> None:
    """Their mode is always 0777, as Linux has it."""
    (member,) = members(tar_of(Entry(path="sh", kind="symlink", mode=0o600, target="../bin/äöü")))
    assert (member.linkname, member.mode, member.issym()) == ("../bin/äöü", 0o777, True)


@pytest.mark.parametrize(
    "name", ["grüße.txt", "a" * 101, "/".join(["d" * 90] * 4), "back\\slash", "日本" * 60]
)
def test_names_of_any_length_and_script_survive(name: str) -> None:
    """pax headers carry what the old format cannot."""
    assert members(tar_of(file(name, b"x")))[-1].name == name


def test_large_ids_survive() -> None:
    """OpenShift hands out ids above the 2,097,151 of the old format."""
    entry = Entry(path="x", kind="directory", mode=0o755, uid=1_000_650_000, gid=4_000_000)
    (member,) = members(tar_of(entry))
    assert (member.uid, member.gid) == (1_000_650_000, 4_000_000)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, (1 << 20) + 1])
def test_content_survives_whatever_its_size(size: int, tmp_path: Path) -> None:
    """Files from disk and from memory give the same tar, in whole blocks."""
    content = os.urandom(size)
    (tmp_path / "x").write_bytes(content)
    from_disk = tar_of(Entry(path="x", kind="file", mode=0o644, source=tmp_path / "x"))
    assert from_disk == tar_of(file("x", content))
    with tarfile.open(fileobj=io.BytesIO(from_disk)) as tar:
        extracted = tar.extractfile("x")
        assert extracted is not None
        assert extracted.read() == content
    assert len(from_disk) == 512 + size + -size % 512 + 1024


def test_what_was_read_is_recorded(tmp_path: Path) -> None:
    """The digest of the content is that of the bytes in the tar."""
    (tmp_path / "x").write_bytes(b"content")
    entries = complete([Entry(path="a/x", kind="file", mode=0o644, source=tmp_path / "x")])
    contents: dict[str, str] = {}
    assert list(tar_pieces(entries, contents))
    assert contents == {"a": "", "a/x": content_digest(entries[1])}


@pytest.mark.parametrize("path", ["", "/etc", "a//b", "a/", "./a", "a/.", "a/../b", "..", "nul\0"])
def test_paths_outside_the_root_or_not_plain_are_refused(path: str) -> None:
    """One file has one spelling."""
    with pytest.raises(VerificationError, match="must be relative"):
        complete([file(path)])


@pytest.mark.parametrize("name", ["x\udcff", "ok/\ud800"])
def test_names_that_are_not_utf8_are_refused(name: str) -> None:
    """Such a name comes from a disk that holds other bytes; no client agrees on it."""
    with pytest.raises(VerificationError, match=f"the name '{name}' is not UTF-8; rename it"):
        complete([file(name)])


@pytest.mark.parametrize("path", [".wh.x", "a/.wh..wh..opq", ".wh.d/x"])
def test_names_that_would_remove_files_are_refused(path: str) -> None:
    """layer.md calls them whiteouts."""
    with pytest.raises(VerificationError, match="mean removal in a layer"):
        complete([file(path)])


def test_two_entries_of_one_path_are_refused() -> None:
    """layer.md: no duplicate entries."""
    with pytest.raises(VerificationError, match="two entries have the path 'a/x'"):
        complete([file("a/x"), file("a/x")])


@pytest.mark.parametrize("above", [file("a"), Entry(path="a", kind="symlink", mode=0o777, target="b")])
def test_only_directories_contain_entries(above: Entry) -> None:
    """A file under a symlink would land somewhere else."""
    with pytest.raises(VerificationError, match=f"'a' is a {above.kind}, but 'a/x' lies in it"):
        complete([file("a/x"), above])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Entry(path="x", kind="file", mode=0o644), "files, and only they, have a source"),
        (Entry(path="x", kind="directory", mode=0o755, source=b""), "files, and only they, have a source"),
        (Entry(path="x", kind="symlink", mode=0o777), "symlinks, and only they, have a target"),
        (Entry(path="x", kind="file", mode=0o644, source=b"", target="y"), "symlinks, and only they"),
        (Entry(path="x", kind="file", mode=0o100644, source=b""), "has mode 100644"),
        (Entry(path="x", kind="directory", mode=0o755, uid=-1), "uid -1"),
        (Entry(path="x", kind="directory", mode=0o755, gid=-1), "gid -1"),
    ],
)
def test_entries_that_contradict_themselves_are_refused(entry: Entry, message: str) -> None:
    """Each kind has what it needs and nothing else."""
    with pytest.raises(VerificationError, match=message):
        complete([entry])


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 3 << 19)


def rewrite(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.write(b"other")
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [grow, shrink, rewrite])
def test_a_source_that_changes_while_it_is_read_is_an_error(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    """A tar that lies about a size would be unreadable, one of two versions useless."""
    source = tmp_path / "source"
    source.write_bytes(bytes(2 << 20))
    pieces = tar_pieces(complete([Entry(path="x", kind="file", mode=0o644, source=source)]), {})
    next(pieces)
    next(pieces)
    change(source)
    with pytest.raises(StorageError, match="changed while it was read into a layer"):
        list(pieces)


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs Linux's /proc")
def test_a_source_longer_than_it_says_is_an_error() -> None:
    """Files of /proc state a size of 0."""
    entry = Entry(path="x", kind="file", mode=0o644, source=Path("/proc/version"))
    with pytest.raises(StorageError, match="changed while it was read"):
        tar_of(entry)


@pytest.mark.parametrize(("name", "reason"), [("missing", "no such file"), ("folder", "is a directory")])
def test_a_source_that_cannot_be_read_is_named(name: str, reason: str, tmp_path: Path) -> None:
    """The user sees which file."""
    (tmp_path / "folder").mkdir()
    entry = Entry(path="x", kind="file", mode=0o644, source=tmp_path / name)
    with pytest.raises(StorageError, match=f"{tmp_path / name}: cannot be read: {reason}"):
        tar_of(entry)
    with pytest.raises(StorageError, match=f"{tmp_path / name}: cannot be read: {reason}"):
        content_digest(entry)
