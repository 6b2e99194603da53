"""Join an image's platforms, which one run or many machines left, into one index."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import INDEX
from gomab_tasks.oci.image import index_bytes
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout
from gomab_tasks.output.built import layout_errors, records_of, verify_records
from gomab_tasks.output.inputs import changed_inputs, shown_input
from gomab_tasks.output.record import (
    BASE,
    PROGRAMS,
    Found,
    ImageRecord,
    record_bytes,
    record_folder,
    record_path,
    write_record,
)
from gomab_tasks.places import image_lock, layers_folder, layout_folder, layout_folders
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.settings import has_table
from gomab_tasks.templates import short_revision

_MOST = 5


class Joined(Struct, frozen=True):
    """Hold an image's index as it lies in its layout, with the records it was made of."""

    image: str
    digest: str
    layout: Path
    records: tuple[ImageRecord, ...]

    @property
    def revision(self) -> str | None:
        """The commit that its platforms were built from, as far as that is known."""
        return next((record.revision for record in self.records if record.revision), None)


class Wanted(Struct, frozen=True):
    """Hold what an index must be.

    Attributes:
        platforms: what it must hold, in this order.
        annotations: of the index, templates filled.
        made: the records that this very run made; empty when other runs did.
            What this run made was read back when it was written, and replaces
            whatever other runs left of the image.
    """

    image: str
    platforms: tuple[Platform, ...]
    annotations: Mapping[str, str]
    made: tuple[ImageRecord, ...] = ()


def join(project: Project, wanted: Wanted) -> Joined:
    """Make the index of an image from its records, and check all of it.

    index.json moves last: until then the layout holds the previous image.

    Raises `VerificationError` for a platform that is missing, doubled or
    foreign, for records made with different settings, and for damaged blobs.
    """
    out, image = project.out, wanted.image
    layout = Layout(layout_folder(out, image))
    with (
        step(project.emit, "join", image) as running,
        project.locked(image_lock(out, image)),
    ):
        is_alone = not wanted.made or _put_back(project, wanted)
        records = _choose(project, wanted)
        checked = [layer.layer for record in wanted.made for layer in record.layers]
        verify_records(project, records, checked)
        index = layout.put_blob(INDEX, _index(records, wanted.annotations))
        layout.write_index(index)
        # The index lists every record there is: others were removed or refused above.
        with layout_errors(project, layout):
            if is_alone and layout.remove_unreferenced():
                _forget_layers(out)
        running.result = index.digest
    return Joined(image, index.digest, layout.folder, tuple(records))


def require_parts(project: Project, wanted: Sequence[Wanted]) -> None:
    """Raise `VerificationError` for all images of which no platform was left; locks nothing."""
    empty = [one for one in wanted if not any(record_folder(project.out, one.image).glob("*.json"))]
    if problems := [problem for one in empty for problem in _missing(project, one, ())]:
        raise VerificationError("\n".join(problems))


def _index(records: Sequence[ImageRecord], annotations: Mapping[str, str]) -> bytes:
    """Write the index; all records have one base."""
    base = records[0].base.index_annotations if records and records[0].base else {}
    return index_bytes([record.descriptor for record in records], {**base, **annotations})


def _put_back(project: Project, wanted: Wanted) -> bool:
    """Let the records be those that this run made; tell whether there were none of other runs.

    The other run's join may be still to come, and needs its blobs.

    Raises `VerificationError` for what another run's join has removed.
    """
    layout = Layout(layout_folder(project.out, wanted.image))
    if lost := [record for record in wanted.made if not layout.blob_path(record.manifest).is_file()]:
        raise VerificationError(
            f"{wanted.image} {', '.join(record.platform for record in lost)}: another run on "
            f"{project.settings.out} removed what this one made; run it again: {project.type('images')}"
        )
    is_alone = not _remove_others(project.out, wanted)
    for record in wanted.made:
        path = record_path(project.out, record.image, Platform.parse(record.platform))
        with files.read_errors(path):
            there = path.read_bytes() if path.exists() else b""
        if there != record_bytes(record):
            is_alone = False  # also where another run's join removed it
            write_record(project.out, record)
    return is_alone


def _remove_others(out: Path, wanted: Wanted) -> bool:
    """Remove the records of other platforms; tell whether there were any."""
    names = {record_path(out, wanted.image, platform) for platform in wanted.platforms}
    others = [path for path in record_folder(out, wanted.image).glob("*.json") if path not in names]
    with files.storage_errors(out):
        for path in others:
            path.unlink()
    return bool(others)


def _forget_layers(out: Path) -> None:
    LayerCache(layers_folder(out)).remove_unusable(map(Layout, layout_folders(out)))


def _choose(project: Project, wanted: Wanted) -> list[ImageRecord]:
    found = records_of(project, wanted.image)
    problems = [
        *_doubled(project, found),
        *_missing(project, wanted, found),
        *_foreign(project, wanted, found),
    ]
    if not wanted.made:
        problems = problems or list(_outdated(project, found))
    problems = problems or list(_differences(project, wanted.image, found))
    problems = problems or list(_other_sources(project, wanted.image, found))
    if problems:
        raise VerificationError("\n".join(problems))
    if not wanted.made:
        _warn_of_changes(project, wanted.image, found)
    by_platform = {record.platform: record for _, record in found}
    return [by_platform[str(platform)] for platform in wanted.platforms]


def _doubled(project: Project, found: Sequence[Found]) -> Iterator[str]:
    seen: dict[str, Path] = {}
    for path, record in found:
        if record.platform in seen:
            yield (
                f"{record.image} {record.platform}: has two records, "
                f"{project.shown(seen[record.platform])} and {project.shown(path)}; "
                "remove the one that is not wanted"
            )
        seen[record.platform] = path


def _missing(project: Project, wanted: Wanted, found: Sequence[Found]) -> Iterator[str]:
    there = {record.platform for _, record in found}
    for platform in wanted.platforms:
        if str(platform) not in there:
            yield (
                f"{wanted.image} {platform}: was not built; build it ({project.type('image')}), "
                f"or copy the output folder of the run that did over {project.settings.out}"
            )


def _foreign(project: Project, wanted: Wanted, found: Sequence[Found]) -> Iterator[str]:
    names = [str(platform) for platform in wanted.platforms]
    for path, record in found:
        if record.image != wanted.image:
            yield f"{project.shown(path)}: is of image '{record.image}', not '{wanted.image}'; remove it"
        elif record.platform not in names:
            yield (
                f"{wanted.image} {record.platform}: was built, but {_reason(project, record, names)} "
                f"or remove {project.shown(path)}"
            )


def _reason(project: Project, record: ImageRecord, names: Sequence[str]) -> str:
    if record.platform in map(str, project.settings.group(record.image).platforms):
        return f"--arch leaves it out ({', '.join(names)}); name it there too"
    return f"is not among the platforms to join ({', '.join(names)}); add it to the table"


def _outdated(project: Project, found: Sequence[Found]) -> Iterator[str]:
    """Compare with the table of the moment, where this machine has one."""
    if not has_table(project.root):
        return
    for path, record in found:
        changed = changed_inputs(record.inputs, project.settings.group(record.image))
        for name, then, now in itertools.islice(changed, _MOST):
            yield (
                f"{record.image} {record.platform}: was made with {name} {then} "
                f"({project.shown(path)}), but the table says {now}; build it again: "
                f"{project.type('image')}"
            )


def _differences(project: Project, image: str, found: Sequence[Found]) -> Iterator[str]:
    """Compare everything that decided the bytes with what decided the first record's."""
    first_path, first = found[0]
    for path, record in found[1:]:
        ours, theirs = _compared(first), _compared(record)
        names = [name for name in sorted(ours | theirs) if ours.get(name) != theirs.get(name)]
        # What other settings have made differs because of them.
        names = [name for name in names if name in {**first.inputs, **record.inputs}] or names
        for name in names[:_MOST]:
            yield (
                f"{image}: {first.platform} and {record.platform} were made with different settings: "
                f"{name} is {shown_input(ours, name)} in {project.shown(first_path)}, "
                f"{shown_input(theirs, name)} in {project.shown(path)}; build both again alike"
            )


def _other_sources(project: Project, image: str, found: Sequence[Found]) -> Iterator[str]:
    """Compare the commits of what was built, where git knew them."""
    known = [(path, record, record.revision) for path, record in found if record.revision]
    for path, record, revision in known[1:]:
        first_path, first, expected = known[0]
        if revision != expected:
            yield (
                f"{image}: {first.platform} and {record.platform} were built from different sources: "
                f"{short_revision(expected)} in {project.shown(first_path)}, "
                f"{short_revision(revision)} in {project.shown(path)}; "
                f"build both again from one commit: {project.type('image')}"
            )


def _warn_of_changes(project: Project, image: str, found: Sequence[Found]) -> None:
    """Warn of an old commit, and of one that does not tell of which sources several platforms are."""
    revisions = [record.revision for _, record in found if record.revision]
    now = project.templates.commit()
    if revisions and now and now != revisions[0]:
        built, current = short_revision(revisions[0]), short_revision(now)
        project.warn(
            f"{image}: was built from {built}, but git is at {current} now, which is what annotations and "
            f"names take from it; to push it, build it again: {project.type('images')}"
        )
    dirty = next((revision for revision in revisions if revision.endswith("-dirty")), None)
    if dirty and len(found) > 1:
        project.warn(
            f"{image}: was built from {short_revision(dirty)}, and which changes each platform has is not "
            "known; to be sure, commit and build again"
        )


def _compared(record: ImageRecord) -> dict[str, str]:
    shared = {layer.holds: layer.digest for layer in record.layers if layer.holds not in {BASE, PROGRAMS}}
    base = {"image.base": f"{record.base.name}@{record.base.digest}"} if record.base else {}
    return {**record.inputs, **shared, **base}
