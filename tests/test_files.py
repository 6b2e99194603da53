"""Files are whole or not there, locks hold between processes, and only our own is removed."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomab_tasks import files
from gomab_tasks.errors import StorageError
from gomab_tasks.places import out_lock


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(files.TEMPORARY)]


@pytest.fixture
def umask() -> Iterator[None]:
    old = os.umask(0o077)
    yield
    os.umask(old)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 KiB, which only root can."""
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(argv, check=False, capture_output=True).returncode:
        pytest.skip("cannot mount a small tmpfs: that takes root and its capabilities")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def few_files() -> Iterator[int]:
    """Let this process open few files at once; give how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = max(int(path.name) for path in Path("/dev/fd").iterdir()) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_write(tmp_path: Path) -> None:
    """Folders are made, text is UTF-8, what was there is replaced."""
    path = tmp_path / "a" / "b" / "file"
    files.write(path, "ü")
    assert path.read_bytes() == b"\xc3\xbc"
    files.write(path, b"\0")
    assert path.read_bytes() == b"\0"
    assert leftovers(path.parent) == []


@pytest.mark.usefixtures("umask")
def test_mode(tmp_path: Path) -> None:
    """The mode is as given, whatever the umask."""
    files.write(tmp_path / "plain", "")
    with files.replacing(tmp_path / "program", 0o755) as file:
        file.write(b"#!/bin/sh\n")
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "program").stat().st_mode) == 0o755


def write_half(path: Path, error: type[BaseException]) -> None:
    with files.replacing(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_replacing_fails(tmp_path: Path, error: type[BaseException]) -> None:
    """Where the block fails, the old content stays and nothing else is left."""
    path = tmp_path / "file"
    files.write(path, "old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_full_disk(small_disk: Path) -> None:
    """A full disk is a StorageError that names the file and the cure; the old content stays."""
    path = small_disk / "blob"
    files.write(path, "old")
    with pytest.raises(StorageError) as caught:
        files.write(path, bytes(1 << 20))
    assert str(caught.value) == (
        f"{path}: cannot be written: the disk is full; free some space and run it again"
    )
    assert path.read_text() == "old"
    assert leftovers(small_disk) == []


def test_file_in_the_way(tmp_path: Path) -> None:
    """A file where a folder belongs is named."""
    (tmp_path / "out").write_text("")
    with pytest.raises(StorageError, match=r"a part of this path is a file|File exists"):
        files.write(tmp_path / "out" / "a" / "file", "")


def test_folder_in_the_way(tmp_path: Path) -> None:
    """A folder where the file belongs is named, and not our temporary file."""
    (tmp_path / "file").mkdir()
    with pytest.raises(StorageError) as caught:
        files.write(tmp_path / "file", "")
    assert str(caught.value).startswith(f"{tmp_path / 'file'}: cannot be written: ")
    assert leftovers(tmp_path) == []


def test_no_permission(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A folder that cannot be written is a StorageError with the cure."""
    tmp_path.chmod(0o500)
    request.getfixturevalue("nobody")
    with pytest.raises(StorageError, match="no permission; change its owner or mode"):
        files.write(tmp_path / "file", "")


def test_lock_between_processes(tmp_path: Path) -> None:
    """While another process holds the lock, the wait goes on, and `check` is asked."""
    path = tmp_path / "locks" / "one"
    text = (
        "import sys, time; from pathlib import Path; from gomab_tasks import files\n"
        "with files.locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", text, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(files.__file__).parents[1],
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        asked: list[float] = []

        def check() -> None:
            asked.append(time.monotonic())
            if len(asked) == 3:
                raise TimeoutError

        with pytest.raises(TimeoutError), files.locked(path, check):
            pytest.fail("the lock was given twice")
        other.stdin.close()
        with files.locked(path):
            assert other.wait(10) == 0


def test_a_long_wait_for_a_lock_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have forgotten the other run."""
    monkeypatch.setattr(files, "_WAIT_SECONDS", 0)
    told: list[str] = []
    path = tmp_path / "lock"
    with files.locked(path):
        tries = iter(range(60))

        def check() -> None:
            if next(tries, None) is None:
                raise TimeoutError

        with pytest.raises(TimeoutError), files.locked(path, check, on_wait=lambda: told.append("")):
            pytest.fail("the lock was given twice")
    assert told == [""]


def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network disks have none."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(StorageError, match=r"lock: cannot be locked: no locks available; set an `out` on a"),
        files.locked(tmp_path / "lock"),
    ):
        pytest.fail("there is no lock")


def test_what_killed_runs_left_goes_once_it_is_old(tmp_path: Path) -> None:
    """Whether it is a file or a folder; what another run may be writing stays."""
    out = tmp_path / "out"
    files.prepare_output(out)
    for name in ("old", "new"):
        (out / "smoke" / f".tmp-{name}" / "root").mkdir(parents=True)
        for parent in (out, out / "archives"):
            files.write(parent / f".tmp-{name}-file", "half")
    for path in (*out.glob(".tmp-old*"), *out.glob("*/.tmp-old*")):
        os.utime(path, (0, path.stat().st_mtime - 90_000))
    files.prepare_output(out)
    left = {str(path.relative_to(out)) for path in out.rglob(".tmp-*")}
    assert left == {".tmp-new-file", "archives/.tmp-new-file", "smoke/.tmp-new"}


def test_lock_between_threads(tmp_path: Path) -> None:
    """Threads exclude each other too."""
    inside = 0
    most = 0

    def work() -> None:
        nonlocal inside, most
        with files.locked(tmp_path / "lock"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.02)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lock_whose_folder_goes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`clean` may remove the folder before the lock is in it; then both are made again."""
    lock = tmp_path / "locks" / "a.lock"
    real = os.open

    def remove_first(path: Path, *rest: int) -> int:
        monkeypatch.setattr(os, "open", real)
        lock.parent.rmdir()
        return real(path, *rest)

    monkeypatch.setattr(os, "open", remove_first)
    with files.locked(lock):
        assert lock.is_file()


def test_removed_lock(tmp_path: Path) -> None:
    """Where a lock's file is removed while others wait, they still exclude each other."""
    path = tmp_path / "lock"
    entered: list[str] = []
    leave = threading.Event()

    def work(name: str) -> None:
        with files.locked(path):
            entered.append(name)
            leave.wait(10)

    with files.locked(path):
        threads = [threading.Thread(target=work, args=("waited",))]
        threads[0].start()
        time.sleep(0.1)
        path.unlink()
    while not entered:
        time.sleep(0.01)
    threads.append(threading.Thread(target=work, args=("came later",)))
    threads[1].start()
    time.sleep(0.15)
    seen = list(entered)
    leave.set()
    for thread in threads:
        thread.join()
    assert seen == ["waited"]
    assert entered == ["waited", "came later"]


def test_a_lock_leaves_no_file(tmp_path: Path) -> None:
    """There may be one for each blob; those who share one cannot know who is the last."""
    path = tmp_path / "lock"
    with files.locked(path):
        pass
    assert not path.exists()
    with files.locked_if_free(path) as is_free:
        assert is_free
    assert not path.exists()
    with files.locked(path, shared=True), files.locked_if_free(path) as is_free:
        assert not is_free
    assert path.exists()


def test_a_lock_that_leads_nowhere(tmp_path: Path) -> None:
    """A symlink to a folder that is not there is told, and not waited for."""
    path = tmp_path / "lock"
    path.symlink_to("missing/lock")
    with (
        pytest.raises(StorageError, match="lock: cannot be written: no such file or directory"),
        files.locked(path, pytest.fail),
    ):
        pytest.fail("there is no lock")


def test_temporary_folder(tmp_path: Path) -> None:
    """The folder is there for the block, and gone with all it holds, whatever happens."""

    def fill() -> None:
        with files.temporary_folder(tmp_path / "a") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "file").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert list((tmp_path / "a").iterdir()) == []


def test_output_folder(tmp_path: Path) -> None:
    """The output folder is ignored by git and backups, marked as ours, and removed whole."""
    out = tmp_path / "build" / "gomab"
    files.prepare_output(out)
    assert (out / ".gitignore").read_text() == "*\n"
    assert (out / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    files.prepare_output(out)
    files.write(out / "bin" / "program", bytes(1000))
    size, kept = files.remove_output(out)
    assert size > 1000
    assert kept == ()
    assert not out.exists()
    assert files.remove_output(out) == (0, ())


def test_what_others_put_into_the_output_folder_stays(tmp_path: Path) -> None:
    """With the marker, so that the folder can be used and emptied again."""
    out = tmp_path / "out"
    files.prepare_output(out)
    files.write(out / "bin" / "program", "")
    (out / "notes").write_text("mine")
    (out / "link").symlink_to("bin")
    assert files.remove_output(out)[1] == ("link", "notes")
    assert (out / "notes").read_text() == "mine"
    assert not (out / "bin").exists()
    assert files.remove_output(out) == (0, ("link", "notes"))
    files.prepare_output(out)
    (out / "notes").unlink()
    (out / "link").unlink()
    assert files.remove_output(out)[1] == ()
    assert not out.exists()


def test_busy_output_folder(tmp_path: Path) -> None:
    """What another run is at work in is not removed below it."""
    out = tmp_path / "out"
    files.prepare_output(out)
    with (
        files.locked(out_lock(out), shared=True),
        pytest.raises(StorageError, match="another run is at work there; nothing was removed"),
    ):
        files.remove_output(out)
    assert (out / files.MARKER).is_file()
    files.remove_output(out)
    assert not out.exists()


def test_an_output_folder_with_many_locks(tmp_path: Path, few_files: int) -> None:
    """There may be more than files that a process may open."""
    out = tmp_path / "out"
    files.prepare_output(out)
    for number in range(few_files):
        files.write(out / "locks" / f"{number}.lock", "")
    files.remove_output(out)
    assert not out.exists()


def test_foreign_output_folder(tmp_path: Path) -> None:
    """A folder with somebody's files is neither used nor removed."""
    (tmp_path / "main.go").write_text("package main\n")
    with pytest.raises(StorageError, match="holds files that gomab did not write"):
        files.prepare_output(tmp_path)
    with pytest.raises(StorageError, match="nothing was removed"):
        files.remove_output(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["main.go"]


def test_foreign_gitignore(tmp_path: Path) -> None:
    """A .gitignore of somebody's own is not taken for ours."""
    (tmp_path / ".gitignore").write_text("*.o\n")
    with pytest.raises(StorageError, match="holds files that gomab did not write"):
        files.prepare_output(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.o\n"


@pytest.mark.parametrize("lost", [files.MARKER, ".gitignore", "CACHEDIR.TAG"])
def test_interrupted_preparation(tmp_path: Path, lost: str) -> None:
    """An output folder whose preparation was interrupted is completed by the next run."""
    out = tmp_path / "out"
    files.prepare_output(out)
    (out / lost).unlink()
    (out / f"{files.TEMPORARY}x").write_text("half")
    files.prepare_output(out)
    assert (out / lost).is_file()


def test_preparation_side_by_side(tmp_path: Path) -> None:
    """Runs that prepare the same folder at once (`nox -j`) do not take each other for strangers."""
    for number in range(20):
        out = tmp_path / str(number)
        failed: list[BaseException] = []

        def work(out: Path = out, failed: list[BaseException] = failed) -> None:
            try:
                files.prepare_output(out)
                files.write(out / "bin" / str(threading.get_ident()), "")
            except StorageError as error:
                failed.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []


def test_symlinked_output_folder(tmp_path: Path) -> None:
    """A symlink is not followed to remove what it points to."""
    files.prepare_output(tmp_path / "real")
    (tmp_path / "out").symlink_to("real")
    with pytest.raises(StorageError, match="is not a folder that gomab made"):
        files.remove_output(tmp_path / "out")
    assert (tmp_path / "real" / files.MARKER).is_file()


def test_a_shared_file_is_whole_in_both_places(tmp_path: Path) -> None:
    """Linked where the disk can, and what lay in its place is replaced."""
    source, target = tmp_path / "a", tmp_path / "new" / "b"
    source.write_bytes(b"content")
    for _ in range(2):
        files.share(source, target)
    assert target.read_bytes() == b"content"
    assert target.samefile(source)
    assert [path.name for path in target.parent.iterdir()] == ["b"]
