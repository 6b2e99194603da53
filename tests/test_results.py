"""What tasks print: every digest whole, every number in its column."""

from __future__ import annotations

import json

import msgspec
import pytest

from gomab_tasks.delivery.archives import Archive, ArchiveResult
from gomab_tasks.modules import DownloadResult
from gomab_tasks.results import (
    BuildResult,
    CleanResult,
    ImageResult,
    ImagesResult,
    Index,
    PlatformImage,
    Program,
)
from gomab_tasks.sizes.budget import Verdict
from gomab_tasks.units import MIB

DIGEST = f"sha256:{'ab' * 32}"
IMAGES = (
    PlatformImage("api", "linux/amd64", DIGEST, 6 * MIB, 18 * MIB),
    PlatformImage("worker", "linux/arm/v7", DIGEST, 900, 1024),
)


def verdict_of(image: str) -> Verdict:
    """Give a verdict that passes."""
    return Verdict(
        image=image,
        platform="linux/amd64",
        size=6 * MIB,
        unpacked_size=18 * MIB,
        unpacked_budget=25 * MIB,
        compressed_budget=None,
        baseline=None,
        problems=(),
    )


def test_images() -> None:
    """Each with its digest to copy, which no terminal of 80 columns breaks."""
    assert ImageResult(IMAGES).text().splitlines() == [
        "api     linux/amd64   18.0 MiB",
        f"  {DIGEST}",
        "worker  linux/arm/v7     1 KiB",
        f"  {DIGEST}",
    ]


def test_programs() -> None:
    """Where each lies, and how large it is."""
    programs = (
        Program("api", "linux/amd64", "build/gomab/bin/linux_amd64/api", 18 * MIB),
        Program("api", "windows/amd64", "build/gomab/bin/windows_amd64/api.exe", 9 * MIB),
    )
    assert BuildResult(programs).text().splitlines() == [
        "program  platform           size  path",
        "api      linux/amd64    18.0 MiB  build/gomab/bin/linux_amd64/api",
        "api      windows/amd64   9.0 MiB  build/gomab/bin/windows_amd64/api.exe",
    ]


def test_indexes() -> None:
    """Sizes first; below them what was made, and where it lies."""
    result = ImagesResult((Index("api", DIGEST, "build/gomab/images/api", IMAGES[:1]),), (verdict_of("api"),))
    assert result.text().splitlines() == [
        "image  platform     compressed  unpacked  budget  used",
        "api    linux/amd64     6.0 MiB  18.0 MiB  25 MiB   72%",
        "",
        "api  build/gomab/images/api",
        f"  {DIGEST}",
    ]
    document = json.loads(msgspec.json.encode(result))
    assert document["images"][0]["platforms"][0] == {
        "image": "api",
        "platform": "linux/amd64",
        "digest": DIGEST,
        "size": 6 * MIB,
        "unpacked_size": 18 * MIB,
    }


KEPT = [f"kept build/gomab/{name}: gomab did not write it" for name in ("a", "b")]


@pytest.mark.parametrize(
    ("removed", "kept", "text"),
    [
        (3 * MIB, (), ["removed build/gomab: 3.0 MiB"]),
        (0, (), ["build/gomab: nothing there"]),
        (3 * MIB, ("a", "b"), ["removed from build/gomab: 3.0 MiB", *KEPT]),
        (0, ("a",), ["build/gomab: nothing to remove", KEPT[0]]),
    ],
)
def test_clean(removed: int, kept: tuple[str, ...], text: list[str]) -> None:
    """It says what is gone, or that nothing was, and what stays."""
    assert CleanResult("build/gomab", removed, kept).text().splitlines() == text


def test_download() -> None:
    """It says why nothing was downloaded."""
    assert DownloadResult(downloaded=False, reason="vendored").text() == "modules: vendored"


def test_long_names() -> None:
    """Where name and place are too wide together, the place, which ends with the name, is enough."""
    name = "customer-notification-dispatcher-service"
    path = f"build/gomab/archives/{name}.tar"
    archives = (Archive(name, path, 900, DIGEST, ("linux/amd64",), ()),)
    assert ArchiveResult(archives).text().splitlines()[:2] == [
        f"{path}  900 B",
        f"  {DIGEST}",
    ]
    layout = f"build/gomab/images/{name}"
    text = ImagesResult((Index(name, DIGEST, layout, IMAGES[:1]),), (verdict_of(name),)).text()
    assert text.splitlines()[-2:] == [layout, f"  {DIGEST}"]
