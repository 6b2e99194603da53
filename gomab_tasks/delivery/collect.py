"""Collect single platforms that other machines pushed by digest, for a join here."""

from __future__ import annotations

import shutil
from pathlib import Path

from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.destinations.clients import Registries
from gomab_tasks.errors import RegistryError, SettingsError, VerificationError
from gomab_tasks.oci.descriptor import MANIFEST, Descriptor
from gomab_tasks.oci.image import Manifest
from gomab_tasks.oci.layout import Layout
from gomab_tasks.output.built import verify_record
from gomab_tasks.output.record import ImageRecord, parse_record, record_bytes, write_record
from gomab_tasks.places import Place, blob_lock, fetched_lock, image_lock, layout_folder
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.pull import fetch_blob, fetch_manifest
from gomab_tasks.registry.reference import Reference, Repository, parse_reference
from gomab_tasks.registry.referrers import Artifact, list_referrers

RECORD_TYPE = "application/vnd.gomab.record.v1+json"
"""The artifact that holds a platform's record, attached to its manifest."""


def record_artifact(record: ImageRecord) -> Artifact:
    """Wrap a record, to be attached to the manifest that it is about.

    Without its commit: many may give one manifest, and which of their records a
    registry lists last is not known.
    """
    content = record_bytes(replace(record, revision=None))
    return Artifact(RECORD_TYPE, record.descriptor, RECORD_TYPE, content)


def platform_reference(text: str) -> Reference:
    """Read what `--digest` names, `REPOSITORY@DIGEST`; raises `SettingsError` for anything else."""
    reference = parse_reference(text)
    if not reference.digest:
        raise SettingsError(
            f"--digest '{text}': has no digest; write REPOSITORY@sha256:…, as push printed it"
        )
    return reference


def collect(project: Project, registries: Registries, reference: Reference) -> ImageRecord:
    """Fetch one platform by its digest, with its record, as if it had been built here.

    Raises `RegistryError` where the platform or its record is not there, `VerificationError`.
    """
    client = registries.client(reference.repository)
    project.prepare_output()
    with (
        step(project.emit, "collect", str(reference)) as running,
        project.locked(fetched_lock(project.out), shared=True),
    ):
        record = _fetch_record(project, client, reference)
        _require_named(project, reference, record)
        with project.locked(image_lock(project.out, record.image), shared=True):
            layout = Layout(layout_folder(project.out, record.image))
            _fetch_image(project, client, reference, layout)
            verify_record(project, record)
            write_record(project.out, record)
        running.result = f"{record.image} {record.platform}"
    return record


def remove_fetched(project: Project) -> None:
    """Remove what `collect` fetched, once the layouts have it, unless another run still takes from it."""
    folder = _folder(project)
    if not folder.exists():
        return
    with project.locked_if_free(fetched_lock(project.out)) as is_free, files.storage_errors(folder):
        if is_free and folder.exists():
            shutil.rmtree(folder)


def _fetch_record(project: Project, client: Client, reference: Reference) -> ImageRecord:
    repository = reference.repository
    listed = list_referrers(client, repository, reference.digest)
    digests = [entry.digest for entry in listed if entry.artifact_type == RECORD_TYPE]
    if not digests:
        if client.find_manifest(repository, reference.digest) is None:
            raise RegistryError(f"{reference}: is not there; give it as push printed it")
        raise RegistryError(
            f"{reference}: has no record of gomab attached; push that platform with `push --arch`, "
            "or copy the output folder of the run that built it"
        )
    # Fallback tags list the newest last; registries with an API name no order.
    stored = fetch_manifest(client, Reference(repository, digest=digests[-1]))
    where = f"{repository}@{stored.digest}"
    layers = Manifest.from_bytes(stored.content, where).layers
    if len(layers) != 1:
        raise VerificationError(f"{where}: is no record of gomab: it has {len(layers)} layers instead of one")
    (layer,) = layers
    where = f"{repository}@{layer.digest}"
    record = parse_record(_fetch(project, client, repository, layer).read_bytes(), where)
    if record.manifest != reference.digest:
        raise VerificationError(
            f"{where}: is the record of {record.manifest}, attached to {reference.digest}; "
            "push that platform again"
        )
    return record


def _require_named(project: Project, reference: Reference, record: ImageRecord) -> None:
    names = project.settings.images
    if names and record.image not in names:
        raise VerificationError(
            f"{reference}: is of an image '{record.image}', but the table names {', '.join(names)}; "
            "give digests of these"
        )


def _fetch_image(project: Project, client: Client, reference: Reference, layout: Layout) -> None:
    stored = fetch_manifest(client, Reference(reference.repository, digest=reference.digest))
    manifest = Manifest.from_bytes(stored.content, str(reference))
    for blob in (manifest.config, *manifest.layers):
        if not _is_whole(layout, blob):
            path = _fetch(project, client, reference.repository, blob)
            files.share(path, layout.blob_path(blob.digest))
    layout.put_blob(MANIFEST, stored.content)


def _fetch(project: Project, client: Client, repository: Repository, blob: Descriptor) -> Path:
    with project.locked(blob_lock(project.out, blob.digest)):
        return fetch_blob(client, repository, blob, _folder(project))


def _folder(project: Project) -> Path:
    return project.out / Place.FETCHED


def _is_whole(layout: Layout, blob: Descriptor) -> bool:
    try:
        layout.check_blob(blob)
    except VerificationError:
        return False
    return True
