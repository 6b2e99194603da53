"""Fetch the images that others stand on: each blob once, checked, and kept in OUT/bases.

Kept are the blobs as the registry has them, and what unpacking them told, so
that a further run neither downloads nor decompresses. A base that is pinned by
its digest then needs no network, until OUT is removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.bases.base import Base
from gomab_tasks.bases.kept import last_digests, note_digest
from gomab_tasks.bases.layers import Unpacked, read_unpacked, write_unpacked
from gomab_tasks.contents.rootfs import DEFAULT_USER
from gomab_tasks.destinations.clients import Registries
from gomab_tasks.errors import RegistryError, SettingsError, VerificationError
from gomab_tasks.oci.descriptor import MANIFEST, Descriptor, digest_of
from gomab_tasks.oci.foreign import read_foreign
from gomab_tasks.oci.image import Config, Index, Manifest
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tree import read_layers
from gomab_tasks.output.record import BaseRecord
from gomab_tasks.parallel import run_all
from gomab_tasks.places import bases_folder, blob_lock
from gomab_tasks.plan import ImagePlan
from gomab_tasks.platforms import Platform, best_match
from gomab_tasks.progress.events import step
from gomab_tasks.project import Project
from gomab_tasks.registry.failure import TransientError
from gomab_tasks.registry.meter import Meter
from gomab_tasks.registry.pull import fetch_blob, fetch_manifest
from gomab_tasks.registry.reference import Reference, Repository, parse_reference
from gomab_tasks.registry.transport import WORKERS
from gomab_tasks.settings import SCRATCH
from gomab_tasks.settings.problem import Problem
from gomab_tasks.settings.refusal import refusal
from gomab_tasks.units import mebibytes

# Each index is fetched before it is known what is in it.
_MOST_NESTED = 3


def read_bases(project: Project, images: Sequence[ImagePlan]) -> dict[tuple[str, Platform], Base]:
    """Give the bases of images: (`image.base`, platform) -> base.

    Raises `SettingsError` for platforms that a base lacks, all at once and
    before anything large is fetched, `RegistryError`, and `VerificationError`
    for what cannot be a base.
    """
    wanted = _wanted(images)
    subject = next(iter(wanted)) if len(wanted) == 1 else f"{len(wanted)} bases"
    # The step starts first: a registry that does not answer is waited for from here on.
    with Registries(project) as registries, step(project.emit, "pull", subject) as running:
        store = _Store(project, registries, Meter(running))
        found = {text: store.resolve(text) for text in wanted}
        _require_platforms(found, images, project.settings.source)
        for one in found.values():
            _tell_unpinned(project, one)
        bases = {
            (text, platform): base
            for text, one in found.items()
            for platform, base in store.fetch(one, wanted[text]).items()
        }
        running.result = store.received
    _tell_root(project, images, bases)
    return bases


def _wanted(images: Iterable[ImagePlan]) -> dict[str, list[Platform]]:
    wanted: dict[str, dict[Platform, None]] = {}
    for image in images:
        if image.group.image.base != SCRATCH:
            wanted.setdefault(image.group.image.base, {}).update(dict.fromkeys(image.platforms))
    return {text: list(platforms) for text, platforms in wanted.items()}


class _Found(Struct, frozen=True):
    """Hold what `image.base` means now.

    Attributes:
        manifests: the digest of each platform's manifest.
    """

    text: str
    reference: Reference
    digest: str
    manifests: Mapping[Platform, str]

    @property
    def name(self) -> str:
        """The reference as annotations have it: with its tag, or else its digest."""
        reference = self.reference
        return str(Reference(reference.repository, reference.tag) if reference.tag else reference)


def _require_platforms(found: Mapping[str, _Found], images: Iterable[ImagePlan], source: Path) -> None:
    problems = [
        problem
        for image in images
        if image.group.image.base in found
        for problem in _lacking(found[image.group.image.base], image, source)
    ]
    if problems:
        raise SettingsError(dict.fromkeys(problems))


def _lacking(found: _Found, image: ImagePlan, source: Path) -> Iterator[str]:
    missing = [str(p) for p in image.platforms if best_match(p, found.manifests) is None]
    if missing:
        offered = ", ".join(map(str, found.manifests)) or "none"
        problem = Problem(
            ("image", "base"),
            f"is '{found.text}', which is not there for {', '.join(missing)}; it is for {offered}: "
            "take the others out of platforms, or choose another base",
        )
        yield from refusal(source, [problem], image.name).problems


def _tell_unpinned(project: Project, found: _Found) -> None:
    if not found.reference.digest:
        project.warn(
            "image.base may mean another image tomorrow; to pin what it is now, write "
            f'base = "{found.text}@{found.digest}"'
        )


def _tell_root(
    project: Project, images: Iterable[ImagePlan], bases: Mapping[tuple[str, Platform], Base]
) -> None:
    """Say it where only the base does: the user of an image on scratch is another one."""
    unset = [image for image in images if not image.group.image.user]
    names = [image.name for image in unset if any(base.runs_as_root for base in _bases_of(image, bases))]
    if names:
        runs = "runs" if len(names) == 1 else "run"
        project.warn(
            f"{', '.join(names)} {runs} as root, as image.base says; to change that, write "
            f'user = "{DEFAULT_USER}"'
        )


def _bases_of(image: ImagePlan, bases: Mapping[tuple[str, Platform], Base]) -> list[Base]:
    found = (bases.get((image.group.image.base, platform)) for platform in image.platforms)
    return [base for base in found if base]


class _Store:
    """Keep blobs of bases, and fetch those that are missing or damaged."""

    def __init__(self, project: Project, registries: Registries, meter: Meter) -> None:
        self._project = project
        self._registries = registries
        self._meter = meter
        self._layout = Layout(bases_folder(project.out))

    def resolve(self, text: str) -> _Found:
        """Find which manifests a reference of the table means."""
        reference = parse_reference(text)
        content = self._document(reference)
        digest = digest_of(content)
        document = read_foreign(content, str(reference))
        return _Found(text, reference, digest, self._manifests(reference.repository, digest, document))

    def _manifests(
        self, repository: Repository, digest: str, document: Index | Manifest, depth: int = 0
    ) -> dict[Platform, str]:
        """Give the first manifest of each platform, as engines take it; an index may lead to others."""
        if isinstance(document, Manifest):
            return {self._config(repository, document).platform: digest}
        found: dict[Platform, str] = {}
        for entry in document.manifests:
            if entry.platform and entry.media_type == MANIFEST:
                found.setdefault(entry.platform, entry.digest)
            elif depth < _MOST_NESTED:
                found |= self._within(repository, entry.digest, depth + 1) | found
        return found

    def _within(self, repository: Repository, digest: str, depth: int) -> dict[Platform, str]:
        """Look into what an index says too little of; what is no image there is passed over."""
        reference = Reference(repository, digest=digest)
        content = self._document(reference)
        try:
            document = read_foreign(content, str(reference))
        except VerificationError:
            return {}
        return self._manifests(repository, digest, document, depth)

    def fetch(self, found: _Found, platforms: Sequence[Platform]) -> dict[Platform, Base]:
        """Have all blobs of a base for some platforms, and know what is in them."""
        chosen = {platform: found.manifests[_match(platform, found)] for platform in platforms}
        repository = found.reference.repository
        images = {digest: self._image(repository, digest) for digest in chosen.values()}
        self._fetch_layers(repository, [manifest for manifest, _ in images.values()])
        bases = {digest: self._base(found, digest, *image) for digest, image in images.items()}
        return {platform: bases[digest] for platform, digest in chosen.items()}

    @property
    def received(self) -> str:
        """What the registries had to send, in words."""
        return f"{mebibytes(self._meter.moved)} fetched" if self._meter.moved else "was there"

    def _base(self, found: _Found, digest: str, manifest: Manifest, config: Config) -> Base:
        origin = BaseRecord(name=found.name, digest=found.digest, manifest=digest)
        unpacked = self._unpacked(f"{found.reference.repository}@{digest}", digest, manifest, config)
        return Base(origin, unpacked.layers_of(manifest), config, unpacked.tree)

    def _document(self, reference: Reference) -> bytes:
        """Read an index or manifest, kept or from the registry."""
        if kept := self._kept(reference.digest):
            return kept
        try:
            stored = fetch_manifest(self._registries.client(reference.repository), reference)
        except RegistryError as error:
            if reference.digest or not isinstance(error.__cause__, TransientError):
                raise
            digest = last_digests(self._project.out).get(str(reference), "sha256:…")
            raise RegistryError(
                f"{error}; a base that is pinned needs no network once it was fetched, until "
                f'`{self._project.type("clean")}`: base = "{reference}@{digest}"'
            ) from None
        self._layout.put_blob(stored.media_type, stored.content)
        if not reference.digest:
            note_digest(self._project.out, str(reference), stored.digest)
        return stored.content

    def _kept(self, digest: str) -> bytes | None:
        path = self._layout.blob_path(digest)
        if not digest or not path.is_file():
            return None
        with files.read_errors(path):
            content = path.read_bytes()
        return content if digest_of(content) == digest else None

    def _image(self, repository: Repository, digest: str) -> tuple[Manifest, Config]:
        reference = Reference(repository, digest=digest)
        manifest = read_foreign(self._document(reference), str(reference))
        if isinstance(manifest, Index):
            raise VerificationError(f"{reference}: is an index in the place of a manifest; use another base")
        return manifest, self._config(repository, manifest)

    def _config(self, repository: Repository, manifest: Manifest) -> Config:
        self._fetch_blob(repository, manifest.config)
        where = f"{repository}@{manifest.config.digest}"
        config = Config.from_bytes(self._layout.read_blob(manifest.config), where)
        if len(config.diff_ids) != len(manifest.layers):
            raise VerificationError(
                f"{where}: has {len(config.diff_ids)} diff_ids for {len(manifest.layers)} layers; "
                "use another base"
            )
        return config

    def _fetch_layers(self, repository: Repository, manifests: Iterable[Manifest]) -> None:
        """Fetch side by side."""
        layers = {layer.digest: layer for manifest in manifests for layer in manifest.layers}
        self._meter.total += sum(layer.size for layer in layers.values())
        outcomes = run_all(
            [partial(self._fetch_blob, repository, layer, self._meter) for layer in layers.values()],
            WORKERS,
            self._registries.client(repository).transport.stop,
        )
        if errors := [outcome for outcome in outcomes if isinstance(outcome, Exception)]:
            raise errors[0]

    def _fetch_blob(self, repository: Repository, blob: Descriptor, meter: Meter | None = None) -> None:
        client = self._registries.client(repository)
        note = partial(meter.note, blob.digest) if meter else lambda _size: None
        with self._project.locked(blob_lock(self._project.out, blob.digest)):
            fetch_blob(client, repository, blob, self._layout.folder / "blobs", note)

    def _unpacked(self, where: str, digest: str, manifest: Manifest, config: Config) -> Unpacked:
        """Know what is in the layers, which have the right digests, of a manifest."""
        path = self._layout.folder / "unpacked" / f"{digest.removeprefix('sha256:')}.json"
        if kept := read_unpacked(path, config.diff_ids):
            return kept
        layers, tree = read_layers(self._layout, manifest.layers)
        for layer, diff_id in zip(layers, config.diff_ids, strict=True):
            if layer.diff_id != diff_id:
                raise VerificationError(
                    f"{where}: the layer {layer.descriptor.digest} unpacks to {layer.diff_id}, "
                    f"but its config says {diff_id}; use another base"
                )
        sizes = tuple(layer.unpacked_size for layer in layers)
        made = Unpacked(diff_ids=config.diff_ids, sizes=sizes, tree=tree)
        write_unpacked(path, made)
        return made


def _match(platform: Platform, found: _Found) -> Platform:
    matched = best_match(platform, found.manifests)
    assert matched is not None  # or it was refused
    return matched
