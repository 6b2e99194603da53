"""Files of the project: what an image gets of them, and what must not get there."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gomab_tasks.contents.sources import file_entries
from gomab_tasks.errors import SettingsError, StorageError
from gomab_tasks.files import prepare_output
from gomab_tasks.oci.tar import Entry
from gomab_tasks.settings import FileEntry
from gomab_tasks.settings.problem import WrongValueError
from tests.contents.conftest import by_path


def files(root: Path, source: str, target: str) -> dict[str, Entry]:
    return by_path(file_entries([FileEntry(source=source, target=target)], root))


def test_folders_are_walked(root: Path) -> None:
    """All of it, under the new name."""
    assert list(files(root, "data", "/srv/x")) == [
        "srv/x",
        "srv/x/a.txt",
        "srv/x/deep",
        "srv/x/deep/b.txt",
    ]


def test_what_each_checkout_has_for_itself_is_left_out(root: Path) -> None:
    """Repositories, environments and output folders, or an image would hold the one before it."""
    for name in (".git", ".venv", "deep/__pycache__"):
        (root / "data" / name).mkdir()
        (root / "data" / name / "file").touch()
    prepare_output(root / "data/build/gomab")
    assert list(files(root, "data", "/")) == ["a.txt", "build", "deep", "deep/b.txt"]
    assert list(files(root, "data/.venv", "/venv")) == ["venv", "venv/file"]


def test_a_folder_may_become_the_root(root: Path) -> None:
    """The root itself is there already; a file cannot take its place."""
    assert list(files(root, "data", "/")) == ["a.txt", "deep", "deep/b.txt"]
    with pytest.raises(SettingsError, match=r"\[0\] is 'data/a\.txt', which is no folder.*'/a\.txt'"):
        files(root, "data/a.txt", "/")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_come_from_the_x_bit(umask: int, root: Path) -> None:
    """git keeps no more than that; the umask of who checks out has no say."""
    before = os.umask(umask)
    try:
        (root / "bin").mkdir()
        for name, mode in {"run.sh": 0o777, "own.sh": 0o700, "text": 0o666, "odd": 0o611}.items():
            (root / "bin" / name).touch(mode)
    finally:
        os.umask(before)
    modes = {path: entry.mode for path, entry in files(root, "bin", "/b").items()}
    assert modes == {"b": 0o755, "b/run.sh": 0o755, "b/own.sh": 0o755, "b/text": 0o644, "b/odd": 0o644}


def test_a_later_entry_wins(root: Path) -> None:
    """So one file of a folder can be replaced."""
    (root / "other.txt").write_text("other")
    entries = [
        FileEntry(source="data", target="/d"),
        FileEntry(source="other.txt", target="/d/a.txt"),
    ]
    assert by_path(file_entries(entries, root))["d/a.txt"].source == root / "other.txt"


@pytest.mark.parametrize(
    ("link", "target", "kept"),
    [
        ("data/link", "a.txt", "a.txt"),
        ("data/link", "deep", "deep"),
        ("data/link", ".", "."),
        ("data/deep/link", "../a.txt", "../a.txt"),
        ("data/deep/link", "../../data/a.txt", "../a.txt"),
        ("data/link", "{root}/data/deep/b.txt", "deep/b.txt"),
    ],
)
def test_links_inside_are_kept(link: str, target: str, kept: str, root: Path) -> None:
    """They lead to the same file in the image, wherever the folder is put."""
    (root / link).symlink_to(target.format(root=root))
    entry = files(root, "data", "/srv/elsewhere")[link.replace("data", "srv/elsewhere")]
    assert (entry.kind, entry.target) == ("symlink", kept)


@pytest.mark.parametrize(("mode", "seen"), [(0o744, 0o755), (0o654, 0o644)])
def test_a_link_to_a_file_next_door_becomes_the_file(mode: int, seen: int, root: Path) -> None:
    """What it leads to is in the project, but not in what is copied."""
    (root / "shared.txt").write_text("shared")
    (root / "shared.txt").chmod(mode)
    (root / "data" / "link").symlink_to("../shared.txt")
    entry = files(root, "data", "/d")["d/link"]
    assert (entry.kind, entry.mode, entry.source) == ("file", seen, root / "shared.txt")
    (root / "alone").symlink_to("shared.txt")
    assert files(root, "alone", "/x")["x"].source == root / "shared.txt"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/etc/passwd", r"takes 'data/link', which is a link that leads out of the project to /etc/passwd"),
        ("../../outside", r"takes 'data/link', which is a link that leads out of the project to "),
        ("nowhere", r"takes 'data/link', which is a dangling link to 'nowhere'"),
        ("link", r"takes 'data/link', which is a link that leads to itself"),
        ("../other", r"takes 'data/link', which is a link to a folder outside of 'data'; list that folder"),
    ],
)
def test_other_links_are_refused(target: str, words: str, root: Path) -> None:
    """A link must not bring a file of the machine into an image, nor lead nowhere there."""
    (root.parent / "outside").write_text("secret")
    (root / "other").mkdir()
    (root / "data" / "link").symlink_to(target)
    with pytest.raises(SettingsError, match=rf"^image\.files\[0\] {words}"):
        files(root, "data", "/d")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("missing", "is 'missing', which does not exist; name a file"),
        ("out", "is 'out', which is a link that leads out of the project to "),
        ("out/secret", "is 'out/secret', which leads out of the project to "),
        ("loop", "is 'loop', which is a link that leads to itself"),
    ],
)
def test_sources_outside_are_refused(source: str, words: str, root: Path) -> None:
    """Also below a linked folder."""
    (root.parent / "away").mkdir()
    (root.parent / "away" / "secret").write_text("secret")
    (root / "out").symlink_to("../away")
    (root / "loop").symlink_to("loop")
    with pytest.raises(SettingsError, match=words):
        files(root, source, "/d")


def test_every_wrong_entry_is_said(root: Path) -> None:
    """Not only the first."""
    (root / "data" / "link").symlink_to("nowhere")
    entries = [FileEntry(source=name, target=f"/{name}") for name in ("missing", "data", "gone")]
    with pytest.raises(WrongValueError) as caught:
        file_entries(entries, root)
    assert [problem.path for problem in caught.value.keyed] == [
        ("image", "files", number) for number in (0, 1, 2)
    ]


def test_every_wrong_link_of_a_folder_is_said(root: Path) -> None:
    """Whatever is wrong with each, in the order of their paths."""
    for link, target in {"a": "nowhere", "deep/b": "/etc/passwd", "deep/c": "c", "z": "../.."}.items():
        (root / "data" / link).symlink_to(target)
    with pytest.raises(WrongValueError) as caught:
        files(root, "data", "/")
    assert [problem.text.partition(", which ")[0] for problem in caught.value.keyed] == [
        "takes 'data/a'",
        "takes 'data/deep/b'",
        "takes 'data/deep/c'",
        "takes 'data/z'",
    ]


def test_many_wrong_links_are_counted(root: Path) -> None:
    """A folder from another machine may have thousands."""
    for number in range(25):
        (root / "data" / f"link{number}").symlink_to("nowhere")
    with pytest.raises(WrongValueError) as caught:
        files(root, "data", "/d")
    *told, rest = (problem.text for problem in caught.value.keyed)
    assert (len(told), rest) == (20, "takes 5 more like these; mend or remove them")


def test_sockets_are_refused(root: Path) -> None:
    """A layer could not bring them to life."""
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root / "data")  # a socket's path must be short
        try:
            server.bind("s")
        finally:
            os.chdir(here)
    with pytest.raises(SettingsError, match=r"takes 'data/s', which is no file, folder or link"):
        files(root, "data", "/d")


@pytest.mark.usefixtures("locked_root", "nobody")
def test_what_cannot_be_read_is_named(locked_root: Path) -> None:
    """With the path itself, not that of the entry."""
    with pytest.raises(StorageError, match=r"/data/deep\b.*: cannot be read: permission denied$"):
        files(locked_root, "data", "/d")


def test_a_file_that_vanishes_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at its folder and the one at itself."""
    monkeypatch.setattr(Path, "iterdir", lambda self: iter([self / "gone"]))
    with pytest.raises(StorageError, match=r"/data/gone: cannot be read: no such file or directory$"):
        files(root, "data", "/d")
