"""List what an image's file system holds, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.contents.provisions import certificates, zones
from gomab_tasks.contents.sources import file_entries, unique
from gomab_tasks.errors import VerificationError
from gomab_tasks.golang.buildid import read_build_id
from gomab_tasks.golang.compile import Build
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.oci.tar import Entry, complete
from gomab_tasks.oci.tree import EMPTY, Folder, Tree
from gomab_tasks.plan import PROGRAM_FOLDER, ImagePlan
from gomab_tasks.settings import SCRATCH, FileEntry, Image
from gomab_tasks.settings.problem import KeyPath, collecting, wrong

_DEFAULT_WORKDIR = "/app"
DEFAULT_USER = "65532:65532"
_NEW_FOLDER = Folder(0o755, 0, 0)
_PROGRAMS = Entry(path=PROGRAM_FOLDER.strip("/"), kind="directory", mode=0o755)
SCRATCH_USERS = {"root": 0, "nobody": 65534, "nonroot": 65532}
"""The names that an image on scratch knows, as in Debian and distroless."""


class User(Struct, frozen=True):
    """Hold the numbers a container's process runs under."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


def user_of(image: Image) -> User:
    """Resolve `image.user` to numbers; on scratch only a few names are known.

    Raises `WrongValueError` for another name.
    """
    name, _, group = (image.user or DEFAULT_USER).partition(":")
    uid = _number(name)
    return User(uid, _number(group) if group else uid)


def workdir_of(image: Image) -> str:
    """Give the folder a container's process starts in."""
    return image.workdir or _DEFAULT_WORKDIR


def entrypoint_of(plan: ImagePlan) -> tuple[str, ...]:
    """Give the command of a container: the table's, else the first program."""
    if plan.group.image.entrypoint is not None:
        return plan.group.image.entrypoint
    return (f"{PROGRAM_FOLDER}/{plan.mains[0].name}",)


def shared_layers(image: ImagePlan, root: Path) -> dict[str, list[Entry]]:
    """List what an image holds below its programs: what a layer holds -> its entries, lowest first.

    Raises as `root_entries` and `file_entries` do, for the keys of both, and
    `WrongValueError` for a file in the place of a program.
    """
    settings = image.group.image
    below: list[Entry] = []
    files: list[Entry] = []
    with collecting() as part:
        with part():
            below = root_entries(settings, root)
        with part():
            files = file_entries(settings.files, root)
    _check_files(settings.files, complete(unique([*below, _PROGRAMS])), _whole(files))
    above = keep_folders(below, files)
    _check_programs(image, above)
    layers = {"root files": below, "files": above}
    return {holds: entries for holds, entries in layers.items() if entries}


def known_entries(image: ImagePlan, root: Path) -> list[Entry]:
    """List what lies below the programs; over a base, which only a fetch shows, what the table names.

    Raises as `shared_layers` does.
    """
    settings = image.group.image
    if settings.base != SCRATCH:
        return file_entries(settings.files, root)
    return [entry for layer in shared_layers(image, root).values() for entry in complete(layer)]


def layers_on(image: ImagePlan, root: Path, tree: Tree, owner: User) -> dict[str, list[Entry]]:
    """List what an image holds between its base and its programs, as `shared_layers` does.

    The base brings users, certificates, zones and /tmp, and its folders stay as they are.

    Args:
        tree: what the base holds.
        owner: whom volumes belong to.
    """
    settings = image.group.image
    entries = file_entries(settings.files, root)
    _check_programs(image, _whole(entries))
    below = _base_folders(settings, tree, owner)
    layers = {"root files": below, "files": _lay_on(tree, below, entries)}
    return {holds: entries for holds, entries in layers.items() if entries}


def _base_folders(image: Image, tree: Tree, owner: User) -> list[Entry]:
    """List the table's volumes, and its workdir where the base lacks it."""
    own = {}
    workdir = tree.resolve((image.workdir or "").strip("/"))
    if workdir not in tree.folders:
        own[workdir] = _NEW_FOLDER
    for volume in image.volumes:
        path = tree.resolve(volume.strip("/"))
        own[path] = replace(tree.folders.get(path, _NEW_FOLDER), uid=owner.uid, gid=owner.gid)
    entries = [
        Entry(path=path, kind="directory", mode=folder.mode, uid=folder.uid, gid=folder.gid)
        for path, folder in own.items()
        if path
    ]
    return _lay_on(tree, entries, entries)


def _lay_on(tree: Tree, below: Iterable[Entry], entries: Iterable[Entry]) -> list[Entry]:
    """Complete a layer's entries for a place over a base and over layers that hold `below`.

    Paths lead where the base's symlinks do, and the folders that the base has
    are listed with its own mode and owner: Docker's overlay2 unpacks a layer by
    itself, puts folders in the place of links, and gives those that the layer
    does not list to root.

    Raises `WrongValueError` for a file in the place of a folder.
    """
    placed = unique(_placed(entry, tree) for entry in entries)
    return keep_folders([*tree.folders_of(entry.path for entry in placed), *below], placed)


def _placed(entry: Entry, tree: Tree) -> Entry:
    if entry.kind == "directory":
        return replace(entry, path=tree.resolve(entry.path))
    folder, slash, name = entry.path.rpartition("/")
    path = f"{tree.resolve(folder)}/{name}".lstrip("/") if slash else name
    if path in tree.folders:
        raise wrong(
            ("image",),
            f"has a {entry.kind} that is to lie at '/{entry.path}', which is a folder of image.base; "
            "choose another path",
        )
    return replace(entry, path=path)


def root_entries(image: Image, root: Path) -> list[Entry]:
    """List what every program on scratch needs: users, /tmp, certificates, zones, folders.

    Raises `WrongValueError` with all that is wrong in the table, and
    `VerificationError` when a wheel's file is not the one it was published with.
    """
    entries: list[Entry] = []
    with collecting() as part:
        for listed in (_every_image, certificates, zones):
            with part():
                entries += listed(image, root)
    return [entry for entry in unique(entries) if entry.path]


def _every_image(image: Image, _root: Path) -> list[Entry]:
    user = user_of(image)
    entries = [
        Entry(path="etc/passwd", kind="file", mode=0o644, source=_passwd(user)),
        Entry(path="etc/group", kind="file", mode=0o644, source=_group(user)),
        Entry(path=workdir_of(image).strip("/"), kind="directory", mode=0o755),
    ]
    entries += [
        Entry(path=volume.strip("/"), kind="directory", mode=0o755, uid=user.uid, gid=user.gid)
        for volume in image.volumes
    ]
    # After workdir and volumes: whatever else it is, it stays everybody's.
    return [*entries, Entry(path="tmp", kind="directory", mode=0o1777)]


def keep_folders(below: Iterable[Entry], entries: Iterable[Entry]) -> list[Entry]:
    """Complete a layer's entries; a folder that layers below have keeps its owner and mode.

    A layer lists the folders above its files, and the last to list one decides:
    a file put into a volume would otherwise take the volume from its user.
    """
    known = {entry.path: entry for entry in complete(unique(below)) if entry.kind == "directory"}
    return [
        known.get(entry.path, entry) if entry.kind == "directory" else entry for entry in complete(entries)
    ]


def program_entries(
    build: Build, image: ImagePlan, below: Iterable[Entry], tree: Tree = EMPTY
) -> list[Entry]:
    """List an image's programs, as a build left them, for a layer over those that hold `below`.

    Args:
        tree: what the image's base holds.
    """
    folder = PROGRAM_FOLDER.strip("/")
    programs = [
        Entry(
            path=f"{folder}/{main.name}",
            kind="file",
            mode=0o755,
            source=build.program(main),
            identity=_identity(build, main),
        )
        for main in image.mains
    ]
    return _lay_on(tree, below, programs)


def _identity(build: Build, main: MainPackage) -> str:
    """Name a program's content by its build ID, unless the table itself sets that."""
    is_own = any("-buildid" in text for text in build.flags.ldflags)
    return "" if is_own else read_build_id(build.program(main))


def _whole(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Complete the entries of `image.files`; raises `WrongValueError` for what no layer can hold."""
    try:
        return complete(entries)
    except VerificationError as error:
        raise wrong(("image", "files"), f"cannot be a layer: {str(error).removeprefix('layer: ')}") from None


def _check_files(files: Sequence[FileEntry], below: Iterable[Entry], entries: Iterable[Entry]) -> None:
    """Refuse a file in the place of a folder that the image has, and the other way round."""
    kinds = {entry.path: entry.kind for entry in below}
    for entry in entries:
        kind = kinds.get(entry.path, entry.kind)
        if (kind == "directory") != (entry.kind == "directory"):
            raise wrong(
                _key_of(files, entry.path),
                f"puts a {entry.kind} at '/{entry.path}', which is a {kind} in every image; "
                "choose another path in `to`",
            )


def _check_programs(image: ImagePlan, entries: Iterable[Entry]) -> None:
    programs = {f"{PROGRAM_FOLDER}/{main.name}" for main in image.mains}
    for entry in entries:
        if f"/{entry.path}" in programs:
            raise wrong(
                _key_of(image.group.image.files, entry.path),
                f"puts a {entry.kind} at '/{entry.path}', where the program of that name lies; "
                "choose another path",
            )


def _key_of(files: Sequence[FileEntry], path: str) -> KeyPath:
    """Name what puts something at a path: of several entries, the last."""
    place = PurePosixPath(path)
    numbers = [n for n, item in enumerate(files) if place.is_relative_to(item.target.strip("/"))]
    return ("image", "files", *numbers[-1:])


def _number(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return SCRATCH_USERS[name]
    except KeyError:
        known = ", ".join(SCRATCH_USERS)
        raise wrong(
            ("image", "user"),
            f"names '{name}', but an image on scratch knows only {known}; write numbers: '{DEFAULT_USER}'",
        ) from None


def _passwd(user: User) -> bytes:
    lines = ["root:x:0:0:root:/:/sbin/nologin"]
    if user.uid:
        lines.append(f"{_name(user.uid)}:x:{user.uid}:{user.gid}::/:/sbin/nologin")
    return "".join(f"{line}\n" for line in lines).encode()


def _group(user: User) -> bytes:
    lines = ["root:x:0:"]
    if user.gid:
        lines.append(f"{_name(user.gid)}:x:{user.gid}:")
    return "".join(f"{line}\n" for line in lines).encode()


def _name(number: int) -> str:
    return next((name for name, known in SCRATCH_USERS.items() if known == number), "app")
