"""Name the caches of Go's modules and compiled packages, for CI systems that keep folders."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from gomab_tasks.facts import Facts
from gomab_tasks.plan import ImagePlan, go_flags

_DIGITS = 16


class CacheKeyResult(Struct, frozen=True):
    """Hold keys, equal wherever the same is downloaded and compiled, and what they are for.

    Attributes:
        modules: for the folder `modules_path`, GOMODCACHE.
        build: for the folder `build_path`, GOCACHE.
        build_restore: how the keys begin of other caches that help: those of
            other dependencies. Modules have none, for Go never removes old ones.
    """

    modules: str
    build: str
    build_restore: str
    modules_path: str
    build_path: str

    @property
    def outputs(self) -> dict[str, str]:
        """The same, as outputs of a step are named."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}

    def text(self) -> str:
        """Give a line for each, as $GITHUB_OUTPUT takes them."""
        return "\n".join(f"{name}={value}" for name, value in self.outputs.items())


def make_keys(facts: Facts, images: Sequence[ImagePlan]) -> CacheKeyResult:
    """Make keys out of what decides the caches' contents, and nothing else.

    Values of `-X` are left out: they change what is linked, which Go does not
    keep, and often name the commit.
    """
    env, version = facts.toolchain.env, facts.toolchain.version
    host = f"{env['GOHOSTOS']}_{env['GOHOSTARCH']}"
    sums = _digest([_file(facts.module.folder, path) for path in facts.module.sums])
    restore = f"gomab-build-{host}-go{version}-{_digest(_compiles(facts, images))}-"
    return CacheKeyResult(
        modules=f"gomab-modules-go{version}-{sums}",
        build=f"{restore}{sums}",
        build_restore=restore,
        modules_path=env["GOMODCACHE"],
        build_path=env["GOCACHE"],
    )


def _file(folder: Path, path: Path) -> tuple[str, str]:
    return Path(os.path.relpath(path, folder)).as_posix(), path.read_text(encoding="utf-8", errors="replace")


def _compiles(facts: Facts, images: Sequence[ImagePlan]) -> object:
    """Name all that decides how packages are compiled: for what, with what flags."""
    pairs = {
        (str(platform), json.dumps(asdict(go_flags(image.group.go, {})), sort_keys=True))
        for image in images
        for platform in image.platforms
    }
    return [facts.module.path, sorted(pairs), sorted(facts.byte_variables.items())]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:_DIGITS]
