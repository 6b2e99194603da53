"""Keep in OUT/bases what was fetched of bases, as long as a record or the table leads to it.

A base whose tag moves is another one each time; without this, all of them would stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.foreign import read_foreign
from gomab_tasks.oci.image import Index
from gomab_tasks.oci.layout import Layout
from gomab_tasks.output.notes import read_note, write_note
from gomab_tasks.output.record import read_records, recorded_images
from gomab_tasks.places import bases_folder, bases_lock
from gomab_tasks.project import Project
from gomab_tasks.registry.reference import parse_reference
from gomab_tasks.settings import SCRATCH


def last_digests(out: Path) -> dict[str, str]:
    """Give what references without a digest meant last: `docker.io/library/alpine:3` -> digest."""
    return read_note(_digests(out), dict[str, str]) or {}


def note_digest(out: Path, reference: str, digest: str) -> None:
    """Note what a reference without a digest means now."""
    write_note(_digests(out), last_digests(out) | {reference: digest})


def remove_needless(project: Project) -> None:
    """Remove what nothing leads to any more; a later run does it while another one takes blobs from here.

    Raises `StorageError`.
    """
    out = project.out
    if not bases_folder(out).is_dir():
        return
    with project.locked_if_free(bases_lock(out)) as is_free:
        if is_free:
            try:
                roots = [*_recorded(out), *_named(project)]
            except VerificationError:  # of an image that this run may have nothing to do with
                return
            _remove_others(out, roots)


def _recorded(out: Path) -> Iterator[str]:
    for image in recorded_images(out):
        for _, record in read_records(out, image):
            if record.base:
                yield record.base.digest
                yield record.base.manifest


def _named(project: Project) -> Iterator[str]:
    groups = (*project.settings.images.values(), project.settings.shared)
    texts = dict.fromkeys(group.image.base for group in groups if group.image.base != SCRATCH)
    digests = last_digests(project.out)
    for reference in map(parse_reference, texts):
        if digest := reference.digest or digests.get(str(reference)):
            yield digest


def _remove_others(out: Path, roots: list[str]) -> None:
    layout = Layout(bases_folder(out))
    kept = {digest for root in roots for digest in _reached(layout, root)}
    with files.storage_errors(layout.folder):
        for pattern in ("blobs/sha256/*", "unpacked/*"):
            for path in layout.folder.glob(pattern):  # HEX, HEX.partial, HEX.json
                if f"sha256:{path.name.partition('.')[0]}" not in kept:
                    path.unlink()
    digests = last_digests(out)
    left = {reference: digest for reference, digest in digests.items() if digest in kept}
    if left != digests:
        write_note(_digests(out), left)


def _reached(layout: Layout, digest: str) -> Iterator[str]:
    yield digest
    try:
        document = read_foreign(layout.blob_path(digest).read_bytes(), digest)
    except (OSError, VerificationError):  # not fetched, or damaged, and then fetched again
        return
    if isinstance(document, Index):
        for manifest in document.manifests:
            yield from _reached(layout, manifest.digest)
    else:
        yield document.config.digest
        yield from (layer.digest for layer in document.layers)


def _digests(out: Path) -> Path:
    return bases_folder(out) / "digests.json"
