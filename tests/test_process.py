"""Children are real: they are read, redacted, and ended with all of their descendants."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gomab_tasks.errors import StoppedError, ToolError
from gomab_tasks.process import Child, Completed, Processes
from gomab_tasks.secrets import redactor

T = TypeVar("T")

# A leader and a grandchild that both ignore INT and TERM, and write their ids.
STUBBORN = """
import os, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
if len(sys.argv) == 2:
    subprocess.Popen([sys.executable, "-c", open(sys.argv[1] + "/program").read(), sys.argv[1], "leaf"])
open(f"{sys.argv[1]}/{os.getpid()}.pid", "w").close()
time.sleep(60)
"""


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes(os.environ | {"API_TOKEN": "hunter2hunter2"}, redactor({"API_TOKEN": "hunter2hunter2"}))
    yield made
    made.stop()


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def in_thread(call: Callable[[], Completed]) -> tuple[threading.Thread, list[BaseException]]:
    """Run something beside the test and collect what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except StoppedError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; a zombie that nobody has reaped yet does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" not in status.read_text()


def test_output(processes: Processes) -> None:
    """Both outputs, the code and the time are given."""
    done = processes.run(
        python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), env={"EXTRA": "1"}
    )
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.argv[0] == sys.executable
    assert done.seconds > 0


def test_environment_and_folder(processes: Processes, tmp_path: Path) -> None:
    """Variables are added to those of the run; the folder is the child's own."""
    text = "import os; print(os.getcwd(), os.environ['EXTRA'], 'PATH' in os.environ)"
    done = processes.run(python(text), cwd=tmp_path, env={"EXTRA": "more"})
    assert done.stdout == f"{tmp_path} more True\n"


def ignore(line: str) -> None:
    """Listen to nothing."""


@pytest.mark.parametrize("on_line", [None, ignore])
def test_stdin(processes: Processes, on_line: Callable[[str], None] | None) -> None:
    """What is given as stdin reaches the child, however its output is read; otherwise there is none."""
    text = "import sys; sys.stdout.write(sys.stdin.read().upper())"
    big = "x" * 300_000
    assert processes.run(python(text), stdin=big, on_line=on_line).stdout == big.upper()
    assert processes.run(python(text), on_line=on_line).stdout == ""


@pytest.mark.parametrize("on_line", [None, ignore])
def test_stdin_of_a_late_reader(processes: Processes, on_line: Callable[[str], None] | None) -> None:
    """All of it reaches a child that does something else first."""
    text = "import sys, time; time.sleep(0.3); print(len(sys.stdin.read()))"
    done = processes.run(python(text), stdin="x" * 300_000, on_line=on_line, seconds=20)
    assert done.stdout == "300000\n"


def test_stdin_that_nobody_reads(processes: Processes) -> None:
    """A child may end, or close it, without a look at what it is given."""
    big = "x" * 300_000
    assert processes.run(python("raise SystemExit(3)"), stdin=big).code == 3
    text = "import os, time; os.close(0); time.sleep(0.2); print('out')"
    assert processes.run(python(text), stdin=big).stdout == "out\n"


@pytest.mark.parametrize("on_line", [None, ignore])
def test_ends_of_lines(processes: Processes, on_line: Callable[[str], None] | None) -> None:
    """Those of other systems are read as one, however they and their letters are cut into pieces."""
    text = (
        "import sys, time\n"
        "for piece in (b'a\\r', b'\\nb\\rc\\xc3', b'\\xbc\\xff'):\n"
        "    for pipe in (sys.stdout, sys.stderr): pipe.buffer.write(piece); pipe.flush()\n"
        "    time.sleep(0.05)"
    )
    done = processes.run(python(text), on_line=on_line)
    assert (done.stdout, done.stderr) == ("a\nb\ncü\ufffd",) * 2


def test_outputs_that_are_closed_early(processes: Processes) -> None:
    """A child that has nothing more to say is waited for all the same."""
    text = "import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(3)"
    assert processes.run(python(text)).code == 3


def test_redacted(processes: Processes) -> None:
    """A secret of the environment is in neither output nor line, and not in a URL."""
    lines: list[str] = []
    text = "import os, sys; t = os.environ['API_TOKEN']; print(t); print('http://a:b@c', t, file=sys.stderr)"
    done = processes.run(python(text), on_line=lines.append)
    assert done.stdout == "***\n"
    assert done.stderr == "http://***@c ***\n"
    assert lines == ["http://***@c ***"]


def test_lines_come_early(processes: Processes, tmp_path: Path) -> None:
    """Lines of stderr are given while the child still runs."""
    text = (
        "import os, sys, time; print('first', file=sys.stderr, flush=True)\n"
        "while not os.path.exists('seen'): time.sleep(0.01)"
    )

    def note(line: str) -> None:
        (tmp_path / "seen").write_text(line)

    assert processes.run(python(text), cwd=tmp_path, on_line=note).code == 0
    assert (tmp_path / "seen").read_text() == "first"


def test_failing_listener(processes: Processes) -> None:
    """What the listener raises ends the child and is raised by the run."""

    def fail(line: str) -> None:
        raise BrokenPipeError(line)

    text = "import sys, time; [print('x' * 100, file=sys.stderr) for _ in range(5000)]; time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(BrokenPipeError):
        processes.run(python(text), on_line=fail)
    assert time.monotonic() - start < 10


def test_not_utf8(processes: Processes) -> None:
    """Output that is no UTF-8 is read all the same."""
    done = processes.run(python(r"import sys; sys.stdout.buffer.write(b'a\xffb')"))
    assert done.stdout == "a\ufffdb"


def test_missing_program(processes: Processes) -> None:
    """A program that is not there is a ToolError."""
    with pytest.raises(ToolError, match=r"^cannot start no-such-program: No such file or directory$"):
        processes.run(["no-such-program"])


def test_missing_folder(processes: Processes, tmp_path: Path) -> None:
    """A folder that is not there is not blamed on the program."""
    with pytest.raises(ToolError, match=r"cannot start .* in .*nowhere"):
        processes.run(python(""), cwd=tmp_path / "nowhere")


def test_killed_child(processes: Processes) -> None:
    """The code of a child that died by a signal is negative."""
    assert processes.run(python("import os; os.kill(os.getpid(), 9)")).code == -9


def test_stop_ends_the_whole_group(processes: Processes, tmp_path: Path) -> None:
    """A tree that ignores INT and TERM is killed, leader and grandchild, and the run says StoppedError."""
    (tmp_path / "program").write_text(STUBBORN)
    thread, raised = in_thread(lambda: processes.run([*python(STUBBORN), tmp_path]))
    wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert all(map(is_running, pids))
    processes.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert [type(error) for error in raised] == [StoppedError]
    wait_for(lambda: not any(map(is_running, pids)))


@pytest.mark.parametrize("on_line", [None, ignore])
def test_a_descendant_that_stays(
    processes: Processes, tmp_path: Path, on_line: Callable[[str], None] | None
) -> None:
    """One with a session of its own, as ssh leaves, holds the pipes open: the program's end counts."""
    text = (
        "import subprocess, sys\n"
        "stays = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\n"
        "open('pid', 'w').write(str(stays.pid))\n"
        "sys.stdout.write('out'); sys.stderr.write('err'); sys.exit(3)"
    )
    done = processes.run(python(text), cwd=tmp_path, on_line=on_line)
    pid = int((tmp_path / "pid").read_text())
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)
    assert (done.code, done.stdout, done.stderr) == (3, "out", "err")


def test_a_descendant_that_stays_and_talks(processes: Processes, tmp_path: Path) -> None:
    """What it says is of no matter once the program has ended, however much that is."""
    text = (
        "import subprocess, sys\n"
        "stays = subprocess.Popen(['yes'], stdout=sys.stderr, start_new_session=True)\n"
        "open('pid', 'w').write(str(stays.pid)); sys.exit(3)"
    )
    done = processes.run(python(text), cwd=tmp_path, on_line=ignore)
    assert done.code == 3
    wait_for(lambda: not is_running(int((tmp_path / "pid").read_text())))


def test_a_listener_that_is_slow(processes: Processes) -> None:
    """Every line is told, however long after the program's end."""
    lines: list[str] = []

    def listen(line: str) -> None:
        time.sleep(0.5)
        lines.append(line)

    processes.run(python("import sys; sys.stderr.write('1\\n2\\n3\\n')"), on_line=listen)
    assert lines == ["1", "2", "3"]


def test_stop_is_gentle_first(processes: Processes, tmp_path: Path) -> None:
    """INT comes first, so that a child may clean up, and nobody waits longer than needed."""
    text = (
        "import signal, sys, time\n"
        "def end(*_): open('cleaned', 'w').close(); sys.exit(0)\n"
        "signal.signal(signal.SIGINT, end); open('ready', 'w').close(); time.sleep(60)"
    )
    thread, raised = in_thread(lambda: processes.run(python(text), cwd=tmp_path))
    wait_for((tmp_path / "ready").exists)
    start = time.monotonic()
    processes.stop()
    thread.join(10)
    assert time.monotonic() - start < 1.5
    assert (tmp_path / "cleaned").exists()
    assert raised


def test_stop_ends_all(processes: Processes, tmp_path: Path) -> None:
    """Children that run side by side are all ended, together."""

    def run(number: int) -> Completed:
        text = f"import time; open('{number}', 'w').close(); time.sleep(60)"
        return processes.run(python(text), cwd=tmp_path)

    started = [in_thread(functools.partial(run, number)) for number in range(4)]
    wait_for(lambda: len(list(tmp_path.iterdir())) == 4)
    start = time.monotonic()
    processes.stop()
    for thread, raised in started:
        thread.join(10)
        assert raised
    assert time.monotonic() - start < 1.5


def test_nothing_starts_after_stop(processes: Processes, tmp_path: Path) -> None:
    """After stop() no child starts, and check() says so to long loops."""
    processes.check()
    processes.stop()
    with pytest.raises(StoppedError):
        processes.run(python(f"open({str(tmp_path / 'made')!r}, 'w')"))
    with pytest.raises(StoppedError):
        processes.check()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("on_line", [None, ignore])
def test_interrupted(processes: Processes, tmp_path: Path, on_line: Callable[[str], None] | None) -> None:
    """Ctrl-C while a child runs ends the child, which never sees the terminal's signal itself."""

    def interrupt() -> None:
        wait_for(lambda: any(tmp_path.iterdir()))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    text = "import os, time; open(str(os.getpid()), 'w').close(); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        processes.run(python(text), cwd=tmp_path, on_line=on_line)
    thread.join()
    (pid,) = (int(path.name) for path in tmp_path.iterdir())
    assert not is_running(pid)


def test_interrupted_while_forking(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal right after the fork, before anybody knows the child's id, leaves no child."""
    fork = subprocess._fork_exec  # type: ignore[attr-defined]

    def fork_and_interrupt(*words: Any) -> int:
        pid: int = fork(*words)
        (tmp_path / str(pid)).touch()
        os.kill(os.getpid(), signal.SIGINT)
        return pid

    monkeypatch.setattr(subprocess, "_fork_exec", fork_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        processes.run(python("import time; time.sleep(60)"))
    (pid,) = (int(path.name) for path in tmp_path.iterdir())
    wait_for(lambda: not is_running(pid))


def test_second_interrupt_is_impatient(processes: Processes, tmp_path: Path) -> None:
    """Who interrupts again while stubborn children are asked to end sees them killed at once."""
    (tmp_path / "program").write_text(STUBBORN)

    def interrupt() -> None:
        wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)

    thread = threading.Thread(target=interrupt)
    thread.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        processes.run([*python(STUBBORN), tmp_path])
    assert time.monotonic() - start < 2
    thread.join()
    wait_for(lambda: not any(is_running(int(path.stem)) for path in tmp_path.glob("*.pid")))


def beside(processes: Processes, code: str, watch: Callable[[Child], T]) -> T:
    """Run Python code beside a block, as work does: not in the main thread."""

    def block() -> T:
        with processes.running(python(code)) as child:
            return watch(child)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(block).result()


def test_running_beside_a_block(processes: Processes) -> None:
    """It is ended with the block; its exit code is there once it has ended."""

    def watch(child: Child) -> Child:
        wait_for(lambda: "up" in child.output)
        assert child.wait(0) is None
        return child

    ended = beside(processes, "import time; print('up', flush=True); time.sleep(60)", watch)
    assert ended.wait(0) is not None
    assert beside(processes, "raise SystemExit(4)", lambda child: child.wait(20)) == 4


def test_running_keeps_the_last_lines(processes: Processes) -> None:
    """However much it prints, stdout and stderr in their order, however long a line."""

    def watch(child: Child) -> list[str]:
        child.wait(20)
        return child.output.splitlines()

    code = "import sys; print('x' * 9_000_000, *range(9999), sep='\\n', flush=True); sys.exit('end')"
    lines = beside(processes, code, watch)
    assert lines[-3:] == ["9997", "9998", "end"]
    assert len(lines) < 1000


def test_running_is_stopped(processes: Processes) -> None:
    """`stop` ends it, and who waits for it is told so."""

    def watch(child: Child) -> None:
        threading.Timer(0.1, processes.stop).start()
        child.wait(60)

    with pytest.raises(StoppedError):
        beside(processes, "import time; time.sleep(60)", watch)


def test_running_with_variables_of_its_own(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are given are all that it has."""
    monkeypatch.setitem(processes.environment, "OF_THE_RUN", "1")
    words = python("import os; print(os.environ.get('OWN'), os.environ.get('OF_THE_RUN'))")

    def block() -> str:
        with processes.running(words, environment={"OWN": "2"}) as child:
            child.wait(20)
            return child.output

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(block).result() == "2 None\n"
