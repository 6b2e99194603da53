"""Note which index of an image passed all checks and its budget, so that `push` sends no other.

A file for each image, OUT/checked/NAME.json: gone from the start of `images` until its good end. Nox goes on
with `push` after `images` failed, and a layout is there then too: the previous one, or one over its budget.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import VerificationError
from gomab_tasks.output.built import Built
from gomab_tasks.output.notes import read_note, write_note
from gomab_tasks.places import Place
from gomab_tasks.project import Project
from gomab_tasks.selection import Selection
from gomab_tasks.templates import short_revision


class Checked(Struct, frozen=True):
    """Hold what passed.

    Attributes:
        index: its digest.
        revision: the commit that it was built from, with `-dirty` where files had changed; none outside git.
    """

    index: str
    revision: str | None


def forget(project: Project, selection: Selection) -> None:
    """Remove the notes of the images that a run makes, before it begins."""
    with files.storage_errors(project.out):
        for path in _folder(project).glob("*.json"):
            if selection.of(project.settings.group(path.stem).platforms):
                path.unlink(missing_ok=True)


def note(project: Project, image: str, checked: Checked) -> None:
    """Note at the end of a run what has passed."""
    write_note(_note(project, image), checked)


def require_checked(project: Project, built: Built, revision: str | None) -> None:
    """Refuse an index that did not pass, or that names of the moment would be wrong for.

    Args:
        revision: what the image's names say, where they take it from git.

    Raises `VerificationError` with the command that mends it.
    """
    checked = read_note(_note(project, built.name), Checked)
    again = project.type("images")
    if not checked or checked.index != built.index.digest:
        raise VerificationError(
            f"{built.name}: the last `images` did not end well, so nothing is pushed; run it again: {again}"
        )
    if revision and checked.revision and revision != checked.revision:
        raise VerificationError(
            f"{built.name}: was built from {short_revision(checked.revision)}, but its names take "
            f"{short_revision(revision)} from git; build it again: {again}"
        )


def _note(project: Project, image: str) -> Path:
    return _folder(project) / f"{image}.json"


def _folder(project: Project) -> Path:
    return project.out / Place.CHECKED
