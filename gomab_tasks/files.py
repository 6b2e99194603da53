"""Write files so that nothing is ever half there.

Everything is written under a temporary name in the same folder and renamed.
Failures of the disk become `StorageError` with the path and the cure.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from gomab_tasks.errors import StorageError
from gomab_tasks.places import Place, out_lock

MARKER = ".gomab"
TEMPORARY = ".tmp-"
_MARKER_TEXT = "Written by gomab-tasks, which may remove this folder: see `clean`.\n"
# https://bford.info/cachedir/: backup programs skip such folders.
_CACHEDIR_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Written by gomab-tasks.\n"
_OUTPUT_FILES = {MARKER: _MARKER_TEXT, ".gitignore": "*\n", "CACHEDIR.TAG": _CACHEDIR_TAG}

# Nothing takes that long to write.
_STALE_SECONDS = 86_400
_WAIT_SECONDS = 0.05
_TRIES_BEFORE_WORD = 20

_NAMES = frozenset(Place)
_OTHER_OUT = "set another `out`"
_CURES = {
    errno.ENOSPC: "the disk is full; free some space and run it again",
    errno.EDQUOT: "the disk quota is used up; free some space and run it again",
    errno.EACCES: "no permission; change its owner or mode",
    errno.EPERM: "no permission; change its owner or mode",
    errno.EROFS: "the file system is read-only; mount it writable",
    errno.EEXIST: "a file is in its place; remove it",
    errno.ENOTDIR: "a part of this path is a file; remove it",
}


# What `os.fsdecode` makes of bytes that are no text (PEP 383).
_RAW_BYTES = re.compile("[\udc80-\udcff]")


def spell_bytes(text: str) -> str:
    r"""Write the bytes of a file's name that are not UTF-8 as people know them, `\xff`."""
    return _RAW_BYTES.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", text)


class ForeignFilesError(StorageError):
    """Report an output folder with files of somebody else."""


@contextlib.contextmanager
def storage_errors(path: Path, otherwise: str = "") -> Iterator[None]:
    """Turn an `OSError` of the block into a `StorageError` about `path`.

    Args:
        otherwise: what else the user can do, besides what the error asks for.
    """
    try:
        yield
    except OSError as error:
        named = error.filename or path
        where = path if TEMPORARY in str(named) else named
        cure = _CURES.get(error.errno or 0)
        join = ", or " if cure else "; "
        text = join.join(filter(None, [cure or _reason(error), otherwise]))
        raise StorageError(f"{where}: cannot be written: {text}") from error


@contextlib.contextmanager
def read_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into a `StorageError` about reading `path`."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{error.filename or path}: cannot be read: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """Open a temporary file that becomes `path` when the block ends well.

    The old content of `path` stays whole whatever happens in between. The mode
    is set as given, whatever the umask.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write(path: Path, content: str | bytes) -> None:
    """Write a whole file at once, or leave what was there."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def share(source: Path, target: Path) -> None:
    """Put a file in a second place as well: linked where the file system can, else copied as 0644."""
    with temporary_folder(target.parent) as folder, storage_errors(target):
        try:
            os.link(source, folder / "file")
        except OSError:
            shutil.copyfile(source, folder / "file")
            (folder / "file").chmod(0o644)
        (folder / "file").replace(target)


@contextlib.contextmanager
def locked(
    path: Path,
    check: Callable[[], None] = lambda: None,
    *,
    shared: bool = False,
    on_wait: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Hold a lock, between processes and threads, for the block; `path` is the lock's own file.

    Who holds a lock alone removes its file in the end, while others may wait for it;
    they then make it again, so that nobody holds a lock that nobody else can see.

    Args:
        check: called while another run holds the lock; what it raises ends the wait.
        shared: let others that share hold it too.
        on_wait: called once where others hold it for longer than a second.

    Raises `StorageError` where there are no locks, as on some network disks.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    tries = 0
    while (descriptor := _try_lock(path, operation)) is None:
        check()
        tries += 1
        if tries == _TRIES_BEFORE_WORD:
            on_wait()
        time.sleep(_WAIT_SECONDS)
    try:
        yield
    finally:
        _let_go(path, descriptor, is_alone=not shared)


@contextlib.contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold a lock for the block, and tell whether it could be had: others may hold it."""
    descriptor = _try_lock(path, fcntl.LOCK_EX)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _let_go(path, descriptor, is_alone=True)


def _let_go(path: Path, descriptor: int, *, is_alone: bool) -> None:
    # A file that is not the lock's own any more is that of others, who hold it.
    with contextlib.suppress(OSError):
        if is_alone and _is_open(path, descriptor):
            path.unlink()
    os.close(descriptor)


def _is_open(path: Path, descriptor: int) -> bool:
    return os.path.samestat(os.fstat(descriptor), path.stat())


def _try_lock(path: Path, operation: int) -> int | None:
    """Give the open file of the lock, or nothing while others hold it or it was just removed."""
    with storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            if path.is_symlink():
                raise
            return None  # the folder was removed in between
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        if _is_open(path, descriptor):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        os.close(descriptor)
        text = f"{path}: cannot be locked: {_reason(error)}; set an `out` on a disk of this machine"
        raise StorageError(text) from error
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a folder for the block and remove it with all it holds afterwards."""
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale(folder: Path) -> None:
    """Remove what killed runs left in a folder under temporary names; what is young may be in use."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(FileNotFoundError):  # another run may sweep too
            if time.time() - path.lstat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def prepare_output(out: Path) -> None:
    """Make the output folder ours: ignored by git and backups, marked for `clean`.

    Raises `StorageError` where the folder holds files that are not ours. A run
    that was interrupted here, or that is here at the same time, is no stranger;
    what such runs left half written goes once it is old.
    """
    check_output(out)
    mark_output(out)
    with storage_errors(out, _OTHER_OUT):
        for folder in (out, *filter(Path.is_dir, out.iterdir())):
            remove_stale(folder)


def mark_output(out: Path) -> None:
    """Mark an output folder that was checked, so that it stays ours; `clean` may have removed it since."""
    with storage_errors(out, _OTHER_OUT):
        out.mkdir(parents=True, exist_ok=True)
        for name, text in _OUTPUT_FILES.items():
            if not (out / name).is_file():
                write(out / name, text)


def is_output(folder: Path) -> bool:
    """Tell whether `prepare_output` has made a folder."""
    return (folder / MARKER).is_file()


def check_output(out: Path) -> None:
    """Raise what stops `prepare_output` before it writes anything."""
    with storage_errors(out, _OTHER_OUT):
        there = next(path for path in (out, *out.parents) if os.path.lexists(path))
        if not there.is_dir():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(there))
        if there == out and not all(map(_is_ours, out.iterdir())) and not is_output(out):
            raise ForeignFilesError(f"{out}: holds files that gomab did not write; {_OTHER_OUT}")


def _is_ours(path: Path) -> bool:
    if path.name.startswith(TEMPORARY):
        return True
    return path.name in _OUTPUT_FILES and path.read_text(errors="replace") == _OUTPUT_FILES[path.name]


def remove_output(out: Path) -> tuple[int, tuple[str, ...]]:
    """Remove what gomab wrote into a folder that `prepare_output` made, and the folder if no more is in it.

    Gives the bytes that were removed, and the names of what is not gomab's and stays.

    Raises `StorageError` without the marker, so nobody's own files are ever
    removed, and while another run holds `out_lock`.
    """
    if out.is_symlink() or not out.is_dir():
        if out.is_symlink() or out.exists():
            raise StorageError(f"{out}: is not a folder that gomab made; nothing was removed")
        return 0, ()
    if not is_output(out):
        raise StorageError(f"{out}: has no {MARKER} marker, so gomab did not make it; nothing was removed")
    with _idle(out), storage_errors(out):
        paths = [path for path in out.iterdir() if path.name not in _OUTPUT_FILES]
        ours = [path for path in paths if path.name in _NAMES or path.name.startswith(TEMPORARY)]
        foreign = tuple(sorted(path.name for path in paths if path not in ours))
        size = sum(map(_size, ours if foreign else out.iterdir()))
        for path in ours:
            if path.name != Place.LOCKS:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        # At once, with the marker: until then an interrupted removal can be repeated. Who waits for a
        # lock begins once its file is gone, and must lose nothing.
        last = out / Place.LOCKS if foreign else out
        with temporary_folder(last.parent) as folder:
            last.rename(folder / last.name)
    return size, foreign


def _size(path: Path) -> int:
    return sum(inner.lstat().st_size for inner in (path, *path.rglob("*")) if not inner.is_dir())


def remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, below `root`, as far as they hold nothing."""
    with contextlib.suppress(OSError):
        while folder != root and folder.is_relative_to(root):
            folder.rmdir()
            folder = folder.parent


@contextlib.contextmanager
def _idle(out: Path) -> Iterator[None]:
    """Hold the lock of all of `out` for the block, so that no other run works below it."""
    with locked_if_free(out_lock(out)) as is_free:
        if not is_free:
            raise StorageError(f"{out}: another run is at work there; nothing was removed")
        yield
