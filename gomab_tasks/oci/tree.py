"""See what layers over each other hold, as far as layers above them must know.

Source: OCI image-spec, layer.md ("Applying Changesets", "Whiteouts").
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import Descriptor, Layer
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.members import Member, read_members
from gomab_tasks.oci.tar import OPAQUE, WHITEOUT, Entry, parents
from gomab_tasks.oci.unpacking import unpacking

PASSWD, GROUP = "etc/passwd", "etc/group"
MOST_LINKS = 40
"""How many symlinks a path may lead over, as in Linux (MAXSYMLINKS)."""
_LARGEST_TEXT = 1 << 20


class Folder(Struct, frozen=True):
    """Hold the mode and the owner of a folder."""

    mode: int
    uid: int
    gid: int


class Tree(Struct, frozen=True):
    """Hold the folders and symlinks of an image, and the texts that name its users.

    Paths are relative to the root, parts joined by `/`.
    """

    folders: Mapping[str, Folder] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    passwd: str = ""
    group: str = ""

    def resolve(self, path: str) -> str:
        """Follow the symlinks of every part of a path; parts that are not there stay as they are.

        Raises `VerificationError` for links that lead in circles.
        """
        found: list[str] = []
        waiting = path.split("/")[::-1]
        links = 0
        while waiting:
            part = waiting.pop()
            target = self.links.get("/".join([*found, part]))
            if part == "..":
                found = found[:-1]
            elif target is None:
                found += [part] if part not in {"", "."} else []
            else:
                links += 1
                if links > MOST_LINKS:
                    raise VerificationError(f"/{path}: leads in circles in the base; use a base without it")
                found = [] if target.startswith("/") else found
                waiting += target.split("/")[::-1]
        return "/".join(found)

    def folders_of(self, paths: Iterable[str]) -> list[Entry]:
        """Give the folders that paths name or lie in, where they are there, with mode and owner."""
        wanted = {part for path in paths for part in (path, *parents(path))}
        return [
            Entry(path=path, kind="directory", mode=folder.mode, uid=folder.uid, gid=folder.gid)
            for path in sorted(wanted)
            if (folder := self.folders.get(path))
        ]


EMPTY = Tree()
"""What an image on scratch finds below it."""


def read_layers(layout: Layout, layers: Iterable[Descriptor]) -> tuple[tuple[Layer, ...], Tree]:
    """Unpack layers, lowest first; give their diff_ids and sizes, and what they hold together.

    Raises `VerificationError` for what is no layer.
    """
    layers = tuple(layers)
    read, nodes = _read(layout, layers, {PASSWD, GROUP})
    tree = _tree(nodes)
    places = [_place(tree, PASSWD), _place(tree, GROUP)]
    if places != [PASSWD, GROUP]:  # only now it is known which files are to be held in memory
        _, nodes = _read(layout, layers, places)
        passwd, group = (_text(nodes.get(place)) for place in places)
        tree = replace(tree, passwd=passwd, group=group)
    return read, tree


def _place(tree: Tree, path: str) -> str:
    try:
        return tree.resolve(path)
    except VerificationError:  # as good as not there, which a user that is a number need not mind
        return path


def _read(
    layout: Layout, layers: Iterable[Descriptor], texts: Collection[str]
) -> tuple[tuple[Layer, ...], dict[str, _Node]]:
    """Unpack layers, and keep the content of the files `texts`."""
    nodes: dict[str, _Node] = {}
    read: list[Layer] = []
    for descriptor in layers:
        changes = _Changes(texts)
        with unpacking(layout, descriptor) as stream:
            for member in read_members(stream, blob_name(descriptor.digest)):
                changes.add(member)
            stream.drain()
        nodes = changes.over(nodes)
        read.append(Layer(descriptor, f"sha256:{stream.sha256.hexdigest()}", stream.size))
    return tuple(read), nodes


_Node = Folder | str | bytes
"""A folder, the target of a symlink, or a file with what is to be known of its content."""


class _Changes:
    """Collect what one layer adds and removes."""

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = texts
        self._added: dict[str, _Node] = {}
        self._removed: set[str] = set()
        self._emptied: set[str] = set()

    def add(self, member: Member) -> None:
        path = posixpath.normpath(member.path).lstrip("/")
        folder, name = posixpath.split(path)
        if name == OPAQUE:
            self._emptied.add(folder)
        elif name.startswith(WHITEOUT):
            self._removed.add(posixpath.join(folder, name.removeprefix(WHITEOUT)))
        elif path != ".":
            self._added[path] = _node(member, path, self._texts)

    def over(self, lower: Mapping[str, _Node]) -> dict[str, _Node]:
        """Apply to what lower layers hold; whiteouts hide nothing of their own layer."""
        replaced = {
            path for path, node in self._added.items() if not isinstance(node, Folder) and path in lower
        }
        removed, emptied = self._removed, self._emptied | replaced
        kept = {
            path: node
            for path, node in lower.items()
            if path not in removed and not any(p in removed or p in emptied for p in ("", *parents(path)))
        }
        return kept | self._added


def _node(member: Member, path: str, texts: Collection[str]) -> _Node:
    if member.kind == "directory":
        return Folder(member.mode, member.uid, member.gid)
    if member.kind == "symlink":
        return member.target
    if member.is_file and path in texts:
        if member.size > _LARGEST_TEXT:
            raise VerificationError(f"/{path}: has {member.size} bytes in the base; use another base")
        return b"".join(member.pieces())
    return b""


def _tree(nodes: Mapping[str, _Node]) -> Tree:
    named = dict(_sayable(nodes))
    return Tree(
        {path: node for path, node in named.items() if isinstance(node, Folder)},
        {path: node for path, node in named.items() if isinstance(node, str)},
        _text(named.get(PASSWD)),
        _text(named.get(GROUP)),
    )


def _sayable(nodes: Mapping[str, _Node]) -> Iterator[tuple[str, _Node]]:
    """Leave out names that are not UTF-8: nothing of ours can lie there."""
    for path, node in nodes.items():
        name = f"{path}{node}" if isinstance(node, str) else path
        if name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name):
            yield path, node


def _text(node: _Node | None) -> str:
    return node.decode("utf-8", "replace") if isinstance(node, bytes) else ""
