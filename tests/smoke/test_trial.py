"""How one trial is judged, on small programs of this machine."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.process import Child, Processes
from gomab_tasks.settings import Group, read_settings
from gomab_tasks.smoke.trial import CannotRunError, Check, SmokeResult, Trial, attempt, check_of

RUN = Check(path=None, port=None, exit=0, within=5.0)


@dataclass(slots=True)
class Shell:
    """Run shell code as if it were an image's program."""

    processes: Processes
    code: str
    port: int = 0
    is_native: bool = True
    refusals: frozenset[int] = frozenset()
    how: str = "shell"
    note: str = ""
    unreachable: str = ""
    child: Child = field(init=False)

    @contextmanager
    def running(self) -> Iterator[Shell]:
        with self.processes.running(["sh", "-c", self.code]) as self.child:
            yield self

    def published(self, _: int) -> tuple[str, int] | None:
        return ("127.0.0.1", self.port) if self.port else None

    def obstacle(self, _: int) -> str:
        return self.unreachable


@pytest.fixture
def answering() -> Iterator[int]:
    """Answer 200 for /healthz and 503 for all else, at a port of 127.0.0.1."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("code", "expected", "detail"),
    [
        ("exit 0", 0, "exit code 0"),
        ("exit 3", 3, "exit code 3"),
        ("exit 3", 0, "exit code 3; expected 0"),
        ("kill -9 $$", 0, "exit code -9; expected 0"),
    ],
)
def test_exit_codes(processes: Processes, code: str, expected: int, detail: str) -> None:
    """The one that is expected passes, whatever it is; any other fails."""
    verdict = attempt(Shell(processes, code), Check(None, None, expected, 5.0))
    assert (verdict.passed, verdict.detail) == ("expected" not in detail, detail)


def test_a_program_that_does_not_end(processes: Processes) -> None:
    """It fails after its time and is ended."""
    shell = Shell(processes, "echo waiting; exec sleep 60")
    verdict = attempt(shell, Check(None, None, 0, 0.2))
    assert verdict.detail == "still running after 0.2 s; expected exit code 0"
    assert verdict.output == ("waiting",)
    assert shell.child.wait(0) is not None


def test_the_first_and_the_last_lines_are_kept(processes: Processes) -> None:
    """Stdout and stderr in their order, twelve lines at most, whatever was printed between."""
    for count in (50, 5000):
        verdict = attempt(Shell(processes, f"seq {count}; echo problem >&2; exit 1"), RUN)
        last = map(str, range(count - 4, count + 1))
        assert verdict.output == ("1", "2", "3", "4", "5", "…", *last, "problem")
    assert len(attempt(Shell(processes, "seq 12; exit 1"), RUN).output) == 12


def test_output_is_redacted() -> None:
    """A program that prints a secret of the environment does not publish it."""
    secret = Processes(
        {"PATH": "/usr/bin:/bin", "API_TOKEN": "hunter22"}, lambda text: text.replace("hunter22", "***")
    )
    assert attempt(Shell(secret, "echo $API_TOKEN; exit 1"), RUN).output == ("***",)


def test_an_answer_passes(processes: Processes, answering: int) -> None:
    """A status below 400 is enough."""
    verdict = attempt(Shell(processes, "exec sleep 60", answering), Check("/healthz", 8080, 0, 5.0))
    assert (verdict.passed, verdict.detail) == (True, "GET /healthz: 200")


def test_an_error_is_asked_again_until_the_end(processes: Processes, answering: int) -> None:
    """A server that is not ready has its time; the last status is told."""
    verdict = attempt(Shell(processes, "exec sleep 60", answering), Check("/ready", 8080, 0, 0.3))
    assert verdict.detail == "GET /ready at port 8080: answered 503 within 0.3 s"


def test_an_answer_of_another_program_does_not_pass(processes: Processes, answering: int) -> None:
    """A program that has ended answered nobody, even if its port gives an answer."""
    verdict = attempt(Shell(processes, "exit 1", answering), Check("/healthz", 8080, 0, 5.0))
    assert verdict.detail == "ended with exit code 1 before it answered at port 8080"


def test_no_answer(processes: Processes) -> None:
    """Nobody at the port is told as that."""
    verdict = attempt(Shell(processes, "exec sleep 60", 1), Check("/healthz", 8080, 0, 0.2))
    told = "GET /healthz at port 8080: no answer within 0.2 s"
    assert verdict.detail == f"{told}; it must listen at that port, of all addresses"


def test_a_port_out_of_reach(processes: Processes) -> None:
    """It is no failure of a program that runs; one that has ended failed all the same."""
    check = Check("/healthz", 8080, 0, 0.2)
    with pytest.raises(CannotRunError, match="no way to the port"):
        attempt(Shell(processes, "exec sleep 60", 1, unreachable="no way to the port"), check)
    assert not attempt(Shell(processes, "exit 1", 1, unreachable="no way to the port"), check).passed


def test_what_a_stage_cannot_run(processes: Processes) -> None:
    """A foreign architecture or too old a processor is no failure; nor is what the stage itself refuses."""
    foreign = "echo exec /app/api: Exec format error; exit 1"
    with pytest.raises(CannotRunError, match="exec format error"):
        attempt(Shell(processes, foreign, is_native=False), RUN)
    assert not attempt(Shell(processes, foreign), RUN).passed
    too_new = (
        "echo This program can only be run on AMD64 processors with v3 microarchitecture support.; exit 1"
    )
    with pytest.raises(CannotRunError, match="v3"):
        attempt(Shell(processes, too_new), RUN)
    with pytest.raises(CannotRunError, match="no network"):
        attempt(Shell(processes, "echo no network; exit 126", refusals=frozenset({126})), RUN)


def group(root: Path, table: str) -> Group:
    (root / "pyproject.toml").write_text(table)
    return read_settings(root, None).shared


@pytest.mark.parametrize(
    ("table", "check"),
    [
        ("", None),
        ("[tool.gomab.smoke]\nwithin = '2 s'", None),
        ("[tool.gomab.smoke]\nargs = []", Check(None, None, 0, 10.0)),
        ("[tool.gomab.smoke]\nexit = 2\nwithin = '2 s'", Check(None, None, 2, 2.0)),
        ("[tool.gomab.smoke]\npath = '/x'\nport = 81", Check("/x", 81, 0, 10.0)),
        (
            "[tool.gomab.smoke]\npath = '/x'\n[tool.gomab.image]\nexpose = ['53/udp', 80]",
            Check("/x", 80, 0, 10.0),
        ),
    ],
)
def test_checks_of_the_table(tmp_path: Path, table: str, check: Check | None) -> None:
    """A path, arguments or an exit code make a check; the first TCP port serves where none is named."""
    assert check_of(group(tmp_path, table)) == check


def test_a_path_needs_a_port(tmp_path: Path) -> None:
    """Without any, the message names both keys that would do."""
    with pytest.raises(SettingsError, match=r"smoke\.port or image\.expose"):
        check_of(group(tmp_path, "[tool.gomab.smoke]\npath = '/x'"))


def test_texts() -> None:
    """The table shows every platform; a failure has its output below, and nothing of what was passed over."""
    over = ("docker: no such daemon",)
    trials = (
        Trial("api", "linux/amd64", "sha256:a", "passed", "podman", 0.52, "GET /: 200", passed_over=over),
        Trial("api", "linux/arm64", "sha256:b", "failed", "qemu", 1.0, "exit code 1", ("a", "b"), over),
        Trial("job", "linux/amd64", "sha256:c", "no check"),
        Trial("job", "linux/arm64", "sha256:d", "not run", passed_over=("podman: crun", "binfmt: no")),
    )
    assert SmokeResult(trials).text().splitlines() == [
        "image  platform     state     how     seconds",
        "api    linux/amd64  passed    podman      0.5",
        "  GET /: 200; docker: no such daemon",
        "api    linux/arm64  failed    qemu        1.0",
        "  exit code 1",
        "job    linux/amd64  no check",
        "job    linux/arm64  not run",
        "  podman: crun; binfmt: no",
    ]
    assert trials[1].problem == "api linux/arm64: exit code 1 (qemu, 1.0 s)\n  | a\n  | b"
