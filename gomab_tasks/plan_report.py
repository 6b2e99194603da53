"""Tell everything that would happen: the plan, as a table and as data."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.builds import divide_machine
from gomab_tasks.contents import rootfs
from gomab_tasks.facts import Facts
from gomab_tasks.golang.compile import Build, arguments
from gomab_tasks.grammar import split_reference
from gomab_tasks.oci.tar import Entry
from gomab_tasks.plan import PROGRAM_FOLDER, ImagePlan, Plan, read_each
from gomab_tasks.project import Project
from gomab_tasks.settings import SCRATCH, Image
from gomab_tasks.units import budget, columns, fits, fitted, hanging, noted

_OF_BASE = "of the base"


class PlannedFile(Struct, frozen=True):
    """Hold a file, folder or link of an image; the mode is octal, as `ls` and `chmod` know it."""

    path: str
    kind: str
    mode: str
    owner: str
    source: str


class PlannedImage(Struct, frozen=True):
    """Hold one image.

    Attributes:
        unpinned: the base has no digest, and may mean another image tomorrow.
        partial: the table lists other platforms.
        user, workdir, files: what the table says; what a base adds is known only once it is fetched.
    """

    image: str
    base: str
    unpinned: bool
    platforms: tuple[str, ...]
    partial: bool
    programs: tuple[str, ...]
    user: str
    workdir: str
    entrypoint: tuple[str, ...]
    files: tuple[PlannedFile, ...]
    unpacked_budget: int


class PlannedCompile(Struct, frozen=True):
    """Hold one `go build`; `-X` values appear as the table's templates."""

    platform: str
    programs: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]


class PlanResult(Struct, frozen=True):
    """Hold the whole plan.

    Attributes:
        passed_through: Go variables of the user's that change the programs.
        side_by_side: how many `go build`s run at once.
        build_only: platforms of other systems than linux; `build` makes programs for them.
        skipped: folders of main packages that were left aside.
    """

    go: str
    module: str
    passed_through: Mapping[str, str]
    side_by_side: int
    images: tuple[PlannedImage, ...]
    build_only: tuple[str, ...]
    skipped: tuple[str, ...]
    builds: tuple[PlannedCompile, ...]

    def text(self) -> str:
        """Give tables of images, files and compiles."""
        return "\n\n".join(
            part for part in (_head(self), _images(self), _files(self), _compiles(self)) if part
        )


def report_plan(project: Project, facts: Facts, plan: Plan) -> PlanResult:
    """Turn a plan into what people and machines read.

    Raises `SettingsError` for files of the table that the project lacks.
    """
    side_by_side, share = divide_machine(0, plan)
    images = [image for image in plan.images if _of_images(image)]
    variables = {image.name: image.group.go.variables for image in plan.images}
    return PlanResult(
        go=facts.toolchain.version,
        module=facts.module.path or "workspace",
        passed_through=facts.byte_variables,
        side_by_side=side_by_side,
        images=tuple(read_each(images, project.settings.source, partial(_image, project)).values()),
        build_only=tuple(str(platform) for platform in plan.platforms if platform.os != "linux"),
        skipped=facts.skipped,
        builds=tuple(
            _compile(
                project,
                facts,
                _replace_variables(planned.build, variables[planned.images[0]]),
                share.compilers,
            )
            for planned in plan.builds
        ),
    )


def _replace_variables(build: Build, templates: Mapping[str, str]) -> Build:
    """Show `-X` values as the table has them."""
    return replace(build, flags=replace(build.flags, variables=templates))


def _image(project: Project, image: ImagePlan) -> PlannedImage:
    settings = image.group.image
    on_scratch = settings.base == SCRATCH
    programs = [f"{PROGRAM_FOLDER}/{main.name}" for main in image.mains]
    files = {f"/{entry.path}": _file(project, entry) for entry in rootfs.known_entries(image, project.root)}
    files |= {} if on_scratch else _folders_on_base(settings)
    files |= {path: PlannedFile(path, "file", "0755", "0:0", "go build") for path in programs}
    return PlannedImage(
        image=image.name,
        platforms=_of_images(image),
        partial=image.platforms != image.table,
        programs=tuple(main.import_path for main in image.mains),
        base=settings.base,
        unpinned=not on_scratch and split_reference(settings.base)[2] is None,
        user=str(rootfs.user_of(settings)) if on_scratch else settings.user or _OF_BASE,
        workdir=rootfs.workdir_of(settings) if on_scratch else settings.workdir or _OF_BASE,
        entrypoint=rootfs.entrypoint_of(image),
        files=tuple(files[path] for path in sorted(files)),
        unpacked_budget=image.group.size.unpacked,
    )


def _of_images(image: ImagePlan) -> tuple[str, ...]:
    return tuple(str(platform) for platform in image.platforms if platform.os == "linux")


def _folders_on_base(settings: Image) -> dict[str, PlannedFile]:
    """List the folders that are made over a base, whose own may stand in their places."""
    made = "made by gomab, unless the base has it"
    workdir = {settings.workdir: "0:0"} if settings.workdir else {}
    owners = workdir | dict.fromkeys(settings.volumes, settings.user or _OF_BASE)
    return {path: PlannedFile(path, "directory", "0755", owner, made) for path, owner in owners.items()}


def _file(project: Project, entry: Entry) -> PlannedFile:
    source = f"-> {entry.target}" if entry.target else "made by gomab"
    if isinstance(entry.source, Path):
        inside = entry.source.is_relative_to(project.root)
        source = project.shown(entry.source) if inside else f"wheel: {'/'.join(entry.source.parts[-2:])}"
    return PlannedFile(f"/{entry.path}", entry.kind, f"{entry.mode:04o}", f"{entry.uid}:{entry.gid}", source)


def _compile(project: Project, facts: Facts, build: Build, compilers: int) -> PlannedCompile:
    shown = replace(build, output=Path(project.shown(build.output)))
    return PlannedCompile(
        platform=str(build.platform),
        programs=tuple(main.name for main in build.mains),
        command=("go", *arguments(shown, facts.toolchain, compilers)),
        environment={  # here, since quotes for the shell may change a secret's looks
            name: project.processes.redact(value)
            for name, value in build.platform.build_env(build.flags.env).items()
        },
    )


def _head(plan: PlanResult) -> str:
    passed = " ".join(f"{name}={value}" for name, value in plan.passed_through.items())
    rows = [["go", plan.go], ["module", plan.module], ["side by side", str(plan.side_by_side)]]
    if passed:
        rows.append(["from your environment", passed])
    if plan.build_only:
        rows.append(["build only", f"{', '.join(plan.build_only)}: images are for linux"])
    return hanging(rows)


def _images(plan: PlanResult) -> str:
    head = ["image", "platforms", "base", "user", "entrypoint", "budget"]
    rows = [
        [
            image.image,
            ", ".join(image.platforms) + (" (partial)" if image.partial else ""),
            image.base + (" (unpinned)" if image.unpinned else ""),
            image.user,
            " ".join(image.entrypoint),
            budget(image.unpacked_budget),
        ]
        for image in plan.images
    ]
    return fitted([head, *rows])


def _files(plan: PlanResult) -> str:
    """List files image by image; a folder of many is told by its number in the table, whole in JSON."""
    parts = []
    for image in plan.images:
        rows = [[file.mode, file.owner, file.path, file.source] for file in image.files]
        parts.append(f"files of {image.image}\n" + _sourced(_shortened(rows)))
    return "\n\n".join(parts)


def _sourced(rows: list[list[str]]) -> str:
    """Put what is last in each row beside the rest, or below where that is too wide."""
    table = columns(rows)
    return table if fits(table) else noted(columns([row[:-1] for row in rows]), [row[-1] for row in rows])


def _shortened(rows: list[list[str]], number: int = 40) -> list[list[str]]:
    more = len(rows) - number
    return [*rows[:number], ["", "", f"and {more} more; all with --json", ""]] if more > 0 else rows


def _compiles(plan: PlanResult) -> str:
    return "\n".join(
        " ".join(
            [
                *(f"{name}={shlex.quote(value)}" for name, value in sorted(build.environment.items())),
                *map(shlex.quote, build.command),
            ]
        )
        for build in plan.builds
    )
