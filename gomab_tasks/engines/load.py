"""Put the images that `images` left into a local engine."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from gomab_tasks import files, machine
from gomab_tasks.destinations.names import Names
from gomab_tasks.engines.engine import Engine, find_engine, load_archive, run_command
from gomab_tasks.errors import SettingsError, ToolError
from gomab_tasks.oci.archive import write_archive
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.built import Built, image_names, reading, require_platforms
from gomab_tasks.places import Place
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.selection import Selection, select


class Loaded(Struct, frozen=True):
    """Hold an image in an engine.

    Attributes:
        digest: of its manifest.
        run: the command that runs it.
    """

    image: str
    platform: str
    digest: str
    engine: str
    references: tuple[str, ...]
    run: str


class LoadResult(Struct, frozen=True):
    """Hold all images that were loaded."""

    loaded: tuple[Loaded, ...]

    def text(self) -> str:
        """Give what was loaded, and the commands that run it."""
        rows = [f"{one.image} {one.platform} is in {one.engine}; run it:\n  {one.run}" for one in self.loaded]
        return "\n".join(rows)


def load_images(project: Project, arch: Sequence[str]) -> LoadResult:
    """Load every image for the engine's own platform, or the one that `--arch` names.

    Raises `ToolError` without an engine that answers, `NotMeasurableError`
    where `images` left nothing for the platform.
    """
    selection = select(arch, project.settings)
    names = image_names(project)
    engine = _engine(project)
    return LoadResult(
        tuple(one for name in names if (one := _load(project, engine, selection, name)) is not None)
    )


def _engine(project: Project) -> Engine:
    try:
        return find_engine(project.processes, project.settings.engine)
    except ToolError as error:
        raise ToolError(f"{error}; a file needs no engine: {project.type('archive')}") from None


def _load(project: Project, engine: Engine, selection: Selection, name: str) -> Loaded | None:
    with step(project.emit, "load", name) as running, reading(project, name) as built:
        chosen = selection.of(built.group.platforms) if selection.chosen else (_fitting(built, engine),)
        if not chosen:
            return None
        if len(chosen) > 1:
            raise SettingsError(
                f"--arch chooses {', '.join(map(str, chosen))}; an engine keeps one platform under a tag: "
                "choose one"
            )
        require_platforms(project, built, chosen)
        (image,) = built.of(chosen)
        references = [str(one) for one in Names(project).references(name)]
        with files.temporary_folder(project.out / Place.ARCHIVES) as folder:
            write_archive(built.layout, [image.manifest], references, folder / f"{name}.tar")
            load_archive(project.processes, engine, folder / f"{name}.tar")
        running.result = f"{image.platform} in {engine.name}"
    return _loaded(engine, built, image, references)


def _fitting(built: Built, engine: Engine) -> Platform:
    """Choose what the engine runs by itself, an equal level of the architecture first."""
    own = engine.platform or machine.platform() or built.platforms[0].platform
    own = Platform("linux", own.architecture, own.variant)
    there = [image.platform for image in built.platforms]
    same = [one for one in there if one.architecture == own.architecture]
    return own if own in there else next(iter(same), own)


def _loaded(engine: Engine, built: Built, image: VerifiedImage, references: Sequence[str]) -> Loaded:
    return Loaded(
        built.name,
        str(image.platform),
        image.manifest.digest,
        engine.name,
        tuple(references),
        run_command(engine, references[0], built.group.image.expose, image.platform),
    )
