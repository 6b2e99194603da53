"""Ask Go about the project, once for each run: the toolchain, the module, its main packages."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.blame import blame
from gomab_tasks.errors import SettingsError, ToolchainError
from gomab_tasks.golang.module import (
    MainPackage,
    Mains,
    Module,
    NamedMains,
    PackageLister,
    check_toolchain,
    read_module,
)
from gomab_tasks.golang.toolchain import Toolchain, find_go, read_toolchain
from gomab_tasks.golang.vendoring import is_vendored
from gomab_tasks.parallel import run_both
from gomab_tasks.project import Project
from gomab_tasks.settings import Group
from gomab_tasks.settings.problem import KeyPath, Problem, WrongValueError, collecting, show, wrong
from gomab_tasks.settings.refusal import refusal

BYTE_VARIABLES = ("GOFLAGS", "GOEXPERIMENT", "GOFIPS140")
"""Go's own variables that pass through from the user and change the bytes of a program."""
NETWORK_VARIABLES = ("GOPROXY", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOSUMDB", "GOINSECURE")
"""Whence modules come, for those who need to say so; none of it reaches a program."""


class Facts(Struct, frozen=True):
    """Hold what Go says.

    Attributes:
        mains: the main packages of each image of the table, in its order; one
            image for each main package found where the table names none.
        skipped: folders of main packages that were left aside.
        misnamed: folders of main packages that Go refuses -> why.
    """

    toolchain: Toolchain
    module: Module
    mains: Mapping[str, tuple[MainPackage, ...]]
    skipped: tuple[str, ...]
    misnamed: Mapping[str, str] = {}

    @property
    def byte_variables(self) -> dict[str, str]:
        """The variables that reach every program from outside the table, those that are set."""
        values = {name: self.toolchain.env.get(name, "") for name in BYTE_VARIABLES}
        return {name: value for name, value in values.items() if value and value != "off"}


def read_facts(project: Project) -> Facts:
    """Read what a plan needs.

    Raises `SettingsError` for a project without a module or main package and
    `ToolchainError` for a missing or too old Go.
    """
    module = _read_module(project)
    go = find_go(project.environment)
    # Side by side, since every build waits for both.
    toolchain, found = run_both(
        functools.partial(read_toolchain, project.processes, module.folder, go),
        _Finder(project, go, module).find,
        project.processes.stop,
    )
    if isinstance(toolchain, Exception):
        raise toolchain
    check_toolchain(module, toolchain)  # first: what a Go too old says of packages only confuses
    if isinstance(found, ToolchainError) and (blamed := blame(str(found), project.settings)):
        raise SettingsError(f"{blamed}\n{found}")
    if isinstance(found, Exception):
        raise found
    env = {**toolchain.env, **project.settings.shared.go.env}
    module = replace(module, vendored=is_vendored(module.folder, env))
    return Facts(toolchain, module, found.mains, found.skipped, found.misnamed)


def _read_module(project: Project) -> Module:
    """Name the table's own line where it leads to no module."""
    settings = project.settings
    try:
        return read_module(project.module, project.root)
    except SettingsError:
        if settings.module == ".":
            raise
    text = f"is {show(settings.module)}, where there is no go.mod or go.work; name the folder that holds it"
    raise refusal(settings.source, [Problem(("module",), text)])


class _Found(Struct, frozen=True):
    mains: Mapping[str, tuple[MainPackage, ...]]
    skipped: tuple[str, ...] = ()
    misnamed: Mapping[str, str] = {}


class _Finder:
    """Find main packages with as few calls of `go list` as build tags allow."""

    def __init__(self, project: Project, go: Path, module: Module) -> None:
        self._project = project
        self._go = go
        self._module = module
        self._found: dict[PackageLister, Mains] = {}

    def find(self) -> _Found:
        """Find those of all images."""
        settings = self._project.settings
        if settings.images:
            return _Found(self.of_images(settings.images))
        found = self.of_table(settings.shared)
        return _Found(self._one_image_each(found.found), found.skipped, found.misnamed)

    def of_table(self, group: Group) -> Mains:
        if not group.image.main:
            return self._lister(group).find()
        key = ("image", "main")
        return Mains(self._of_groups({key: group})[key])

    def _one_image_each(self, mains: Sequence[MainPackage]) -> dict[str, tuple[MainPackage, ...]]:
        seen: dict[str, MainPackage] = {}
        for main in mains:
            name = main.name.lower()
            if name in seen:
                raise self._two_of_one_name(name, self.folder(seen[name]), self.folder(main))
            seen[name] = main
        return {name: (main,) for name, main in seen.items()}

    def _two_of_one_name(self, name: str, one: str, other: str) -> SettingsError:
        two = f"two main packages are named '{name}': {one} and {other}"
        cure = "give each an image of its own: [tool.gomab.images.NAME] with main"
        settings = self._project.settings
        if not settings.shared.image.main:
            return SettingsError(f"{two}; {cure}")
        return refusal(settings.source, [Problem(("image", "main"), f"names packages, and {two}; {cure}")])

    def of_images(self, images: Mapping[str, Group]) -> dict[str, tuple[MainPackage, ...]]:
        """Give each image's main packages: those of its `main`, else the one that bears its name."""
        keyed: dict[KeyPath, Group] = {("images", name, "main"): group for name, group in images.items()}
        return dict(zip(images, self._of_groups(keyed).values(), strict=True))

    def _of_groups(self, groups: Mapping[KeyPath, Group]) -> dict[KeyPath, tuple[MainPackage, ...]]:
        """Raise `SettingsError` with the problems of all groups, each with its line."""
        named = self._named(groups.values())
        found: dict[KeyPath, tuple[MainPackage, ...]] = {}
        try:
            with collecting() as part:
                for key, group in groups.items():
                    with part():
                        found[key] = self._of_group(key, group, named)
        except WrongValueError as error:
            raise refusal(self._project.settings.source, error.keyed) from None
        return found

    def _of_group(
        self, key: KeyPath, group: Group, named: Mapping[PackageLister, NamedMains]
    ) -> tuple[MainPackage, ...]:
        if group.image.main:
            return _listed(key, group.image.main, named[self._lister(group)])
        return (self._namesake(key[:-1], group),)

    def _named(self, groups: Iterable[Group]) -> dict[PackageLister, NamedMains]:
        wanted: dict[PackageLister, dict[str, None]] = {}
        for group in groups:
            wanted.setdefault(self._lister(group), {}).update(dict.fromkeys(group.image.main))
        return {lister: lister.named(tuple(paths)) for lister, paths in wanted.items() if paths}

    def folder(self, main: MainPackage) -> str:
        return self._project.shown(main.folder)

    def _namesake(self, key: KeyPath, group: Group) -> MainPackage:
        name = key[-1]
        lister = self._lister(group)
        if lister not in self._found:
            self._found[lister] = lister.find()
        found = self._found[lister].found
        same = [main for main in found if main.name == name]
        if len(same) == 1:
            return same[0]
        which = ", ".join(self.folder(main) for main in found)
        text = (
            f"has no main, and {len(same) or 'no'} main packages are named '{name}'; "
            f"set main to one of: {which}"
        )
        raise wrong(key, text)

    def _lister(self, group: Group) -> PackageLister:
        env = group.platforms[0].build_env(group.go.env)
        return PackageLister(
            self._project.processes,
            self._go,
            self._module,
            group.go.tags,
            tuple(sorted(env.items())),
        )


def _listed(key: KeyPath, paths: Sequence[str], named: NamedMains) -> tuple[MainPackage, ...]:
    """Give what `main` lists, each once; raises `WrongValueError` with all that is wrong there."""
    problems: list[Problem] = []
    seen: dict[MainPackage, str] = {}
    for path in paths:
        if reason := named.refused.get(path):
            problems.append(Problem(key, f"has '{path}', which is not a main package: {reason}"))
        elif (main := named.mains[path]) in seen:
            text = f"has '{seen[main]}' and '{path}', which are one main package; keep one of them"
            problems.append(Problem(key, text))
        else:
            seen[main] = path
    if problems:
        raise WrongValueError(problems)
    return tuple(seen)
