"""The collection and the `gomab` script, seen as users run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from gomab_tasks.invoke import collection
from gomab_tasks.tasks import TASKS
from gomab_tasks.tasks.options import GENERAL
from tests.conftest import Golden, ModuleFactory, Ran, Script

pytestmark = pytest.mark.usefixtures("go")

NAMESPACE = (
    "from pathlib import Path\n"
    "from invoke import Collection\n"
    "from gomab_tasks.invoke import collection\n"
    "ns = Collection()\n"
    "ns.add_collection(collection(root=Path(__file__).parent), name='go')\n"
)


def invoke(root: Path, *words: str) -> Ran:
    argv = [sys.executable, "-m", "invoke", *words]
    return subprocess.run(argv, cwd=root, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def root(module: ModuleFactory) -> Path:
    folder = module("hello")
    (folder / "tasks.py").write_text(NAMESPACE)
    return folder


@pytest.mark.parametrize("words", [("--help",), ("images", "--help")])
def test_help(root: Path, gomab: Script, golden: Golden, words: tuple[str, ...]) -> None:
    """Golden: all tasks, and the options of one."""
    shown = gomab(root, *words, COLUMNS="80", LINES="24")
    assert (shown.returncode, shown.stderr) == (0, "")
    golden(f"gomab-{'-'.join(words).replace('--', '')}.txt", shown.stdout.rstrip("\n").encode())


def test_every_option_has_help() -> None:
    """No two options of a task share a flag, and each is explained."""
    contexts = {context.name: context for context in collection().to_contexts()}
    assert list(contexts) == [task.name for task in TASKS]
    for task in TASKS:
        explained = dict(contexts[task.name].help_tuples())
        for option in (*task.options, *GENERAL):
            assert option.help in [text for flags, text in explained.items() if option.flag in flags]


def test_the_script_looks_upward(root: Path, gomab: Script) -> None:
    """As Invoke does for tasks.py."""
    (root / "cmd" / "deep").mkdir(parents=True)
    done = gomab(root / "cmd" / "deep", "plan")
    assert done.returncode == 0, done.stderr
    assert "example.com/hello" in done.stdout


def test_json(root: Path, gomab: Script) -> None:
    """Stdout is one document, the same that lies in the result file; progress is on stderr."""
    done = gomab(root, "images", "--arch", "arm64", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["task"], document["exit_code"], document["error"]) == ("images", 0, None)
    assert document["result"]["images"][0]["image"] == "hello"
    assert (root / "build/gomab/results/images-arm64.json").read_text() == done.stdout
    assert "compile" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--arch", "arm64", "--arch", "386"),
        ("--arch", "arm64,386"),
        ("--arch=linux/arm64", "-a", "386"),
        ("-a", "arm64", "-a", "386", "-q"),
    ],
)
def test_words(root: Path, gomab: Script, words: tuple[str, ...]) -> None:
    """An option may repeat, take commas, and be short."""
    done = gomab(root, "plan", *words, "--json")
    assert done.returncode == 0, done.stderr
    platforms = [build["platform"] for build in json.loads(done.stdout)["result"]["builds"]]
    assert platforms == ["linux/arm64", "linux/386"]


def test_several_tasks(root: Path, gomab: Script) -> None:
    """Tasks follow each other; the first that fails ends the run with its code."""
    done = gomab(root, "size", "images")
    assert done.returncode == 6
    assert not (root / "build").exists()
    assert gomab(root, "images", "--quiet", "size").returncode == 0


def test_version(root: Path, gomab: Script) -> None:
    """`--version` needs no project."""
    assert gomab(root.parent, "--version").stdout.startswith("gomab ")


def test_namespace(root: Path) -> None:
    """Below a name of the user's, from a folder below, messages name what was typed."""
    (root / "docs").mkdir()
    assert "go.mod-download" in invoke(root / "docs", "-l").stdout
    nothing = invoke(root / "docs", "go.size")
    assert nothing.returncode == 6
    assert "build them: invoke go.images" in nothing.stderr
    done = invoke(root / "docs", "go.images", "--arch", "arm64")
    assert done.returncode == 0, done.stderr
    assert (root / "build/gomab/images/hello/index.json").exists()


def test_broken_table(root: Path) -> None:
    """Listing works, the task tells the problems and ends with 2."""
    (root / "pyproject.toml").write_text("[tool.gomab]\nplattforms = []\n")
    assert "go.images" in invoke(root, "-l").stdout
    wrong = invoke(root, "go.images")
    assert wrong.returncode == 2
    assert "did you mean 'platforms'" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_wrong_options(root: Path) -> None:
    """Invoke's own `--dry` means nothing here; a value that is missing or wrong is an error."""
    dry = invoke(root, "--dry", "go.images")
    assert dry.returncode == 2
    assert "`invoke go.plan` shows what would happen" in dry.stderr
    assert not (root / "build").exists()
    number = invoke(root, "go.images", "--jobs", "-2")
    message = "error: --jobs is '-2'; write a whole number, 0 or more\n"
    assert (number.returncode, number.stderr) == (2, message)
    assert invoke(root, "go.images", "--arch").returncode == 1  # Invoke's own code for a missing value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["images", "--arch"], "--arch needs a value; `gomab TASK --help` shows which"),
        (["images", "-j"], "--jobs needs a value; `gomab TASK --help` shows which"),
        (["push", "--repository", ""], "--repository is empty; give it a value, or leave it out"),
        (["push", "--repository="], "--repository is empty; give it a value, or leave it out"),
        (["push", "-t", "v1", "-t", ""], "--tag is empty; give it a value, or leave it out"),
        (["images", "--jobs", "x"], "--jobs is 'x'; write a whole number, 0 or more"),
        (["images", "--archh", "arm64"], "there is no option '--archh'; did you mean '--arch'?"),
        (["imags"], "there is no task 'imags'; did you mean 'images'?"),
        (["plan", "--", "x"], "gomab takes no words after --: x"),
    ],
)
def test_usage_errors(root: Path, gomab: Script, words: list[str], message: str) -> None:
    """They have the shape and the code of all errors of settings."""
    wrong = gomab(root, *words)
    assert (wrong.returncode, wrong.stderr) == (2, f"error: {message}\n")


@pytest.mark.parametrize("words", [["plan"], ["plan", "-q"]])
def test_failures_have_one_shape(root: Path, gomab: Script, words: list[str]) -> None:
    """Whether a step failed or not, the report says why, once, beginning with `error:`."""
    (root / "go.mod").write_text("nonsense\n")
    wrong = gomab(root, *words)
    steps, _, error = wrong.stderr.partition("error: ")
    assert wrong.returncode == 2
    assert "nonsense" in error
    assert "nonsense" not in steps
    assert ("failed after" in steps) is ("-q" not in words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk, as Linux has it")
@pytest.mark.parametrize("words", [["plan", "-q"], ["plan", "--json"], ["--help"]])
def test_full_disk(root: Path, words: list[str]) -> None:
    """What stdout does not take is said, and is no success."""
    argv = [str(Path(sys.executable).parent / "gomab"), *words]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            argv, cwd=root, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", check=False
        )
    assert ran.returncode == 10
    assert ran.stderr.endswith("error: stdout: cannot be written: No space left on device\n")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("words", [["archive", "--help"], ["plan"], ["--help"]])
def test_reader_that_leaves(root: Path, words: list[str]) -> None:
    """`gomab … | head` ends in silence."""
    argv = [str(Path(sys.executable).parent / "gomab"), *words]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.close()
        _, errors = run.communicate()
    assert b"BrokenPipe" not in errors
    assert run.returncode == 0


def test_choice() -> None:
    """Tasks can be chosen by name; a wrong name ends Invoke with one line."""
    assert sorted(collection(only=["images", "plan"]).task_names) == ["images", "plan"]
    assert sorted(collection(only="images").task_names) == ["images"]
    with pytest.raises(Exit, match=r"error: .* was asked for 'imagse', which is no task; tasks: archive"):
        collection(only=["imagse"])


def test_calls_from_other_tasks(root: Path) -> None:
    """What `pre`, `call` and plain calls do not name has its default; a wrong name is told in one line."""
    (root / "tasks.py").write_text(
        "from invoke import Collection, call, task\n"
        "from gomab_tasks.invoke import collection\n"
        "go = collection()\n"
        "@task(pre=[go['plan'], call(go['plan'], arch=['arm64'], json=True)])\n"
        "def both(c): pass\n"
        "@task\n"
        "def inner(c): go['plan'](c, arch='arm64', json=True)\n"
        "@task(pre=[go['size']])\n"
        "def measured(c): pass\n"
        "@task\n"
        "def wrong(c): go['plan'](c, arhc='arm64')\n"
        "ns = Collection(both, inner, measured, wrong, go=go)\n"
    )
    planned = invoke(root, "both").stdout
    assert "linux/amd64" in planned.partition("{")[0]
    assert json.loads("{" + planned.partition("{")[2])["result"]["images"][0]["platforms"] == ["linux/arm64"]
    assert json.loads(invoke(root, "inner").stdout)["result"]["images"][0]["platforms"] == ["linux/arm64"]
    # The command of a namespace that nobody typed is not known.
    assert invoke(root, "measured").stderr.endswith("build them: gomab images\n")
    assert invoke(root, "go.size").stderr.endswith("build them: invoke go.images\n")
    wrong = invoke(root, "wrong")
    assert wrong.returncode == 2
    assert wrong.stderr == "error: plan was called with arhc; its options: arch, json, quiet\n"
