"""The whole job, in the pieces that several tasks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gomab_tasks.backends import Backend, backend
from gomab_tasks.bases.kept import remove_needless
from gomab_tasks.contents.executable import warn_not_executable
from gomab_tasks.contents.ignored import warn_ignored
from gomab_tasks.errors import BudgetError, GomabError, NotMeasurableError, SettingsError, map_all
from gomab_tasks.facts import Facts
from gomab_tasks.join import Joined, Wanted, join, require_parts
from gomab_tasks.output.built import image_names, read_whole, recorded
from gomab_tasks.output.checked import Checked, note
from gomab_tasks.output.leftover import remove_leftover
from gomab_tasks.output.record import ImageRecord
from gomab_tasks.plan import Plan, require_linux, require_values
from gomab_tasks.project import Project
from gomab_tasks.results import ImagesResult, Index, PlatformImage
from gomab_tasks.selection import Selection, select
from gomab_tasks.settings.problem import Problem, show
from gomab_tasks.settings.refusal import refusal
from gomab_tasks.sizes.baseline import read_baseline, write_baseline
from gomab_tasks.sizes.budget import SizesResult, judge
from gomab_tasks.sizes.measure import Measurement


def load_backend(project: Project) -> Backend:
    """Give what makes images, as the table names it."""
    return backend(project.settings.backend)


def make_images(project: Project, facts: Facts, plan: Plan, jobs: int) -> tuple[ImageRecord, ...]:
    """Download, compile and assemble; leave a record for each image and platform."""
    require_linux(plan.wanted, plan.added, project.settings.source)
    warn_ignored(project, plan)
    warn_not_executable(project, plan)
    project.prepare_output()
    return tuple(load_backend(project).make(project, facts, plan, jobs))


def make_and_join(project: Project, facts: Facts, plan: Plan, jobs: int) -> list[Joined]:
    """Make all images, and join each."""
    names = [image.name for image in plan.images]
    _read_baselines(project, names)  # first: a wrong file must not cost minutes
    records = make_images(project, facts, plan, jobs)
    remove_leftover(project, names)
    wanted = [
        Wanted(image.name, image.platforms, _annotations(project, image.name), _of(image.name, records))
        for image in plan.images
        if image.platforms
    ]
    return _join_all(project, wanted)


def join_images(project: Project, arch: Sequence[str]) -> list[Joined]:
    """Join what other runs left; needs no Go.

    Raises `NotMeasurableError` when nothing was left, `VerificationError` for
    what does not fit.
    """
    selection = select(arch, project.settings)
    groups = {name: project.settings.group(name) for name in image_names(project)}
    require_values(groups, project.templates, ["annotations"])
    wanted = [
        Wanted(name, platforms, _annotations(project, name))
        for name, group in groups.items()
        if (platforms := selection.of(group.platforms))
    ]
    require_parts(project, wanted)
    return _join_all(project, wanted)


def _join_all(project: Project, wanted: Sequence[Wanted]) -> list[Joined]:
    joined = map_all(partial(join, project), wanted)
    remove_needless(project)
    return joined


def measure_joined(project: Project, joined: Sequence[Joined]) -> SizesResult:
    """Hold the sizes of what was joined against the limits."""
    return _judge(project, [record for one in joined for record in one.records])


def let_pass(project: Project, joined: Sequence[Joined], sizes: SizesResult) -> ImagesResult:
    """Note that what was joined may be pushed; raises as `require_budget` does for what may not."""
    result = ImagesResult(tuple(_index(project, one) for one in joined), sizes.sizes)
    require_budget(project, sizes, result)
    for one in joined:
        # Platforms from a registry know no commit; they are joined where they were built from.
        note(project, one.image, Checked(one.digest, one.revision or project.templates.commit()))
    return result


def measure_images(project: Project, arch: Sequence[str]) -> SizesResult:
    """Hold the sizes of what is there against the limits.

    Raises `NotMeasurableError` for what was not built, `VerificationError` for
    what is damaged.
    """
    return _judge(project, _read_all(project, arch))


def find_records(project: Project, arch: Sequence[str]) -> list[ImageRecord]:
    """Read the records of all images and of the platforms that each should have.

    Raises `NotMeasurableError` for an image or platform without a record.
    """
    return _of_all(project, arch, recorded)


def update_baselines(project: Project, arch: Sequence[str]) -> SizesResult:
    """Write the sizes of what is there into the baseline files, and compare with them.

    Without `arch` nothing else stays in them, such as platforms that the table no longer has.
    """
    records = _read_all(project, arch)
    by_file: dict[str, list[Measurement]] = {}
    for record in records:
        file = project.settings.group(record.image).size.baseline
        by_file.setdefault(file, []).append(Measurement.of(record))
    for file, measured in by_file.items():
        path = project.root / file
        if path.is_relative_to(project.out):
            raise _inside_output(project, file)
        write_baseline(path, read_baseline(path, _update(project)) if arch else {}, measured)
        project.say(f"wrote {file}; commit it")
    return _judge(project, records)


def require_budget(project: Project, sizes: SizesResult, result: object) -> None:
    """Raise an error that carries the result for sizes that do not pass.

    `BudgetError` for what is over a limit; else `NotMeasurableError` where
    growth is limited and a baseline is lacking.
    """
    error: GomabError | None = None
    if sizes.problems:
        error = BudgetError("\n".join(sizes.problems))
    elif sizes.lacking:
        lines = [_say_lacking(project, file, names) for file, names in sizes.lacking.items()]
        error = NotMeasurableError("\n".join(lines))
    if error:
        error.result = result
        raise error


def _say_lacking(project: Project, file: str, names: Sequence[str]) -> str:
    lacks = f"{file} lacks" if (project.root / file).exists() else f"there is no {file} for"
    return f"size.growth is set, but {lacks} {', '.join(names)}; write and commit it: {_update(project)}"


def _inside_output(project: Project, file: str) -> SettingsError:
    text = f"is {show(file)}, in the output folder, which no repository holds; name a file beside it"
    return refusal(project.settings.source, [Problem(("size", "baseline"), text)])


def _read_baselines(project: Project, images: Iterable[str]) -> None:
    for file in {project.settings.group(image).size.baseline for image in images}:
        read_baseline(project.root / file, _update(project))


def _update(project: Project) -> str:
    return project.type("size --update")


def _read_all(project: Project, arch: Sequence[str]) -> list[ImageRecord]:
    return _of_all(project, arch, read_whole)


def _of_all(
    project: Project, arch: Sequence[str], read: Callable[[Project, str, Selection], list[ImageRecord]]
) -> list[ImageRecord]:
    selection = select(arch, project.settings)
    found = map_all(lambda name: read(project, name, selection), image_names(project))
    return [record for records in found for record in records]


def _index(project: Project, joined: Joined) -> Index:
    platforms = tuple(PlatformImage.of(record) for record in joined.records)
    return Index(joined.image, joined.digest, project.shown(joined.layout), platforms)


def _judge(project: Project, records: Sequence[ImageRecord]) -> SizesResult:
    groups = {record.image: project.settings.group(record.image) for record in records}
    measurements = [Measurement.of(record) for record in records]
    update = _update(project)
    return judge(measurements, groups, lambda file: read_baseline(project.root / file, update), update)


def _annotations(project: Project, image: str) -> dict[str, str]:
    fill = project.templates.fill
    values = project.settings.group(image).image.annotations.items()
    return {name: fill(value, ("image", "annotations", name), image) for name, value in values}


def _of(image: str, records: Sequence[ImageRecord]) -> tuple[ImageRecord, ...]:
    return tuple(record for record in records if record.image == image)
