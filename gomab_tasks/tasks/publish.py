"""Bring images to where they are used."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Arch, Option

if TYPE_CHECKING:
    from gomab_tasks.project import Project
    from gomab_tasks.publish import PushResult


def push(
    project: "Project",
    *,
    repository: Annotated[
        str, Option("where to push, such as ghcr.io/acme/{image}, instead of the table's", "REPOSITORY")
    ] = "",
    tag: Annotated[tuple[str, ...], Option("a tag, instead of the table's; repeat it for more", "TAG")] = (),
    arch: Arch = (),
) -> "PushResult":
    """Push what `images` left to a registry: exactly those bytes, tags last.

    Never builds. After `image --arch X`, `push --arch X` pushes that platform
    alone by its digest, for `images --join --digest …` on another machine.
    """
    from gomab_tasks.tasks.shipping import push_images

    return push_images(project, repository, tag, arch)
