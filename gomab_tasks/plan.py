"""Decide what to make, before anything is made: pure, from settings and facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from msgspec import Struct

from gomab_tasks.errors import SettingsError
from gomab_tasks.facts import Facts
from gomab_tasks.golang.compile import Build, Flags, link_flags
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.places import Place
from gomab_tasks.platforms import Platform
from gomab_tasks.selection import Selection
from gomab_tasks.settings import Go, Group, Settings
from gomab_tasks.settings.problem import KeyPath, Problem, WrongValueError, nearest
from gomab_tasks.settings.refusal import refusal
from gomab_tasks.templates import Templates

T = TypeVar("T")
Values = Literal["variables", "labels", "annotations"]
"""Values of the table that take templates and go into what is made."""
Wanted = Mapping[str, Sequence[Platform]]
"""The platforms of each image."""
PROGRAM_FOLDER = "/app"
"""Where an image holds its programs, whatever its workdir."""


class ImagePlan(Struct, frozen=True):
    """Hold one image: its programs, its settings and the platforms of this run.

    Attributes:
        table: the platforms that the table lists; with others, or without
            some, an index is partial.
    """

    name: str
    group: Group
    mains: tuple[MainPackage, ...]
    platforms: tuple[Platform, ...]
    table: tuple[Platform, ...]


class PlannedBuild(Struct, frozen=True):
    """Hold one `go build` and the names of the images that take programs from it."""

    build: Build
    images: tuple[str, ...]


class Plan(Struct, frozen=True):
    """Hold the whole job: images, and the `go build` for each platform that they need.

    Attributes:
        revision: the commit as it was at the start, as a record has it; none where no image is made.
    """

    images: tuple[ImagePlan, ...]
    builds: tuple[PlannedBuild, ...]
    added: tuple[Platform, ...]
    revision: str | None = None

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """All platforms of this run, in order."""
        return tuple(dict.fromkeys(planned.build.platform for planned in self.builds))

    @property
    def wanted(self) -> Wanted:
        """The platforms of this run for each image."""
        return {image.name: image.platforms for image in self.images}

    def images_of(self, planned: PlannedBuild) -> tuple[ImagePlan, ...]:
        """Give the images that take programs from a build."""
        return tuple(image for image in self.images if image.name in planned.images)


def make_plan(
    settings: Settings,
    facts: Facts,
    selection: Selection,
    out: Path,
    templates: Templates,
    needed: Sequence[Values] = (),
) -> Plan:
    """Turn settings and facts into a plan.

    Args:
        needed: the values that what is made needs, besides those of `go.variables`.

    Raises `SettingsError` for two images that would be published under one name,
    and with every template of a needed value that has none.
    Which platforms will do depends on what is made: `require_linkable`, `require_linux`.
    """
    images = plan_images(settings, facts, selection)
    require_values({image.name: image.group for image in images}, templates, ("variables", *needed))
    flags = {image.name: flags_of(image, templates) for image in images}
    return Plan(images, tuple(_plan_builds(images, flags, out / Place.PROGRAMS)), selection.added)


def plan_images(settings: Settings, facts: Facts, selection: Selection) -> tuple[ImagePlan, ...]:
    """Say what each image is; needs no value of a template.

    Raises `SettingsError` as `make_plan` does.
    """
    groups = {name: settings.group(name) for name in facts.mains}
    images = tuple(
        ImagePlan(name, group, facts.mains[name], selection.of(group.platforms), group.platforms)
        for name, group in groups.items()
    )
    _check_references(images, settings.source)
    return images


def named(images: Sequence[ImagePlan], names: Sequence[str]) -> tuple[ImagePlan, ...]:
    """Choose images by name, all if there is none.

    Raises `SettingsError` for a name that no image has.
    """
    known = [image.name for image in images]
    for name in names:
        if name not in known:
            guess = nearest(name, known)
            advice = f"did you mean '{guess}'?" if guess else f"there are: {', '.join(known)}"
            raise SettingsError(f"--image {name}: is no image; {advice}")
    return tuple(image for image in images if not names or image.name in names)


def read_each(images: Iterable[ImagePlan], source: Path, read: Callable[[ImagePlan], T]) -> dict[str, T]:
    """Read something of every image, by the image's name.

    Args:
        source: the pyproject.toml.

    Raises `SettingsError` with the wrong keys of all images at once, each with its line.
    """
    found: dict[str, T] = {}
    problems: list[str] = []
    for image in images:
        try:
            found[image.name] = read(image)
        except WrongValueError as error:
            problems += refusal(source, error.keyed, image.name).problems
    if problems:
        raise SettingsError(dict.fromkeys(problems))
    return found


def require_values(groups: Mapping[str, Group], templates: Templates, needed: Iterable[Values]) -> None:
    """Raise `SettingsError` with all templates of all images that have no value.

    Args:
        groups: the settings of each image, by its name.
    """
    names = tuple(needed)
    problems: list[str] = []
    for image, group in groups.items():
        for where, text in _values(group, names):
            try:
                templates.fill(text, where, image)
            except SettingsError as error:
                problems += error.problems
    if problems:
        raise SettingsError(dict.fromkeys(problems))


def _values(group: Group, needed: Iterable[Values]) -> Iterator[tuple[KeyPath, str]]:
    tables: dict[Values, tuple[str, Mapping[str, str]]] = {
        "variables": ("go", group.go.variables),
        "labels": ("image", group.image.labels),
        "annotations": ("image", group.image.annotations),
    }
    for name in needed:
        table, values = tables[name]
        yield from (((table, name, key), text) for key, text in values.items())


def require_linkable(wanted: Wanted, added: Sequence[Platform], source: Path) -> None:
    """Raise `SettingsError` for all platforms that Go cannot link without cgo.

    Args:
        wanted: what is made; if only programs, for any system.
        added: those that `--arch` gave and the table does not list.
    """
    _refuse_platforms(wanted, added, source, _why_not_linkable)


def require_linux(wanted: Wanted, added: Sequence[Platform], source: Path) -> None:
    """Raise `SettingsError` as `require_linkable` does, and where an image is wanted for another system."""
    _refuse_platforms(wanted, added, source, _why_no_image)


def _why_not_linkable(platform: Platform) -> str:
    """Give the reason, empty for a platform that will do."""
    return "Go links it only through a C compiler, and gomab builds without cgo" if platform.needs_cgo else ""


def _why_no_image(platform: Platform) -> str:
    is_linux = platform.os == "linux"
    other = "" if is_linux else "images are for linux, and only `build` compiles for other systems"
    return _why_not_linkable(platform) or other


def flags_of(image: ImagePlan, templates: Templates) -> Flags:
    """Turn an image's go settings into flags, templates filled.

    Raises `SettingsError` for values that cannot be looked up or handed to Go.
    """
    go = image.group.go
    variables = {
        name: templates.fill(value, ("go", "variables", name), image.name)
        for name, value in go.variables.items()
    }
    flags = go_flags(go, variables)
    link_flags(flags)  # what it refuses is said before anything is downloaded
    return flags


def go_flags(go: Go, variables: Mapping[str, str]) -> Flags:
    """Turn go settings into flags.

    Args:
        variables: the values of `go.variables`, which are templates in the settings.
    """
    return Flags(go.tags, go.gcflags, go.ldflags, variables, go.env, go.vcs_stamp)


def _plan_builds(
    images: Sequence[ImagePlan], flags: Mapping[str, Flags], folder: Path
) -> Iterator[PlannedBuild]:
    for platform in dict.fromkeys(platform for image in images for platform in image.platforms):
        wanted = [image for image in images if platform in image.platforms]
        for name, members in share_builds(platform.slug, wanted, flags).items():
            mains = {main.name: main for image in members for main in image.mains}
            build = Build(platform, tuple(mains.values()), flags[members[0].name], folder / name)
            yield PlannedBuild(build, tuple(image.name for image in members))


def share_builds(
    name: str, images: Iterable[ImagePlan], flags: Mapping[str, Flags]
) -> dict[str, list[ImagePlan]]:
    """Group images that one `go build` can serve: `name`, or `name+IMAGE` -> images.

    One for three programs costs half of three. A program with other flags, or
    with the name of another program, goes into a build of its image's own.
    """
    groups: dict[str, list[ImagePlan]] = {}
    for image in images:
        shared = groups.setdefault(name, [])
        fits = all(flags[other.name] == flags[image.name] and _coexist(other, image) for other in shared)
        (shared if fits else groups.setdefault(f"{name}+{image.name}", [])).append(image)
    return groups


def _coexist(one: ImagePlan, other: ImagePlan) -> bool:
    names = {main.name: main for main in one.mains}
    return all(names.get(main.name, main) == main for main in other.mains)


def _refuse_platforms(
    wanted: Wanted, added: Sequence[Platform], source: Path, why: Callable[[Platform], str]
) -> None:
    """Say from where each platform that is refused came: from `--arch`, else from the table."""
    problems = [
        f"--arch {listed}: {reason}; leave it out" for reason, listed in _by_reason(added, why).items()
    ]
    for image, platforms in wanted.items():
        listed_here = _by_reason([p for p in platforms if p not in added], why)
        found = [
            Problem(("platforms",), f"has {listed}: {reason}; take it out")
            for reason, listed in listed_here.items()
        ]
        problems += refusal(source, found, image).problems if found else ()
    if problems:
        raise SettingsError(dict.fromkeys(problems))


def _by_reason(platforms: Iterable[Platform], why: Callable[[Platform], str]) -> dict[str, str]:
    """Give the platforms that are refused for each reason: `ios/arm64, android/amd64`."""
    refused: dict[str, dict[str, None]] = {}
    for platform in platforms:
        if reason := why(platform):
            refused.setdefault(reason, {})[str(platform)] = None
    return {reason: ", ".join(names) for reason, names in refused.items()}


def _check_references(images: Sequence[ImagePlan], source: Path) -> None:
    """Two images of one repository and tag would overwrite each other."""
    seen: dict[tuple[str, str], str] = {}
    for image in images:
        settings = image.group.image
        for tag in settings.tags if settings.repository else ():
            reference = (
                (settings.repository or "").replace("{image}", image.name),
                tag.replace("{image}", image.name),
            )
            if reference in seen:
                text = (
                    f"puts '{seen[reference]}' and '{image.name}' at {':'.join(reference)}; "
                    "write {image} in it, or in image.tags"
                )
                raise refusal(source, [Problem(("image", "repository"), text)], image.name)
            seen[reference] = image.name
