"""What layers over each other hold: later ones win, whiteouts remove, links lead on."""

from __future__ import annotations

import tarfile

import pytest

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci import tree as module
from gomab_tasks.oci.descriptor import LAYER_TAR, digest_of
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.oci.tree import Folder, Tree, read_layers
from tests.foreign_images import folder, link, tar_of


def tree_of(layout: Layout, *tars: bytes) -> Tree:
    return read_layers(layout, [layout.put_blob(LAYER_TAR, tar) for tar in tars])[1]


@pytest.mark.parametrize(
    "members",
    [
        (("usr/etc/passwd", "a"), ("usr/etc/group", "b"), link("etc", "usr/etc")),
        (link("etc/passwd", "/store/users"), link("etc/group", "../store/groups")),
    ],
)
def test_users_are_found_where_links_lead(
    layout: Layout, members: tuple[tarfile.TarInfo | tuple[str, str], ...]
) -> None:
    """The folder or the file may be a symlink, whatever is at its end is called."""
    lower = tar_of(("store/users", "old"), ("store/groups", "b"), folder("usr"))
    tree = tree_of(layout, lower, tar_of(*members), tar_of(("store/users", "a")))
    assert (tree.passwd, tree.group) == ("a", "b")


def test_a_passwd_that_leads_in_circles_names_nobody(layout: Layout) -> None:
    """A base whose user is a number needs none."""
    assert tree_of(layout, tar_of(link("etc/passwd", "passwd"))).passwd == ""


def test_later_layers_win(layout: Layout) -> None:
    """Texts, modes and links; names come with and without `./` and `/`."""
    lower = tar_of(folder("./etc/", 0o700), ("./etc/passwd", "a"), ("etc/group", "b"), link("a", "etc"))
    upper = tar_of(folder("etc", 0o755, 5), ("etc/passwd", "c"), link("./a", "usr"))
    assert tree_of(layout, lower, upper) == Tree({"etc": Folder(0o755, 5, 5)}, {"a": "usr"}, "c", "b")


def test_whiteouts_remove_what_lower_layers_hold(layout: Layout) -> None:
    """One name with all below it, or the content of a folder, wherever the whiteout stands in its layer."""
    lower = tar_of(
        folder("a"), folder("a/b"), link("a/l", "x"), folder("c"), folder("c/d"), ("etc/group", "g")
    )
    upper = tar_of(
        folder("c/e"), ("c/.wh..wh..opq", ""), ("./.wh.a", ""), ("etc/.wh.group", ""), folder("a/n")
    )
    assert tree_of(layout, lower, upper) == Tree(
        {"c": Folder(0o755, 0, 0)} | {name: Folder(0o755, 0, 0) for name in ("c/e", "a/n")}
    )
    assert tree_of(layout, lower, tar_of((".wh..wh..opq", ""))) == Tree()


def test_a_file_in_the_place_of_a_folder(layout: Layout) -> None:
    """Takes all that was in it away."""
    assert tree_of(layout, tar_of(folder("a"), folder("a/b")), tar_of(("a", "file"))) == Tree()


def test_digests_and_sizes(layout: Layout) -> None:
    """Of the whole tar, with what follows its last member."""
    tar = tar_of(folder("a")) + bytes(512)
    (layer,), _ = read_layers(layout, [layout.put_blob(LAYER_TAR, tar)])
    assert (layer.diff_id, layer.unpacked_size) == (digest_of(tar), len(tar))


def test_owners_of_any_size(layout: Layout) -> None:
    """Numbers that have no room in a header stand in a pax record."""
    assert tree_of(layout, tar_of(folder("a", 0o2750, 3_000_000))) == Tree(
        {"a": Folder(0o2750, 3_000_000, 3_000_000)}
    )


def test_what_cannot_be_said_is_left_out(layout: Layout) -> None:
    """Names that are not UTF-8, for none of ours is such a one."""
    tar = tar_of(folder("a\udcff"), link("b", "\udcff"), folder("é"))
    assert tree_of(layout, tar) == Tree({"é": Folder(0o755, 0, 0)})


def test_a_huge_passwd_is_refused(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be held in memory."""
    monkeypatch.setattr(module, "_LARGEST_TEXT", 10)
    with pytest.raises(VerificationError, match=r"^/etc/passwd: has 11 bytes in the base"):
        tree_of(layout, tar_of(("etc/passwd", "x" * 11)))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("lib/x", "usr/lib/x"),
        ("var/run/a/b", "run/a/b"),
        ("up/x", "a/x"),
        ("chain/x", "usr/lib/x"),
        ("new/x", "new/x"),
        ("out/x", "x"),
        ("", ""),
    ],
)
def test_links_are_followed(path: str, found: str) -> None:
    """Relative and absolute ones, links to links, and none out of the root."""
    links = {
        "lib": "usr/lib",
        "var/run": "/run",
        "a/b/up": "../.",
        "up": "a/b/up",
        "chain": "./lib",
        "out": "../../..",
    }
    assert Tree(links=links).resolve(path) == found


def test_links_in_circles_are_refused() -> None:
    """After as many as Linux follows."""
    with pytest.raises(VerificationError, match=r"^/a/x: leads in circles in the base"):
        Tree(links={"a": "b", "b": "a"}).resolve("a/x")


def test_folders_of_paths() -> None:
    """Those that are there, with mode and owner: the paths themselves and all that they lie in."""
    tree = Tree({"a": Folder(0o700, 1, 2), "a/b": Folder(0o755, 0, 0), "c": Folder(0o755, 0, 0)})
    assert tree.folders_of(["a/b/c/d"]) == [
        Entry(path="a", kind="directory", mode=0o700, uid=1, gid=2),
        Entry(path="a/b", kind="directory", mode=0o755),
    ]
