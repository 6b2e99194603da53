"""Make images with BuildKit, from the Dockerfile that the plan gives.

Programs and files are those of the native backend, byte for byte; only how
layers are cut and packed is BuildKit's. What it gives is held against the table
before anything of it counts: the config, each program, every digest.

All platforms of an image are one build, so BuildKit divides the machine itself.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.backends.native import Contents, filled_inputs, read_contents
from gomab_tasks.backends.solve import Request, find_client, solve
from gomab_tasks.dockerfile.text import DockerfileText, write_text
from gomab_tasks.dockerfile.words import argument_name
from gomab_tasks.errors import VerificationError
from gomab_tasks.facts import Facts
from gomab_tasks.golang.binary import verify_binary
from gomab_tasks.oci.descriptor import CONFIG, INDEX, MANIFEST, Descriptor
from gomab_tasks.oci.image import Config, History, ImageSpec, Index, Manifest, config_bytes, index_bytes
from gomab_tasks.oci.image import manifest_bytes
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.verify import VerifiedImage, verify_image
from gomab_tasks.plan import PROGRAM_FOLDER, ImagePlan, Plan, PlannedBuild
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event, step
from gomab_tasks.project import Project
from gomab_tasks.record import ImageRecord, image_lock, inputs_of, layers_folder, layout_folder, write_record
from gomab_tasks.templates import Templates
from gomab_tasks.units import mebibytes

_FOLDER = "buildkit"


def make(project: Project, facts: Facts, plan: Plan, jobs: int) -> list[ImageRecord]:
    """Have BuildKit make image after image, each for all its platforms at once.

    `jobs` says nothing to BuildKit, whose daemon has settings of its own.
    """
    del jobs
    find_client(project.processes, project.settings.buildkit)
    templates = Templates(project.processes, project.root)
    contents = {image.name: read_contents(project, image, templates) for image in plan.images}
    images = [image for image in plan.images if image.platforms]
    for image in images:
        project.emit(Event("planned", "build", image.name))
    made = write_text(project, facts, plan.images, facts.toolchain)
    arguments = _arguments(project, facts, made, templates)
    job = _Job(project, facts, plan, made, arguments)
    return [record for image in images for record in job.make(image, contents[image.name])]


def _arguments(
    project: Project, facts: Facts, made: DockerfileText, templates: Templates
) -> dict[str, str]:
    """Give the build arguments: fields of templates, the user's own Go variables, no times."""
    values = {
        argument_name(field): templates.fill(f"{{{field}}}", "go.variables and image.labels")
        for field in made.fields
    }
    network = {
        name: value
        for name in NETWORK_VARIABLES
        if (value := project.environment.get(name, ""))
    }
    epoch = project.environment.get("SOURCE_DATE_EPOCH") or "0"
    return {**network, **facts.byte_variables, **values, "SOURCE_DATE_EPOCH": epoch}
