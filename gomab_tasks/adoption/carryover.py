"""Carry whole Dockerfiles over: each image that one makes becomes keys of the table."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.adoption.access import carry_access
from gomab_tasks.adoption.building import say_commands
from gomab_tasks.adoption.contents import Contents
from gomab_tasks.adoption.findings import Findings, Path, Value
from gomab_tasks.adoption.gobuild import carry_builds
from gomab_tasks.adoption.image import carry_image
from gomab_tasks.adoption.ownership import say_copied_ownership
from gomab_tasks.adoption.programs import Ground, builds_of, mains_of
from gomab_tasks.adoption.recipe import Recipe, Stage
from gomab_tasks.adoption.starting import carry_start
from gomab_tasks.contents.rootfs import DEFAULT_USER
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.settings.form import IMAGE_NAME_PATTERN

Keys = dict[Path, Value]
# Names that say nothing of a program, and names of folders, which -o may mean.
_ANYTHING = frozenset({"app", "cmd", "main", "src"})
_FOLDERS = frozenset({"bin", "build", "dist", "out"})
_NAME = re.compile(r"\$(\w+)")
_RELEASERS = (".goreleaser.yaml", ".goreleaser.yml", "goreleaser.yaml", "goreleaser.yml")


class Target(Struct, frozen=True):
    """Hold an image of a Dockerfile: its main packages, the one that starts first, and its keys.

    Attributes:
        output: the name that the Dockerfile gives to its program, where the folder's says nothing.
    """

    mains: tuple[MainPackage, ...]
    findings: Findings
    output: str

    @property
    def name(self) -> str:
        """What its table is called."""
        return self.output or self.mains[0].name.lower()


def carry_over(recipe: Recipe, ground: Ground) -> tuple[list[Target], list[str]]:
    """Give the images that a Dockerfile makes of main packages, and a remark for each other one.

    Where several start the same one, the last stands for them.
    """
    targets: list[Target] = []
    others: list[str] = []
    for stage in recipe.targets():
        found = [target for target in _carry_stage(recipe, stage, ground) if target.mains]
        if not found:
            name = f"stage {stage.name}" if stage.name else "its image"
            others.append(f"{recipe.at(stage.line)}: {name} starts none of the main packages found")
        for target in found:
            if any(target.mains[0] == known.mains[0] for known in targets):
                others.append(f"{recipe.at(stage.line)}: stage {stage.name} starts {target.name} too")
            else:
                targets.append(target)
    others += [recipe.at(stage.line) + text for stage, text in _passed_over(recipe)]
    return targets[::-1], others  # in the order of the file


def _passed_over(recipe: Recipe) -> Iterator[tuple[Stage, str]]:
    """Find stages that start something, and get no image since another is built upon them."""
    for stage in recipe.stages:
        starts = any(step.instruction.name in ("CMD", "ENTRYPOINT") for step in stage.steps)
        above = next((other for other in recipe.stages if other.parent is stage), None)
        if above and starts:
            name = f"stage {above.name}" if above.name else f"the stage of line {above.line}"
            yield stage, f": stage {stage.name} gets no image of its own, since {name} is built upon it"


def table_keys(targets: Sequence[Target], ground: Ground) -> Keys:
    """Put images into one table: what all of them have is shared."""
    if len(targets) == 1 and len(targets[0].mains) == 1 and not targets[0].output:
        (target,) = targets
        keys = dict(target.findings.keys)
        if len(ground.mains) > 1:
            keys[("image", "main")] = ground.below_module(target.mains[0])
        return keys
    shared = _shared([target.findings.keys for target in targets])
    own = {path: value for target in targets for path, value in _own(target, shared, ground)}
    return shared | own


def _carry_stage(recipe: Recipe, stage: Stage, ground: Ground) -> list[Target]:
    """Carry a stage over; where a build argument chooses the main package, once for each that it can."""
    builds = (build for one in _used(stage, recipe) for build in builds_of(one))
    chosen = {name for build in builds for package in build.packages for name in _NAME.findall(package)}
    if not chosen & recipe.arguments():
        return [_carry_target(recipe, stage, ground)]
    grounds = [replace(ground, mains=(main,)) for main in reversed(ground.mains)]
    return [_carry_target(recipe, stage, alone) for alone in grounds]


def _carry_target(recipe: Recipe, stage: Stage, ground: Ground) -> Target:
    contents = Contents(recipe, stage, ground, Findings(recipe.source.name))
    carry_image(contents)
    mains = carry_start(contents)
    used = list(_used(stage, recipe))
    if mains:
        carry_access((step for one in used for step in one.all_steps()), contents.findings)
    builds = [build for one in used for build in builds_of(one) if set(mains) & set(mains_of(build, ground))]
    carry_builds(builds, contents.findings)
    if mains and not builds:
        _say_releaser(contents)
    for one in used[1:]:
        say_commands(one, used, contents)
        say_copied_ownership(one, used, contents)
    has_user = any(step.instruction.name == "USER" for step in stage.all_steps())
    if mains and not contents.has_base and not has_user:
        contents.findings.say(
            stage.line,
            f'without USER it ran as root; gomab runs it as {DEFAULT_USER} (image.user = "0:0" keeps root)',
        )
    return Target(mains, contents.findings, _output(mains[0], used, ground) if mains else "")


def _output(main: MainPackage, used: Iterable[Stage], ground: Ground) -> str:
    """Give the name of the file that a main package in `cmd` or the like is compiled to."""
    if main.folder == ground.module or main.folder.name not in _ANYTHING:
        return ""
    builds = (build for one in used for build in builds_of(one) if mains_of(build, ground) == [main])
    names = (posixpath.basename(build.output).lower() for build in builds if not build.output.endswith("/"))
    return next((name for name in names if _is_name(name)), "")


def _is_name(text: str) -> bool:
    return bool(re.match(IMAGE_NAME_PATTERN, text)) and text not in _ANYTHING | _FOLDERS


def _used(stage: Stage, recipe: Recipe) -> Iterator[Stage]:
    """Give a stage and those that it copies from, each once."""
    seen: list[Stage] = []
    pending = [stage]
    while pending:
        one = pending.pop(0)
        if any(one is other for other in seen):
            continue
        seen.append(one)
        names = [step.instruction.flag("from") for step in one.all_steps()]
        pending += filter(None, [recipe.find(name) for name in names if name])
    yield from seen


def _say_releaser(contents: Contents) -> None:
    """Say that GoReleaser, and not the Dockerfile, has the flags that the program is compiled with."""
    for name in _RELEASERS:
        if (contents.ground.root / name).is_file():
            contents.findings.say(
                contents.stage.line,
                f"{name} may compile it; its flags are not read: set go.variables, go.ldflags, go.tags",
            )


def _shared(all_keys: Sequence[Keys]) -> Keys:
    """Take what every image has, and that an image of its own table can have from above."""
    first, *others = all_keys or [{}]
    same = {path: value for path, value in first.items() if all(keys.get(path) == value for keys in others)}
    # The Dockerfile is one for all images.
    return same | {
        path: value for keys in all_keys for path, value in keys.items() if path[0] == "dockerfile"
    }


def _own(target: Target, shared: Keys, ground: Ground) -> Iterable[tuple[Path, Value]]:
    mains = [ground.below_module(main) for main in target.mains]
    yield ("images", target.name, "main"), mains if len(mains) > 1 else mains[0]
    for path, value in target.findings.keys.items():
        if path not in shared:
            below = path[1:] if path[0] == "image" else path
            yield ("images", target.name, *below), value
