"""What tests of images' contents need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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


def by_path(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Find entries by their paths, of which none stands twice."""
    assert len({entry.path for entry in entries}) == len(entries)
    return {entry.path: entry for entry in entries}
