"""Build programs and images."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Arch, Jobs, Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gomab_tasks.join import Joined
    from gomab_tasks.modules import DownloadResult
    from gomab_tasks.project import Project
    from gomab_tasks.registry.reference import Reference
    from gomab_tasks.results import BuildResult, ImageResult, ImagesResult


def mod_download(project: "Project") -> "DownloadResult":
    """Download the modules once, for all platforms.

    Vendored modules need nothing, nor do those of an unchanged go.mod and go.sum.
    """
    from gomab_tasks.facts import read_facts
    from gomab_tasks.modules import download_modules

    return download_modules(project, read_facts(project))


def build(project: "Project", *, arch: Arch = (), jobs: Jobs = 0) -> "BuildResult":
    """Cross-compile every main package for every platform, verified.

    Programs lie in OUT/bin/OS_ARCH[_VARIANT]/NAME. Unlike images, programs may
    be for any system that Go builds for without cgo.
    """
    from gomab_tasks.builds import run_builds
    from gomab_tasks.modules import download_modules
    from gomab_tasks.plan import require_linkable
    from gomab_tasks.results import BuildResult, Program
    from gomab_tasks.tasks.planning import plan_project

    facts, plan = plan_project(project, arch)
    require_linkable(plan.wanted, plan.added, project.settings.source)
    download_modules(project, facts)
    run_builds(project, facts, plan, jobs, lambda _: None)
    programs = [
        Program(main.name, str(planned.build.platform), project.shown(path), path.stat().st_size)
        for planned in plan.builds
        for main in planned.build.mains
        for path in [planned.build.program(main)]
    ]
    return BuildResult(tuple(programs))


def image(project: "Project", *, arch: Arch = (), jobs: Jobs = 0) -> "ImageResult":
    """Build images of single platforms, to be joined by `images --join`.

    Each is left in OUT/images with a record in OUT/records. Output folders of
    several machines merge by copying them together.
    """
    from gomab_tasks.results import ImageResult, PlatformImage
    from gomab_tasks.tasks.job import make_images
    from gomab_tasks.tasks.planning import plan_beside

    facts, plan = plan_beside(project, arch, ["labels"])
    return ImageResult(tuple(map(PlatformImage.of, make_images(project, facts, plan, jobs))))


def images(
    project: "Project",
    *,
    arch: Arch = (),
    jobs: Jobs = 0,
    join: Annotated[bool, Option("build nothing; join what `image` left, here or on other machines")] = False,
    digest: Annotated[
        tuple[str, ...],
        Option("with --join: a platform that `push --arch` pushed, REPOSITORY@sha256:…", "REFERENCE"),
    ] = (),
) -> "ImagesResult":
    """Build, check and measure all images, one OCI layout each.

    The whole job: download, compile, assemble, verify, join to an index, size
    check. Layouts lie in OUT/images/NAME.
    """
    if join:
        return _join(project, arch, digest)
    if digest:
        from gomab_tasks.errors import SettingsError

        raise SettingsError("--digest names what is joined; give --join with it")
    from gomab_tasks.tasks.planning import plan_beside

    def begin() -> None:
        from gomab_tasks.output.checked import forget
        from gomab_tasks.selection import select
        from gomab_tasks.tasks.job import load_backend

        forget(project, select(arch, project.settings))
        load_backend(project)

    facts, plan = plan_beside(project, arch, ["labels", "annotations"], begin)
    from gomab_tasks.tasks.job import make_and_join

    return _conclude(project, make_and_join(project, facts, plan, jobs))


def _join(project: "Project", arch: tuple[str, ...], digests: tuple[str, ...]) -> "ImagesResult":
    from gomab_tasks.output.checked import forget
    from gomab_tasks.selection import select
    from gomab_tasks.tasks.job import join_images

    selection = select(arch, project.settings)
    references = _read_references(digests)
    if references:
        from gomab_tasks.tasks.shipping import collect_platforms

        collect_platforms(project, references)
    forget(project, selection)
    return _conclude(project, join_images(project, arch))


def _read_references(digests: tuple[str, ...]) -> "list[Reference]":
    if not digests:
        return []
    from gomab_tasks.delivery.collect import platform_reference

    return [platform_reference(one) for one in digests]


def _conclude(project: "Project", joined: "Sequence[Joined]") -> "ImagesResult":
    """Measure what was joined, tell GitHub, and let pass what is within its budget."""
    from gomab_tasks import github
    from gomab_tasks.tasks.job import let_pass, measure_joined

    sizes = measure_joined(project, joined)
    github.append_summary(project.environment, sizes.summary())
    return let_pass(project, joined, sizes)
