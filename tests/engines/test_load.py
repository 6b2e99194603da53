"""The task `load`, with real engines."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from gomab_tasks.errors import NotMeasurableError, SettingsError, ToolError
from gomab_tasks.oci.archive import write_archive
from gomab_tasks.oci.layout import Layout
from gomab_tasks.project import open_project
from gomab_tasks.tasks.delivery import archive, load
from gomab_tasks.tasks.images import images
from tests.conftest import ModuleFactory
from tests.engines.conftest import OWN, Open, Real


def test_the_loaded_image_runs(module: ModuleFactory, engine: Real, opened: Open) -> None:
    """The platform is the engine's own, and the command that is printed runs it."""
    root = module("hello")
    (root / "pyproject.toml").write_text('[tool.gomab]\nimage.tags = ["v1"]\n')
    images(open_project(root), arch=(OWN,))
    (one,) = load(opened(root)).loaded
    assert (one.engine, one.platform) == (engine.name, f"linux/{OWN}")
    assert one.references == ("docker.io/library/hello:v1",)
    assert one.run == f"{engine.name} run --rm hello:v1"
    assert f"hello from linux/{OWN}" in engine.run(*shlex.split(one.run)[1:])


def test_another_platform(serving: Path, engine: Real, opened: Open) -> None:
    """`--arch` loads it, and the command names it; ports are published."""
    (one,) = load(opened(serving), arch=("arm64",)).loaded
    assert engine.run("image", "inspect", "--format", "{{.Architecture}}", "serving:v1") == "arm64"
    platform = "" if OWN == "arm64" else " --platform linux/arm64"
    assert one.run == f"{engine.name} run --rm -p 18089:18089{platform} serving:v1"
    assert one.run in load(opened(serving), arch=("arm64",)).text()


def test_all_tags_are_loaded(serving: Path, engine: Real, opened: Open) -> None:
    """With a repository the image bears its name, and every tag of the table."""
    table = '[tool.gomab.image]\nrepository = "ghcr.io/acme/{image}"\ntags = ["v2", "{image}"]\n'
    (serving / "pyproject.toml").write_text(table)
    load(opened(serving))
    for tag in ("v2", "serving"):
        engine.run("image", "inspect", f"ghcr.io/acme/serving:{tag}")


def test_archives_of_several_platforms(serving: Path, engine: Real, opened: Open) -> None:
    """The file of `archive` goes into every engine."""
    (one,) = archive(opened(serving, image={"repository": "example.com/archived"})).archives
    assert one.platforms == ("linux/amd64", "linux/arm64")
    assert "example.com/archived:v1" in engine.run("load", "--input", str(serving / one.path))
    engine.run("image", "inspect", "example.com/archived:v1")


def test_one_platform_at_a_time(serving: Path, podman: Real) -> None:
    """Two under one tag would leave only the last."""
    project = open_project(serving, environment=os.environ | podman.variables)
    with pytest.raises(SettingsError, match="choose one"):
        load(project, arch=("amd64", "arm64"))
    with pytest.raises(NotMeasurableError, match=r"serving linux/s390x: was not built, only .*gomab images"):
        load(project, arch=("s390x",))


def test_tags_without_git(serving: Path, podman: Real) -> None:
    """The default tag needs a commit; a file and an engine get another one, and that is said."""
    (serving / "pyproject.toml").write_text("[tool.gomab]\n")
    said: list[str] = []
    variables = os.environ | podman.variables
    project = open_project(serving, environment=variables, emit=lambda event: said.append(event.text))
    assert archive(project).archives[0].references == ("docker.io/library/serving:dev",)
    assert load(project).loaded[0].run.endswith("serving:dev")
    words = "serving: gets the tag 'dev', since pyproject.toml: image.tags takes {git.short}, which has no "
    assert sum(text.startswith(words) for text in said) == 2


def test_chosen_tags_without_git(serving: Path) -> None:
    """What the table asks for is not replaced; the message names the cure."""
    (serving / "pyproject.toml").write_text('[tool.gomab]\nimage.tags = ["{git.tag}"]\n')
    with pytest.raises(SettingsError, match=r"^pyproject\.toml:2: image\.tags takes \{git\.tag\}, .*init"):
        archive(open_project(serving))


def test_no_engine(serving: Path, tmp_path: Path) -> None:
    """The message says what was looked for, and what works without one."""
    named = open_project(serving, settings={"engine": "kind"}, environment={"PATH": str(tmp_path)})
    with pytest.raises(ToolError, match=r"^no engine: looked for kind on PATH; install it, or set"):
        load(named)
    project = open_project(serving, environment={"PATH": str(tmp_path)})
    with pytest.raises(ToolError, match=r"looked for docker, podman and kind on PATH.*gomab archive"):
        load(project)


@pytest.mark.tool("skopeo")
def test_kind(serving: Path, tmp_path: Path) -> None:
    """kind is asked for its nodes, then given a file that is a whole archive; kubectl runs the image.

    There is no cluster here: a script stands for kind, with a reader of archives behind it.
    """
    script = '#!/bin/sh\ncase "$1 $2" in "get nodes") echo node ;; "load image-archive") exec skopeo inspect '
    (tmp_path / "kind").write_text(f'{script} "oci-archive:$3:v1" >"$KIND_LOG" ;; *) exit 2 ;; esac\n')
    (tmp_path / "kind").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "KIND_LOG": str(tmp_path / "log")}
    project = open_project(serving, settings={"engine": "kind"}, environment=variables)
    (one,) = load(project, arch=(OWN,)).loaded
    assert one.run == "kubectl run serving --image=serving:v1 --image-pull-policy=Never"
    assert f'"Architecture": "{OWN}"' in (tmp_path / "log").read_text()


@pytest.mark.tool("docker")
def test_an_engine_that_is_down(serving: Path) -> None:
    """One line with the engine's own words, which may end in a question, apart from what to do."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    project = open_project(serving, settings={"engine": "docker"}, environment=environment)
    words = r"^docker does not answer \(.*/nowhere/docker\.sock.*\); a file needs no engine: gomab archive$"
    with pytest.raises(ToolError, match=words):
        load(project)


def test_nothing_built(module: ModuleFactory) -> None:
    """Nothing is built in passing: the message says how to."""
    project = open_project(module("serving"))
    for task in (load, archive):
        with pytest.raises(NotMeasurableError, match="gomab images"):
            task(project)


def test_archive_again(serving: Path) -> None:
    """The file is the same each time; one with fewer platforms than the table is asked for by name."""
    project = open_project(serving)
    (one,) = archive(project).archives
    before = (serving / one.path).read_bytes()
    assert (archive(project).archives[0].size, (serving / one.path).read_bytes()) == (len(before), before)
    wider = open_project(serving, settings={"platforms": ["linux/amd64", "linux/arm64", "linux/s390x"]})
    with pytest.raises(NotMeasurableError, match="linux/s390x: was not built"):
        archive(wider)
    assert archive(wider, arch=("arm64",)).archives[0].platforms == ("linux/arm64",)


def test_archive_has_the_layout_s_digest(serving: Path, tmp_path: Path) -> None:
    """What the file is identified by is what `push` would publish."""
    (one,) = archive(open_project(serving)).archives
    layout = Layout(serving / "build/gomab/images/serving")
    index, content = layout.read_index()
    assert one.digest == index.digest
    assert write_archive(layout, content.manifests[:1], one.references, tmp_path / "x") != index.digest
