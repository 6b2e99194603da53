"""Compare BuildKit with gomab's Dockerfile to the well-known one, and both to gomab itself.

    python -m benchmarks.dockerfile --case cold --case edit --runs 3

All make the image `api` of sample/ for amd64 and arm64, an OCI layout on disk; in `both-cold` and
`both-edit`, gomab and its Dockerfile make both images. Modules come from a proxy on this machine, and
the Go image is there before a run starts. `emulated` builds once with a Dockerfile without
BUILDPLATFORM; binfmt_misc must know qemu-aarch64 (benchmarks/README.md).
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.build import Place
from benchmarks.rivals import (
    OURS,
    Command,
    Comparison,
    Figure,
    Rival,
    Timing,
    compare,
    describe_machine,
    figure_table,
    make_parser,
    say,
    write_json,
)
from benchmarks.servers import docker_registry
from benchmarks.sources import SAMPLE, copy_sources
from gomab_tasks.oci.layout import Layout
from gomab_tasks.platforms import Platform
from tests.buildkit.daemon import Daemon, push_go_image

IMAGE, MAIN = "api", "./cmd/api"
BOTH = (IMAGE, "worker")
PLATFORMS = ("linux/amd64", "linux/arm64")
TOOLS = ("buildkitd", "buildctl", "runc", "docker-registry", "skopeo", "busybox")
TARGETS = {
    "cold": {(OURS, "dockerfile"): 0.92, ("dockerfile", "naive"): 1.0},
    "edit": {(OURS, "dockerfile"): 0.8, ("dockerfile", "naive"): 0.05},
    "both-cold": {(OURS, "dockerfile"): 0.92},
    "both-edit": {(OURS, "dockerfile"): 0.8},
}
"""The largest wanted ratios of one's seconds to the other's, by case."""

CASES = (*TARGETS, "emulated")

_NAIVE = f"""\
FROM --platform=$BUILDPLATFORM {{go}} AS builder
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -ldflags="-s -w" -o /out/{IMAGE} {MAIN}
FROM scratch
WORKDIR /app
COPY --from=builder /out/{IMAGE} ./
CMD ["./{IMAGE}"]
"""
_EMULATED = (
    _NAIVE.replace("--platform=$BUILDPLATFORM ", "")
    .replace("ARG TARGETOS TARGETARCH\n", "")
    .replace("GOOS=$TARGETOS GOARCH=$TARGETARCH ", "")
)
# What a run needs and no image can do without: the Go image, unpacked.
_WARM = 'FROM {go}\nRUN ["/bin/busybox", "true"]\n'


@dataclass(frozen=True, slots=True)
class Bench:
    """Hold what all cases share.

    Attributes:
        daemon: a buildkitd.
        go: the reference of the image with Go.
        proxy: the address of a module proxy.
    """

    folder: Path
    daemon: Daemon
    go: str
    proxy: str

    def place(self, name: str, images: Sequence[str] = (IMAGE,)) -> Place:
        """Give a rival's own copy of the sources; images that are not wanted are left out."""
        place = Place(self.folder / name, copy_sources(SAMPLE, self.folder / name / "sources"))
        table = place.sources.folder / "pyproject.toml"
        text = table.read_text()
        if BOTH[1] not in images:
            text = text.partition(f"[tool.gomab.images.{BOTH[1]}]")[0]
        table.write_text(f'{text}\n[tool.gomab.dockerfile]\ngo-image = "{self.go}"\n')
        return place

    def build(self, place: Place, text: str, platforms: Sequence[str], image: str = "") -> Command:
        """Give a build with a Dockerfile, which is written now; of a stage, if an image is named."""
        (place.sources.folder / "Dockerfile").write_text(text)
        output = f"--output=type=oci,dest={place.folder}/layout/{image},tar=false"
        target = (f"--opt=target={image}",) if image else ()
        return self._solve(place.sources.folder, platforms, output, *target)

    def forget(self, platforms: Sequence[str] = PLATFORMS[:1]) -> None:
        """Empty BuildKit of everything but the Go image."""
        Command(
            ("buildctl", "--addr", self.daemon.address, "prune", "--all"), self.folder, os.environ
        ).output()
        context = self.folder / "warm"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(_WARM.format(go=self.go))
        self._solve(context, platforms).output()

    def _solve(self, context: Path, platforms: Sequence[str], *more: str) -> Command:
        argv: tuple[str, ...] = (
            "buildctl",
            f"--addr={self.daemon.address}",
            "build",
            "--frontend=dockerfile.v0",
            *more,
        )
        argv += (f"--local=context={context}", f"--local=dockerfile={context}")
        argv += (f"--opt=platform={','.join(platforms)}", f"--opt=build-arg:GOPROXY={self.proxy}")
        return Command(argv, self.folder, os.environ)


Rivals = Mapping[str, tuple[Place, tuple[Command, ...]]]


def rivals_of(bench: Bench, images: Sequence[str]) -> Rivals:
    """Give each rival's place, and what makes the images there; the well-known Dockerfile makes one."""
    names = (OURS, "dockerfile", "naive") if len(images) == 1 else (OURS, "dockerfile")
    places = {name: bench.place(f"{name}-{'-'.join(images)}", images) for name in names}
    modules = {"GOMODCACHE": str(bench.folder / "modules"), "GOPROXY": bench.proxy}
    environment = places[OURS].environment(**modules)
    argv = ("gomab", "images", "--quiet", f"--arch={','.join(PLATFORMS)}")
    ours = Command(argv, places[OURS].sources.folder, environment)
    text = Command(
        ("gomab", "dockerfile", "--quiet"), places["dockerfile"].sources.folder, environment
    ).output()
    builds = tuple(bench.build(places["dockerfile"], text, PLATFORMS, image) for image in images)
    rivals = {OURS: (places[OURS], (ours,)), "dockerfile": (places["dockerfile"], builds)}
    if "naive" in places:
        naive = bench.build(places["naive"], _NAIVE.format(go=bench.go), PLATFORMS)
        rivals["naive"] = (places["naive"], (naive,))
    return rivals


def measure_case(bench: Bench, rivals: Rivals, case: str, runs: int) -> Measured:
    """Time all rivals in turn; an edit begins with a round that fills their caches."""
    state = case.rpartition("-")[2]

    def prepare(name: str, place: Place) -> None:
        place.prepare(state)
        if state == "cold" and name == OURS:
            _remove_modules(bench.folder / "modules")
        if state == "cold" and name != OURS:
            shutil.rmtree(place.folder / "layout", ignore_errors=True)
            bench.forget()

    turns = [
        Rival(name, commands, functools.partial(prepare, name, place), bench.daemon.cpu_seconds)
        for name, (place, commands) in rivals.items()
    ]
    timings = compare(turns, runs, warm_ups=int(state != "cold"))
    ratios = [
        Figure(f"{case}, {one} / {other}{what}", _ratio(timings[one], timings[other], measured), "", target)
        for (one, other), target in TARGETS[case].items()
        for what, measured in _MEASURES.items()
    ]
    return Comparison("sample", case, timings), [*_medians(case, timings), *ratios]


def _medians(case: str, timings: Mapping[str, Sequence[Timing]]) -> list[Figure]:
    return [
        Figure(f"{case}, {name}{what}", statistics.median(map(measured, taken)), "s")
        for name, taken in timings.items()
        for what, measured in _MEASURES.items()
    ]


def _ratio(ours: Sequence[Timing], theirs: Sequence[Timing], measured: Callable[[Timing], float]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(measured(one) / measured(other) for one, other in pairs)


def _seconds(timing: Timing) -> float:
    return timing.seconds


def _cpu_seconds(timing: Timing) -> float:
    return timing.cpu_seconds


# The clock says what people wait for; processors say it too where others use the machine.
_MEASURES: Mapping[str, Callable[[Timing], float]] = {"": _seconds, ", processors": _cpu_seconds}
Measured = tuple[Comparison, list[Figure]]


def _remove_modules(folder: Path) -> None:
    """Remove a module cache, whose files Go has made read-only."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def measure_emulated(bench: Bench) -> Measured:
    """Build arm64 once with a Go of arm64, under emulation."""
    place = bench.place("emulated")
    command = bench.build(place, _EMULATED.format(go=bench.go), PLATFORMS[1:])
    rival = Rival("emulated", (command,), lambda: bench.forget(PLATFORMS[1:]), bench.daemon.cpu_seconds)
    timings = compare([rival], runs=1)
    return Comparison("sample", "emulated", timings), _medians("arm64 alone", timings)


@contextmanager
def serve_modules() -> Iterator[str]:
    """Give the address of a module proxy with what this machine has downloaded."""
    cache = Command(("go", "env", "GOMODCACHE"), SAMPLE, os.environ).output().strip()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Handler, directory=f"{cache}/cache/download")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def write_go_image(folder: Path, registry: str, *, emulated: bool) -> str:
    """Push an image with this machine's Go, and with that of arm64 if asked; give its reference."""
    asked = Command(("go", "env", "-json", "GOROOT", "GOVERSION"), folder, os.environ).output()
    go: dict[str, str] = json.loads(asked)
    goroots = {Platform.parse(PLATFORMS[0]): Path(go["GOROOT"])}
    if emulated:
        toolchain = f"golang.org/toolchain@v0.0.1-{go['GOVERSION']}.linux-arm64"
        downloaded = Command(("go", "mod", "download", "-json", toolchain), folder, os.environ).output()
        goroots[Platform.parse(PLATFORMS[1])] = Path(json.loads(downloaded)["Dir"])
    reference = f"{registry}/golang:{go['GOVERSION'].removeprefix('go')}"
    push_go_image(reference, goroots, Path(shutil.which("busybox") or ""), Layout(folder / "golang"))
    return reference


@contextmanager
def prepare_bench(folder: Path, *, emulated: bool) -> Iterator[Bench]:
    """Run a registry with the Go image, a module proxy and a buildkitd for the block."""
    with ExitStack() as stack:
        registry = stack.enter_context(docker_registry(folder / "registry"))
        go = write_go_image(folder, registry, emulated=emulated)
        proxy = stack.enter_context(serve_modules())
        (folder / "buildkit").mkdir()
        daemon = stack.enter_context(Daemon(folder / "buildkit", registry))
        yield Bench(folder, daemon, go, proxy)


def main() -> None:
    """Run the chosen cases, and print what they took."""
    options = make_parser("dockerfile", __doc__, CASES, "all but emulated", 3).parse_args()
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        sys.exit(f"not on PATH: {', '.join(missing)}")
    cases = options.case or list(TARGETS)
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="gomab-benchmark-") as name:
        folder = Path(name)
        with prepare_bench(folder, emulated="emulated" in cases) as bench:
            offered: dict[tuple[str, ...], Rivals] = {}
            for case in cases:
                say(case)
                if case == "emulated":
                    measured.append(measure_emulated(bench))
                    continue
                images = BOTH if case.startswith("both-") else BOTH[:1]
                if images not in offered:
                    offered[images] = rivals_of(bench, images)
                measured.append(measure_case(bench, offered[images], case, options.runs))
        _remove_modules(folder / "modules")
    figures = [figure for _, found in measured for figure in found]
    comparisons = [comparison for comparison, _ in measured]
    print(f"{describe_machine()}; medians of {options.runs}\n\n{figure_table(figures)}")
    if options.json:
        write_json(options.json, comparisons, figures)


if __name__ == "__main__":
    main()
