"""Divide a project's platforms among the runners of a CI system."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import asdict

from gomab_tasks.facts import read_facts
from gomab_tasks.plan import require_linux
from gomab_tasks.platforms import Platform
from gomab_tasks.project import Project
from gomab_tasks.selection import Selection

Work = Mapping[Platform, Sequence[str]]
"""The images that are made for each platform."""


class Entry(Struct, frozen=True):
    """Hold what one runner makes.

    Attributes:
        name: fits into the name of a file or artifact.
        arch: the words for `image --arch`.
        images: all that it makes: one `go build` for a platform serves them all.
    """

    name: str
    arch: str
    images: tuple[str, ...]


class MatrixResult(Struct, frozen=True):
    """Hold a matrix in the shape of GitHub's `strategy.matrix`."""

    include: tuple[Entry, ...]

    def text(self) -> str:
        """Give the JSON in one line, as a step's output takes it."""
        return json.dumps({"include": [asdict(entry) for entry in self.include]}, separators=(",", ":"))


def find_work(project: Project, selection: Selection) -> Work:
    """Say what is to be made; asks Go only where the table names no images.

    Raises what `read_facts` and `require_linux` do.
    """
    settings = project.settings
    groups = settings.images or dict.fromkeys(read_facts(project).mains, settings.shared)
    made = {name: selection.of(group.platforms) for name, group in groups.items()}
    require_linux(made, selection.added, settings.source)
    order = selection.chosen or settings.platforms
    return {
        platform: images
        for platform in order
        if (images := [name for name, platforms in made.items() if platform in platforms])
    }


def make_matrix(work: Work, runners: int = 0) -> MatrixResult:
    """Give each runner one platform or several, about the same number of images each.

    The host of a runner is of no matter: everything is cross-compiled.

    Args:
        work: what is to be made, in the table's order.
        runners: how many there are at most; 0 is one for each platform.
    """
    return MatrixResult(tuple(_entry(group, work) for group in _divide(work, runners or len(work))))


def _divide(work: Work, runners: int) -> list[list[Platform]]:
    """Hand out the largest first, each to whoever has least: a third over the best at most (Graham 1969)."""
    groups: list[list[Platform]] = [[] for _ in range(min(runners, len(work)))]
    for platform in sorted(work, key=lambda platform: -len(work[platform])):
        min(groups, key=lambda group: sum(len(work[one]) for one in group)).append(platform)
    order = list(work)
    return sorted(
        (sorted(group, key=order.index) for group in groups), key=lambda group: order.index(group[0])
    )


def _entry(group: Sequence[Platform], work: Work) -> Entry:
    images = dict.fromkeys(image for platform in group for image in work[platform])
    return Entry("+".join(one.slug for one in group), ",".join(map(str, group)), tuple(images))
