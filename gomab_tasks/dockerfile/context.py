"""Say what the context of a build leaves out: the text of FILE.dockerignore.

BuildKit reads that file in place of the project's own .dockerignore, so the
lines of that one are part of it. The last line that fits a path decides.
Source: BuildKit, frontend/dockerui/config.go; moby/patternmatcher, ignorefile.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.contents.sources import LEFT_OUT
from gomab_tasks.dockerfile import stages
from gomab_tasks.dockerfile.root import copies
from gomab_tasks.dockerfile.stamp import require_stamp
from gomab_tasks.errors import SettingsError
from gomab_tasks.plan import ImagePlan
from gomab_tasks.project import HEADING, Project

_OWN = ".dockerignore"


def ignored(project: Project, images: Sequence[ImagePlan], sources: stages.Sources) -> str:
    """Leave out what the project does, then what no program is made of.

    Not a word about code, for Go may embed any file. What the Dockerfile copies
    by name is there whatever the project leaves out.

    Raises `SettingsError` for a .dockerignore that is no text, and what `require_stamp` does.
    """
    stamped = [image for image in images if image.group.go.vcs_stamp]
    lines = [f"{HEADING}."]
    if own := _own_lines(project.root / _OWN):
        needed = dict.fromkeys(_needed(images, sources))
        lines += [f"# From {_OWN}:", *own, "# Needed all the same:", *(f"!{path}" for path in needed)]
        lines += ["!.git"] if stamped else []
        lines += ["# In no image:"]
    lines += _never_needed(project, stamped=bool(stamped))
    require_stamp(project, stamped, lines)
    return "\n".join([*lines, ""])


def _own_lines(file: Path) -> list[str]:
    """Read the project's own lines as they are; a mark of the byte order has no place in the middle."""
    if not file.is_file():
        return []
    with files.read_errors(file):
        content = file.read_bytes()
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{_OWN}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _needed(images: Sequence[ImagePlan], sources: stages.Sources) -> Iterator[str]:
    """Name what is copied by name, and vendored modules, without which Go would download.

    No patterns: BuildKit would search every folder that is left out for what fits.
    """
    for folder, names in stages.module_files(sources).items():
        yield from (f"{folder}{name}" for name in names)
    if sources.vendored:
        yield sources.below(sources.module / "vendor")
    for image in images:
        # Of the project as a whole, the project's own lines say what is left out.
        paths = (posixpath.normpath(source) for source, _ in copies(image.group.image))
        yield from (path for path in paths if path != ".")


def _never_needed(project: Project, *, stamped: bool) -> list[str]:
    """Name what changes without a change of the images; a stamp tells when a committed file is missing."""
    file = project.settings.dockerfile.file
    own = [] if stamped else [file, f"{file}.dockerignore"]
    names = [f"**/{name}" for name in LEFT_OUT if not (stamped and name == ".git")]
    return [project.settings.out, *own, *names]
