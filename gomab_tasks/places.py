"""Name what runs leave below the output folder, OUT, for each other; `clean` removes these alone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class Place(StrEnum):
    """Name every entry of OUT."""

    ARCHIVES = "archives"
    BASES = "bases"
    BUILDKIT = "buildkit"
    CHECKED = "checked"
    DOWNLOADED = "modules.stamp"
    FETCHED = "fetched"
    IMAGES = "images"
    LAYERS = "layers"
    LINKED = "linked"
    LOCKS = "locks"
    LOGS = "logs"
    PROGRAMS = "bin"
    PUSHED = "pushed"
    RECORDS = "records"
    RESULTS = "results"
    SBOMS = "sbom"
    TRIALS = "smoke"


def layout_folder(out: Path, image: str) -> Path:
    """Give the folder of an image's OCI layout."""
    return out / Place.IMAGES / image


def layout_folders(out: Path) -> list[Path]:
    """Give the folders of all images' layouts that are there."""
    return list((out / Place.IMAGES).iterdir())


def out_lock(out: Path) -> Path:
    """Give the lock of all of OUT: shared to work below it, exclusive to remove it."""
    return out / Place.LOCKS / "out.lock"


def image_lock(out: Path, image: str) -> Path:
    """Give the lock of an image's layout and records: shared to add, exclusive to join and remove."""
    return out / Place.LOCKS / f"image-{image}.lock"


def bases_lock(out: Path) -> Path:
    """Give the lock of what was fetched of bases: shared to take from it, exclusive to remove."""
    return out / Place.LOCKS / "bases.lock"


def blob_lock(out: Path, digest: str) -> Path:
    """Give the lock to hold while a blob is fetched."""
    return out / Place.LOCKS / f"blob-{digest.partition(':')[2]}.lock"


def fetched_lock(out: Path) -> Path:
    """Give the lock of what a join fetched: shared to take from it, exclusive to remove."""
    return out / Place.LOCKS / "fetched.lock"


def layers_folder(out: Path) -> Path:
    """Give the folder that remembers which entries made which layer."""
    return out / Place.LAYERS


def bases_folder(out: Path) -> Path:
    """Give the folder that keeps what was fetched of base images."""
    return out / Place.BASES
