"""Fixtures for tests of Go programs: real ones, cross-compiled once per session."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.platforms import Platform

HELLO = Path(__file__).parents[1] / "modules" / "hello"

# The flags of a build by gomab, so that one build cache serves all tests.
FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")

ProgramFactory = Callable[..., Path]


@pytest.fixture(scope="session")
def program(go: Path, tmp_path_factory: pytest.TempPathFactory) -> ProgramFactory:
    """Give `hello`, built for a platform; flags and variables replace gomab's own."""
    folder = tmp_path_factory.mktemp("programs")
    source = shutil.copytree(HELLO, folder / "source")
    made: dict[object, Path] = {}

    def make(platform: str, *flags: str, **env: str) -> Path:
        key = (platform, flags, tuple(sorted(env.items())))
        if key not in made:
            path = folder / f"{len(made)}-{platform.replace('/', '_')}"
            variables = os.environ | Platform.parse(platform).go_env() | {"CGO_ENABLED": "0"} | env
            argv = [str(go), "build", *(flags or FLAGS), "-o", str(path), "."]
            subprocess.run(argv, cwd=source, env=variables, check=True, capture_output=True, text=True)
            made[key] = path
        return made[key]

    return make
