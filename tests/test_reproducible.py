"""The same sources give the same digests, whoever builds them, wherever and how."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Git, ModuleFactory, Script

TABLE = """\
[tool.gomab]
platforms = ["linux/amd64", "linux/arm/v7"]

[tool.gomab.go.variables]
"main.version" = "1.0"

[tool.gomab.image]
files = [{ from = "data", to = "/app/data" }]
volumes = ["/data"]
timezones = true
labels = { b = "2", a = "{image}" }
"""


Images = Callable[..., Mapping[str, str]]


@pytest.fixture
def images(gomab: Script) -> Images:
    """Run `gomab images` as a user does, and give every digest."""

    def run(root: Path, *words: str, **variables: str) -> Mapping[str, str]:
        done = gomab(root, "images", "--json", *words, **variables)
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = {}
        for index in json.loads(done.stdout)["result"]["images"]:
            found[index["image"]] = index["digest"]
            found |= {f"{index['image']} {one['platform']}": one["digest"] for one in index["platforms"]}
        return found

    return run


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def copy(source: Path, folder: Path, mask: int = 0o022) -> Path:
    """Copy sources as another user's checkout has them: other modes, times and order."""
    with umask(mask):
        for path in sorted(source.rglob("*"), reverse=True):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                target.symlink_to(path.readlink())
            elif path.is_file():
                target.touch(0o777 if os.access(path, os.X_OK) else 0o666)
                target.write_bytes(path.read_bytes())
                os.utime(target, (1, 1))
    return folder


@pytest.fixture
def sources(module: ModuleFactory) -> Path:
    """Give a module with files whose modes, names and order could leave a trace."""
    root = module("two-mains")
    (root / "pyproject.toml").write_text(TABLE)
    (root / "data").mkdir()
    for name in ("Z", "a", "ä", "run.sh"):
        (root / "data" / name).write_text(name)
    (root / "data" / "run.sh").chmod(0o755)
    (root / "data" / "link").symlink_to("a")
    return root


def test_another_machine(images: Images, sources: Path, tmp_path: Path) -> None:
    """Another folder, umask, HOME, time zone, locale, job count and user leave no trace."""
    one = images(sources, "--jobs", "1")
    assert len(one) == 6
    other = copy(sources, tmp_path / "ander ü" / "folder", 0o077)
    shutil.rmtree(other / "build")
    home = tmp_path / "home"
    home.mkdir()
    changed = {"HOME": str(home), "USER": "x", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "tr"}
    with umask(0o077):
        assert images(other, "--jobs", "4", **changed) == one


def test_the_same_folder_again(images: Images, sources: Path) -> None:
    """What an earlier run left changes nothing, nor does another path to the folder."""
    one = images(sources)
    (sources.parent / "link").symlink_to(sources)
    assert images(sources.parent / "link") == one
    shutil.rmtree(sources / "build")
    assert images(sources) == one


def test_commits_leave_no_trace(images: Images, sources: Path, git: Git) -> None:
    """Platforms keep their digests from commit to commit, dirty or not."""
    one = images(sources)
    git(sources, "init")
    git(sources, "add", ".")
    git(sources, "commit", "-m", "first")
    assert images(sources) == one
    (sources / "README").write_text("dirty")
    assert images(sources) == one


def test_changes_leave_one(images: Images, sources: Path) -> None:
    """So that the tests above can fail: a variable, a mode, a file's content each give other digests."""
    seen = {images(sources)["api"]}
    (sources / "data" / "a").chmod(0o755)
    seen.add(images(sources)["api"])
    (sources / "data" / "a").write_text("b")
    seen.add(images(sources)["api"])
    assert len(seen) == 3
    assert images(sources, SOURCE_DATE_EPOCH="1")["api"] not in seen


def test_a_cold_cache(images: Images, module: ModuleFactory, tmp_path: Path) -> None:
    """Everything compiled and downloaded anew, the standard library too."""
    root = module("fetched")
    one = images(root)
    shutil.rmtree(root / "build")
    other = copy(root, tmp_path / "other")
    modules = tmp_path / "modules"
    # Go writes modules read-only, which pytest could not clean up.
    cold = {"GOCACHE": str(tmp_path / "cache"), "GOMODCACHE": str(modules), "GOFLAGS": "-modcacherw"}
    assert images(other, **cold) == one
    assert (modules / "example.com" / "tiny@v1.0.0").is_dir()
