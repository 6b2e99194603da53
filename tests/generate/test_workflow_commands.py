"""The commands of a workflow, run as GitHub's runners would, on a registry of the machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.tasks.ci import workflow
from tests.conftest import ToolFactory
from tests.generate.conftest import ProjectFactory
from tests.generate.test_yaml import read

Git = Callable[..., str]

TABLE = """
[tool.gomab.image]
repository = "ghcr.io/acme/{image}"
tags = ["{version}", "latest"]
[tool.gomab.images.api]
[tool.gomab.images.worker]
"""


class Runner:
    """Be a runner for one job: a fresh clone, and the `run` steps in order."""

    def __init__(self, folder: Path, source: Path, git: Git, *, tag: bool = False) -> None:
        git(folder.parent, "clone", "--quiet", str(source), str(folder))
        self.folder, self.tag = folder, tag
        self.out = folder / "build" / "gomab"
        self.outputs: dict[str, str] = {}
        self.summary = folder.parent / f"{folder.name}-summary"

    def run(self, job: Mapping[str, Any], **env: str) -> None:
        """Run what gomab has to do in a job; `env` are values of expressions."""
        for step in job["steps"]:
            if step.get("run", "").startswith(("gomab", "nox", "if ")):
                self.shell(step["run"], env)

    def keep(self, folder: Path) -> None:
        """Do as actions/upload-artifact: files only, their modes forgotten."""
        for path in self.out.rglob("*"):
            relative = path.relative_to(self.out)
            if path.is_file() and relative.parts[0] != "bin":
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / relative)

    def shell(self, script: str, env: Mapping[str, str]) -> None:
        """Run a script as a step."""
        output = self.folder.parent / f"{self.folder.name}-output"
        files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(self.summary)}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        ref = {"GITHUB_REF_TYPE": "tag" if self.tag else "branch"}
        subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.folder,
            env={**os.environ, **files, **env, **ref, "PATH": path},
            check=True,
        )
        text = output.read_text() if output.exists() else ""
        self.outputs = dict(re.findall(r"^(.+)<<\w+\n(.*)\n", text, re.MULTILINE))


@dataclass(frozen=True, slots=True)
class Repository:
    """Hold a repository, and the jobs of the workflows for it."""

    root: Path
    jobs: Mapping[str, Any]
    matrix_jobs: Mapping[str, Any]


@pytest.fixture
def repository(project: ProjectFactory, registry: str, git: Git) -> Repository:
    """Give a repository with a tag, that goes to the machine's registry.

    No workflow pushes to loopback addresses, so it is written for another registry.
    """
    one = project(TABLE)
    texts = [workflow(one, matrix=matrix).workflow for matrix in (False, True)]
    (one.root / "pyproject.toml").write_text(TABLE.replace("ghcr.io", registry))
    git(one.root, "commit", "--quiet", "--all", "--message=registry")
    git(one.root, "tag", "v1.2.3")
    return Repository(one.root, *(read(text)["jobs"] for text in texts))


@pytest.fixture
def gitlab() -> Mapping[str, Any]:
    """Give the jobs for GitLab that the page about CI shows."""
    found: Mapping[str, Any] = read(gitlab_text())
    return found


def gitlab_text() -> str:
    page = (Path(__file__).parents[2] / "docs" / "ci.md").read_text()
    return page.partition("<!-- gitlab -->\n```yaml\n")[2].partition("```\n")[0]


@pytest.mark.tool("docker-registry")
def test_one_runner_builds_and_another_pushes(
    repository: Repository, tmp_path: Path, git: Git, registry: str
) -> None:
    """What is pushed is what was built, under a clean version; a release leaves `latest` alone."""
    build = Runner(tmp_path / "build", repository.root, git)
    build.run(repository.jobs["images"])
    assert build.outputs["build"].startswith(build.outputs["build-restore"])
    assert "| api | linux/arm64 |" in build.summary.read_text()
    digests = {name: index_digest(build.out, name) for name in ("api", "worker")}
    build.keep(tmp_path / "artifact")
    release = Runner(tmp_path / "release", repository.root, git, tag=True)
    shutil.copytree(tmp_path / "artifact", release.out)
    release.run(repository.jobs["push"])
    assert {name: release.outputs[f"digest-{name}"] for name in digests} == digests
    assert release.outputs["repository-api"] == f"{registry}/acme/api"
    assert f"{registry}/acme/api:1.2.3@{digests['api']}" in release.summary.read_text()
    assert ":latest@" not in release.summary.read_text()
    main = Runner(tmp_path / "main", repository.root, git)
    shutil.copytree(tmp_path / "artifact", main.out)
    main.run(repository.jobs["push"])
    assert f"{registry}/acme/worker:latest@{digests['worker']}" in main.summary.read_text()


@pytest.mark.tool("docker-registry")
def test_many_runners_make_the_same(
    repository: Repository, tmp_path: Path, git: Git, registry: str, gitlab: Mapping[str, Any]
) -> None:
    """The matrix's commands give the digests of a single runner, and GitLab's job pushes them."""
    jobs = repository.matrix_jobs
    alone = Runner(tmp_path / "alone", repository.root, git)
    alone.run(repository.jobs["images"])
    plan = Runner(tmp_path / "plan", repository.root, git)
    plan.run(jobs["plan"])
    entries = json.loads(plan.outputs["matrix"])["include"]
    assert [entry["arch"] for entry in entries] == ["linux/amd64", "linux/arm64"]
    for entry in entries:
        runner = Runner(tmp_path / entry["name"], repository.root, git)
        runner.run(jobs["image"], ARCH=entry["arch"])
        runner.keep(tmp_path / "artifact")
    last = Runner(tmp_path / "last", repository.root, git)
    shutil.copytree(tmp_path / "artifact", last.out)
    last.run(jobs["images"])
    for name in ("api", "worker"):
        assert index_digest(last.out, name) == index_digest(alone.out, name)
    assert last.summary.read_text() == alone.summary.read_text()
    login = {"CI_REGISTRY": registry, "CI_REGISTRY_USER": "somebody", "CI_REGISTRY_PASSWORD": "secret-word"}
    last.shell("\n".join(gitlab["push"]["script"]), login)
    assert last.outputs["digest-api"] == index_digest(alone.out, "api")


def test_the_page_for_gitlab(
    gitlab: Mapping[str, Any], repository: Repository, tool: ToolFactory, tmp_path: Path
) -> None:
    """GitLab's schema allows it, and its jobs run what those of the matrix do."""
    (tmp_path / "gitlab.yml").write_text(gitlab_text())
    program = tool("check-jsonschema")
    subprocess.run([program, "--builtin-schema", "vendor.gitlab-ci", tmp_path / "gitlab.yml"], check=True)
    for job, matrix_job in (("platforms", "image"), ("join", "images")):
        commands = [step.get("run") for step in repository.matrix_jobs[matrix_job]["steps"]]
        assert set(gitlab[job]["script"]) <= set(commands)


def index_digest(out: Path, image: str) -> str:
    index = json.loads((out / "images" / image / "index.json").read_bytes())
    digest: str = index["manifests"][0]["digest"]
    return digest
