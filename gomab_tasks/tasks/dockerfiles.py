"""Write the Dockerfile for those who build with BuildKit."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gomab_tasks.dockerfile.text import DockerfileText
    from gomab_tasks.plan import ImagePlan
    from gomab_tasks.project import Project
    from gomab_tasks.results import DockerfileResult


def dockerfile(
    project: "Project",
    *,
    image: Annotated[tuple[str, ...], Option("only this image; repeat it for several", "NAME")] = (),
    write: Annotated[bool, Option("write it and its .dockerignore into the project")] = False,
    pin: Annotated[
        bool, Option("ask the registry for the Go image's digest, and write it behind the tag")
    ] = False,
    check: Annotated[bool, Option("fail when the committed one is not what the table says")] = False,
) -> "DockerfileResult":
    """Show the cross-compiling Dockerfile of all images, write it, or check it.

    It works with any BuildKit, without gomab. Each image is a stage for
    `--target`; the first one is made without. Digests that a committed file has
    stay, unless `--pin` asks for new ones.
    """
    from msgspec.structs import replace

    from gomab_tasks.dockerfile.text import words_of, write_text
    from gomab_tasks.facts import read_facts
    from gomab_tasks.generate.committed import Generated, check_files, refuse_both, write_files
    from gomab_tasks.plan import named, plan_images, require_linux
    from gomab_tasks.results import DockerfileResult
    from gomab_tasks.selection import select

    refuse_both(write=write, check=check)
    facts = read_facts(project)
    images = named(plan_images(project.settings, facts, select((), project.settings)), image)
    require_linux({image.name: image.table for image in images}, (), project.settings.source)
    # A committed file depends on nobody's own Go variables.
    made = write_text(project, facts, images, replace(facts.toolchain, env={}))
    if pin:
        made = _pin(project, made)
    _warn_of_zones(project, made, images)
    file = project.settings.dockerfile.file
    texts = {project.root / file: made.text, project.root / f"{file}.dockerignore": made.ignored}
    command = project.type(words_of(facts, images))
    generated = Generated(texts, project.root, command, "dockerfile.file")
    if write:
        write_files(generated)
    if check:
        check_files(generated)
    return DockerfileResult(file, made.text, made.ignored, written=write, checked=check)


def _warn_of_zones(project: "Project", made: "DockerfileText", images: "Sequence[ImagePlan]") -> None:
    """Say that Alpine's Go image has no time zones, which the Dockerfile takes from it."""
    from gomab_tasks.grammar import split_reference

    tag = split_reference(made.go_image)[1] or ""
    names = [image.name for image in images if image.group.image.timezones is True]
    if names and "alpine" in tag:
        project.warn(
            f"image.timezones of {', '.join(names)}: zones are copied from '{made.go_image}', and Alpine's "
            "Go images have none; name another image in dockerfile.go-image, or a folder in image.timezones"
        )


def _pin(project: "Project", made: "DockerfileText") -> "DockerfileText":
    """Put the digest that the Go image's tag has now behind it; one that is there already stays."""
    from gomab_tasks.destinations.clients import Registries
    from gomab_tasks.registry.pull import fetch_manifest
    from gomab_tasks.registry.reference import parse_reference

    reference = parse_reference(made.go_image)
    if reference.digest:
        return made
    with Registries(project) as registries:
        return made.pin(fetch_manifest(registries.client(reference.repository), reference).digest)
