"""What users install: the wheel, its entry points, and Nox where only Nox is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import gomab_tasks
from tests.conftest import ModuleFactory, Ran

CHECKOUT = Path(gomab_tasks.__file__).parents[1]
NOXFILE = """\
# /// script
# dependencies = ["nox>=2026.8.10", "gomab-tasks"]
# ///
from gomab_tasks.nox import register

register()
"""


def _run(*argv: str | Path, cwd: Path = CHECKOUT, **variables: str) -> Ran:
    return subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_validate_pyproject(tmp_path: Path) -> None:
    """The installed schema accepts the sample's table and refuses a wrong key."""
    validate = Path(sys.executable).with_name("validate-pyproject")
    right = _run(validate, CHECKOUT / "sample" / "pyproject.toml")
    assert right.returncode == 0, right.stderr
    (tmp_path / "pyproject.toml").write_text("[tool.gomab]\nplattforms = []\n")
    wrong = _run(validate, tmp_path / "pyproject.toml")
    assert wrong.returncode == 1
    assert "`tool.gomab` must not contain {'plattforms'} properties" in wrong.stderr


@pytest.mark.slow
def test_nox_alone(module: ModuleFactory, go: Path, tmp_path: Path) -> None:
    """Nox without gomab, as from pipx, installs what the noxfile's block names and runs the session."""
    built = _run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "wheel", CHECKOUT)
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"gomab_tasks", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}
    venv.create(tmp_path / "nox", with_pip=True)
    _run(tmp_path / "nox" / "bin" / "pip", "install", "--quiet", "nox>=2026.8.10").check_returncode()
    root = module("hello")
    (root / "noxfile.py").write_text(NOXFILE)
    done = _run(
        *(tmp_path / "nox" / "bin" / "nox", "-s", "images"),
        cwd=root,
        PATH=os.pathsep.join([str(go.parent), os.defpath]),
        PIP_FIND_LINKS=str(wheel.parent),
        UV_FIND_LINKS=str(wheel.parent),
    )
    assert done.returncode == 0, done.stderr
    assert (root / "build/gomab/images/hello/index.json").exists()
    assert (root / ".nox" / "_nox_script_mode").is_dir()
