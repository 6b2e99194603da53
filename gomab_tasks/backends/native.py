"""Make images without any engine: programs from Go, bytes written here."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gomab_tasks import files, rootfs
from gomab_tasks.builds import run_builds
from gomab_tasks.errors import SettingsError
from gomab_tasks.facts import Facts
from gomab_tasks.oci.descriptor import CONFIG, MANIFEST, Layer
from gomab_tasks.oci.image import History, ImageSpec, config_bytes, manifest_bytes
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.oci.verify import verify_image
from gomab_tasks.plan import ImagePlan, Plan, PlannedBuild
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event, step
from gomab_tasks.project import Project
from gomab_tasks.record import ImageRecord, image_lock, inputs_of, layers_folder, layout_folder, write_record
from gomab_tasks.templates import Templates
from gomab_tasks.units import mebibytes


@dataclass(frozen=True, slots=True)
class Contents:
    """Hold what an image has on every platform: its spec and the layers below its programs.

    Attributes:
        created: RFC 3339, or None for no time at all.
        shared: what a layer holds -> its entries, in the order of the layers.
    """

    spec: ImageSpec
    created: str | None
    shared: Mapping[str, list[Entry]]


def make(project: Project, facts: Facts, plan: Plan, jobs: int) -> list[ImageRecord]:
    """Compile and assemble, platform by platform, side by side."""
    templates = Templates(project.processes, project.root)
    # Read before the first compile: a wrong file must not cost minutes.
    contents = {image.name: read_contents(project, image, templates) for image in plan.images}
    assembler = _Assembler(project, facts, plan, contents)
    announced = [
        Event("planned", "assemble", image.name, str(planned.build.platform))
        for planned in plan.builds
        for image in plan.images_of(planned)
    ]
    run_builds(project, facts, plan, jobs, assembler.assemble, announced)
    return sorted(assembler.records, key=lambda record: (record.image, record.platform))


def read_contents(project: Project, image: ImagePlan, templates: Templates) -> Contents:
    """List an image's files and settings, all but its programs.

    Raises `SettingsError` for what the table names and the project lacks, and
    for a wrong SOURCE_DATE_EPOCH.
    """
    settings = image.group.image
    if settings.base != "scratch":
        raise SettingsError(f"pyproject.toml: image.base is '{settings.base}'; only 'scratch' is supported")
    labels = {
        name: templates.fill(value, f"image.labels.{name}", image.name)
        for name, value in settings.labels.items()
    }
    spec = ImageSpec(
        user=str(rootfs.user_of(settings)),
        workdir=rootfs.workdir_of(settings),
        entrypoint=rootfs.entrypoint_of(image),
        args=settings.args,
        env=tuple(f"{name}={value}" for name, value in settings.env.items()),
        labels=labels,
        exposed_ports=settings.expose,
        volumes=settings.volumes,
        stop_signal=settings.stop_signal or "",
    )
    created = _created(project.environment)
    return Contents(spec, created, rootfs.shared_layers(image, project.root))


class _Assembler:
    """Turn each finished build into image manifests, from several threads."""

    def __init__(self, project: Project, facts: Facts, plan: Plan, contents: Mapping[str, Contents]) -> None:
        self.records: list[ImageRecord] = []
        self._project = project
        self._facts = facts
        self._plan = plan
        self._contents = contents
        self._cache = LayerCache(layers_folder(project.out))
        self._lock = threading.Lock()
        self._shared_layers: dict[str, dict[str, Layer]] = {}

    def assemble(self, planned: PlannedBuild) -> None:
        for image in self._plan.images_of(planned):
            check = self._project.processes.check
            with (
                step(self._project.emit, "assemble", image.name, planned.build.platform) as running,
                files.locked(image_lock(self._project.out, image.name), check, shared=True),
            ):
                record = self._image(planned, image)
                write_record(self._project.out, record)
                self.records.append(record)
                running.result = f"{mebibytes(record.unpacked_size)}, {mebibytes(record.size)} compressed"

    def _image(self, planned: PlannedBuild, image: ImagePlan) -> ImageRecord:
        platform = planned.build.platform
        layout = Layout(layout_folder(self._project.out, image.name))
        contents = self._contents[image.name]
        below = itertools.chain.from_iterable(contents.shared.values())
        programs = rootfs.program_entries(planned.build, image, below)
        layers = {**self._shared(image, layout), "programs": self._layer(programs, layout)}
        config = layout.put_blob(CONFIG, _config(contents, platform, layers))
        stored = [layer.descriptor for layer in layers.values()]
        manifest = layout.put_blob(MANIFEST, manifest_bytes(config, stored))
        verified = verify_image(layout, replace(manifest, platform=platform), platform, layers.values())
        return ImageRecord.of(
            image.name,
            verified,
            holds=tuple(layers),
            inputs={**inputs_of(image, self._plan, self._facts), **_filled(contents)},
        )

    def _shared(self, image: ImagePlan, layout: Layout) -> dict[str, Layer]:
        """Give the layers that all platforms have; the first platform makes them for the others."""
        with self._lock:
            if image.name not in self._shared_layers:
                entries = self._contents[image.name].shared.items()
                self._shared_layers[image.name] = {
                    holds: self._layer(entry, layout) for holds, entry in entries
                }
            return self._shared_layers[image.name]

    def _layer(self, entries: list[Entry], layout: Layout) -> Layer:
        return self._cache.layer(entries, layout, jobs=2, check=self._project.processes.check)


def _config(contents: Contents, platform: Platform, layers: Mapping[str, Layer]) -> bytes:
    created = contents.created
    history = [History(created_by=f"gomab: {holds}", created=created) for holds in layers]
    return config_bytes(contents.spec, platform, list(layers.values()), created=created, history=history)


def _filled(contents: Contents) -> dict[str, str]:
    """Name the inputs that runs with one table may differ in, with the values of this run."""
    labels = {f"image.labels.{name}": json.dumps(value) for name, value in contents.spec.labels.items()}
    return labels | ({"SOURCE_DATE_EPOCH": contents.created} if contents.created else {})


def _created(environment: Mapping[str, str]) -> str | None:
    """Give the time of SOURCE_DATE_EPOCH, if any (reproducible-builds.org/specs/source-date-epoch)."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,11}", text):  # until the year 5138
        raise SettingsError(f"SOURCE_DATE_EPOCH is '{text}'; set a number of seconds since 1970")
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
