"""Make images without any engine: programs from Go, bytes written here."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from gomab_tasks.backends.contents import Contents, filled_inputs, read_contents
from gomab_tasks.bases.base import Base
from gomab_tasks.builds import run_builds
from gomab_tasks.contents import rootfs
from gomab_tasks.facts import Facts
from gomab_tasks.modules import download_modules
from gomab_tasks.oci.descriptor import CONFIG, MANIFEST, Layer
from gomab_tasks.oci.image import History, config_bytes, manifest_bytes
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.oci.tree import EMPTY
from gomab_tasks.oci.verify import verify_image
from gomab_tasks.output.inputs import inputs_of
from gomab_tasks.output.record import BASE, PROGRAMS, ImageRecord, write_record
from gomab_tasks.places import bases_folder, bases_lock, image_lock, layers_folder, layout_folder
from gomab_tasks.plan import ImagePlan, Plan, PlannedBuild, read_each
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event, step
from gomab_tasks.project import Project
from gomab_tasks.settings import SCRATCH
from gomab_tasks.units import mebibytes

_AllContents = Mapping[tuple[str, Platform], Contents]
"""Image and platform -> contents."""


def make(project: Project, facts: Facts, plan: Plan, jobs: int) -> list[ImageRecord]:
    """Download, compile and assemble, platform by platform, side by side."""
    announced = [
        Event("planned", "assemble", image.name, str(planned.build.platform))
        for planned in plan.builds
        for image in plan.images_of(planned)
    ]
    with project.locked(bases_lock(project.out), shared=True):
        # Read before the first compile: a wrong file must not cost minutes.
        contents = _read_all(project, plan.images)
        assembler = _Assembler(project, facts, plan, contents)
        download_modules(project, facts)
        run_builds(project, facts, plan, jobs, assembler.assemble, announced)
    return sorted(assembler.records, key=lambda record: (record.image, record.platform))


def _read_all(project: Project, images: Sequence[ImagePlan]) -> _AllContents:
    """Read the contents of all images; those that stand on a base have their own for each platform."""
    bases: Mapping[tuple[str, Platform], Base] = {}
    if any(image.group.image.base != SCRATCH for image in images):
        from gomab_tasks.bases.fetched import read_bases  # noqa: PLC0415 - loads the HTTP client

        _tell_ignored(project, images)
        bases = read_bases(project, images)

    def read(image: ImagePlan) -> Mapping[Platform, Contents]:
        name = image.group.image.base
        if name == SCRATCH:
            return dict.fromkeys(image.platforms, read_contents(project, image))
        return {
            platform: read_contents(project, image, bases[name, platform]) for platform in image.platforms
        }

    found = read_each(images, project.settings.source, read)
    return {(name, platform): one for name, each in found.items() for platform, one in each.items()}


def _tell_ignored(project: Project, images: Sequence[ImagePlan]) -> None:
    for image in images:
        settings = image.group.image
        is_set = {
            "ca-certificates": isinstance(settings.ca_certificates, str),
            "timezones": bool(settings.timezones),
        }
        for key in (key for key, value in is_set.items() if value and settings.base != SCRATCH):
            project.warn(
                f"{image.name}: image.{key} is for '{SCRATCH}'; a base has its own: put yours over it "
                "through image.files"
            )


class _Assembler:
    """Turn each finished build into image manifests, from several threads."""

    def __init__(self, project: Project, facts: Facts, plan: Plan, contents: _AllContents) -> None:
        self.records: list[ImageRecord] = []
        self._project = project
        self._facts = facts
        self._plan = plan
        self._contents = contents
        self._cache = LayerCache(layers_folder(project.out))
        self._lock = threading.Lock()
        self._shared_layers: dict[int, dict[str, Layer]] = {}

    def assemble(self, planned: PlannedBuild) -> None:
        for image in self._plan.images_of(planned):
            with (
                step(self._project.emit, "assemble", image.name, planned.build.platform) as running,
                self._project.locked(image_lock(self._project.out, image.name), shared=True),
            ):
                record = self._image(planned, image)
                write_record(self._project.out, record)
                self.records.append(record)
                running.result = f"{mebibytes(record.unpacked_size)}, {mebibytes(record.size)} compressed"

    def _image(self, planned: PlannedBuild, image: ImagePlan) -> ImageRecord:
        platform = planned.build.platform
        layout = Layout(layout_folder(self._project.out, image.name))
        contents = self._contents[image.name, platform]
        base = contents.base
        below = self._take_base(base, layout) if base else ()
        own = {**self._shared(contents, layout), PROGRAMS: self._programs(planned, image, contents, layout)}
        layers = [*below, *own.values()]
        config = layout.put_blob(CONFIG, _config(contents, platform, own, layers))
        annotations = base.origin.manifest_annotations if base else None
        stored = [layer.descriptor for layer in layers]
        manifest = layout.put_blob(MANIFEST, manifest_bytes(config, stored, annotations))
        return ImageRecord.of(
            image.name,
            verify_image(layout, replace(manifest, platform=platform), platform, layers),
            holds=(*(BASE for _ in below), *own),
            inputs={**inputs_of(image, self._plan, self._facts), **filled_inputs(contents)},
            base=base.origin if base else None,
            revision=self._plan.revision,
        )

    def _take_base(self, base: Base, layout: Layout) -> tuple[Layer, ...]:
        """Have the blobs of a base, which were checked, in an image's layout too."""
        kept = Layout(bases_folder(self._project.out))
        for layer in base.layers:
            layout.take_blob(kept, layer.descriptor)
        return base.layers

    def _programs(self, planned: PlannedBuild, image: ImagePlan, contents: Contents, layout: Layout) -> Layer:
        below = itertools.chain.from_iterable(contents.shared.values())
        tree = contents.base.tree if contents.base else EMPTY
        return self._layer(rootfs.program_entries(planned.build, image, below, tree), layout)

    def _shared(self, contents: Contents, layout: Layout) -> dict[str, Layer]:
        """Give the layers between base and programs; the first platform makes them for others alike."""
        with self._lock:
            if id(contents) not in self._shared_layers:
                self._shared_layers[id(contents)] = {
                    holds: self._layer(entries, layout) for holds, entries in contents.shared.items()
                }
            return self._shared_layers[id(contents)]

    def _layer(self, entries: list[Entry], layout: Layout) -> Layer:
        return self._cache.layer(entries, layout, jobs=2, check=self._project.processes.check)


def _config(contents: Contents, platform: Platform, own: Iterable[str], layers: Sequence[Layer]) -> bytes:
    created = contents.created
    history = [
        *(contents.base.history if contents.base else ()),
        *(History(created_by=f"gomab: {holds}", created=created) for holds in own),
    ]
    return config_bytes(contents.spec, platform, layers, created=created, history=history)
