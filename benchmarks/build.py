"""Compare gomab with plain `go build` and ko: from sources to images on disk, nothing pushed.

    python -m benchmarks.build --module sample --case edit --runs 5

Ratios are gomab's time divided by a rival's: below 1, gomab is faster. Plain `go build` makes
programs only, no images. A ratio above its target fails nothing; it is printed to be seen.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import empty_base
from benchmarks.footprint import measure_footprint
from benchmarks.rivals import (
    OURS,
    Command,
    Comparison,
    Figure,
    Rival,
    compare,
    make_parser,
    report,
    say,
)
from benchmarks.sources import Sources, copy_sources, find_module

TWO = ("linux/amd64", "linux/arm64")
SIX = (*TWO, "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/riscv64")


@dataclass(frozen=True, slots=True)
class Case:
    """Hold what is done again and again, for which platforms, and the ratios wanted.

    Attributes:
        state: what every run starts from: `cold`, `edit` or `unchanged`.
    """

    state: str
    platforms: tuple[str, ...]
    targets: Mapping[str, float]


CASES = {
    "cold": Case("cold", TWO, {"plain": 0.78, "ko": 0.68}),
    "edit": Case("edit", TWO, {"plain": 1.6, "ko": 0.75}),
    "unchanged": Case("unchanged", TWO, {"ko": 0.45}),
    "six-cold": Case("cold", SIX, {"ko": 0.80}),
    "six-edit": Case("edit", SIX, {"ko": 0.75}),
    "six-unchanged": Case("unchanged", SIX, {"ko": 0.40}),
}
OWN = "own"
"""What gomab takes for itself, apart from Go."""
DEFAULT = ("cold", "edit", "unchanged", OWN)


@dataclass(frozen=True, slots=True)
class Place:
    """Hold a rival's own place: its copy of the sources, its build cache, its output."""

    folder: Path
    sources: Sources

    @property
    def cache(self) -> Path:
        """Where this rival's compiled packages are, and nobody else's."""
        return self.folder / "cache"

    @property
    def output(self) -> Path:
        """Where this rival leaves what it makes."""
        return self.sources.folder / "build"

    def environment(self, **more: str) -> dict[str, str]:
        """Give the user's environment with this rival's build cache."""
        return {**os.environ, "GOCACHE": str(self.cache), **more}

    def prepare(self, state: str) -> None:
        """Put sources, build cache and output into the state that a run starts from."""
        if state == "cold":
            for folder in (self.cache, self.output):
                shutil.rmtree(folder, ignore_errors=True)
        if state == "edit":
            self.sources.edit()


Commands = Callable[[Place, tuple[str, ...]], tuple[Command, ...]]


def gomab_commands(place: Place, platforms: tuple[str, ...]) -> tuple[Command, ...]:
    """Give gomab's whole job: download, compile, assemble, verify, join, size check."""
    argv = ("gomab", "images", "--quiet", f"--arch={','.join(platforms)}")
    return (Command(argv, place.sources.folder, place.environment()),)


def plain_commands(place: Place, platforms: tuple[str, ...]) -> tuple[Command, ...]:
    """Give one `go build` for each platform, for all programs at once."""
    return tuple(_go_build(place, platform) for platform in platforms)


def _go_build(place: Place, platform: str) -> Command:
    _, architecture, *variant = platform.split("/")
    output = place.output / platform.replace("/", "_")
    argv = ("go", "build", "-trimpath", "-ldflags=-s -w", f"-o={output}/", *place.sources.mains)
    variables = {"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": architecture}
    variables |= {"GOARM": variant[0].removeprefix("v")} if variant else {}
    return Command(argv, place.sources.folder, place.environment(**variables))


def ko_commands(base: str, repository: str = "") -> Commands:
    """Give ko with the same flags and an empty base, which stands in a registry.

    Args:
        repository: where images are pushed to, `HOST:PORT/NAME`; a layout on disk otherwise.
    """

    def commands(place: Place, platforms: tuple[str, ...]) -> tuple[Command, ...]:
        settings = place.folder / "ko.yaml"
        settings.write_text(
            f'defaultBaseImage: {base}\ndefaultFlags: ["-trimpath"]\ndefaultLdflags: ["-s", "-w"]\n'
        )
        to_disk = ("--push=false", f"--oci-layout-path={place.output}/layout")
        options = ("--sbom=none", f"--platform={','.join(platforms)}", *(() if repository else to_disk))
        argv = ("ko", "build", *options, *place.sources.mains)
        environment = place.environment(
            KO_CONFIG_PATH=str(settings), KO_DOCKER_REPO=repository or base.rpartition("/")[0]
        )
        return (Command(argv, place.sources.folder, environment),)

    return commands


@contextmanager
def offer_rivals(folder: Path) -> Iterator[dict[str, Commands]]:
    """Give how each rival that this machine has is started; say which are missing."""
    rivals: dict[str, Commands] = {OURS: gomab_commands, "plain": plain_commands}
    missing = [tool for tool in ("ko", "crane") if not shutil.which(tool)]
    if missing:
        say(f"left out: ko; not on PATH: {', '.join(missing)}")
        yield rivals
        return
    with empty_base.serve(folder / "registry", SIX) as base:
        yield {**rivals, "ko": ko_commands(base)}


def compare_cases(
    folder: Path, module: str, offered: Mapping[str, Commands], cases: Sequence[str], runs: int
) -> list[Comparison]:
    """Run cases on one module; each rival keeps its place from case to case."""
    source = find_module(module, folder)
    # Without the @ of folders in the module cache: ko cannot read it in a path.
    subject = module if module in {"sample", "big"} else source.name.partition("@")[0]
    places = {
        name: Place(folder / subject / name, copy_sources(source, folder / subject / name / "sources"))
        for name in offered
    }
    comparisons = []
    for name in cases:
        case = CASES[name]
        say(f"{subject} {name}")
        rivals = [_rival(rival, places[rival], commands, case) for rival, commands in offered.items()]
        timings = compare(rivals, runs, warm_ups=int(case.state != "cold"))
        comparisons.append(Comparison(subject, name, timings, case.targets))
    return comparisons


def _rival(name: str, place: Place, commands: Commands, case: Case) -> Rival:
    return Rival(name, commands(place, case.platforms), functools.partial(place.prepare, case.state))


def main() -> None:
    """Run the chosen cases on the chosen modules, and print what they took."""
    options = _parser().parse_args()
    cases = [name for name in options.case or DEFAULT if name != OWN]
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="gomab-benchmark-") as name:
        folder = Path(name)
        with offer_rivals(folder) as offered:
            for module in (options.module or ["sample"]) if cases else ():
                comparisons += compare_cases(folder, module, offered, cases, options.runs)
        if OWN in (options.case or DEFAULT):
            figures = measure_footprint(folder, options.runs)
    report(options, comparisons, figures)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("build", __doc__, (*CASES, OWN), "all for two", 3)
    parser.add_argument("--module", action="append", help="sample (default), big or a folder; repeat it")
    return parser


if __name__ == "__main__":
    main()
