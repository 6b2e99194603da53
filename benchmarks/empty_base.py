"""Serve an empty base image from a registry on this machine, for tools that need one."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rivals import Command
from benchmarks.servers import free_address, serving


@contextmanager
def serve(folder: Path, platforms: Sequence[str]) -> Iterator[str]:
    """Give the reference of an empty image for all of the platforms while the block runs."""
    folder.mkdir()
    address = free_address()
    with serving(("crane", "registry", "serve", f"--address={address}"), address, folder):
        yield push(folder, f"{address}/empty", platforms)


def push(folder: Path, repository: str, platforms: Sequence[str]) -> str:
    """Push an empty image to a repository, and give its reference; `folder` takes a file on the way."""
    layer = folder / "empty.tar"
    tarfile.open(layer, "w").close()

    def crane(*words: str) -> None:
        Command(("crane", *words), folder, os.environ).output()

    tags = [f"{repository}:{platform.replace('/', '-')}" for platform in platforms]
    for platform, tag in zip(platforms, tags, strict=True):
        crane("append", "--oci-empty-base", "-f", str(layer), "-t", tag)
        crane("mutate", f"--set-platform={platform}", "-t", tag, tag)
    crane("index", "append", *(f"--manifest={tag}" for tag in tags), "-t", f"{repository}:latest")
    return f"{repository}:latest"
