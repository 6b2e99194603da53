"""Run a small scene through the renderer that suits stderr: `scene.py NAME [SECONDS]`."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gomab_tasks.errors import CompileError, StoppedError
from gomab_tasks.progress.events import Emit, Event, step
from gomab_tasks.progress.show import renderer

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x")
FAILING = {"failing": ("linux/arm/v7",), "hopeless": PLATFORMS}
DIGEST = "sha256:" + "0123456789abcdef" * 4
FAILURE = """go build failed after 3.2 s: cmd/api/main.go:41:7: undefined: cfg
cmd/api/main.go:57:22: cannot use size (variable of type int64) as int value in argument to make
Log: build/gomab/logs/api-linux-arm-v7.txt"""

LONG_FAILURE = (
    "go build failed after 3.2 s: internal/{platform}/handlers/subscriptions/renewal.go:41:7: "
    "undefined: configuration of the renewal of subscriptions, built upon {digest}, and so on\n"
    "Log: build/gomab/logs/api-worker-{name}.txt"
)

stopping = threading.Event()


def work(seconds: float) -> None:
    """Take time, and end early as a child does that got a signal."""
    if stopping.wait(seconds):
        raise StoppedError("interrupted")


def plan(emit: Emit) -> None:
    for platform in PLATFORMS:
        for name, subject in (
            ("compile", "api, worker"),
            ("verify", ""),
            ("assemble", "api"),
            ("assemble", "worker"),
        ):
            emit(Event("planned", name, subject, platform))


def failure(platform: str, *, is_long: bool) -> str:
    name = platform.replace("/", "-")
    return LONG_FAILURE.format(platform=platform, name=name, digest=DIGEST) if is_long else FAILURE


def build(emit: Emit, platform: str, seconds: float, failing: Sequence[str]) -> None:
    with step(emit, "compile", "api, worker", platform) as running:
        running.progress("example.com/service/internal/store")
        work(seconds)
        if platform in failing:
            raise CompileError(failure(platform, is_long=len(failing) > 1))
        running.result = "18.4 MiB"
    with step(emit, "verify", "", platform):
        work(seconds / 4)
    for image in ("api", "worker"):
        with step(emit, "assemble", image, platform) as running:
            work(seconds / 4)
            running.result = "6.5 MiB"


def images(emit: Emit, seconds: float, failing: Sequence[str]) -> None:
    with step(emit, "download") as running:
        running.progress("golang.org/x/net v0.56.0")
        work(0.45 if seconds else 0)
        running.result = "61 modules"
    plan(emit)
    emit(Event("warned", text="migrations/.env is ignored by git\x1b[2J, but goes into the image"))
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(build, emit, platform, seconds, failing) for platform in PLATFORMS]
        try:
            errors = [error for future in futures if (error := future.exception())]
        except KeyboardInterrupt:
            stopping.set()
            pool.shutdown(cancel_futures=True)
            raise
    if errors:
        raise CompileError("\n".join(map(str, errors)))
    for image in ("api", "worker"):
        with step(emit, "join", image) as running:
            running.result = DIGEST


def idle(emit: Emit, seconds: float) -> None:
    plan(emit)
    for platform in PLATFORMS:
        emit(Event("started", "compile", "api, worker", platform))
    time.sleep(0.6)
    before = _cpu_seconds()
    time.sleep(seconds)
    emit(Event("said", text=f"cpu {(_cpu_seconds() - before) / seconds:.4f}"))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(name: str, seconds: float) -> int:
    view = renderer(sys.stderr, os.environ, Path())
    try:
        with view as emit:
            if name == "idle":
                idle(emit, seconds)
            else:
                images(emit, seconds, FAILING.get(name, ()))
    except KeyboardInterrupt:
        emit.report("interrupted")
        return 130
    except CompileError as error:
        emit.report(f"api linux/arm/v7: {error}")
        return 4
    finally:
        sys.stdout.write(f"rich loaded: {'rich' in sys.modules}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
