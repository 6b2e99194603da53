"""Read what an image has besides its programs, whichever backend makes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.bases.base import Base, inherit, owner_of
from gomab_tasks.contents import rootfs
from gomab_tasks.errors import SettingsError
from gomab_tasks.oci.image import ImageSpec
from gomab_tasks.oci.tar import Entry
from gomab_tasks.plan import ImagePlan
from gomab_tasks.project import Project


class Contents(Struct, frozen=True):
    """Hold what an image has besides its programs; on scratch the same for every platform.

    Attributes:
        labels: those of the table, filled.
        created: RFC 3339, or None for no time at all.
        shared: what a layer holds -> its entries, in the order of the layers,
            which lie over those of the base.
    """

    spec: ImageSpec
    labels: Mapping[str, str]
    created: str | None
    shared: Mapping[str, list[Entry]]
    base: Base | None = None


def read_contents(project: Project, image: ImagePlan, base: Base | None = None) -> Contents:
    """List an image's files and settings, all but its programs.

    Args:
        base: what it stands on for one platform; none on scratch.

    Raises `SettingsError` for what the table names and the project or the base
    lacks, and for a wrong SOURCE_DATE_EPOCH.
    """
    settings = image.group.image
    labels = {
        name: project.templates.fill(value, ("image", "labels", name), image.name)
        for name, value in settings.labels.items()
    }
    created = _created(project.environment)
    layers = (
        rootfs.layers_on(image, project.root, base.tree, owner_of(settings, base))
        if base
        else rootfs.shared_layers(image, project.root)
    )
    return Contents(_spec(image, labels, base), labels, created, layers, base)


def _spec(image: ImagePlan, labels: Mapping[str, str], base: Base | None) -> ImageSpec:
    settings = image.group.image
    spec = ImageSpec(
        entrypoint=rootfs.entrypoint_of(image),
        args=settings.args,
        env=tuple(f"{name}={value}" for name, value in settings.env.items()),
        labels=labels,
        exposed_ports=settings.expose,
        volumes=settings.volumes,
        stop_signal=settings.stop_signal or "",
    )
    if base:
        return inherit(spec, settings, base)
    return replace(spec, user=str(rootfs.user_of(settings)), workdir=rootfs.workdir_of(settings))


def filled_inputs(contents: Contents) -> dict[str, str]:
    """Name the inputs that runs with one table may differ in, with the values of this run."""
    labels = {f"image.labels.{name}": json.dumps(value) for name, value in contents.labels.items()}
    return labels | ({"SOURCE_DATE_EPOCH": contents.created} if contents.created else {})


def _created(environment: Mapping[str, str]) -> str | None:
    """Give the time of SOURCE_DATE_EPOCH, if any (reproducible-builds.org/specs/source-date-epoch)."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,11}", text):  # until the year 5138
        raise SettingsError(f"SOURCE_DATE_EPOCH is '{text}'; set a number of seconds since 1970")
    return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
