"""What was not built, or not joined, is told with what there is, and a command that mends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gomab_tasks.errors import NotMeasurableError
from gomab_tasks.progress.events import Event
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.delivery import archive, push, smoke
from gomab_tasks.tasks.images import image, images
from tests.conftest import ModuleFactory

SETTINGS = {"smoke": {"args": []}, "image": {"repository": "localhost:1/{image}", "tags": ["v1"]}}


@pytest.fixture
def project(module: ModuleFactory) -> Project:
    return open_project(module("hello"), settings=SETTINGS)


@pytest.mark.parametrize("task", [push, archive, smoke])
def test_platforms_that_were_not_joined(task: Callable[..., object], project: Project) -> None:
    """They are named, and joined without a build."""
    image(project, arch=("amd64",))
    alone = (
        r"^hello linux/amd64: was built, but not joined; join it: gomab images --join --arch linux/amd64, "
        r"or build all: gomab images$"
    )
    with pytest.raises(NotMeasurableError, match=alone):
        task(project)
    images(project, arch=("linux/amd64",), join=True)


def test_all_platforms_that_were_not_joined(project: Project) -> None:
    """Those of the table need no `--arch`."""
    image(project)
    with pytest.raises(NotMeasurableError, match=r"built, but not joined; join them: gomab images --join$"):
        archive(project)
    images(project, join=True)


def test_a_platform_that_is_not_in_the_index(project: Project) -> None:
    """Whether it was built decides what mends it."""
    images(project)
    archs = ("amd64", "s390x")
    built = r"linux/s390x: was not built, only linux/amd64, linux/arm64; build it: gomab images --arch "
    with pytest.raises(NotMeasurableError, match=rf"^hello {built}linux/amd64,linux/s390x, or choose others"):
        archive(project, arch=archs)
    image(project, arch=("s390x",))
    join = "gomab images --join --arch linux/amd64,linux/arm64,linux/s390x"
    with pytest.raises(
        NotMeasurableError, match=rf"^hello linux/s390x: was built, but not joined; join it: {join}$"
    ):
        archive(project, arch=archs)
    images(project, arch=("all", "s390x"), join=True)
    assert archive(project, arch=archs).archives[0].platforms == ("linux/amd64", "linux/s390x")


def test_a_platform_that_was_built_anew(project: Project) -> None:
    """Until it is joined, the previous one is handed on, which nobody would think of."""
    images(project)
    events: list[Event] = []
    project = open_project(
        project.root, settings=SETTINGS | {"image": {"args": ["x"], "tags": ["v1"]}}, emit=events.append
    )
    archive(project)
    assert not [event for event in events if event.kind == "warned"]
    image(project, arch=("amd64",))
    archive(project)
    (warning,) = [event.text for event in events if event.kind == "warned"]
    assert warning.startswith("hello linux/amd64: was built anew since it was joined, and this is about the ")
    assert "join it: gomab images --join" in warning


def test_a_platform_without_a_record(project: Project) -> None:
    """`push` by digest and bills of materials need single platforms only."""
    images(project)
    words = r"^hello linux/s390x: was not built, only linux/amd64, linux/arm64; build it: gomab image --arch "
    with pytest.raises(NotMeasurableError, match=rf"{words}linux/s390x$"):
        push(project, arch=("s390x",))
