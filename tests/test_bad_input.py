"""What users get wrong ends in one clear message and the code of its kind, never in a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gomab_tasks
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import verify_layout
from tests.conftest import ModuleFactory, Ran, Script

pytestmark = pytest.mark.usefixtures("go")

OUT = "build/gomab"
Mount = Callable[[Path, str], None]


def refused(ran: Ran, code: int, *words: str) -> None:
    """Hold the exit code and the words of stderr; stdout holds no result."""
    assert ran.returncode == code, ran.stderr
    for word in words:
        assert word in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def table(root: Path, text: str) -> None:
    (root / "pyproject.toml").write_text(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.gomab\n", ["pyproject.toml:1:", "this is not TOML: expected ']'"]),
        ("[tool.gomab]\nout = 3\n", ["pyproject.toml:2: out is 3; write a relative path"]),
        ("[tool.gomab]\nplattforms = []\n", ["has no key 'plattforms'; did you mean 'platforms'?"]),
        ('[tool.gomab]\nplatforms = ["arm7"]\n', ["platforms[0] is 'arm7'", "'linux/arm/v7'"]),
        (
            '[tool.gomab]\nplatforms = ["linux/sparc64"]\n',
            ["is 'linux/sparc64'; on linux Go builds for 386,"],
        ),
        ("[tool.gomab]\nout = 3\nbakend = 1\n", ["pyproject.toml:2:", "pyproject.toml:3:"]),
        ('[tool.gomab]\nout = "../x"\n', ["out is '../x'", "may lead out of the project"]),
        ('[tool.gomab]\nout = "/tmp/x"\n', ["out is '/tmp/x'", "relative to the project"]),
        ('[tool.gomab]\nout = "."\n', ["out is '.', the project itself"]),
        ('[tool.gomab]\nout = "elsewhere"\n', ["out is 'elsewhere', a link out of the project to"]),
        (
            '[[tool.gomab.image.files]]\nfrom = "no"\nto = "/a"\n',
            ["pyproject.toml:1: image.files[0] is 'no', which does not exist"],
        ),
        ('[[tool.gomab.image.files]]\nfrom = "../x"\nto = "/a"\n', ["from is '../x'", "out of the project"]),
        ('[[tool.gomab.image.files]]\nfrom = "elsewhere"\nto = "/a"\n', ["a link that leads out of the"]),
        ('[[tool.gomab.image.files]]\nfrom = "dangling"\nto = "/a"\n', ["a dangling link to 'nowhere'"]),
    ],
)
def test_tables(module: ModuleFactory, gomab: Script, tmp_path: Path, text: str, words: list[str]) -> None:
    """Each problem of the table is told with its line, its value and what to write."""
    root = module("hello")
    (tmp_path / "outside").mkdir()
    (root / "elsewhere").symlink_to(tmp_path / "outside")
    (root / "dangling").symlink_to("nowhere")
    table(root, text)
    refused(gomab(root, "images"), 2, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imagse"], "there is no task 'imagse'; did you mean 'image'?"),
        (["images", "--archh", "arm64"], "there is no option '--archh'; did you mean '--arch'?"),
        (["images", "extra"], "there is no task 'extra'; see gomab --help"),
        (["images", "--arch"], "error: --arch needs a value"),
        (["images", "--arch", ""], "--arch is empty; give it a value, or leave it out"),
        (["images", "--arch", "sparc"], "--arch is 'sparc'; on linux Go builds for"),
        (["images", "--arch", "windows/amd64"], "images are for linux"),
        (["build", "--arch", "android/amd64"], "only through a C compiler"),
        (["images", "--jobs", "x"], "--jobs is 'x'; write a whole number, 0 or more"),
        (["images", "--jobs", "-1"], "--jobs is '-1'; write a whole number, 0 or more"),
        (["images", "--", "words"], "takes no words after --: words"),
    ],
)
def test_command_lines(module: ModuleFactory, gomab: Script, words: list[str], message: str) -> None:
    """Each wrong word is named."""
    refused(gomab(module("hello"), *words), 2, message)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("no-main", 2, ["no main package in example.com/library"]),
        ("same-name", 2, ["two main packages are named 'server': services/a/cmd/server and"]),
        ("too-new", 3, ["go.mod asks for go 1.99", "set GOTOOLCHAIN=auto"]),
        ("bad-sum", 4, ["its content is not what go.sum records"]),
    ],
)
def test_modules(module: ModuleFactory, gomab: Script, name: str, code: int, words: list[str]) -> None:
    """A module that cannot become an image says why."""
    refused(gomab(module(name), "images"), code, *words)


def test_no_go_mod(module: ModuleFactory, gomab: Script) -> None:
    """A folder without a module names the setting for its place."""
    root = module("hello")
    (root / "go.mod").unlink()
    refused(gomab(root, "images"), 2, f"no go.mod or go.work in {root}; set `module`")


def test_compile_error(module: ModuleFactory, gomab: Script) -> None:
    """The compiler's own line, the platforms, and where all of its output is."""
    root = module("broken")
    ran = gomab(root, "images")
    refused(ran, 4, "broken linux/amd64, linux/arm64: go build failed", "./main.go:5:10: undefined: missing")
    log = ran.stderr.rpartition("Log: ")[2].strip()
    assert "undefined: missing" in (root / log).read_text()


def test_compile_error_on_one_platform(module: ModuleFactory, gomab: Script) -> None:
    """Only the platform that failed is blamed."""
    root = module("hello")
    (root / "part_arm64.go").write_text("package main\n\nvar _ = missing\n")
    ran = gomab(root, "images")
    refused(ran, 4, "hello linux/arm64: go build failed", "undefined: missing")
    assert "linux/amd64, linux/arm64" not in ran.stderr


def test_no_go(module: ModuleFactory, tmp_path: Path) -> None:
    """Without Go on PATH and without its wheel, both ways to get it are told."""
    bare = tmp_path / "bare"
    venv.create(bare, symlinks=True)
    here = map(str, [Path(gomab_tasks.__file__).parents[1], *filter(None, sys.path)])
    ran = subprocess.run(
        [str(bare / "bin" / "python"), "-c", "from gomab_tasks.invoke import main; main()", "images"],
        cwd=module("hello"),
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(here)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    refused(ran, 3, "Go was not found on PATH", "https://go.dev/dl", "pip install 'gomab-tasks[go]'")


def test_old_go(module: ModuleFactory, gomab: Script, tmp_path: Path) -> None:
    """A Go that is too old is named with its place and version."""
    old = tmp_path / "go"
    old.write_text('#!/bin/sh\necho \'{"GOVERSION": "go1.20.14"}\'\n')
    old.chmod(0o755)
    ran = gomab(module("hello"), "images", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    refused(ran, 3, f"{old} is Go 1.20.14, but gomab needs 1.21 or newer")


@pytest.mark.parametrize("file", ["build", OUT])
def test_file_in_place_of_the_output(module: ModuleFactory, gomab: Script, file: str) -> None:
    """A file where the output folder belongs is named, and stays."""
    root = module("hello")
    (root / file).parent.mkdir(exist_ok=True)
    (root / file).write_text("mine")
    cure = "cannot be written: a file is in its place; remove it, or set another `out`"
    refused(gomab(root, "images"), 10, f"{root / file}: {cure}")
    assert (root / file).read_text() == "mine"


def test_foreign_output(module: ModuleFactory, gomab: Script) -> None:
    """A folder that gomab did not make is neither used nor cleaned."""
    root = module("hello")
    (root / OUT).mkdir(parents=True)
    (root / OUT / "mine").write_text("mine")
    (root / "pyproject.toml").write_text(f"[tool.gomab]\nout = '{OUT}'\n")
    problem = f"pyproject.toml:2: out is '{OUT}', which holds files that gomab did not write; set another\n"
    refused(gomab(root, "images"), 10, problem)
    refused(gomab(root, "clean"), 10, "gomab did not make it; nothing was removed")
    assert [path.name for path in (root / OUT).iterdir()] == ["mine"]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount a small file system in memory, which only root can; mounting again changes its options."""
    mounted: list[Path] = []

    def call(folder: Path, options: str) -> None:
        again = "remount," if folder in mounted else ""
        folder.mkdir(parents=True, exist_ok=True)
        argv = ["mount", "-t", "tmpfs", "-o", f"{again}{options}", "tmpfs", str(folder)]
        if subprocess.run(argv, check=False, capture_output=True).returncode:
            pytest.skip("cannot mount a small tmpfs: that takes root and its capabilities")
        if not again:
            mounted.append(folder)

    yield call
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


def test_read_only_output(module: ModuleFactory, gomab: Script, mount: Mount) -> None:
    """A read-only file system is named as the reason."""
    root = module("hello")
    mount(root / OUT, "ro")
    refused(gomab(root, "images"), 10, "cannot be written: the file system is read-only; mount it writable")


def test_full_disk(module: ModuleFactory, gomab: Script, mount: Mount) -> None:
    """A full disk says so and leaves the image that was there; with more room the next run works."""
    root = module("hello")
    layout = Layout(root / OUT / "images" / "hello")
    mount(root / OUT, "size=2m")
    refused(gomab(root, "images"), 10, "the disk is full", "free some space")
    mount(root / OUT, "size=64m")
    done = gomab(root, "images")
    assert done.returncode == 0, done.stderr
    before = layout.read_index()[0]
    (root / "main.go").write_text('package main\n\nfunc main() { println("another") }\n')
    (root / "random").write_bytes(os.urandom(8 << 20))
    table(root, '[[tool.gomab.image.files]]\nfrom = "random"\nto = "/app/random"\n')
    used = sum(path.stat().st_blocks * 512 for path in (root / OUT).rglob("*")) >> 10
    for room, writer in ((100, "go build: the disk is full"), (6000, f"{OUT}/images/hello")):
        mount(root / OUT, f"size={used + room}k")
        refused(gomab(root, "images"), 10, writer, "the disk is full", "free some space")
        assert layout.read_index()[0] == before
        verify_layout(layout)
    mount(root / OUT, "size=64m")
    done = gomab(root, "images")
    assert done.returncode == 0, done.stderr
    assert layout.read_index()[0] != before
    verify_layout(layout)


def test_two_runs_at_once(module: ModuleFactory) -> None:
    """Runs that share an output folder wait for each other where they must; both succeed."""
    root = module("two-mains")
    script = [str(Path(sys.executable).with_name("gomab")), "images", "--quiet"]
    runs = [
        subprocess.Popen(script, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert run.returncode == 0, errors
    for name in ("api", "worker"):
        verify_layout(Layout(root / OUT / "images" / name))


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_damaged_blobs(module: ModuleFactory, gomab: Script) -> None:
    """Damaged blobs and a damaged index are found and made again, with the same digests."""
    root = module("hello")
    assert gomab(root, "images").returncode == 0
    layout = Layout(root / OUT / "images" / "hello")
    index, _ = layout.read_index()
    for damaged in (layout.folder.glob("blobs/sha256/*"), [layout.folder / "index.json"]):
        for path in list(damaged):
            _flip(path)
        done = gomab(root, "images")
        assert done.returncode == 0, done.stderr
        assert layout.read_index()[0] == index
        verify_layout(layout)


def test_damaged_layer_in_a_join(module: ModuleFactory, gomab: Script) -> None:
    """A join cannot make a layer again, so it names the blob and what to do."""
    root = module("hello")
    assert gomab(root, "image").returncode == 0
    blobs = (root / OUT / "images" / "hello" / "blobs" / "sha256").iterdir()
    largest = max(blobs, key=lambda path: path.stat().st_size)
    _flip(largest)
    named = f"{OUT}/images/hello/blobs/sha256/{largest.name}: "
    refused(gomab(root, "images", "--join"), 7, named, "make it again: gomab images")


def test_damaged_records(module: ModuleFactory, gomab: Script) -> None:
    """`images` writes a damaged record anew; what only reads it names the file and what mends it."""
    root = module("hello")
    assert gomab(root, "images").returncode == 0
    record = root / OUT / "records" / "hello" / "linux_amd64.json"
    good = record.read_bytes()
    for content in (b"", b'{"format": 99}'):
        record.write_bytes(content)
        named = f"{OUT}/records/hello/linux_amd64.json: "
        refused(gomab(root, "images", "--join"), 7, named, "build that platform again")
        refused(gomab(root, "size"), 7, named, "build that platform again")
    assert gomab(root, "images").returncode == 0
    assert record.read_bytes() == good


def test_spaces_and_letters_outside_ascii(module: ModuleFactory, gomab: Script) -> None:
    """Paths may hold both, also where the locale cannot write them."""
    root = module("unicode-path")
    (root / "Dätei 1").write_text("x")
    table(root, '[[tool.gomab.image.files]]\nfrom = "Dätei 1"\nto = "/app/Dätei 1"\n')
    done = gomab(root, "images", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    verify_layout(Layout(root / OUT / "images" / "hello"))
    listed = gomab(root, "plan", PYTHONIOENCODING="ascii")
    assert listed.returncode == 0, listed.stderr
    assert r"D\xe4tei" in listed.stdout


def test_secrets(module: ModuleFactory, gomab: Script) -> None:
    """Neither a proxy's login nor a token shows, in Go's own words, logs, JSON or result files."""
    root = module("hello")
    proxy = "https://user:hunter22@127.0.0.1:1/"
    (root / "go.mod").write_text("module example.com/hello\n\ngo 1.21\n\nrequire example.org/far v1.0.0\n")
    ran = gomab(root, "images", "--json", GOPROXY=proxy, GONOSUMDB="*", GOFLAGS="-mod=mod")
    assert ran.returncode == 4
    assert "https://***@127.0.0.1:1/" in ran.stderr
    shutil.copy(Path(__file__).parent / "modules" / "hello" / "go.mod", root)
    (root / "main.go").write_text("package main\n\nfunc main() { swordfish77() }\n")
    compiled = gomab(root, "images", "--json", MY_TOKEN="swordfish77")
    assert compiled.returncode == 4
    assert "undefined: ***" in compiled.stderr
    written = [path.read_text() for path in (root / OUT).rglob("*") if path.suffix in (".txt", ".json")]
    for text in [ran.stdout, ran.stderr, compiled.stdout, compiled.stderr, *written]:
        assert "hunter22" not in text
        assert "swordfish77" not in text


def test_secrets_of_the_table(module: ModuleFactory, gomab: Script) -> None:
    """A value of go.env that is named like a secret shows nowhere: not in plans, records or what Go says."""
    root = module("hello")
    table(root, '[tool.gomab.go.env]\nACME_PASSWORD = "it\'s hunter22"\n')
    ran = [gomab(root, *words) for words in (("plan",), ("plan", "--json"), ("images", "--json"))]
    assert [done.returncode for done in ran] == [0, 0, 0], ran[-1].stderr
    assert "ACME_PASSWORD='***'" in ran[0].stdout
    (root / "main.go").write_text('package main\n\nimport _ "it\'s hunter22"\n\nfunc main() {}\n')
    ran.append(gomab(root, "images"))
    assert ran[-1].returncode == 4
    written = [path.read_text() for path in (root / OUT).rglob("*") if path.suffix in (".txt", ".json")]
    assert len(written) > 3
    for text in [*(done.stdout + done.stderr for done in ran), *written]:
        assert "hunter22" not in text


def test_a_login_in_the_table(module: ModuleFactory, gomab: Script) -> None:
    """It is refused before anything is done with it, with its line and without itself."""
    root = module("hello")
    table(root, '[tool.gomab.go.env]\nGOPROXY = "direct,https://u:hunter22@proxy.acme"\n')
    for task in ("plan", "images"):
        done = gomab(root, task)
        assert done.returncode == 2
        assert done.stderr.startswith("error: pyproject.toml:2: go.env.GOPROXY holds a login, ")
        assert "hunter22" not in done.stdout + done.stderr


@pytest.mark.parametrize("stream", ["0", "1", "2"])
def test_closed_streams(module: ModuleFactory, stream: str) -> None:
    """Schedulers may start programs without one; whatever is left of the output comes."""
    root = module("hello")
    text = f"{Path(sys.executable).with_name('gomab')} plan --quiet {stream}>&-"
    ran = subprocess.run(["bash", "-c", text], cwd=root, capture_output=True, encoding="utf-8", check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ("example.com/hello" in ran.stdout) == (stream != "1")


def test_closed_output(module: ModuleFactory) -> None:
    """A reader that leaves early, as `head` does, is no failure."""
    root = module("hello")
    text = f"{Path(sys.executable).with_name('gomab')} plan --json | true; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", text], cwd=root, capture_output=True, encoding="utf-8", check=True)
    assert ran.stdout == "0\n"
    assert "Broken pipe" not in ran.stderr
    assert "Traceback" not in ran.stderr
