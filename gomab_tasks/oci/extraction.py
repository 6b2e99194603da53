"""Extract an image's file system into a folder, as an ordinary user can.

Layers may come from a foreign base, so every path is followed by hand with the
folder as its root: a symlink to /etc leads to the folder's own etc, as in a
container. Devices and setuid bits are left out, and owners too unless root
extracts: nobody but us is to run it.

Source: OCI image-spec, layer.md ("Applying Changesets", "Whiteouts").
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from gomab_tasks import files
from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import Descriptor
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.members import NO_WHITEOUTS
from gomab_tasks.oci.tar import OPAQUE, WHITEOUT
from gomab_tasks.oci.tree import MOST_LINKS
from gomab_tasks.oci.unpacking import unpacking


def extract_image(layout: Layout, layers: Iterable[Descriptor], folder: Path) -> None:
    """Extract layers, the base's first, that `verify_layout` has checked.

    Raises `VerificationError` for a tar that leads out of the root or in circles.
    """
    with files.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        for layer in layers:
            _extract_layer(layout, layer, folder)


def inside(folder: Path, path: str) -> Path:
    """Find what a path of the image is outside, symlinks followed, whether it is there or not.

    Raises `VerificationError` for links that lead in circles.
    """
    found = folder
    waiting = list(reversed(PurePosixPath("/", path).parts[1:]))
    links = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            found = found if found == folder else found.parent
        elif (found / part).is_symlink():
            links += 1
            if links > MOST_LINKS:
                raise VerificationError(f"/{path.lstrip('/')}: leads in circles; use a base without it")
            target = PurePosixPath((found / part).readlink())
            found = folder if target.is_absolute() else found
            waiting += reversed([name for name in target.parts if name != "/"])
        else:
            found /= part
    return found


def _extract_layer(layout: Layout, layer: Descriptor, folder: Path) -> None:
    where = blob_name(layer.digest)
    with (
        unpacking(layout, layer) as stream,
        tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as tar,
    ):
        placed: set[Path] = set()
        for member in _members(tar):
            _extract_member(tar, member, folder, where, placed)


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while member := tar.next():
        yield member
        vars(tar)["members"] = []  # it would keep them all


def _extract_member(
    tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, where: str, placed: set[Path]
) -> None:
    """Extract one member; `placed` is what the layer itself has put there so far."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or path.name in NO_WHITEOUTS:
        raise VerificationError(f"{where}: holds the path {member.name!r}, which leads out of the image")
    parent = inside(folder, str(path.parent))
    parent.mkdir(parents=True, exist_ok=True)
    if path.name.startswith(WHITEOUT):
        _apply_whiteout(parent, path.name, placed)
    elif path.name:
        _place(tar, member, parent / path.name, folder)
        placed |= {parent / path.name, *(above for above in (parent, *parent.parents) if above != folder)}


def _apply_whiteout(parent: Path, name: str, placed: set[Path]) -> None:
    """Remove what lower layers hold: one name, or all that is in the folder; nothing of the same layer."""
    hidden = parent.iterdir() if name == OPAQUE else [parent / name.removeprefix(WHITEOUT)]
    for path in list(hidden):
        _remove_lower(path, placed)


def _remove_lower(path: Path, placed: set[Path]) -> None:
    if path not in placed:
        _remove(path)
    elif path.is_dir() and not path.is_symlink():
        for inner in list(path.iterdir()):
            _remove_lower(inner, placed)


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path, folder: Path) -> None:
    is_folder = path.is_dir() and not path.is_symlink()
    if not (member.isdir() and is_folder):
        _remove(path)
    if member.isdir():
        path.mkdir(exist_ok=True)
        # Ours to write into and to remove, whatever the image says.
        path.chmod(member.mode & 0o777 | 0o700)
    elif member.issym():
        path.symlink_to(member.linkname)
    elif member.islnk():
        os.link(inside(folder, member.linkname), path, follow_symlinks=False)
    elif member.isreg():
        content = tar.extractfile(member)
        assert content is not None
        with content, path.open("xb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
        path.chmod(member.mode & 0o777)
    else:
        return
    if os.geteuid() == 0:
        os.chown(path, member.uid, member.gid, follow_symlinks=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
