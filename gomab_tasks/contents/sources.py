"""List the project's own files that go into an image: modes from the x bit, links held inside."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.oci.tar import Entry
from gomab_tasks.settings import FileEntry
from gomab_tasks.settings.problem import KeyPath, Problem, WrongValueError, collecting, show, wrong

LEFT_OUT = (".git", ".nox", ".tox", ".venv", "__pycache__")
"""Names that no folder brings into an image: each checkout has others in them."""

# A folder made on another machine may have as many dangling links as it has files.
_MOST_TOLD = 20


def file_entries(items: Sequence[FileEntry], root: Path) -> list[Entry]:
    """List the table's `files`, folders walked through, in the order of their paths.

    Folders leave out `LEFT_OUT` and output folders, or an image would hold the one before it.

    Modes are 0644 and 0755, by the x bit of the owner; the umask has no say.

    Raises `WrongValueError` for all sources that do not exist, and all that lies
    or leads out of the project, or dangles; `StorageError` for what cannot be read.
    """
    entries: list[Entry] = []
    with collecting() as part:
        for number, item in enumerate(items):
            with part(), files.read_errors(root / item.source):
                entries += _entries_of(item, ("image", "files", number), root)
    return unique(entries)


def folder_entries(folder: Path, to: str, key: KeyPath, root: Path) -> list[Entry]:
    """List a folder of the project under another name; `key` is what names it in the table.

    Raises as `file_entries` does.
    """
    with files.read_errors(folder):
        return _taken(_Origin(key, root, folder), to)


def unique(entries: Iterable[Entry]) -> list[Entry]:
    """Let a later entry replace an earlier one of the same path, and sort."""
    return [entry for _, entry in sorted({entry.path: entry for entry in entries}.items())]


class _Origin(Struct, frozen=True):
    key: KeyPath
    root: Path
    source: Path

    def refuse(self, path: Path, reason: str) -> WrongValueError:
        """Make the error of the source itself, or of something below it."""
        verb = "is" if path == self.source else "takes"
        return wrong(self.key, f"{verb} {show(str(path.relative_to(self.root)))}, which {reason}")


def _entries_of(item: FileEntry, key: KeyPath, root: Path) -> list[Entry]:
    origin = _Origin(key, root, root / item.source)
    if not os.path.lexists(origin.source):
        raise origin.refuse(
            origin.source, "does not exist; name a file or folder, relative to pyproject.toml"
        )
    _resolve(origin.source, origin)
    if item.target == "/" and not origin.source.is_dir():
        raise origin.refuse(
            origin.source, f"is no folder; write the whole path that it gets: '/{origin.source.name}'"
        )
    return _taken(origin, item.target.strip("/"))


def _taken(origin: _Origin, to: str) -> list[Entry]:
    """List a source and all that is below it; what no image can hold is told at once."""
    entries: list[Entry] = []
    refused: list[Problem] = []
    for path, status, place in _walk(origin.source, to):
        try:
            entries.append(_entry(path, status, place, origin))
        except WrongValueError as error:
            refused += error.keyed
    if refused:
        more = len(refused) - _MOST_TOLD
        rest = [Problem(origin.key, f"takes {more} more like these; mend or remove them")] if more > 0 else []
        raise WrongValueError([*refused[:_MOST_TOLD], *rest])
    return [entry for entry in entries if entry.path]


def _walk(path: Path, to: str) -> Iterator[tuple[Path, os.stat_result, str]]:
    """Give paths with their status and their place in the image, folders before what is in them."""
    status = path.lstat()
    yield path, status, to
    if stat.S_ISDIR(status.st_mode):
        for child in sorted(filter(_is_taken, path.iterdir())):
            yield from _walk(child, f"{to}/{child.name}".lstrip("/"))


def _entry(path: Path, status: os.stat_result, to: str, origin: _Origin) -> Entry:
    if stat.S_ISLNK(status.st_mode):
        return _link(path, to, origin)
    if stat.S_ISDIR(status.st_mode):
        return Entry(path=to, kind="directory", mode=0o755)
    if stat.S_ISREG(status.st_mode):
        return _file(path, to)
    raise origin.refuse(path, "is no file, folder or link; images cannot hold it")


def _is_taken(path: Path) -> bool:
    return path.name not in LEFT_OUT and not (path.is_dir() and files.is_output(path))


def _file(path: Path, to: str) -> Entry:
    is_program = path.stat().st_mode & stat.S_IXUSR
    return Entry(path=to, kind="file", mode=0o755 if is_program else 0o644, source=path)


def _link(path: Path, to: str, origin: _Origin) -> Entry:
    """Keep a link that stays inside what is copied; copy the file that another one leads to."""
    resolved = _resolve(path, origin)
    if path != origin.source and resolved.is_relative_to(origin.source.resolve()):
        return Entry(path=to, kind="symlink", mode=0o777, target=_target_inside(path, resolved, origin))
    if resolved.is_file():
        return _file(resolved, to)
    raise origin.refuse(
        path,
        f"is a link to a folder outside of '{origin.source.relative_to(origin.root)}'; "
        "list that folder as an entry of its own",
    )


def _target_inside(path: Path, resolved: Path, origin: _Origin) -> str:
    """Keep a link's words unless they pass through the world outside, which the image lacks."""
    target = path.readlink()
    climbed = os.path.normpath(target).split("/").count("..")
    depth = len(path.relative_to(origin.source).parts) - 1
    if not target.is_absolute() and climbed <= depth:
        return str(target)
    return os.path.relpath(resolved, path.parent.resolve())


def _resolve(path: Path, origin: _Origin) -> Path:
    """Follow links to what is in the project."""
    try:
        resolved = Path(os.path.realpath(path, strict=True))
    except FileNotFoundError:
        raise origin.refuse(path, f"is a dangling link to '{path.readlink()}'; mend or remove it") from None
    except OSError as error:
        words = "leads to itself" if error.errno == errno.ELOOP else f"cannot be followed: {error.strerror}"
        raise origin.refuse(path, f"is a link that {words}; mend or remove it") from None
    if not resolved.is_relative_to(origin.root):
        what = "is a link that leads" if path.is_symlink() else "leads"
        raise origin.refuse(path, f"{what} out of the project to {resolved}; copy it into the project")
    return resolved
