from __future__ import annotations

import io
import os
import pty
import re
import termios
import threading

import pytest

from gomab_tasks.errors import CompileError
from gomab_tasks.progress.events import Event, step
from gomab_tasks.progress.plain import Plain

EVENTS = (
    Event("started", "resolve"),
    Event("finished", "resolve", seconds=0.21),
    Event("started", "download"),
    Event("progressed", "download", text="golang.org/x/net v0.56.0"),
    Event("finished", "download", text="61 modules", seconds=8.24),
    Event("planned", "compile", "api, worker", "linux/arm64"),
    Event("started", "compile", "api, worker", "linux/arm64"),
    Event("finished", "compile", "api, worker", "linux/arm64", "18.4 MiB", 12.3),
    Event("warned", text="migrations/.env is ignored by git,\nbut goes into the image"),
    Event("said", text="linux/riscv64 is not in the table; added for this run"),
    Event("warned", "assemble", "api", "linux/arm64", "no time zones"),
    Event("started", "assemble", "api", "linux/arm64"),
    Event("finished", "assemble", "api", "linux/arm64", "\x1b[31m6.5 MiB\x1b[0m", 0.3),
    Event("started", "compile", "api, worker", "linux/arm/v7"),
    Event("failed", "compile", "api, worker", "linux/arm/v7", "go build failed:\ncmd/a.go:1:2: no\n", 3.2),
    Event("stopped", "compile", "api, worker", "linux/386", "", 2.0),
    Event("started", "compile", "api, worker", "linux/s390x"),
)
GOLDEN = """\
resolve   0.2 s
download  started
download  8.2 s  61 modules
compile   linux/arm64    api, worker  started
compile   linux/arm64    api, worker  12.3 s  18.4 MiB
warning: migrations/.env is ignored by git,
  but goes into the image
linux/riscv64 is not in the table; added for this run
warning: api linux/arm64: no time zones
assemble  linux/arm64    api  0.3 s  6.5 MiB
compile   linux/arm/v7   api, worker  started
compile   linux/arm/v7   api, worker  failed after 3.2 s  go build failed:
  cmd/a.go:1:2: no
compile   linux/386      api, worker  stopped after 2.0 s
compile   linux/s390x    api, worker  started
compile   linux/s390x    api, worker  stopped after 0.0 s
failed after 0.0 s
"""


def shown(*events: Event, quiet: bool = False) -> str:
    stream = io.StringIO()
    view = Plain(stream, quiet=quiet)
    for event in events:
        view(event)
    with pytest.raises(CompileError), view:
        raise CompileError("go build failed")
    return stream.getvalue()


def test_one_line_per_event() -> None:
    """Golden: columns by two spaces, seconds, no colours, what was cut off is told."""
    assert shown(*EVENTS) == GOLDEN


def test_a_step_that_ends_after_the_end() -> None:
    """A second Ctrl-C ended the wait for it: that it was stopped is told already; warnings come through."""
    stream = io.StringIO()
    view = Plain(stream)
    view(Event("started", "push", "api"))
    with pytest.raises(KeyboardInterrupt), view:
        raise KeyboardInterrupt
    view(Event("stopped", "push", "api"))
    view(Event("warned", text="left behind"))
    assert stream.getvalue().count("push") == 2
    assert stream.getvalue().endswith("stopped after 0.0 s\nwarning: left behind\n")


def test_words_stay_whole_on_a_terminal() -> None:
    """Warnings and the report are broken between words, as in the live view; in a pipe lines stay whole."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 30))
    with os.fdopen(ours, "rb", 0) as terminal, os.fdopen(theirs, "w") as stream:
        view = Plain(stream, quiet=True)
        view(Event("warned", text="migrations/.env is ignored by git"))
        view.report("cmd/broken/broken_arm64.go is wrong\nLog: build/gomab/logs/broken.txt")
        shown = ""
        while not shown.endswith("broken.txt\n"):
            shown += terminal.read(4096).decode().replace("\r", "")
    assert shown == (
        "warning: migrations/.env is\n  ignored by git\n"
        "error:\n  cmd/broken/broken_arm64.go\n  is wrong\n  Log:\n    build/gomab/logs/broken.txt\n"
    )


def test_quiet_leaves_warnings() -> None:
    """Golden, of the same events; the report, at the end, tells what failed."""
    assert shown(*EVENTS, quiet=True) == (
        "warning: migrations/.env is ignored by git,\n  but goes into the image\n"
        "warning: api linux/arm64: no time zones\n"
    )


def test_an_error_through_several_steps() -> None:
    """A platform's step tells it while others go on, the report at the end; no other step does."""
    stream = io.StringIO()
    view = Plain(stream)
    with (
        pytest.raises(CompileError),
        view as emit,
        step(emit, "join"),
        step(emit, "compile", "api", "linux/386"),
    ):
        raise CompileError("disk on fire")
    view.report("disk on fire")
    assert stream.getvalue() == (
        "compile   linux/386      api  started\n"
        "compile   linux/386      api  failed after 0.0 s  disk on fire\n"
        "join      failed after 0.0 s\n"
        "failed after 0.0 s\n"
        "error: disk on fire\n"
    )


def test_a_failure_of_no_step_is_reported_whole() -> None:
    """A message that no event carried is printed, made safe."""
    stream = io.StringIO()
    view = Plain(stream)
    with pytest.raises(CompileError), view:
        raise CompileError
    view.report("pyproject.toml:14: no key 'a'\npyproject.toml:15: no key '\x1b[2J'")
    assert stream.getvalue() == "error: pyproject.toml:14: no key 'a'\n  pyproject.toml:15: no key ''\n"


def test_many_threads_never_mix_lines() -> None:
    """Each event's lines stay together whoever emits them."""
    stream = io.StringIO()
    with Plain(stream) as emit:

        def work(number: int) -> None:
            for _ in range(200):
                emit(Event("said", text=f"first {number}\nsecond {number}"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    pairs = re.findall(r"first (\d)\n  second (\d)\n", stream.getvalue())
    assert len(pairs) == 1600
    assert all(first == second for first, second in pairs)
