"""Measure what gomab takes for itself: its process without Go, and its part of `nox -l`."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from pathlib import Path

from benchmarks.rivals import Command, Figure, Rival, compare, say
from benchmarks.sources import SAMPLE, copy_sources

# What a process knows of itself at its end: its own use, without its children's.
_PROGRAM = """
import atexit, pathlib, resource, sys
from gomab_tasks.invoke import main

@atexit.register
def leave():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pathlib.Path("usage").write_text(f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")

sys.argv[0] = "gomab"
main()
"""
_IMAGES = ("images", "--quiet")
LARGE = 500
"""Megabytes."""
_LARGE_TABLE = """
[tool.gomab.image]
files = [{ from = "large", to = "/large" }]

[tool.gomab.size]
unpacked = "2 GiB"
"""
_OWN_SESSION = """
import nox

@nox.session
def test(session):
    pass
"""
_NOXFILES = {
    "without": _OWN_SESSION,
    "with": f"{_OWN_SESSION}\nfrom gomab_tasks.nox import register\nregister()\n",
}


def measure_footprint(folder: Path, runs: int) -> list[Figure]:
    """Measure a run in which nothing has changed, one with a large file, and `nox -l`."""
    own = folder / "own"
    sources = copy_sources(SAMPLE, own).folder
    seconds, memory = _own_use(sources, runs)
    figures = [
        Figure("processor time of Python, nothing changed", seconds, "s", 0.25),
        Figure("peak memory of Python, nothing changed", memory, "MB", 120),
        Figure(f"peak memory of Python, {LARGE} MB in image.files", _with_large_file(sources), "MB", 120),
    ]
    if not shutil.which("nox"):
        say("left out: nox -l; nox is not on PATH")
        return figures
    return [
        *figures,
        Figure("processor time of nox -l, more than without gomab", _listing(own, runs), "ms", 60),
    ]


def _own_use(sources: Path, runs: int) -> tuple[float, float]:
    """Give median seconds and megabytes, after a run that is not counted."""
    uses = [run_once(sources, *_IMAGES) for _ in range(runs + 1)][1:]
    return statistics.median(use[0] for use in uses), statistics.median(use[1] for use in uses)


def run_once(sources: Path, *words: str) -> tuple[float, float]:
    """Give the processor seconds and megabytes of gomab's own process, its children's apart."""
    Command((sys.executable, "-c", _PROGRAM, *words), sources, os.environ).output()
    seconds, kibibytes = (sources / "usage").read_text().split()
    return float(seconds), int(kibibytes) * 1024 / 1e6


def _with_large_file(sources: Path) -> float:
    """Give the megabytes of the run that compresses the file into an image."""
    add_large_file(sources)
    return run_once(sources, *_IMAGES)[1]


def add_large_file(sources: Path) -> None:
    """Put a file that does not compress into every image of a project."""
    with (sources / "large").open("wb") as file:
        for _ in range(LARGE):
            file.write(os.urandom(1_000_000))
    (sources / "pyproject.toml").write_text(_LARGE_TABLE)


def _listing(own: Path, runs: int) -> float:
    """Give how many more milliseconds of processor time `nox -l` takes with gomab's sessions.

    One process that waits for nothing: it takes as long on a machine that does nothing else.
    """
    rivals = [_lister(own / f"nox-{name}", f"nox -l {name} gomab", text) for name, text in _NOXFILES.items()]
    timings = compare(rivals, runs * 3, warm_ups=1)
    medians = {name: statistics.median(one.cpu_seconds for one in timings[name]) for name in timings}
    without, with_gomab = (medians[rival.name] for rival in rivals)
    return (with_gomab - without) * 1000


def _lister(folder: Path, name: str, text: str) -> Rival:
    folder.mkdir()
    (folder / "noxfile.py").write_text(text)
    (folder / "pyproject.toml").write_text("[tool.gomab]\n")
    return Rival(name, (Command(("nox", "-l"), folder, os.environ),))
