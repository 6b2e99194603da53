"""Look at sizes."""

from typing import TYPE_CHECKING, Annotated

from gomab_tasks.tasks.options import Arch, Option

if TYPE_CHECKING:
    from gomab_tasks.project import Project
    from gomab_tasks.sizes.budget import SizesResult


def size(
    project: "Project",
    *,
    arch: Arch = (),
    update: Annotated[
        bool, Option("write the sizes into the baseline file, to compare later ones with")
    ] = False,
) -> "SizesResult":
    """Hold the sizes of what `images` left against budget and baseline."""
    from gomab_tasks import github
    from gomab_tasks.tasks.job import measure_images, require_budget, update_baselines

    sizes = update_baselines(project, arch) if update else measure_images(project, arch)
    github.append_summary(project.environment, sizes.summary())
    require_budget(project, sizes, sizes)
    return sizes
