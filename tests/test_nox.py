"""Sessions, seen as Nox runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Golden, ModuleFactory, Ran

pytestmark = pytest.mark.usefixtures("go")

REGISTER = "from gomab_tasks.nox import register\nregister()\n"
Nox = Callable[..., Ran]


def nox(root: Path, *words: str) -> Ran:
    argv = [sys.executable, "-m", "nox", "--no-color", *words]
    return subprocess.run(argv, cwd=root, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def root(module: ModuleFactory) -> Path:
    folder = module("hello")
    (folder / "noxfile.py").write_text(REGISTER)
    return folder


def test_list(root: Path, golden: Golden) -> None:
    """Golden: each task with its help; none is selected by a bare `nox`."""
    shown = nox(root, "-l").stdout.replace(str(root), "ROOT")
    golden("nox-list.txt", shown.rstrip("\n").encode())


def test_one_platform(root: Path) -> None:
    """A session for each platform of the table leaves its record for a join."""
    for platform in ("linux/amd64", "linux/arm64"):
        done = nox(root, "-s", f"image({platform})")
        assert done.returncode == 0, done.stderr
    joined = nox(root, "-s", "images", "--", "--join", "--json")
    assert joined.returncode == 0, joined.stderr
    platforms = json.loads(joined.stdout)["result"]["images"][0]["platforms"]
    assert [one["platform"] for one in platforms] == ["linux/amd64", "linux/arm64"]


def test_arch_of_single_platforms(root: Path) -> None:
    """`--arch` skips the sessions of other platforms, and what has no session is an error."""
    done = nox(root, "-s", "image", "--", "--arch", "arm64")
    assert done.returncode == 0, done.stderr
    assert "--arch arm64 leaves out linux/amd64" in done.stderr
    assert [path.name for path in (root / "build/gomab/records/hello").iterdir()] == ["linux_arm64.json"]
    assert nox(root, "-s", "image(linux/amd64)", "--", "--arch", "all").returncode == 0
    for word, message in (
        ("riscv64", "linux/riscv64: the table does not list it"),
        ("sparc", "Go builds for"),
    ):
        wrong = nox(root, "-s", "image", "--", "--arch", word)
        assert wrong.returncode == 1
        assert message in wrong.stderr
        assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize(
    ("platforms", "arch", "made"),
    [
        ('"linux/amd64/v3", "linux/arm64"', "amd64", "linux_amd64_v3"),
        ('"linux/arm/v6", "linux/amd64"', "arm", "linux_arm_v6"),
        ('"linux/amd64", "linux/arm64"', "arm64,", "linux_arm64"),
    ],
)
def test_arch_means_the_same_in_every_front_door(root: Path, platforms: str, arch: str, made: str) -> None:
    """A word without a variant is the table's platform of that architecture."""
    (root / "pyproject.toml").write_text(f"[tool.gomab]\nplatforms = [{platforms}]\n")
    done = nox(root, "-s", "image", "--", "--arch", arch)
    assert done.returncode == 0, done.stderr
    assert [path.stem for path in (root / "build/gomab/records/hello").iterdir()] == [made]


def test_options_of_other_tasks(root: Path) -> None:
    """One command line serves several sessions; what no task knows is an error."""
    done = nox(root, "-s", "images", "size", "clean", "--", "--update", "--arch=arm64", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "linux/arm64" in (root / "gomab-sizes.json").read_text()
    wrong = nox(root, "-s", "images", "--", "--arhc", "arm64")
    assert wrong.returncode == 1
    assert "error: there is no option '--arhc'; did you mean '--arch'?\n" in wrong.stderr
    assert "aborted: exit code 2.\n" in wrong.stderr


def test_help_of_options(root: Path) -> None:
    """`-- --help` shows the own options of each task that was chosen."""
    shown = nox(root, "-s", "size", "push", "--", "--help")
    assert shown.returncode == 0
    size, _, push = shown.stdout.partition("usage: nox -s push -- ")
    assert size.startswith("usage: nox -s size -- ")
    assert "--update" in size
    assert "--repository" not in size
    assert "--repository" in push
    assert "push: success" in shown.stderr


def test_tag(root: Path) -> None:
    """`-t gomab` does the whole job, once."""
    listed = nox(root, "-l", "-t", "gomab").stdout
    assert [line.split()[1] for line in listed.splitlines() if line.startswith("* ")] == ["images"]


def test_broken_table(root: Path) -> None:
    """Sessions of the user still run; gomab's are there and tell every problem."""
    (root / "pyproject.toml").write_text("[tool.gomab]\nplattforms = []\nout = 3\n")
    own = "import nox\n@nox.session(python=False)\ndef own(session): print('own ran')\n"
    (root / "noxfile.py").write_text(own + REGISTER)
    done = nox(root, "-s", "own")
    assert (done.returncode, done.stdout) == (0, "own ran\n"), done.stderr
    wrong = nox(root, "-s", "images")
    assert wrong.returncode == 1
    assert "did you mean 'platforms'" in wrong.stderr
    assert "pyproject.toml:3: out is 3" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert "image(linux/arm64)" in nox(root, "-l").stdout


def test_failure(module: ModuleFactory) -> None:
    """Nox ends with 1; the real code is in its last lines and in the result file."""
    root = module("broken")
    (root / "noxfile.py").write_text(REGISTER)
    failed = nox(root, "-s", "images")
    assert failed.returncode == 1
    assert "undefined: missing" in failed.stderr
    assert "exit code 4" in failed.stderr
    result = json.loads((root / "build/gomab/results/images.json").read_text())
    assert (result["task"], result["exit_code"], result["result"]) == ("images", 4, None)
    assert "undefined: missing" in result["error"]


@pytest.mark.parametrize(
    ("noxfile", "message"),
    [
        (
            "@nox.session\ndef size(session): pass\nregister()",
            "a session 'size' exists already; call register(",
        ),
        ("register(only=['imagse'])", "was asked for 'imagse', which is no task; tasks: "),
        ("register(default=['imagse'])", "was asked for 'imagse', which is no task; tasks: "),
        ("register(only='size', default='plan')", "has 'plan' in default=, but not in only=; add it there"),
    ],
)
def test_wrong_registration(root: Path, noxfile: str, message: str) -> None:
    """One line instead of a traceback through Nox."""
    (root / "noxfile.py").write_text(f"import nox\nfrom gomab_tasks.nox import register\n{noxfile}\n")
    wrong = nox(root, "-l")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"noxfile: {message}" if "exists" in message else "noxfile: register() ")
    assert message in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_choices(root: Path) -> None:
    """Prefix, choice, defaults, another root and an organisation's settings."""
    (root / "sub").mkdir()
    (root / "sub" / "noxfile.py").write_text(
        "from gomab_tasks.nox import register\n"
        "register(root='..', prefix='go-', only=['plan', 'size'], default=['plan'],\n"
        "         settings={'platforms': ['linux/s390x']})\n"
    )
    listed = nox(root / "sub", "-l").stdout
    assert "* go-plan -> " in listed
    assert "- go-size -> " in listed
    assert "images" not in listed.partition("go-plan")[0]
    planned = nox(root / "sub", "--", "--json")
    assert planned.returncode == 0, planned.stderr
    assert "linux/s390x" in planned.stdout
    assert "build them: gomab images" in nox(root / "sub", "-s", "go-size").stderr


def test_registering_is_cheap(root: Path) -> None:
    """It loads nothing heavy beyond Nox itself, and changes neither options, environment nor folder."""
    code = (
        "import os, sys, nox, nox.registry\n"
        "before = set(sys.modules), dict(os.environ), os.getcwd(), repr(nox.options)\n"
        "from gomab_tasks.nox import register\n"
        "register()\n"
        "assert before[1:] == (dict(os.environ), os.getcwd(), repr(nox.options))\n"
        "heavy = {'asyncio', 'rich', 'urllib3', 'invoke', 'deflate', 'subprocess'}\n"
        "print(sorted(heavy & (set(sys.modules) - before[0])), 'images' in nox.registry.get())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, encoding="utf-8", check=False
    )
    assert ran.stdout == "[] True\n", ran.stderr
