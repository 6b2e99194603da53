"""Push images: exactly the bytes of a layout, and nothing that is there already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import nullcontext, suppress
from fnmatch import fnmatchcase
from functools import partial
from typing import TypeVar

from msgspec import Struct

from gomab_tasks.errors import RegistryError
from gomab_tasks.oci.descriptor import INDEX, Descriptor
from gomab_tasks.oci.image import Index, Manifest
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.parallel import run_all
from gomab_tasks.progress.events import Step, silent
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.message import Upload
from gomab_tasks.registry.meter import Meter
from gomab_tasks.registry.reference import Repository, check_tag
from gomab_tasks.registry.referrers import Artifact, attach, blobs_of
from gomab_tasks.registry.transport import WORKERS
from gomab_tasks.units import mebibytes

Result = TypeVar("Result")

# On a slow line few large blobs side by side end sooner each, and what breaks off loses less.
LARGE, LARGE_AT_ONCE = 1 << 20, 4


class Content(Struct, frozen=True):
    """Hold all that a root leads to, each once: blobs, then manifests, then the root."""

    layout: Layout
    root: Descriptor
    manifests: tuple[Descriptor, ...]
    blobs: tuple[Descriptor, ...]


class Pushed(Struct, frozen=True):
    """Say what a push did.

    Attributes:
        digest: of the root, as it can be pulled.
        tags: all that were asked for, in that order.
        moved: those of them that had to be set.
        sent_size: bytes of the blobs that were sent; the others were there or mounted.
    """

    repository: Repository
    digest: str
    tags: tuple[str, ...]
    moved: tuple[str, ...]
    blobs: int
    sent_blobs: int
    mounted_blobs: int
    sent_size: int


class Destination(Struct, frozen=True):
    """Hold where an image goes.

    Attributes:
        tags: none to push by digest alone.
        mounts: names of repositories of the same registry that may have blobs of the image.
        immutable_tags: patterns (fnmatch) of tags that must never move.
        artifacts: what is attached before a tag is set, such as bills of materials.
        is_new: the image was hardly sent there before: all is looked for at once, and uploads
            are started meanwhile, which takes two round trips less where it is not there, and
            more requests where it is.
    """

    repository: Repository
    tags: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    immutable_tags: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    is_new: bool = False

    def __post_init__(self) -> None:
        """Raise `SettingsError` for what is no tag: it would stand in addresses."""
        for tag in self.tags:
            check_tag(tag)

    def is_immutable(self, tag: str) -> bool:
        """Tell whether a tag must never move."""
        return any(fnmatchcase(tag, pattern) for pattern in self.immutable_tags)


def push(client: Client, content: Content, destination: Destination, running: Step | None = None) -> Pushed:
    """Push a manifest or index that was checked, with all that it leads to; tags are set last.

    Args:
        running: shows how far it is, and gets the outcome as its result.

    Raises `RegistryError`; for a tag that must not move before anything is sent.
    """
    whole = Push(client, content, destination)
    pushed = whole.send(running or Step(silent, "push", "", ""))
    whole.set_tags()
    return pushed


def read_content(layout: Layout, root: Descriptor) -> Content:
    """List what a manifest, or an index of manifests, leads to; documents are checked as they are read."""
    manifests: tuple[Descriptor, ...] = ()
    if root.media_type == INDEX:
        index = Index.from_bytes(layout.read_blob(root), blob_name(root.digest))
        manifests = _unique(index.manifests)
    blobs: list[Descriptor] = []
    for manifest in manifests or (root,):
        read = Manifest.from_bytes(layout.read_blob(manifest), blob_name(manifest.digest))
        blobs += [read.config, *read.layers]
    return Content(layout, root, manifests, _unique(blobs))


def _unique(descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    return tuple({descriptor.digest: descriptor for descriptor in descriptors}.values())


class Push:
    """Carry out one push; round trips to the registry are what takes time, so few follow each other.

    The tags are set by themselves: those of several images after the content of all.
    """

    def __init__(self, client: Client, content: Content, destination: Destination) -> None:
        self._client = client
        self._content = content
        self._destination = destination
        self._repository = destination.repository
        self._failed = threading.Event()
        self._started: dict[str, str] = {}
        self._large = threading.Semaphore(LARGE_AT_ONCE)
        self._is_there = False
        self._moving: Sequence[str] = ()
        self.moved: list[str] = []

    def refuse_moves(self) -> None:
        """Raise `RegistryError` for a tag that must not move; `send` asks once more."""
        fixed = [tag for tag in self._destination.tags if self._destination.is_immutable(tag)]
        there = self._find(fixed, ())
        for tag in fixed:
            self._must_move(tag, there.get(tag))

    def send(self, running: Step) -> Pushed:
        """Send all that is missing but the root, which has a tag to come by; raises what `push` does."""
        root = self._content.root
        self._is_there, missing, self._moving = self._look()
        meter = Meter(running)
        meter.total = sum(blob.size for blob in missing)
        sends: list[Callable[[], bool]] = [partial(self._send, blob, meter) for blob in missing]
        further = [*self._cancels(missing), *self._attached_blobs()]
        sent = self._side_by_side([*sends, *further])[: len(sends)]
        if not self._is_there:
            self._side_by_side([partial(self._put, m, m.digest) for m in self._content.manifests])
        self._side_by_side([partial(self._attach, subject) for subject in self._subjects()])
        pushed = Pushed(
            self._repository,
            root.digest,
            self._destination.tags,
            tuple(self._moving),
            len(self._content.blobs),
            sum(sent),
            len(sent) - sum(sent),
            sum(blob.size for blob, was_sent in zip(missing, sent, strict=True) if was_sent),
        )
        running.result = _summary(pushed)
        return pushed

    def set_tags(self) -> None:
        """Store the root by its tags, of which the first brings it there, or by its digest.

        `moved` tells which were set, also where this fails at another one.
        """
        tags = list(self._moving)
        if not self._is_there:
            first = tags.pop(0) if tags else None
            self._put(self._content.root, first or self._content.root.digest)
            self.moved += [first] if first else []
        self._side_by_side([partial(self._move, tag) for tag in tags])

    def _move(self, tag: str) -> None:
        self._put(self._content.root, tag)
        self.moved.append(tag)

    def _look(self) -> tuple[bool, list[Descriptor], list[str]]:
        """Find whether the root is there, which blobs are missing and which tags must move."""
        root, tags, blobs = self._content.root.digest, self._destination.tags, self._content.blobs
        if self._destination.is_new:
            there = self._find([root, *tags], blobs, [partial(self._start, blob) for blob in blobs])
        else:
            there = self._find([root], ())
            there |= self._find(tags, () if there else blobs)
        try:
            moving = [tag for tag in tags if self._must_move(tag, there.get(tag))]
        except RegistryError:
            self._side_by_side(self._cancels(()))
            raise
        # What was mounted meanwhile may have been found for that reason.
        mounted = {digest for digest, location in self._started.items() if not location}
        lacking = [blob for blob in blobs if blob.digest not in there or blob.digest in mounted]
        missing = [] if root in there else lacking
        return root in there, missing, moving

    def _find(
        self,
        targets: Sequence[str],
        blobs: Sequence[Descriptor],
        meanwhile: Sequence[Callable[[], None]] = (),
    ) -> dict[str, str]:
        """Look for manifests by tag or digest and for blobs, all at once; give the digests of those there."""
        names = [*targets, *(blob.digest for blob in blobs)]
        find = partial(self._client.find_digest, self._repository)
        looks: list[Callable[[], str | None]] = [partial(find, target) for target in targets]
        looks += [partial(self._find_blob, blob) for blob in blobs]
        digests = self._side_by_side([*looks, *meanwhile])
        return {name: digest for name, digest in zip(names, digests, strict=False) if digest}

    def _find_blob(self, blob: Descriptor) -> str | None:
        # docker-registry fails at a blob that is being mounted at that moment.
        is_there = self._client.has_blob(self._repository, blob.digest, guesses=self._destination.is_new)
        return blob.digest if is_there else None

    def _start(self, blob: Descriptor) -> None:
        """Start an upload before it is known to be needed; why it cannot be is told when it is."""
        with suppress(RegistryError):
            self._started[blob.digest] = self._client.start_upload(
                self._repository, blob.digest, self._destination.mounts
            )

    def _cancels(self, missing: Sequence[Descriptor]) -> list[Callable[[], bool]]:
        needed = {blob.digest for blob in missing}
        needless = [where for digest, where in self._started.items() if where and digest not in needed]
        return [partial(self._cancel, where) for where in needless]

    def _cancel(self, location: str) -> bool:
        self._client.cancel_upload(self._repository, location)
        return False

    def _must_move(self, tag: str, digest: str | None) -> bool:
        if digest and digest != self._content.root.digest and self._destination.is_immutable(tag):
            raise RegistryError(
                f"{self._repository}:{tag}: is an immutable tag, and points to {digest} already; "
                f"nothing was sent; choose another tag for {self._content.root.digest}"
            )
        return digest != self._content.root.digest

    def _subjects(self) -> dict[str, None]:
        return dict.fromkeys(artifact.subject.digest for artifact in self._destination.artifacts)

    def _attached_blobs(self) -> list[Callable[[], bool]]:
        """Send what artifacts share once: docker-registry loses a blob while it is stored again."""
        own = {blob.digest for blob in self._content.blobs}
        blobs = blobs_of(self._destination.artifacts).items()
        store = partial(self._client.store_blob, self._repository)
        return [partial(store, digest, content) for digest, content in blobs if digest not in own]

    def _attach(self, subject: str) -> None:
        """Attach one after the other what has one subject: they may share a tag that lists them."""
        for artifact in self._destination.artifacts:
            if artifact.subject.digest == subject:
                attach(self._client, self._repository, artifact)

    def _send(self, blob: Descriptor, meter: Meter) -> bool:
        """Send a blob that is missing, unless it was mounted; tell whether it was sent."""
        location = self._started.get(blob.digest)
        if location == "":
            return False
        path = self._content.layout.blob_path(blob.digest)
        body = Upload(path, blob.size, partial(meter.note, blob.digest))
        with self._large if blob.size > LARGE else nullcontext():
            self._require_success()  # it may have waited for its turn
            return self._client.send_blob(
                self._repository, blob.digest, body, self._destination.mounts, location or ""
            )

    def _put(self, document: Descriptor, target: str) -> None:
        content = self._content.layout.read_blob(document)
        self._client.put_manifest(self._repository, target, document.media_type, content)

    def _side_by_side(self, functions: Collection[Callable[[], Result]]) -> list[Result]:
        """Call all at once; after the first failure none begins, and it is raised."""
        if not functions:
            return []
        outcomes = run_all(
            [partial(self._unless_failed, function) for function in functions],
            WORKERS,
            self._client.transport.stop,
        )
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if errors:
            raise next((error for error in errors if not isinstance(error, _SkippedError)), errors[0])
        return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]

    def _unless_failed(self, function: Callable[[], Result]) -> Result:
        self._require_success()
        try:
            return function()
        except Exception:
            self._failed.set()
            raise

    def _require_success(self) -> None:
        if self._failed.is_set():
            raise _SkippedError


class _SkippedError(Exception):
    """Stand for what was not begun, since something else had failed."""


def _summary(pushed: Pushed) -> str:
    if not pushed.moved and not pushed.sent_blobs:
        return f"{pushed.digest} was there"
    mounted = f", {pushed.mounted_blobs} blobs mounted" if pushed.mounted_blobs else ""
    return f"{pushed.digest}, {mebibytes(pushed.sent_size)} sent{mounted}"
