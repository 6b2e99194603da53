"""A workflow types what its writer typed, so that settings given in a task file hold in CI too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gomab_tasks
from gomab_tasks.errors import SettingsError
from gomab_tasks.project import open_project
from gomab_tasks.tasks.ci import workflow
from tests.conftest import Git, Golden, Ran
from tests.generate.conftest import PUSHED, ProjectFactory
from tests.generate.test_workflow_commands import Runner
from tests.generate.test_yaml import read

SETTINGS = 'settings={"image": {"repository": "ghcr.io/acme/{image}"}, "platforms": ["linux/arm64"]}'
NOXFILE = f"""\
# /// script
# dependencies = ["nox", "gomab-tasks", "acme-builds>=2"]
# ///
from gomab_tasks.nox import register

register(prefix="go-", {SETTINGS})
"""
TASKS = f"""\
from pathlib import Path

from invoke import Collection

from gomab_tasks.invoke import collection

ns = Collection()
ns.add_collection(collection(root=Path(__file__).parent, {SETTINGS}), name="go")
"""
NOX = ("nox", "-s", "go-{}", "--")
INVOKE = ("invoke", "go.{}")


def run(root: Path, words: tuple[str, ...], task: str, *options: str) -> Ran:
    """Run a task through a front door."""
    argv = [sys.executable, "-m", *(word.format(task) for word in words), *options]
    env = {**os.environ, "NOX_SCRIPT_MODE": "none"}  # what the noxfile names is not there to be installed
    return subprocess.run(argv, cwd=root, env=env, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def root(project: ProjectFactory) -> Path:
    """Give a project whose task files give settings."""
    root = project(name="hello").root
    (root / "noxfile.py").write_text(NOXFILE)
    (root / "tasks.py").write_text(TASKS)
    return root


@pytest.mark.parametrize(
    ("door", "typed", "packages"),
    [
        (NOX, "nox -s go-{}", "'gomab-tasks[nox]=={}' 'acme-builds>=2'"),
        (INVOKE, "invoke go.{}", "gomab-tasks=={}"),
    ],
    ids=["nox", "invoke"],
)
def test_settings_of_a_task_file(door: tuple[str, ...], typed: str, packages: str, root: Path) -> None:
    """The commands are the front door's, whose packages are installed; the script says who wrote it."""
    wrote = run(root, door, "workflow", "--write")
    assert wrote.returncode == 0, wrote.stderr
    jobs = read((root / ".github" / "workflows" / "images.yml").read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    install = f"python -m pip install {packages.format(gomab_tasks.__version__)}"
    cache_key, images, push = map(typed.format, ("cache-key", "images", "push"))
    assert commands == [install, cache_key, "go test ./...", images, install, push]
    assert run(root, door, "workflow", "--check").returncode == 0
    script = run(root, ("gomab_tasks", "{}"), "workflow", "--check")
    write = f"{typed.format('workflow')} {'-- ' if door == NOX else ''}--write"
    assert script.returncode == 7
    assert f"write it anew: gomab workflow --write; it was written by: {write}" in script.stderr


@pytest.mark.parametrize(
    ("only", "options", "lacking"),
    [
        ('"workflow", "images"', (), "cache-key, push"),
        ('"workflow", "images", "cache-key", "push"', ("--matrix",), "matrix, image"),
        ('"workflow", "images", "cache-key", "push"', (), ""),
    ],
)
@pytest.mark.parametrize("door", [NOX, INVOKE], ids=["nox", "invoke"])
def test_a_task_file_without_some_tasks(
    door: tuple[str, ...], only: str, options: tuple[str, ...], lacking: str, root: Path
) -> None:
    """CI could not type them: one line says so, and nothing is written."""
    for name in ("noxfile.py", "tasks.py"):
        file = root / name
        file.write_text(file.read_text().replace("settings=", f"only=[{only}], settings="))
    wrote = run(root, door, "workflow", "--write", *options)
    if lacking:
        assert (
            f"error: the workflow types {lacking}, which only= in the task file leaves out;" in wrote.stderr
        )
    assert (root / ".github").exists() is (lacking == "")


def test_tasks_of_several_calls(root: Path) -> None:
    """What another call of register() adds is there too."""
    file = root / "noxfile.py"
    more = 'register(prefix="go-", only=["cache-key", "images", "push"])'
    text = file.read_text().replace("settings=", 'only=["workflow"], settings=')
    file.write_text(f"{text}{more}\n")
    assert run(root, NOX, "workflow", "--write").returncode == 0


def test_a_dockerfile_of_settings_of_a_task_file(root: Path) -> None:
    """Whoever checks it with other settings is told who wrote it."""
    assert run(root, NOX, "dockerfile", "--write").returncode == 0
    assert run(root, INVOKE, "dockerfile", "--check").returncode == 0  # the same settings, another door
    script = run(root, ("gomab_tasks", "{}"), "dockerfile", "--check")
    assert "it was written by: nox -s go-dockerfile -- --write" in script.stderr


def test_nox(project: ProjectFactory, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a matrix, and a noxfile above the folder of pyproject.toml: tasks are typed where it lies."""
    monkeypatch.setattr(gomab_tasks, "__version__", "1.2.3")
    top = project(PUSHED).root
    folder = top / "services" / "pair"
    folder.mkdir(parents=True)
    for path in top.iterdir():
        if path.name not in (".git", "services"):
            path.rename(folder / path.name)
    (top / "noxfile.py").write_text(NOXFILE)
    monkeypatch.chdir(top)
    result = workflow(open_project(folder, command="nox -s {}"), matrix=True)
    golden("nox.yml", result.text().encode())


def test_packages_with_hashes(project: ProjectFactory) -> None:
    """Where the project has the file, nothing else is installed; without gomab it is of no use."""
    root = project(name="hello").root
    file = root / "gomab-requirements.txt"
    file.write_text(f"gomab_tasks==1.2.3 \\\n    --hash=sha256:{'5' * 64}\n")
    jobs = read(workflow(open_project(root), matrix=True).workflow)["jobs"]
    installed = {
        step["run"] for job in jobs.values() for step in job["steps"] if "pip" in step.get("run", "")
    }
    assert installed == {"python -m pip install --require-hashes --requirement=gomab-requirements.txt"}
    file.write_text("nox==1\n")
    with pytest.raises(SettingsError, match=r"^gomab-requirements\.txt does not name gomab-tasks"):
        workflow(open_project(root))


def test_a_noxfile_elsewhere(
    project: ProjectFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI would not have it."""
    one = project(name="hello")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="outside of the repository"):
        workflow(open_project(one.root, command="nox -s {}"))


def test_a_runner_that_types_nox(
    root: Path, tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session for each platform makes those of its entry, and skips the others."""
    monkeypatch.chdir(root)
    settings = {"platforms": ["linux/amd64", "linux/arm64"]}
    jobs = read(workflow(open_project(root, settings=settings, command="nox -s {}"), matrix=True).text())[
        "jobs"
    ]
    (root / "noxfile.py").write_text("from gomab_tasks.nox import register\n\nregister()\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=noxfile")
    runner = Runner(tmp_path / "runner", root, git)
    runner.run(jobs["plan"])
    assert "linux_amd64" in runner.outputs["matrix"]
    runner.run(jobs["image"], ARCH="linux/arm64")
    assert [path.stem for path in (runner.out / "records" / "hello").iterdir()] == ["linux_arm64"]
