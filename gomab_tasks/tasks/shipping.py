"""The way from checked images to registries, in the pieces that tasks share.

What most pushes do without is imported where it is needed: Python's start is most of a push.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from gomab_tasks import github
from gomab_tasks.delivery.publish import Parcel, PushResult, publish, require_whole
from gomab_tasks.destinations.clients import Registries
from gomab_tasks.destinations.names import Names
from gomab_tasks.destinations.targets import Target, find_targets
from gomab_tasks.errors import NotMeasurableError, SettingsError, StorageError
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import VerifiedImage
from gomab_tasks.output.built import (
    Built,
    image_names,
    is_joined,
    reading,
    reading_records,
    recorded,
    records_of,
)
from gomab_tasks.output.checked import require_checked
from gomab_tasks.output.record import ImageRecord
from gomab_tasks.places import layout_folder
from gomab_tasks.project import Project
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.reference import Reference
from gomab_tasks.registry.referrers import Artifact
from gomab_tasks.selection import Selection, select


def push_images(project: Project, repository: str, tags: Sequence[str], arch: Sequence[str]) -> PushResult:
    """Push every image; with `--arch` its index where that lists just those platforms, else each by digest.

    All images are checked, and all that goes with them is written, before the first request.

    Raises `NotMeasurableError` for what was not built, `SettingsError` for a
    layout that is not what the table names and for tags of what goes by digest,
    `VerificationError` and `RegistryError`.
    """
    selection = select(arch, project.settings)
    names = [name for name in image_names(project) if selection.of(project.settings.group(name).platforms)]
    apart = _platforms_apart(project, names, selection)
    _refuse_tags(project, tags, apart)
    given = Names(project, repository, tags)
    targets = find_targets(project, names, given, untagged=apart)
    with Registries(project) as registries, ExitStack() as locks:
        for target in targets:  # connecting takes as long as checking
            registries.client(target.destination.repository).warm(target.destination.repository)
        joined = {
            target.image: locks.enter_context(reading(project, target.image))
            for target in targets
            if target.image not in apart
        }
        for image in joined.values():
            require_checked(project, image, given.revision(image.name))
            _require_ready(project, image, selection)
        documents = {name: _documents(project, built) for name, built in joined.items()}
        alone = {name: locks.enter_context(reading_records(project, apart[name])) for name in apart}
        parcels: list[Parcel] = []
        for target in targets:
            client, name = registries.client(target.destination.repository), target.image
            if built := joined.get(name):
                parcels.append(
                    Parcel(target, client, built.layout, built.index, built.platforms, documents[name])
                )
            else:
                parcels += _parcels_apart(project, client, target, apart[name], alone[name])
        result = publish(project, parcels)
    try:
        _tell_ci(project, result)
    except StorageError as error:
        told = StorageError(f"{error}; everything was pushed all the same")
        told.result = result
        raise told from None
    return result


def _parcels_apart(
    project: Project,
    client: Client,
    target: Target,
    records: Sequence[ImageRecord],
    images: Sequence[VerifiedImage],
) -> list[Parcel]:
    """Each platform goes by itself, with its record."""
    from gomab_tasks.delivery.collect import record_artifact

    layout = Layout(layout_folder(project.out, target.image))
    return [
        Parcel(target, client, layout, image.manifest, [image], [record_artifact(record)])
        for record, image in zip(records, images, strict=True)
    ]


def collect_platforms(project: Project, references: Sequence[Reference]) -> None:
    """Fetch platforms that other machines pushed by digest; say what is not known of them.

    Raises what `collect` does.
    """
    from gomab_tasks.delivery.collect import collect, remove_fetched
    from gomab_tasks.templates import short_revision

    with Registries(project) as registries:
        records = [collect(project, registries, reference) for reference in references]
    remove_fetched(project)
    if commit := project.templates.commit():
        names = dict.fromkeys(record.image for record in records)
        project.say(
            f"{', '.join(names)}: what comes by digest does not tell its commit; annotations and names take "
            f"that of this checkout, {short_revision(commit)}"
        )


def _require_ready(project: Project, built: Built, selection: Selection) -> None:
    require_whole(project, built, selection)
    if built.group.smoke.required:
        from gomab_tasks.smoke.outcome import require_smoked

        require_smoked(project, built.name, [image.manifest for image in built.platforms])


def _documents(project: Project, built: Built) -> list[Artifact]:
    """Give what is attached to each platform: bills of materials, where the table asks for them."""
    if not built.group.image.sbom:
        return []
    from gomab_tasks.sbom.documents import FORMATS, read_contents

    records = {record.manifest: record for _, record in records_of(project, built.name)}
    missing = [str(image.platform) for image in built.platforms if image.manifest.digest not in records]
    if missing:
        raise NotMeasurableError(
            f"{built.name} {', '.join(missing)}: was built anew since it was joined; "
            f"join it again: {project.type('images --join')}"
        )
    contents = [read_contents(project, records[image.manifest.digest]) for image in built.platforms]
    return [
        Artifact(form.media_type, image.manifest, form.media_type, form.to_bytes(content))
        for image, content in zip(built.platforms, contents, strict=True)
        for form in FORMATS
    ]


def _platforms_apart(
    project: Project, names: Sequence[str], selection: Selection
) -> dict[str, list[ImageRecord]]:
    """Give the records of what `--arch` chose and no index lists just so: it goes by digest."""
    if not selection.chosen:
        return {}
    return {
        name: recorded(project, name, selection)
        for name in names
        if not is_joined(project, name, selection.of(project.settings.group(name).platforms))
    }


def _refuse_tags(project: Project, tags: Sequence[str], apart: Mapping[str, Sequence[ImageRecord]]) -> None:
    """Refuse `--tag` for what has no index that a tag could name."""
    if not tags:
        return
    for name, records in apart.items():
        platforms = ", ".join(record.platform for record in records)
        raise SettingsError(
            f"--tag {', '.join(tags)}: {name} has no index of just {platforms}, which goes by digest, "
            f"without a tag; leave --tag out, or make one with the same --arch: {project.type('images')}"
        )


def _tell_ci(project: Project, result: PushResult) -> None:
    """Give GitHub Actions outputs and a summary, where the run happens there."""
    pushes = Counter(one.image for one in result.images)
    outputs = {f"repository-{one.image}": one.repository for one in result.images}
    for one in result.images:
        # Platforms that went by digest, side by side, have one each.
        parts = [one.platforms[0].platform.replace("/", "_")] if pushes[one.image] > 1 else []
        outputs["-".join(["digest", one.image, *parts])] = one.digest
    if len(result.images) == 1:
        (only,) = result.images
        outputs |= {"digest": only.digest, "reference": only.references[0]}
    github.set_outputs(project.environment, outputs)
    rows = [
        [one.image, f"{reference} {one.remark}".rstrip()]
        for one in result.images
        for reference in one.references
    ]
    github.append_summary(project.environment, "### Pushed\n\n" + github.table(["image", "reference"], rows))
