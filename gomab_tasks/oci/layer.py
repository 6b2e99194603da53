"""Make a layer blob from entries, streaming: read, tar, compress, hash and store at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import StorageError, VerificationError
from gomab_tasks.oci.compression import FORMAT, compress, split_chunks
from gomab_tasks.oci.descriptor import LAYER_GZIP, Descriptor, Layer, digest_of, read_object, to_json
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import TAR_VERSION, Entry, complete, content_digest, tar_pieces

Check = Callable[[], None]


def _read_key(entries: tuple[Entry, ...], check: Check) -> str:
    """Give a SHA-256 over everything that decides the layer's bytes; reads all sources."""
    contents: dict[str, str] = {}
    for entry in entries:
        check()
        contents[entry.path] = content_digest(entry)
    return _key(entries, contents)


def _key(entries: Iterable[Entry], contents: Mapping[str, str]) -> str:
    rows = [[e.path, e.kind, e.mode, e.uid, e.gid, e.target, contents[e.path]] for e in entries]
    return digest_of(to_json({"tar": TAR_VERSION, "format": FORMAT, "entries": rows}))


def _write(entries: tuple[Entry, ...], layout: Layout, jobs: int, check: Check) -> tuple[Layer, str]:
    """Give the layer and the key of what was in fact read."""
    contents: dict[str, str] = {}
    tar = _Tar()
    with layout.writing() as blob:
        chunks = split_chunks(tar_pieces(entries, contents))
        compress(tar.watch(chunks, check), jobs, blob.write)
    descriptor = Descriptor(LAYER_GZIP, blob.digest, blob.size)
    return Layer(descriptor, f"sha256:{tar.sha256.hexdigest()}", tar.size), _key(entries, contents)


class _Tar:
    """Hash and count the chunks that pass by."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0

    def watch(self, chunks: Iterable[bytearray], check: Check) -> Iterator[bytearray]:
        for chunk in chunks:
            check()
            self.sha256.update(chunk)
            self.size += len(chunk)
            yield chunk


class LayerCache(Struct, frozen=True):
    """Remember in `folder` which entries made which layer, so that nothing is compressed twice.

    One folder serves any number of layouts. Each record carries a digest of
    itself, and a blob counts only if it is read back undamaged.
    """

    folder: Path

    def layer(
        self, entries: Iterable[Entry], layout: Layout, jobs: int, check: Check = lambda: None
    ) -> Layer:
        """Give the layer of the entries, its blob read back; write it only where the layout lacks it.

        Args:
            jobs: threads that compress; the bytes do not depend on it.
            check: called between chunks; what it raises ends the work.

        Raises `VerificationError` for entries that no layer can hold, `StorageError`
        for a source that cannot be read or changes while it is read.
        """
        whole = complete(entries)
        key = _read_key(whole, check)
        found = self._find(key, layout)
        if found:
            return found
        layer, written_key = _write(whole, layout, jobs, check)
        if written_key != key:
            raise StorageError(
                f"{_first_source(whole)}: a file changed while it was read into a layer;"
                " wait until nothing writes to it and run it again"
            )
        layout.check_blob(layer.descriptor)
        self._keep(key, layer)
        return layer

    def _find(self, key: str, layout: Layout) -> Layer | None:
        path = self._path(key)
        try:
            layer = _read_record(path.read_bytes(), key)
            layout.check_blob(layer.descriptor)
        except (OSError, VerificationError):
            return None
        return layer

    def _keep(self, key: str, layer: Layer) -> None:
        record: dict[str, object] = {"key": key, "layer": layer.to_dict()}
        files.write(self._path(key), to_json(record | {"digest": digest_of(to_json(record))}))

    def remove_unusable(self, layouts: Iterable[Layout]) -> None:
        """Remove the records whose blob none of the layouts has."""
        places = tuple(layouts)
        with files.storage_errors(self.folder):
            for path in self.folder.glob("*.json"):
                if not any(_is_usable(path, place) for place in places):
                    path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key.removeprefix('sha256:')}.json"


def _is_usable(path: Path, layout: Layout) -> bool:
    try:
        return layout.has_blob(_read_record(path.read_bytes(), f"sha256:{path.stem}").descriptor)
    except (OSError, VerificationError):
        return False


def _read_record(content: bytes, key: str) -> Layer:
    record = read_object(content, key)
    if record.pop("digest", None) != digest_of(to_json(record)) or record.get("key") != key:
        raise VerificationError(f"{key}: the record is damaged")
    return Layer.from_dict(record.get("layer"), key)


def _first_source(entries: tuple[Entry, ...]) -> object:
    return next((entry.source for entry in entries if isinstance(entry.source, Path)), "layer")
