"""Ask Go about the project, once for each run: the toolchain, the module, its main packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gomab_tasks.errors import SettingsError
from gomab_tasks.golang.module import MainPackage, Mains, Module, PackageLister, check_toolchain, read_module
from gomab_tasks.golang.toolchain import Toolchain, read_toolchain
from gomab_tasks.project import Project
from gomab_tasks.settings import Group

BYTE_VARIABLES = ("GOFLAGS", "GOEXPERIMENT", "GOFIPS140", "GODEBUG")
"""Go's own variables that pass through from the user and change the bytes of a program."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold what Go says.

    Attributes:
        mains: the main packages of each image of the table, in its order; one
            image for each main package found where the table names none.
        skipped: folders of main packages that were left aside.
    """

    toolchain: Toolchain
    module: Module
    mains: Mapping[str, tuple[MainPackage, ...]]
    skipped: tuple[str, ...]

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
    module = read_module(project.module, project.settings.module)
    toolchain = read_toolchain(project.processes, module.folder)
    check_toolchain(module, toolchain)
    finder = _Finder(project, toolchain, module)
    if project.settings.images:
        mains = {name: finder.of_image(name, group) for name, group in project.settings.images.items()}
        return Facts(toolchain, module, mains, ())
    found = finder.of_table(project.settings.shared)
    return Facts(toolchain, module, dict(_one_image_each(found.found, finder)), found.skipped)


class _Finder:
    def __init__(self, project: Project, toolchain: Toolchain, module: Module) -> None:
        self._project = project
        self._toolchain = toolchain
        self._module = module
        self._cache: dict[tuple[object, ...], Mains] = {}

    def of_table(self, group: Group) -> Mains:
        return self._ask(group, group.image.main)

    def of_image(self, name: str, group: Group) -> tuple[MainPackage, ...]:
        """Give an image's main packages: those of its `main`, else the one that bears its name."""
        if group.image.main:
            return self._ask(group, group.image.main).found
        found = self._ask(group, ()).found
        same = tuple(main for main in found if main.name == name)
        if len(same) == 1:
            return same
        which = ", ".join(self.folder(main) for main in found)
        raise SettingsError(
            f"pyproject.toml: [tool.gomab.images.{name}] has no main, and {len(same) or 'no'} main packages are "
            f"named '{name}'; set main to one of: {which}"
        )

    def folder(self, main: MainPackage) -> str:
        return self._project.shown(main.folder)

    def _ask(self, group: Group, wanted: Sequence[str]) -> Mains:
        env = {**group.go.env, **group.platforms[0].go_env(), "CGO_ENABLED": "0"}
        key = (tuple(wanted), group.go.tags, tuple(sorted(env.items())))
        if key not in self._cache:
            lister = PackageLister(self._project.processes, self._toolchain, self._module, group.go.tags, env)
            self._cache[key] = lister.named(wanted) if wanted else lister.find()
        return self._cache[key]


def _one_image_each(
    mains: Sequence[MainPackage], finder: _Finder
) -> Iterator[tuple[str, tuple[MainPackage, ...]]]:
    seen: dict[str, MainPackage] = {}
    for main in mains:
        name = main.name.lower()
        if name in seen:
            raise SettingsError(
                f"two main packages are named '{name}': {finder.folder(seen[name])} and {finder.folder(main)}; "
                "give each an image of its own: [tool.gomab.images.NAME] with main"
            )
        seen[name] = main
        yield name, (main,)
