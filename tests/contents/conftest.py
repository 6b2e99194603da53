"""What tests of images' contents need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gomab_tasks.oci.tar import Entry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project's folder with something in it."""
    folder = tmp_path.resolve() / "project"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "data" / "a.txt").write_text("a")
    (folder / "data" / "deep" / "b.txt").write_text("b")
    return folder


@pytest.fixture
def locked_root(root: Path) -> Iterator[Path]:
    """Give a copy of it whose `data/deep` and `ca.pem` may not be read by others."""
    with TemporaryDirectory() as name:  # others may not even enter pytest's own
        folder = Path(name).resolve() / "project"
        shutil.copytree(root, folder)
        (folder / "ca.pem").touch()
        folder.parent.chmod(0o755)
        for path in (folder / "data/deep", folder / "ca.pem"):
            path.chmod(0)
        yield folder


def by_path(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Find entries by their paths, of which none stands twice."""
    assert len({entry.path for entry in entries}) == len(entries)
    return {entry.path: entry for entry in entries}
