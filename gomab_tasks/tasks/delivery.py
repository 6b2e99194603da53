"""Hand on and try what `images` left."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Arch, Option

if TYPE_CHECKING:
    from gomab_tasks.delivery.archives import ArchiveResult
    from gomab_tasks.delivery.publish import PushResult
    from gomab_tasks.engines.load import LoadResult
    from gomab_tasks.project import Project
    from gomab_tasks.smoke.trial import SmokeResult


def archive(project: "Project", *, arch: Arch = ()) -> "ArchiveResult":
    """Write each image into one file that Docker, Podman, skopeo and others read.

    Files lie in OUT/archives/NAME.tar, with all platforms inside.
    """
    from gomab_tasks.delivery.archives import write_archives

    return write_archives(project, arch)


def load(project: "Project", *, arch: Arch = ()) -> "LoadResult":
    """Load the images into the local engine, for its own platform.

    The engine is Docker, Podman or kind: what `engine` of the table names, else
    the first that answers.
    """
    from gomab_tasks.engines.load import load_images

    return load_images(project, arch)


def smoke(project: "Project", *, arch: Arch = ()) -> "SmokeResult":
    """Run the program of each image and platform, and see that it works.

    What it must do stands in `[tool.gomab.smoke]`. It runs in Docker or Podman,
    else as a process, with QEMU for other architectures. A platform that cannot
    be run is "not run", never passed.
    """
    from gomab_tasks.tasks.trials import try_images

    return try_images(project, arch)


def push(
    project: "Project",
    *,
    repository: Annotated[
        str, Option("where to push, such as ghcr.io/acme/{image}, instead of the table's", "REPOSITORY")
    ] = "",
    tag: Annotated[tuple[str, ...], Option("a tag, instead of the table's; repeat it for more", "TAG")] = (),
    arch: Arch = (),
    digest: Annotated[
        tuple[str, ...],
        Option("a platform that `push --arch` pushed, REPOSITORY@sha256:…, to be joined first", "REFERENCE"),
    ] = (),
) -> "PushResult":
    """Push what `images` left to a registry: exactly those bytes, tags last.

    Never builds. After `image --arch X`, `push --arch X` pushes that platform
    alone by its digest. `push --digest …` on another machine joins such
    platforms, as `images --join` does, and pushes the index.
    """
    from gomab_tasks.tasks.shipping import push_images

    if digest:
        from gomab_tasks.tasks.images import images

        images(project, arch=arch, join=True, digest=digest)
    return push_images(project, repository, tag, arch)
