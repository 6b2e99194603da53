"""Put the stages together into one Dockerfile, and say how it is built."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.dockerfile import stages, words
from gomab_tasks.dockerfile.context import ignored
from gomab_tasks.dockerfile.root import root_stages
from gomab_tasks.facts import Facts
from gomab_tasks.golang.compile import Flags
from gomab_tasks.golang.requirements import Requirements, read_requirements
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.modules import download_env
from gomab_tasks.plan import ImagePlan, go_flags, read_each, share_builds
from gomab_tasks.project import Project
from gomab_tasks.settings import Dockerfile

# Names that mean something to Docker, or that the stages here have.
_TAKEN = re.compile(r"(context|scratch|go|source|(build|files|root)(-.*)?|[^a-z].*)")

VALUES = {
    "git.sha": "$(git rev-parse HEAD)",
    "git.short": "$(git rev-parse --short=12 HEAD)",
    "git.tag": "$(git describe --tags --exact-match)",
    "git.describe": "$(git describe --tags --always --abbrev=12)",
    "git.branch": "$(git branch --show-current)",
    "version": "$(git describe --tags --always --abbrev=12 | sed s/^v//)",
}
"""What gives the values of fields to those without gomab, of a clean checkout."""

_NEXT_LINE = " \\\n  "


class DockerfileText(Struct, frozen=True):
    """Hold a Dockerfile, and how it is built.

    Attributes:
        ignored: the text of FILE.dockerignore.
        go_image: the reference of the image with Go, as the text has it.
        targets: image -> the stage that makes it.
        roots: image -> the stage below it, which a build context may replace.
        fields: of templates, whose values the build arguments carry.
    """

    text: str
    ignored: str
    go_image: str
    targets: Mapping[str, str]
    roots: Mapping[str, str]
    fields: tuple[str, ...]

    def pin(self, digest: str) -> DockerfileText:
        """Give it with a digest behind the Go image's tag."""
        pinned = f"{self.go_image}@{digest}"
        text = self.text.replace(f" {self.go_image} AS go\n", f" {pinned} AS go\n", 1)
        return replace(self, text=text, go_image=pinned)


def write_text(
    project: Project, facts: Facts, images: Sequence[ImagePlan], toolchain: Toolchain
) -> DockerfileText:
    """Write the Dockerfile of all images, each a stage; the first image's is the last.

    A build without `--target` makes the last stage, so the first image.

    Args:
        toolchain: decides like for `go build` which flags fit to the user's own.

    Raises `SettingsError` for what a Dockerfile cannot do.
    """
    sources = _sources(project, facts)
    compiles = _compiles(images)
    roots, root_parts = _roots(images, project)
    targets = {image.name: _target(image.name) for image in images}
    go_image = _go_image(project, sources.requirements, facts)
    fields = _fields(images, compiles)
    parts = [
        _heading(project, project.heading(words_of(facts, images)), images, targets, fields),
        _go_part(project, go_image),
        _source_part(project, sources),
        *_build_parts(compiles, sources, project.settings.dockerfile, toolchain),
        *root_parts,
        *reversed([_image_part(image, targets, roots, compiles) for image in images]),
    ]
    return DockerfileText(
        text="\n\n".join("\n".join(part) for part in parts) + "\n",
        ignored=ignored(project, images, sources),
        go_image=go_image,
        targets=targets,
        roots=roots,
        fields=fields,
    )


def words_of(facts: Facts, images: Sequence[ImagePlan]) -> str:
    """Give the task and its options that write the Dockerfile of these images."""
    chosen = [f"--image {image.name}" for image in images] if len(images) < len(facts.mains) else []
    return " ".join(["dockerfile", *chosen, "--write"])


def _sources(project: Project, facts: Facts) -> stages.Sources:
    requirements = read_requirements(project.processes, facts.toolchain, facts.module)
    return stages.Sources(
        root=project.root,
        module=facts.module.folder.resolve(),
        cache=facts.module.path or next(one.module for one in requirements if one.module),
        vendored=facts.module.vendored,
        requirements=requirements,
        env=download_env(project.settings),
    )


def _heading(
    project: Project,
    first: str,
    images: Sequence[ImagePlan],
    targets: Mapping[str, str],
    fields: Sequence[str],
) -> list[str]:
    """Say who wrote the file, and how each image is built."""
    settings = project.settings.dockerfile
    command = [f"docker buildx build {_platforms(images[0])}", *_options(project, fields)]
    lines = [first, "#"]
    lines += [f"#     {line}" for line in f"{_NEXT_LINE.join(command)} .".splitlines()]
    if len(images) > 1:
        lines += ["#", f"# That makes {images[0].name}. The others, with the same options and"]
        lines += [f"#     {_platforms(image)} --target {targets[image.name]}" for image in images[1:]]
    return [*([f"# syntax={settings.syntax}"] if settings.syntax else []), *lines]


def _options(project: Project, fields: Sequence[str]) -> Iterator[str]:
    """Give the options that a build of the file needs."""
    settings = project.settings.dockerfile
    for field in fields:
        yield f"--build-arg {words.argument_name(field)}={_value(field)}"
    if settings.netrc or settings.ssh:
        yield from ["--build-arg GOPRIVATE=…"] if "GOPRIVATE" not in download_env(project.settings) else []
    if settings.netrc:
        yield '--secret id=netrc,src="$HOME/.netrc"'
    if settings.ssh:
        yield "--ssh default"
        yield '--secret id=known_hosts,src="$HOME/.ssh/known_hosts"'
    if settings.file != "Dockerfile":
        yield f"--file {shlex.quote(settings.file)}"


def _value(field: str) -> str:
    return f'"${field.removeprefix("env.")}"' if field.startswith("env.") else f'"{VALUES[field]}"'


def _platforms(image: ImagePlan) -> str:
    return f"--platform {','.join(map(str, image.table))}"


def _go_image(project: Project, requirements: Sequence[Requirements], facts: Facts) -> str:
    image = project.settings.dockerfile.go_image
    if "@" in image or ":" in image.rpartition("/")[2]:
        return image
    return f"{image}:{requirements[0].toolchain or facts.toolchain.version}"


def _go_part(project: Project, image: str) -> list[str]:
    return [
        "# Go runs on the machine's own platform and cross-compiles: nothing is emulated.",
        *stages.go_stage(project.settings.dockerfile, image),
    ]


def _source_part(project: Project, sources: stages.Sources) -> list[str]:
    how = "lie in vendor/" if sources.vendored else "are downloaded once, for all platforms"
    return [f"# Modules {how}.", *stages.source_stage(sources, project.settings.dockerfile)]


def _compiles(images: Sequence[ImagePlan]) -> dict[str, stages.Compile]:
    """Give each image's `go build`, with marks where templates have fields."""
    marked = {image.name: _marked(image) for image in images}
    flags = {name: flags for name, (flags, _) in marked.items()}
    found: dict[str, stages.Compile] = {}
    for name, members in share_builds("build", images, flags).items():
        mains = tuple({main.name: main for image in members for main in image.mains}.values())
        compiled = stages.Compile(name.replace("+", "-"), mains, *marked[members[0].name])
        found |= {image.name: compiled for image in members}
    return found


def _marked(image: ImagePlan) -> tuple[Flags, tuple[str, ...]]:
    go = image.group.go
    variables = {name: words.mark_fields(value, image.name) for name, value in go.variables.items()}
    return go_flags(go, variables), words.argument_fields(go.variables.values())


def _build_parts(
    compiles: Mapping[str, stages.Compile],
    sources: stages.Sources,
    settings: Dockerfile,
    toolchain: Toolchain,
) -> Iterator[list[str]]:
    comment = ["# One compile for each platform; OCI's variants are Go's GOAMD64, GOARM and GOARM64."]
    for compiled in {compiled.stage: compiled for compiled in compiles.values()}.values():
        yield [*comment, *stages.build_stage(compiled, sources, settings, toolchain)]
        comment = []


def _roots(images: Sequence[ImagePlan], project: Project) -> tuple[dict[str, str], list[list[str]]]:
    """Name the stage below each image, and write each once: many images have the same."""
    names: dict[tuple[str, ...], str] = {}
    parts: list[list[str]] = []
    roots = {}
    keys = read_each(
        images,
        project.settings.source,
        lambda image: tuple(root_stages(image.group.image, project.root, "root")),
    )
    for image in images:
        key = keys[image.name]
        if key not in names:
            names[key] = f"root-{image.name}" if names else "root"
            parts.append(
                [*_about_root(names[key]), *root_stages(image.group.image, project.root, names[key])]
            )
        roots[image.name] = names[key]
    return roots, parts


def _about_root(name: str) -> list[str]:
    return [
        "# All of the image but the programs.",
        f"# `--build-context {name}=…` can replace this stage; gomab's BuildKit backend does.",
    ]


def _image_part(
    image: ImagePlan,
    targets: Mapping[str, str],
    roots: Mapping[str, str],
    compiles: Mapping[str, stages.Compile],
) -> list[str]:
    return stages.image_stage(image, targets[image.name], roots[image.name], compiles[image.name].stage)


def _target(name: str) -> str:
    return f"image-{name}" if _TAKEN.fullmatch(name) else name


def _fields(images: Sequence[ImagePlan], compiles: Mapping[str, stages.Compile]) -> tuple[str, ...]:
    labels = words.argument_fields(value for image in images for value in image.group.image.labels.values())
    return tuple(dict.fromkeys([*(field for one in compiles.values() for field in one.fields), *labels]))
