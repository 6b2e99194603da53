"""Follow a Dockerfile through its stages: what each step sees of variables and folders."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from gomab_tasks.adoption.expansion import UnknownValueError, expand, split_pairs, split_words
from gomab_tasks.adoption.syntax import Instruction, Source
from gomab_tasks.errors import SettingsError

_COMMITS = (
    "COMMIT COMMIT_SHA COMMIT_HASH SHA GIT_SHA GIT_COMMIT GIT_HASH GIT_REVISION GIT_REV REVISION VCS_REF "
    "VCS_REVISION"
)
BUILD_FIELDS: Mapping[str, str] = {
    **dict.fromkeys(("VERSION", "APP_VERSION", "BUILD_VERSION", "RELEASE"), "{version}"),
    **dict.fromkeys(("GIT_DESCRIBE", "GIT_VERSION"), "{git.describe}"),
    **dict.fromkeys(("TAG", "GIT_TAG"), "{git.tag}"),
    **dict.fromkeys(("BRANCH", "GIT_BRANCH"), "{git.branch}"),
    **dict.fromkeys(("SHORT_SHA", "GIT_SHORT_SHA", "COMMIT_SHORT"), "{git.short}"),
    **dict.fromkeys(_COMMITS.split(), "{git.sha}"),
}
"""Names that build arguments have everywhere, and the template that gives the same."""

_FROM_FORMS = (1, 3)
# BuildKit sets them for each platform; a default of the file's own never counts.
_AUTOMATIC = frozenset(
    f"{role}{what}" for role in ("BUILD", "TARGET") for what in ("PLATFORM", "OS", "ARCH", "VARIANT")
)


class Scope(Struct):
    """Hold what variables mean at one place.

    Attributes:
        values: what they hold when nothing is given to the build.
        templates: the same as templates of the settings; a well-known build
            argument is what it stands for.
        environment: the names that ENV set, which later stages and the image see.
        workdir: absolute, or empty where no WORKDIR was.
    """

    values: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    environment: set[str] = field(default_factory=set)
    workdir: str = ""

    def copied(self) -> Scope:
        """Give one that later instructions do not change."""
        return Scope(dict(self.values), dict(self.templates), set(self.environment), self.workdir)

    def inherited(self) -> Scope:
        """Give what a stage that is built upon this one begins with."""
        return Scope(
            {name: value for name, value in self.values.items() if name in self.environment},
            {name: value for name, value in self.templates.items() if name in self.environment},
            set(self.environment),
            self.workdir,
        )

    def set(self, name: str, word: str, escape: str) -> None:
        """Set a variable; one whose value nobody knows is forgotten."""
        for known, literal in ((self.values, str), (self.templates, braced)):
            known.pop(name, None)
            try:
                known[name] = expand(word, known, escape, literal)
            except UnknownValueError:
                continue

    def path(self, text: str) -> str:
        """Make a path absolute, as the step's WORKDIR has it."""
        return posixpath.normpath(posixpath.join("/", self.workdir, text))


class Step(Struct, frozen=True):
    """Hold an instruction of a stage and what it sees."""

    instruction: Instruction
    scope: Scope


class Stage(Struct, frozen=True):
    """Hold one stage.

    Attributes:
        base: the reference behind FROM with its values, or an earlier stage's name.
        parent: that earlier stage.
        platform: of `--platform`, with its values; empty if there is none.
    """

    name: str
    base: str
    parent: Stage | None
    platform: str
    line: int
    steps: list[Step]
    scope: Scope

    def all_steps(self) -> list[Step]:
        """Give the steps of the stages below it and its own."""
        return [*(self.parent.all_steps() if self.parent else []), *self.steps]

    @property
    def root(self) -> Stage:
        """The stage below it that begins with an image."""
        return self.parent.root if self.parent else self


class Recipe(Struct, frozen=True):
    """Hold a whole Dockerfile."""

    source: Source
    stages: tuple[Stage, ...]

    def find(self, name: str) -> Stage | None:
        """Give the stage that `--from` names, by name or number."""
        if name.isdecimal() and int(name) < len(self.stages):
            return self.stages[int(name)]
        return next((stage for stage in self.stages if stage.name == name.lower()), None)

    def targets(self) -> tuple[Stage, ...]:
        """Give the stages that no other uses, the last one first: it is what is built if none is named."""
        used = {id(stage.parent) for stage in self.stages}
        used |= {id(self.find(copied)) for stage in self.stages for copied in _copied_from(stage)}
        return tuple(stage for stage in reversed(self.stages) if id(stage) not in used)

    def arguments(self) -> set[str]:
        """List the names that a build may be given values for."""
        texts = (one.text for one in self.source.instructions if one.name == "ARG")
        return {word.partition("=")[0] for text in texts for word in split_words(text, self.source.escape)}

    def at(self, line: int) -> str:
        """Name a place for people."""
        return f"{self.source.name}:{line}"


def braced(text: str) -> str:
    """Spell a text as a template that stands for itself."""
    return text.replace("{", "{{").replace("}", "}}")


def read_recipe(source: Source) -> Recipe:
    """Follow the instructions.

    Raises `SettingsError` with the line of what cannot be followed.
    """
    stages: list[Stage] = []
    first = Scope()
    for instruction in source.instructions:
        try:
            if instruction.name == "FROM":
                stages.append(_begin(instruction, stages, first, source.escape))
            elif not stages and instruction.name != "ARG":
                raise ValueError(f"{instruction.name} stands above the first FROM")  # noqa: TRY301 - as below
            else:
                _follow(instruction, stages[-1] if stages else None, first, source.escape)
        except ValueError as error:
            raise SettingsError(f"{source.name}:{instruction.line}: {error}") from None
    if not stages:
        raise SettingsError(f"{source.name}: has no FROM, so there is no image")
    return Recipe(source, tuple(stages))


def _begin(instruction: Instruction, stages: list[Stage], first: Scope, escape: str) -> Stage:
    words = split_words(instruction.text, escape)
    if len(words) not in _FROM_FORMS or (len(words) > 1 and words[1].upper() != "AS"):
        raise ValueError(f"FROM {instruction.text}: write FROM IMAGE, or FROM IMAGE AS NAME")
    base = _expanded(words[0], first, escape)
    parent = next((stage for stage in stages if stage.name == base.lower()), None)
    return Stage(
        name=words[2].lower() if len(words) > 1 else "",
        base=base,
        parent=parent,
        platform=_expanded(instruction.flag("platform"), first, escape),
        line=instruction.line,
        steps=[],
        scope=parent.scope.inherited() if parent else _scope_of(base),
    )


def _scope_of(base: str) -> Scope:
    """Give what an image sets that Dockerfiles use: of golang's, GOPATH."""
    name = re.sub("[:@].*", "", posixpath.basename(base.partition("@")[0]))
    given = {"GOPATH": "/go"} if name == "golang" else {}
    return Scope(dict(given), dict(given), set(given))


def _follow(instruction: Instruction, stage: Stage | None, first: Scope, escape: str) -> None:
    scope = stage.scope if stage else first
    if stage:
        stage.steps.append(Step(instruction, scope.copied()))
    match instruction.name:
        case "ARG":
            for word in split_words(instruction.text, escape):
                _declare(word, scope, first, escape)
        case "ENV":
            for name, value in split_pairs(instruction.text, escape):
                scope.set(name, value, escape)
                scope.environment.add(name)
        case "LABEL":
            split_pairs(instruction.text, escape)
        case "ADD" | "COPY":
            if len(instruction.words or split_words(instruction.text, escape)) == 1:
                raise ValueError(f"{instruction.name} {instruction.text}: write sources and a target")
        case "WORKDIR":
            scope.workdir = scope.path(_expanded(instruction.text, scope, escape))


def _declare(word: str, scope: Scope, first: Scope, escape: str) -> None:
    """Declare a build argument: its own default, else that of one above the first FROM."""
    name, equals, default = word.partition("=")
    if name in scope.environment or name in _AUTOMATIC:  # ENV always wins
        return
    if equals:
        scope.set(name, default, escape)
    else:
        for above, here in ((first.values, scope.values), (first.templates, scope.templates)):
            if name in above:
                here[name] = above[name]
    if name in BUILD_FIELDS:
        scope.templates[name] = BUILD_FIELDS[name]


def _expanded(word: str, scope: Scope, escape: str) -> str:
    """Put values in; a word whose values nobody knows stays as it is written."""
    try:
        return expand(word, scope.values, escape)
    except UnknownValueError:
        return word


def _copied_from(stage: Stage) -> Iterator[str]:
    for step in stage.steps:
        if step.instruction.flag("from"):
            yield step.instruction.flag("from")
