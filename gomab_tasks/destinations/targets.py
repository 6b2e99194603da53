"""Say where images go, and where their blobs may be already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from gomab_tasks.destinations.names import Names
from gomab_tasks.errors import SettingsError, map_all
from gomab_tasks.output.notes import read_note, write_note
from gomab_tasks.places import Place
from gomab_tasks.project import Project
from gomab_tasks.registry.reference import Repository, parse_reference, parse_repository
from gomab_tasks.registry.transfer import Destination
from gomab_tasks.settings import SCRATCH
from gomab_tasks.settings.problem import Problem
from gomab_tasks.settings.refusal import refusal

# Of each registry.
_REMEMBERED = 4


class Target(Struct, frozen=True):
    """Hold an image and where it goes."""

    image: str
    destination: Destination


def find_targets(
    project: Project,
    names: Sequence[str],
    given: Names,
    untagged: Collection[str] = (),
) -> tuple[Target, ...]:
    """Say where each image goes.

    A repository without `{image}` that ends with the name of one of several
    images is meant for that one.

    Args:
        untagged: images that are pushed by digest: their tags are not looked up.

    Raises `SettingsError` for an image without a repository, and for two
    images in one place.
    """
    chosen = _meant(names, given.given_repository)
    if others := [name for name in names if name not in chosen]:
        project.say(f"--repository is for {chosen[0]} alone; not pushed: {', '.join(others)}")
    places = map_all(lambda name: parse_repository(given.repository(name)), chosen)
    repositories = dict(zip(chosen, places, strict=True))
    tags = map_all(lambda name: () if name in untagged else _tags(given, name), chosen)
    targets = tuple(
        Target(
            name,
            Destination(
                repositories[name],
                own,
                tuple(_mounts(project, name, repositories)),
                project.settings.group(name).image.immutable_tags,
            ),
        )
        for name, own in zip(chosen, tags, strict=True)
    )
    _require_places(project, targets)
    return targets


def remember(project: Project, image: str, repository: Repository, digest: str) -> None:
    """Note what was sent where, for `has_gone`, and so that another repository can mount its blobs."""
    before = _remembered(project, image)
    before.pop(str(repository), None)
    kept: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for place, sent in [(str(repository), digest), *before.items()]:
        registry = parse_repository(place).registry
        counts[registry] += 1
        if counts[registry] <= _REMEMBERED:
            kept[place] = sent
    write_note(_memory(project, image), kept)


def has_gone(project: Project, image: str, repository: Repository, digest: str) -> bool:
    """Tell whether just that was the last that was sent there; the registry may have lost it since."""
    return _remembered(project, image).get(str(repository)) == digest


def _tags(given: Names, image: str) -> tuple[str, ...]:
    try:
        return given.tags(image)
    except SettingsError as error:
        if given.given_tags:
            raise
        raise SettingsError(f"{problem}; or give --tag" for problem in error.problems) from None


def _meant(names: Sequence[str], repository: str) -> Sequence[str]:
    if not repository or "{image}" in repository or len(names) == 1:
        return names
    last = repository.rpartition("/")[2]
    if last in names:
        return (last,)
    raise SettingsError(
        f"--repository is '{repository}', one place for the images {', '.join(names)}; "
        f"write {{image}} for their names: '{repository}/{{image}}'"
    )


def _mounts(project: Project, image: str, repositories: dict[str, Repository]) -> Iterator[str]:
    """Name repositories of the same registry that may have blobs of an image."""
    own = repositories[image]
    siblings = [str(repository) for name, repository in repositories.items() if name != image]
    base = project.settings.group(image).image.base
    below = [] if base == SCRATCH else [str(parse_reference(base).repository)]
    table = _table_repository(project, image)
    for text in dict.fromkeys([*_remembered(project, image), *table, *below, *siblings]):
        other = parse_repository(text)
        if other.registry == own.registry and other != own:
            yield other.name


def _table_repository(project: Project, image: str) -> list[str]:
    """Give where the table would push an image: others may have, and `--repository` is for elsewhere."""
    try:
        return [Names(project).repository(image)]
    except SettingsError:
        return []


def _require_places(project: Project, targets: Sequence[Target]) -> None:
    places: dict[tuple[Repository, str], str] = {}
    for target in targets:
        for tag in target.destination.tags:
            place = (target.destination.repository, tag)
            if other := places.get(place):
                raise _refuse_place(project, other, target.image, f"{place[0]}:{tag}")
            places[place] = target.image


def _refuse_place(project: Project, first: str, second: str, place: str) -> SettingsError:
    """Name the key, which it always is: `--repository` without `{image}` is for one image alone."""
    text = f"puts '{first}' and '{second}' at {place}; write {{image}} in it, or in the tags"
    return refusal(project.settings.source, [Problem(("image", "repository"), text)], second)


def _memory(project: Project, image: str) -> Path:
    return project.out / Place.PUSHED / f"{image}.json"


def _remembered(project: Project, image: str) -> dict[str, str]:
    """Give the repositories that an image went to, the last first, and its digest."""
    return read_note(_memory(project, image), dict[str, str]) or {}
