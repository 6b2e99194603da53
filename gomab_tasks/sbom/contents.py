"""Read what an image holds out of its layers."""

from __future__ import annotations

import hashlib
import posixpath
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct, field

from gomab_tasks import __version__, files
from gomab_tasks.errors import DamagedError
from gomab_tasks.golang.buildinfo import BuildInfo, find_build_info
from gomab_tasks.golang.executable import read_executable
from gomab_tasks.golang.slices import FormatError, Slices
from gomab_tasks.oci.descriptor import Descriptor, as_text, read_object, read_platform
from gomab_tasks.oci.image import Manifest
from gomab_tasks.oci.layout import Layout, blob_name
from gomab_tasks.oci.members import Member, read_members
from gomab_tasks.oci.unpacking import unpacking
from gomab_tasks.platforms import Platform

_EPOCH = "1970-01-01T00:00:00Z"


class File(Struct, frozen=True, kw_only=True):
    """Hold a regular file of an image.

    Attributes:
        path: absolute in the image.
        size: in bytes.
        sha256, sha1: hexadecimal; SPDX demands the latter of every file.
        build: what Go wrote into it, where it is a program of Go's.
    """

    path: str
    size: int
    sha256: str
    sha1: str
    build: BuildInfo | None = None


class Base(Struct, frozen=True):
    """Hold the image that another one stands on; its `layers` lowest layers come from there.

    Attributes:
        repository: without tag and digest.
        digest: of its manifest for the same platform.
    """

    repository: str
    digest: str
    layers: int


class ImageContents(Struct, frozen=True, kw_only=True):
    """Hold what a bill of materials says of an image for one platform.

    Attributes:
        manifest: its digest.
        created: as RFC 3339 writes it; the epoch where the image states no time.
        files: what lies above the base, in the order of their paths.
        wheels: name -> version of the Python wheels whose files are among them.
        tool_version: gomab's own.
    """

    image: str
    platform: Platform
    manifest: str
    files: tuple[File, ...]
    created: str = _EPOCH
    wheels: Mapping[str, str] = field(default_factory=dict)
    base: Base | None = None
    tool_version: str = __version__

    @property
    def programs(self) -> tuple[tuple[File, BuildInfo], ...]:
        """The programs that Go linked, each with what Go says of it."""
        return tuple((file, file.build) for file in self.files if file.build)


def describe(
    layout: Layout,
    manifest: Descriptor,
    image: str,
    *,
    wheels: Mapping[str, str] | None = None,
    base: Base | None = None,
) -> ImageContents:
    """Read an image for one platform out of a layout.

    Memory stays bounded: each file goes through a temporary one, for the build
    info of a program may stand anywhere.

    Raises `VerificationError` where a blob is damaged or missing.
    """
    content = Manifest.from_bytes(layout.read_blob(manifest), blob_name(manifest.digest))
    where = blob_name(content.config.digest)
    config = read_object(layout.read_blob(content.config), where)
    return ImageContents(
        image=image,
        platform=read_platform(config, where),
        manifest=manifest.digest,
        files=_read_files(layout, content.layers[base.layers if base else 0 :]),
        created=_created(config, where),
        wheels=wheels or {},
        base=base,
    )


def _created(config: Mapping[str, object], where: str) -> str:
    """Take the time from the image itself: it has the one of SOURCE_DATE_EPOCH or none."""
    if "created" not in config:
        return _EPOCH
    text = as_text(config["created"], f"{where}: created")
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DamagedError(f"{where}: created is '{text}'; expected a time") from None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_files(layout: Layout, layers: tuple[Descriptor, ...]) -> tuple[File, ...]:
    found: dict[str, File] = {}
    for layer in layers:
        layout.check_blob(layer)
        with unpacking(layout, layer) as stream:
            for member in read_members(stream, blob_name(layer.digest)):
                path = _absolute(member.path)
                # A later layer's link or file takes the place of what was there.
                found.pop(path, None)
                if member.is_file:
                    found[path] = _read_file(path, member)
    return tuple(file for _, file in sorted(found.items()))


def _absolute(path: str) -> str:
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return posixpath.normpath(f"/{text}")


def _read_file(path: str, member: Member) -> File:
    sha256, sha1 = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    with files.storage_errors(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as copy:
        for piece in member.pieces():
            sha256.update(piece)
            sha1.update(piece)
            copy.write(piece)
        build = _build_info(copy)
    return File(path=path, size=member.size, sha256=sha256.hexdigest(), sha1=sha1.hexdigest(), build=build)


def _build_info(file: BinaryIO) -> BuildInfo | None:
    """Read Go's build info; None where the file is no program or not of Go's."""
    source = Slices(file)
    try:
        return find_build_info(source, read_executable(source))
    except FormatError:
        return None
