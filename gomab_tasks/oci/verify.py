"""Read an image back and hold every byte against what the documents say.

Sources: OCI image-spec, image-layout.md, image-index.md, manifest.md, config.md
and layer.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from gomab_tasks.errors import DamagedError, VerificationError
from gomab_tasks.oci.descriptor import CONFIG, LAYER_GZIP, LAYER_TAR, MANIFEST, Descriptor, Layer
from gomab_tasks.oci.image import Config, Manifest
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.members import check_tar
from gomab_tasks.oci.unpacking import unpacking
from gomab_tasks.platforms import Platform, PlatformError, duplicates


class VerifiedImage(Struct, frozen=True):
    """Hold what was read back of one platform; layers from the base's first to the last."""

    platform: Platform
    manifest: Descriptor
    config: Descriptor
    layers: tuple[Layer, ...]

    @property
    def size(self) -> int:
        """Give the bytes of all layers as stored and pulled."""
        return sum(layer.descriptor.size for layer in self.layers)

    @property
    def unpacked_size(self) -> int:
        """Give the bytes of all layers' tars."""
        return sum(layer.unpacked_size for layer in self.layers)


def verify_layout(layout: Layout, known: Mapping[str, Layer] | None = None) -> tuple[VerifiedImage, ...]:
    """Check a whole layout and give its images in the order of the index.

    Args:
        known: digest -> layer for layers whose diff_id is already established,
            when this run wrote them, or when they were recorded.
            Their blobs are still read and hashed, and their diff_ids compared
            with the config's, but they are not decompressed.

    Raises `VerificationError` for the first thing that is wrong.
    """
    layout.check_version()
    index, content = layout.read_index()
    where = blob_name(index.digest)
    platforms = [_platform_of(entry, f"{where}: manifests[{i}]") for i, entry in enumerate(content.manifests)]
    if not platforms:
        raise DamagedError(f"{where}: lists no manifest")
    if twice := duplicates(platforms):
        raise DamagedError(f"{where}: lists {twice[0]} more than once")
    layers = _Layers(layout, known or {}, {})
    return tuple(
        _verify_image(layers, entry, platform)
        for entry, platform in zip(content.manifests, platforms, strict=True)
    )


def verify_image(
    layout: Layout, manifest: Descriptor, platform: Platform, checked: Iterable[Layer] = ()
) -> VerifiedImage:
    """Check the image of one platform, listed in an index or not yet.

    Args:
        checked: layers whose blobs this run has read back from this layout
            already. They must still be there, and fit the documents, but are
            not read again.

    Raises `VerificationError` for the first thing that is wrong.
    """
    layers = _Layers(layout, {}, {layer.descriptor: layer for layer in checked})
    return _verify_image(layers, manifest, platform)


def _platform_of(entry: Descriptor, where: str) -> Platform:
    if entry.media_type != MANIFEST:
        raise DamagedError(f"{where}: mediaType is '{entry.media_type}'; expected '{MANIFEST}'")
    if entry.platform is None:
        raise DamagedError(f"{where}: has no platform")
    try:
        return Platform.parse(str(entry.platform))
    except PlatformError:
        raise VerificationError(
            f"{where}: platform is '{entry.platform}'; expected one that Go builds for;"
            " make the image again without attestations"
        ) from None


def _verify_image(layers: _Layers, manifest: Descriptor, platform: Platform) -> VerifiedImage:
    layout = layers.layout
    where = blob_name(manifest.digest)
    content = Manifest.from_bytes(layout.read_blob(manifest), where)
    if content.config.media_type != CONFIG:
        raise DamagedError(
            f"{where}: config: mediaType is '{content.config.media_type}'; expected '{CONFIG}'"
        )
    config_where = blob_name(content.config.digest)
    config = Config.from_bytes(layout.read_blob(content.config), config_where)
    _check_config(config, content, platform, config_where)
    found = tuple(
        layers.check(layer, f"{where}: layers[{i}]", diff_id, f"{config_where}: rootfs: diff_ids[{i}]")
        for i, (layer, diff_id) in enumerate(zip(content.layers, config.diff_ids, strict=True))
    )
    return VerifiedImage(platform, manifest, content.config, found)


def _check_config(config: Config, manifest: Manifest, platform: Platform, where: str) -> None:
    if config.platform != platform:
        raise DamagedError(f"{where}: is for {config.platform}; its manifest is for {platform}")
    if len(config.diff_ids) != len(manifest.layers):
        raise DamagedError(
            f"{where}: rootfs: has {len(config.diff_ids)} diff_ids;"
            f" the manifest has {len(manifest.layers)} layers"
        )
    steps = sum(not step.empty_layer for step in config.history)
    if config.history and steps != len(manifest.layers):
        raise DamagedError(
            f"{where}: history: has {steps} steps that made a layer;"
            f" the manifest has {len(manifest.layers)} layers"
        )


class _Layers:
    """Check each layer once, however many platforms share it."""

    def __init__(self, layout: Layout, known: Mapping[str, Layer], checked: dict[Descriptor, Layer]) -> None:
        self.layout = layout
        self._known = known
        self._checked = checked

    def check(self, descriptor: Descriptor, where: str, diff_id: str, diff_id_where: str) -> Layer:
        if descriptor.media_type not in {LAYER_GZIP, LAYER_TAR}:
            raise VerificationError(
                f"{where}: mediaType is '{descriptor.media_type}'; expected '{LAYER_GZIP}' or '{LAYER_TAR}';"
                " use a base with such layers"
            )
        layer = self._checked.get(descriptor)
        if layer is None or not self.layout.has_blob(descriptor):
            layer = self._checked[descriptor] = self._read(descriptor)
        if layer.diff_id != diff_id:
            raise DamagedError(
                f"{diff_id_where}: is {diff_id}, but {blob_name(descriptor.digest)}"
                f" unpacks to {layer.diff_id}"
            )
        return layer

    def _read(self, descriptor: Descriptor) -> Layer:
        self.layout.check_blob(descriptor)
        known = self._known.get(descriptor.digest)
        return known or _unpack(self.layout, descriptor)


def _unpack(layout: Layout, descriptor: Descriptor) -> Layer:
    with unpacking(layout, descriptor) as stream:
        check_tar(stream, blob_name(descriptor.digest))
        stream.drain()
    return Layer(descriptor, f"sha256:{stream.sha256.hexdigest()}", stream.size)
