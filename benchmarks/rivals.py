"""Time rivals in turn, and compare each with gomab.

A machine's speed drifts while a benchmark runs, so rivals take turns (A B C, A B C, …)
and each round gives ratios of its own. Medians of those are what is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

OURS = "gomab"


@dataclass(frozen=True, slots=True)
class Command:
    """Hold one program with its arguments, its folder and its whole environment."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]

    def output(self) -> str:
        """Run it, untimed, and give what it prints on stdout; exit with its stderr when it fails."""
        completed = subprocess.run(
            self.argv, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if completed.returncode:
            sys.exit(f"{' '.join(self.argv)}: exit code {completed.returncode}\n{completed.stderr}")
        return completed.stdout


@dataclass(frozen=True, slots=True)
class Rival:
    """Hold one way to do a job.

    Attributes:
        commands: run side by side, one for each core at a time.
        prepare: puts sources and outputs into the state that a round starts from, untimed.
        server_seconds: processor seconds so far of a server that works for the commands.
    """

    name: str
    commands: tuple[Command, ...]
    prepare: Callable[[], None] = lambda: None
    server_seconds: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Hold one run: seconds on the clock, and of processors with all descendants."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold the rounds of one case.

    Attributes:
        timings: by rival, one for each round.
        targets: the largest wanted ratio of gomab to a rival, by rival.
    """

    subject: str
    case: str
    timings: Mapping[str, Sequence[Timing]]
    targets: Mapping[str, float] = field(default_factory=dict)

    def ratio(self, rival: str) -> float:
        """Give gomab's seconds divided by the rival's, the median over rounds."""
        pairs = zip(self.timings[OURS], self.timings[rival], strict=True)
        return statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Figure:
    """Hold one number that is compared with nothing but a target, the largest wanted, if there is one."""

    name: str
    value: float
    unit: str
    target: float | None = None


def compare(rivals: Sequence[Rival], runs: int, warm_ups: int = 0) -> dict[str, list[Timing]]:
    """Time rivals in turn, after rounds that are not counted."""
    timings: dict[str, list[Timing]] = {rival.name: [] for rival in rivals}
    for number in range(-warm_ups, runs):
        for rival in rivals:
            rival.prepare()
            before = rival.server_seconds()
            timing = run(rival.commands)
            timing = replace(timing, cpu_seconds=timing.cpu_seconds + rival.server_seconds() - before)
            turn = "warm-up" if number < 0 else number + 1
            say(f"  {turn} {rival.name}: {timing.seconds:.2f} s ({timing.cpu_seconds:.2f})")
            if number >= 0:
                timings[rival.name].append(timing)
    return timings


def run(commands: Sequence[Command]) -> Timing:
    """Run commands, as many side by side as there are cores; exit with the log of one that fails."""
    start = time.monotonic()
    with ThreadPoolExecutor(_cores()) as pool:
        cpu_seconds = list(pool.map(_run_one, commands))
    return Timing(time.monotonic() - start, sum(cpu_seconds))


def _run_one(command: Command) -> float:
    """Give the processor seconds of a program and its descendants, as wait4(2) tells."""
    with tempfile.TemporaryFile() as log:  # a file, so that the program never waits for a reader
        child = subprocess.Popen(
            command.argv, cwd=command.folder, env=command.environment, stdout=log, stderr=log
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            log.seek(0)
            sys.exit(f"{' '.join(command.argv)}: exit code {child.returncode}\n{log.read().decode()}")
    return usage.ru_utime + usage.ru_stime


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def say(text: str) -> None:
    """Show progress, apart from results."""
    print(text, file=sys.stderr, flush=True)


def describe_machine() -> str:
    """Name the machine by what decides timings."""
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    return f"{_cores()} cores, {version.strip()} {platform.machine()}, Python {platform.python_version()}"


def table(comparisons: Sequence[Comparison]) -> str:
    """Write medians, processor seconds in brackets, and ratios, each beside its target, in Markdown."""
    names = list(dict.fromkeys(name for one in comparisons for name in one.timings))
    others = [name for name in names if name != OURS]
    rows = [
        [
            "sources",
            "case",
            *(f"{name}, s (CPU)" for name in names),
            *(f"{OURS} / {name}" for name in others),
        ],
        ["---", "---", *("--:" for _ in (*names, *others))],
    ]
    rows += [
        [
            one.subject,
            one.case,
            *(_medians(one, name) for name in names),
            *(_ratio(one, name) for name in others),
        ]
        for one in comparisons
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _medians(comparison: Comparison, name: str) -> str:
    timings = comparison.timings.get(name)
    if not timings:
        return "-"
    seconds = statistics.median(timing.seconds for timing in timings)
    cpu_seconds = statistics.median(timing.cpu_seconds for timing in timings)
    return f"{seconds:.2f} ({cpu_seconds:.2f})"


def _ratio(comparison: Comparison, name: str) -> str:
    if name not in comparison.timings:
        return "-"
    target = comparison.targets.get(name)
    return f"{comparison.ratio(name):.2f}" + (f" (target {target:.2f})" if target else "")


def figure_table(figures: Sequence[Figure]) -> str:
    """Write single figures as a Markdown table, each beside its target."""
    rows = [("what", "median", "target"), ("---", "--:", "--:")]
    rows += [(one.name, _amount(one.value, one.unit), _amount(one.target, one.unit)) for one in figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _amount(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.3g} {unit}".strip()


def make_parser(
    name: str, about: str | None, cases: Collection[str], default: str, runs: int
) -> argparse.ArgumentParser:
    """Offer what every benchmark can be told; `default` says which cases run where none is named."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--case", action="append", choices=cases, help=f"repeat it; default: {default}")
    parser.add_argument(
        "--runs", type=int, default=runs, metavar="N", help=f"rounds that count (default: {runs})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single timing there")
    return parser


def report(options: argparse.Namespace, comparisons: Sequence[Comparison], figures: Sequence[Figure]) -> None:
    """Print what was measured as tables, and write it where `--json` says."""
    print(f"{describe_machine()}; medians of {options.runs}")
    for text in [table(comparisons)] * bool(comparisons) + [figure_table(figures)] * bool(figures):
        print(f"\n{text}")
    if options.json:
        write_json(options.json, comparisons, figures)


def write_json(path: Path, comparisons: Sequence[Comparison], figures: Sequence[Figure]) -> None:
    """Write every single timing, for other programs."""
    document = {
        "machine": describe_machine(),
        "comparisons": [asdict(one) for one in comparisons],
        "figures": [asdict(one) for one in figures],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
