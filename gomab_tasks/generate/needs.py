"""Find what a project asks of a workflow: from its table, its go.mod and what git says."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks import github, grammar
from gomab_tasks.errors import SettingsError
from gomab_tasks.facts import read_facts
from gomab_tasks.generate.commands import LOCKED, Commands, find_commands
from gomab_tasks.generate.reach import reaches_out
from gomab_tasks.golang.module import Module, read_module
from gomab_tasks.plan import require_linux
from gomab_tasks.project import Project
from gomab_tasks.settings import Group, Settings
from gomab_tasks.settings.problem import Problem
from gomab_tasks.settings.refusal import refusal
from gomab_tasks.settings.template import fields_of, fill_template

_OF_TAGS = {"git.tag", "git.describe", "version"}
_CHANGING = ("git.", "version", "env.")
# GitHub's runners are linux/amd64; their kernel runs 386 too.
_RUN_BY_THEMSELVES = {"amd64", "386"}
_LOOPBACK = ("localhost", "127.", "[::1]")


class Events(Struct, frozen=True):
    """Hold on which events something can be done: a pull request, a push to the branch, a pushed tag."""

    pulls: bool
    branch: bool
    tags: bool

    @classmethod
    def of(cls, fields: Iterable[str]) -> Events:
        """Say where all fields have a value: pull requests and tags are on no branch, only tags a tag."""
        tag, branch = "git.tag" in fields, "git.branch" in fields
        return cls(pulls=not tag and not branch, branch=not tag, tags=not branch)


class Needs(Struct, frozen=True):
    """Hold what the workflow of a project depends on.

    Attributes:
        branch: the repository's main branch.
        folder: of pyproject.toml in the repository; empty for its root.
        top: the repository's folder, absolute.
        commands: how tasks are typed.
        images: their names, where they are pushed.
    """

    settings: Settings
    module: Module
    branch: str
    folder: str
    top: Path
    commands: Commands
    images: tuple[str, ...] = ()

    def path(self, *parts: str) -> str:
        """Spell a path of the project from the repository's root."""
        return PurePosixPath(self.folder, *parts).as_posix()

    @property
    def paths(self) -> tuple[str, ...]:
        """Patterns of the files that matter; empty for all of the repository."""
        if not self.folder or reaches_out(self.top / self.folder, self.top, self.module):
            return ()
        names = ("noxfile.py", LOCKED) if self.commands.is_locked else ("noxfile.py",)
        elsewhere = names if self.commands.folder != self.folder else ()
        files = (PurePosixPath(self.commands.folder, name).as_posix() for name in elsewhere)
        return (f"{_as_pattern(self.folder)}/**", *files)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The settings of each image."""
        return tuple(self.settings.images.values()) or (self.settings.shared,)

    @property
    def built(self) -> Events:
        """When images can be built."""
        return Events.of(self._fields_to_build())

    @property
    def pushed(self) -> Events:
        """When images are pushed; not with a tag if that moved `latest`, which the branch moves."""
        if not self.is_pushed:
            return Events(pulls=False, branch=False, tags=False)
        events = Events.of(self._fields_to_build() | self._fields_to_push())
        moves = events.branch and not all(
            _is_changing(tag) for group in self.groups for tag in group.image.tags
        )
        return Events(
            pulls=False, branch=events.branch, tags=events.tags and bool(not moves or self.release_tags)
        )

    @property
    def is_pushed(self) -> bool:
        """Whether all images have a repository that is not the machine's own."""
        return all(map(_is_public, self.groups))

    @property
    def release_tags(self) -> tuple[str, ...]:
        """Give the tags that change, where those of all images are the same and others do not change."""
        changing = {tuple(filter(_is_changing, group.image.tags)) for group in self.groups}
        everything = {group.image.tags for group in self.groups}
        return changing.pop() if len(changing) == 1 and changing != everything else ()

    @property
    def history(self) -> bool:
        """Whether some value comes from git's tags."""
        return bool(self._fields() & _OF_TAGS) or any(group.go.vcs_stamp for group in self.groups)

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the environment that templates name, without GitHub's own."""
        return tuple(sorted(field.removeprefix("env.") for field in self._fields() if _is_variable(field)))

    @property
    def registries(self) -> tuple[str, ...]:
        """Hosts that need a login, with the repository's variables in the way of workflows."""
        repositories = [group.image.repository or "" for group in self.groups] if self.is_pushed else []
        return tuple(dict.fromkeys(filter(None, map(_registry, repositories))))

    @property
    def smoke(self) -> bool:
        """Whether the table says how programs are tried."""
        return any(group.smoke.has_check for group in self.groups)

    @property
    def emulated(self) -> tuple[str, ...]:
        """Architectures that QEMU has to run for `smoke`."""
        tried = [group.platforms for group in self.groups if group.smoke.has_check]
        names = dict.fromkeys(platform.architecture for platforms in tried for platform in platforms)
        return tuple(name for name in names if name not in _RUN_BY_THEMSELVES)

    @property
    def go_file(self) -> str:
        """The file that says which Go, from the repository's root."""
        name = "go.mod" if (self.module.folder / "go.mod").is_file() else "go.work"
        return self.path(self.settings.module, name)

    @property
    def test(self) -> str:
        """The command that runs all tests; in a workspace `./...` would find none."""
        folders = (os.path.relpath(member, self.module.folder) for member in self.module.members)
        patterns = ("./..." if folder == "." else f"./{folder}/..." for folder in folders)
        tags = self.settings.shared.go.tags
        return shlex.join(["go", "test", *([f"-tags={','.join(tags)}"] if tags else []), *patterns])

    def _fields(self) -> set[str]:
        return self._fields_to_build() | (self._fields_to_push() if self.is_pushed else set())

    def _fields_to_build(self) -> set[str]:
        tables = (
            table
            for group in self.groups
            for table in (group.go.variables, group.image.labels, group.image.annotations)
        )
        return {field for table in tables for text in table.values() for field in fields_of(text)}

    def _fields_to_push(self) -> set[str]:
        images = (group.image for group in self.groups)
        texts = (text for image in images for text in (image.repository or "", *image.tags))
        return {field for text in texts for field in fields_of(text)}


def find_needs(project: Project) -> Needs:
    """Read table, module and git; ask Go only for the names of images that are pushed.

    Warns of repositories for which the workflow has no push or no login. Raises what
    `require_linux` and `find_commands` do, and `SettingsError` where no
    event of GitHub has all values that building needs.
    """
    settings = project.settings
    named = settings.images or {"": settings.shared}
    require_linux({name: group.platforms for name, group in named.items()}, (), settings.source)
    _require_buildx(settings)
    module = read_module(project.module, project.root, settings.shared.go.env)
    folder = _git(project, "rev-parse", "--show-prefix").rstrip("/")
    top = project.root.parents[len(Path(folder).parts) - 1] if folder else project.root
    commands = find_commands(project, top)
    needs = Needs(settings, module, _main_branch(project), folder, top, commands)
    if not (needs.built.branch or needs.built.tags):
        raise SettingsError(
            "go.variables, labels or annotations need {git.tag} and {git.branch}, but in CI there is "
            "never both; use {git.describe} or {env.GITHUB_REF_NAME}"
        )
    _warn_of_repositories(project, named)
    if not needs.is_pushed:
        return needs
    return replace(needs, images=tuple(settings.images or read_facts(project).mains))


def _as_pattern(path: str) -> str:
    """Take their meaning from characters that GitHub's path filters give one."""
    return re.sub(r"[*?+\[\]!\\]", r"\\\g<0>", path)


def _require_buildx(settings: Settings) -> None:
    builder = settings.buildkit.builder or ""
    if settings.backend == "buildkit" and "://" in builder:
        text = (
            f"is '{builder}', an address for buildctl, but GitHub's runners have no buildctl; name a buildx "
            "builder, which the workflow then makes"
        )
        raise refusal(settings.source, [Problem(("buildkit", "builder"), text)])


def _is_changing(tag: str) -> bool:
    return any(field.startswith(_CHANGING) for field in fields_of(tag))


def _is_variable(field: str) -> bool:
    """Whether a field's value is a variable of the repository: not git's, not GitHub's own."""
    name = field.removeprefix("env.")
    return name not in {field, "CI"} and not name.startswith(("GITHUB_", "RUNNER_"))


def _registry(repository: str) -> str:
    """Name the host to log in to; none where it may be part of a field, or is git's or GitHub's."""
    first, slash, _ = repository.partition("/")
    fields = fields_of(first)
    if not any("." in field for field in fields):
        return grammar.split_repository(repository)[0]
    if not slash or not all(map(_is_variable, fields)):
        return ""
    return fill_template(first, lambda field: f"${{{{ vars.{field.removeprefix('env.')} }}}}")


def _warn_of_repositories(project: Project, groups: Mapping[str, Group]) -> None:
    said: dict[str, None] = {}
    for name, group in groups.items():
        repository = group.image.repository or ""
        if text := _lacks(repository):
            problem = Problem(("image", "repository"), f"is '{repository}', which {text}")
            said |= dict.fromkeys(refusal(project.settings.source, [problem], name or None).problems)
    for line in said:
        project.warn(line)


def _lacks(repository: str) -> str:
    if repository.startswith(_LOOPBACK):
        return "is on the runner itself, so the workflow pushes nothing; name another registry"
    if repository and not _registry(repository):
        return (
            "begins with a template, so the workflow logs in to no registry for it; "
            f"write the registry in front: '{grammar.DOCKER_HUB}/{repository}'"
        )
    return ""


def _is_public(group: Group) -> bool:
    return bool(group.image.repository and not group.image.repository.startswith(_LOOPBACK))


def _main_branch(project: Project) -> str:
    remote = _git(project, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    return remote.removeprefix("origin/") or github.default_branch(project.environment) or "main"


def _git(project: Project, *words: str) -> str:
    """Ask git; nothing where it has no answer, as outside of a repository."""
    completed = project.processes.run(["git", *words], cwd=project.root, env={"LC_ALL": "C"})
    return "" if completed.code else completed.stdout.strip()
