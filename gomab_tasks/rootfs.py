"""List what an image's file system holds: root files, the table's files, programs."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gomab_tasks.errors import SettingsError, VerificationError
from gomab_tasks.golang.compile import Build
from gomab_tasks.oci.layer import Entry
from gomab_tasks.plan import PROGRAM_FOLDER, ImagePlan
from gomab_tasks.settings import FileEntry, Image

_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_ZONES = "usr/share/zoneinfo"
_DEFAULT_WORKDIR = "/app"
_DEFAULT_USER = "65532:65532"
# The names that an image on scratch knows, as in Debian and distroless.
_USERS = {"root": 0, "nobody": 65534, "nonroot": 65532}


@dataclass(frozen=True, slots=True)
class User:
    """Hold the numbers a container's process runs under."""

    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


def user_of(image: Image) -> User:
    """Resolve `image.user` to numbers; on scratch only a few names are known.

    Raises `SettingsError` for another name.
    """
    name, _, group = (image.user or _DEFAULT_USER).partition(":")
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


def root_entries(image: Image, root: Path) -> list[Entry]:
    """List what every program on scratch needs: users, /tmp, certificates, zones, folders.

    Raises `SettingsError` for a path of the table that is no file, and
    `VerificationError` when a wheel's file is not the one it was published with.
    """
    user = user_of(image)
    entries = [
        Entry(path="etc/passwd", kind="file", mode=0o644, source=_passwd(user)),
        Entry(path="etc/group", kind="file", mode=0o644, source=_group(user)),
        Entry(path="tmp", kind="directory", mode=0o1777),
        Entry(path=workdir_of(image).strip("/"), kind="directory", mode=0o755),
    ]
    entries += [
        Entry(path=volume.strip("/"), kind="directory", mode=0o755, uid=user.uid, gid=user.gid)
        for volume in image.volumes
    ]
    if image.ca_certificates:
        entries.append(Entry(path=_CERTIFICATES, kind="file", mode=0o644, source=_certificates(image, root)))
    if image.timezones:
        entries += _zones(image, root)
    return [entry for entry in _unique(entries) if entry.path]


def file_entries(files: Sequence[FileEntry], root: Path) -> list[Entry]:
    """List the table's `files`, folders walked through, in the order of their paths.

    Modes are 0644 and 0755, by the x bit of the owner; the umask has no say.

    Raises `SettingsError` for sources that do not exist, lie or lead out of
    the project, or dangle.
    """
    entries: list[Entry] = []
    for number, item in enumerate(files):
        where = f"pyproject.toml: image.files[{number}]"
        source = root / item.source
        if not os.path.lexists(source):
            raise SettingsError(f"{where}: '{item.source}' does not exist in the project")
        if not source.resolve().is_relative_to(root):
            raise SettingsError(f"{where}: '{item.source}' leads out of the project to {source.resolve()}")
        entries += _walk(source, item.target.strip("/"), _Origin(where, root, source))
    return _unique(entries)


def program_entries(build: Build, image: ImagePlan) -> list[Entry]:
    """List an image's programs, as a build left them."""
    folder = PROGRAM_FOLDER.strip("/")
    return [
        Entry(path=f"{folder}/{main.name}", kind="file", mode=0o755, source=build.program(main))
        for main in image.mains
    ]


def wheel_versions(image: Image) -> dict[str, str]:
    """Give the versions of the wheels whose files an image holds."""
    used = {"certifi": image.ca_certificates is True, "tzdata": image.timezones is True}
    return {name: importlib.metadata.version(name) for name, is_used in used.items() if is_used}


@dataclass(frozen=True, slots=True)
class _Origin:
    where: str
    root: Path
    source: Path


def _walk(path: Path, to: str, origin: _Origin) -> Iterator[Entry]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        yield _link(path, to, origin)
    elif stat.S_ISDIR(status.st_mode):
        yield Entry(path=to, kind="directory", mode=0o755)
        for child in sorted(path.iterdir()):
            yield from _walk(child, f"{to}/{child.name}", origin)
    elif stat.S_ISREG(status.st_mode):
        yield Entry(path=to, kind="file", mode=0o755 if status.st_mode & stat.S_IXUSR else 0o644, source=path)
    else:
        shown = path.relative_to(origin.root)
        raise SettingsError(f"{origin.where}: '{shown}' is no file, folder or link; images cannot hold it")


def _link(path: Path, to: str, origin: _Origin) -> Entry:
    """Keep a link that stays inside what is copied; copy the file that another one leads to."""
    shown = path.relative_to(origin.root)
    target = path.readlink()
    resolved = path.resolve()
    if not resolved.exists():
        raise SettingsError(f"{origin.where}: '{shown}' is a dangling link to '{target}'")
    if not resolved.is_relative_to(origin.root):
        raise SettingsError(
            f"{origin.where}: '{shown}' is a link that leads out of the project to {resolved}"
        )
    inside = origin.source.is_dir() and resolved.is_relative_to(origin.source.resolve())
    if inside and not target.is_absolute() and not origin.source.is_symlink():
        return Entry(path=to, kind="symlink", mode=0o777, target=str(target))
    if resolved.is_file():
        return Entry(
            path=to, kind="file", mode=0o755 if os.access(resolved, os.X_OK) else 0o644, source=resolved
        )
    raise SettingsError(
        f"{origin.where}: '{shown}' is a link to a folder outside of "
        f"'{origin.source.relative_to(origin.root)}'; list that folder as an entry of its own"
    )


def _unique(entries: Iterable[Entry]) -> list[Entry]:
    """Let a later entry replace an earlier one of the same path, and sort."""
    return [entry for _, entry in sorted({entry.path: entry for entry in entries}.items())]


def _number(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return _USERS[name]
    except KeyError:
        known = ", ".join(_USERS)
        raise SettingsError(
            f"pyproject.toml: image.user names '{name}', but an image on scratch knows only {known}; "
            "write numbers: '1000:1000'"
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
    return next((name for name, known in _USERS.items() if known == number), "app")


def _certificates(image: Image, root: Path) -> Path:
    if image.ca_certificates is not True:
        return _own_file(str(image.ca_certificates), "image.ca-certificates", root)
    (path,) = _wheel_files("certifi", lambda name: name == "certifi/cacert.pem")
    return path


def _zones(image: Image, root: Path) -> Iterator[Entry]:
    if image.timezones is not True:
        folder = _own_folder(str(image.timezones), "image.timezones", root)
        yield from _walk(folder, _ZONES, _Origin("pyproject.toml: image.timezones", root, folder))
        return
    prefix = "tzdata/zoneinfo/"
    for path in _wheel_files(
        "tzdata", lambda name: name.startswith(prefix) and not name.endswith((".py", ".pyc"))
    ):
        name = path.as_posix().rpartition(prefix)[2]
        yield Entry(path=f"{_ZONES}/{name}", kind="file", mode=0o644, source=path)


def _wheel_files(wheel: str, is_wanted: Callable[[str], bool]) -> list[Path]:
    """Give files of an installed wheel, each checked against the wheel's RECORD."""
    distribution = importlib.metadata.distribution(wheel)
    wanted = [file for file in distribution.files or () if is_wanted(str(file))]
    if not wanted:
        raise VerificationError(
            f"the installed {wheel} lacks its files; pip install --force-reinstall {wheel}"
        )
    return [_checked(wheel, file) for file in wanted]


def _checked(wheel: str, file: importlib.metadata.PackagePath) -> Path:
    path = Path(str(file.locate()))
    found = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
    if file.hash is None or file.hash.value != found:
        raise VerificationError(
            f"{file}: is not what the {wheel} wheel was published with; pip install --force-reinstall {wheel}"
        )
    return path


def _own_file(text: str, key: str, root: Path) -> Path:
    path = (root / text).resolve()
    if not path.is_file() or not path.is_relative_to(root):
        raise SettingsError(f"pyproject.toml: {key} is '{text}', which is no file in the project")
    return path


def _own_folder(text: str, key: str, root: Path) -> Path:
    path = (root / text).resolve()
    if not path.is_dir() or not path.is_relative_to(root):
        raise SettingsError(f"pyproject.toml: {key} is '{text}', which is no folder in the project")
    return path
