"""Compare `gomab push` with crane and skopeo, and images and push with ko, against a local registry.

    python -m benchmarks.push --case slow --runs 5

All push one layout that `gomab images` made: two platforms, some 12 MB. gomab's times are those
of the whole script, Python's start included. The registry is empty before each first push.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import empty_base
from benchmarks.build import TWO, Place, ko_commands
from benchmarks.delay import delaying
from benchmarks.footprint import LARGE, add_large_file, run_once
from benchmarks.rivals import (
    OURS,
    Command,
    Comparison,
    Figure,
    Rival,
    Timing,
    compare,
    make_parser,
    report,
    say,
)
from benchmarks.servers import docker_registry
from benchmarks.sources import SAMPLE, Sources, copy_sources

ROUND_TRIP_SECONDS = 0.05
TOOLS = ("docker-registry", "crane", "skopeo", "ko")
IMAGE = "api"

# The task alone: modules are loaded, and Python's own start and end left out.
_IN_PROCESS = """
import pathlib, sys, time
import gomab_tasks.tasks.shipping
from gomab_tasks.project import open_project
from gomab_tasks.tasks.delivery import push

start = time.monotonic()
push(open_project(pathlib.Path(".")), repository=sys.argv[1], tag=("v1",))
print(time.monotonic() - start)
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """Hold what all cases work on.

    Attributes:
        address: the registry's, HOST:PORT; its storage is in `storage`.
        sources: a project in which `gomab images` was run.
    """

    folder: Path
    address: str
    storage: Path
    sources: Sources
    runs: int

    @property
    def layout(self) -> Path:
        """The layout that all rivals push."""
        return self._output / "images" / IMAGE

    @property
    def _output(self) -> Path:
        return self.sources.folder / "build/gomab"

    def forget(self) -> None:
        """Empty the registry, and have gomab not know that it ever pushed there."""
        for folder in (self.storage, self._output / "pushed"):
            shutil.rmtree(folder, ignore_errors=True)

    def command(self, *argv: str) -> Command:
        """Give a command to run in the project."""
        return Command(argv, self.sources.folder, os.environ)

    def gomab(self, repository: str) -> Command:
        """Give gomab's push to HOST:PORT/NAME."""
        return self.command("gomab", "push", "--quiet", f"--repository={repository}/{IMAGE}", "--tag=v1")

    def pushers(self, address: str) -> list[Rival]:
        """Give the rivals' first pushes, to a registry or to a proxy before it."""
        commands = {
            OURS: self.gomab(f"{address}/gomab"),
            "crane": self.command("crane", "push", "--insecure", str(self.layout), f"{address}/crane:v1"),
            "skopeo": self.command(
                *("skopeo", "copy", "--all", "--dest-tls-verify=false"),
                *(f"oci:{self.layout}", f"docker://{address}/skopeo:v1"),
            ),
        }
        return [Rival(name, (command,), self.forget) for name, command in commands.items()]


Measured = tuple[list[Comparison], list[Figure]]


def measure_slow(bench: Bench) -> Measured:
    """Push to an empty registry that is 50 ms away."""
    with delaying(bench.address, ROUND_TRIP_SECONDS / 2) as proxy:
        timings = compare(bench.pushers(proxy.address), bench.runs, warm_ups=1)
        alone = [_in_process(bench, f"{proxy.address}/gomab") for _ in range(bench.runs)]
    comparison = Comparison("sample", "first push, 50 ms away", timings, {"crane": 0.65, "skopeo": 0.3})
    figure = Figure("first push, 50 ms away, without Python's start", statistics.median(alone), "s")
    return [comparison], [figure]


def _in_process(bench: Bench, repository: str) -> float:
    bench.forget()
    return float(bench.command(sys.executable, "-c", _IN_PROCESS, f"{repository}/{IMAGE}").output())


def measure_loopback(bench: Bench) -> Measured:
    """Push to an empty registry on this machine."""
    timings = compare(bench.pushers(bench.address), bench.runs, warm_ups=1)
    more = _difference(timings, OURS, "crane")
    comparison = Comparison("sample", "first push, loopback", timings)
    return [comparison], [Figure("first push, loopback, more than crane", more, "s", 0.15)]


def measure_again(bench: Bench) -> Measured:
    """Push what is there, and count what is asked."""
    version = Rival("gomab --version", (bench.command("gomab", "--version"),))
    again = Rival(OURS, (bench.gomab(f"{bench.address}/again"),))
    timings = compare([again, version], bench.runs, warm_ups=1)
    with delaying(bench.address, 0) as proxy:
        bench.gomab(f"{proxy.address}/again").output()
        proxy.reset()
        bench.gomab(f"{proxy.address}/again").output()
        requests = proxy.traffic.requests
    more = _difference(timings, OURS, version.name)
    figures = [
        Figure("repeated push, loopback, more than gomab --version", more, "s", 0.15),
        Figure("repeated push, requests", requests, "", 5),
    ]
    return [], figures


def measure_mounts(bench: Bench) -> Measured:
    """Push to a second repository of a registry, and count what is sent."""
    bench.forget()
    with delaying(bench.address, 0) as proxy:
        bench.gomab(f"{proxy.address}/first").output()
        whole = proxy.traffic.sent_size
        proxy.reset()
        bench.gomab(f"{proxy.address}/second").output()
        traffic = proxy.traffic
    figures = [
        Figure("second repository, blobs sent", traffic.uploads, "", 0),
        Figure(f"second repository, bytes sent of {whole / 1e6:.1f} MB", traffic.sent_size / 1000, "kB"),
    ]
    return [], figures


def measure_memory(bench: Bench) -> Measured:
    """Push a layer that does not compress."""
    sources = copy_sources(SAMPLE, bench.folder / "large").folder
    add_large_file(sources)
    run_once(sources, "images", "--quiet")
    words = ("push", "--quiet", f"--repository={bench.address}/large/{IMAGE}", "--tag=v1")
    _, megabytes = run_once(sources, *words)
    return [], [Figure(f"peak memory, a layer of {LARGE} MB", megabytes, "MB", 120)]


def measure_edit(bench: Bench) -> Measured:
    """Edit one line, build both images and push them."""
    places = {
        name: Place(bench.folder / name, copy_sources(SAMPLE, bench.folder / name / "sources"))
        for name in (OURS, "ko")
    }
    words = (
        *("images", "--quiet", f"--arch={','.join(TWO)}"),
        *("push", "--quiet", f"--repository={bench.address}/gomab/{{image}}", "--tag=v1"),
    )
    ours = Command(("gomab", *words), places[OURS].sources.folder, places[OURS].environment())
    base = empty_base.push(bench.folder, f"{bench.address}/empty", TWO)
    commands = {OURS: (ours,), "ko": ko_commands(base, f"{bench.address}/ko")(places["ko"], TWO)}
    rivals = [Rival(name, commands[name], partial(place.prepare, "edit")) for name, place in places.items()]
    return [Comparison("sample", "edit, images and push", compare(rivals, bench.runs, 1), {"ko": 0.75})], []


def _difference(timings: Mapping[str, Sequence[Timing]], name: str, other: str) -> float:
    """Give how many more seconds one takes than another, the median over rounds."""
    pairs = zip(timings[name], timings[other], strict=True)
    return statistics.median(one.seconds - two.seconds for one, two in pairs)


MEASURES: Mapping[str, Callable[[Bench], Measured]] = {
    "slow": measure_slow,
    "loopback": measure_loopback,
    "again": measure_again,
    "mount": measure_mounts,
    "memory": measure_memory,
    "edit": measure_edit,
}


def main() -> None:
    """Run the chosen cases, and print what they took."""
    options = make_parser("push", __doc__, MEASURES, "all", 5).parse_args()
    # Installed programs have bytecode; a checkout would be compiled again in every run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        sys.exit(f"not on PATH: {', '.join(missing)}")
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gomab-benchmark-")))
        address = stack.enter_context(docker_registry(folder / "registry"))
        sources = copy_sources(SAMPLE, folder / "sources")
        Command(("gomab", "images", "--quiet"), sources.folder, os.environ).output()
        bench = Bench(folder, address, folder / "registry/storage", sources, options.runs)
        for case in options.case or MEASURES:
            say(case)
            found = MEASURES[case](bench)
            comparisons += found[0]
            figures += found[1]
    report(options, comparisons, figures)


if __name__ == "__main__":
    main()
