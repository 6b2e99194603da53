"""Which client speaks to BuildKit, and with which words; tests/buildkit has real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.backends.solve import describe_builder, find_client
from gomab_tasks.errors import ToolError
from gomab_tasks.process import Processes
from gomab_tasks.secrets import redactor
from gomab_tasks.settings import BuildKit
from tests.conftest import ToolFactory

Install = Callable[..., Processes]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Put programs on a PATH of their own; `docker` knows buildx only if that is said."""

    def run(*names: str, docker_has_buildx: bool = True, **variables: str) -> Processes:
        for name in names:
            code = 0 if docker_has_buildx or name != "docker" else 1
            (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
            (tmp_path / name).chmod(0o755)
        environment = {"PATH": str(tmp_path), **variables}
        return Processes(environment, redactor(environment))

    return run


@pytest.mark.parametrize(
    ("names", "builder", "chosen"),
    [
        (("docker", "buildx", "buildctl"), None, ("docker", "buildx")),
        (("buildx", "buildctl"), None, ("buildx",)),
        (("buildctl",), None, ("buildctl",)),
        (("docker", "buildx", "buildctl"), "ci", ("docker", "buildx")),
        (("docker", "buildx", "buildctl"), "tcp://10.0.0.1:1234", ("buildctl",)),
    ],
)
def test_choice(
    names: tuple[str, ...], builder: str | None, chosen: tuple[str, ...], install: Install
) -> None:
    """buildx first, as it knows builders; an address is buildctl's."""
    assert find_client(install(*names), BuildKit(builder=builder)).words == chosen


def test_docker_without_buildx(install: Install) -> None:
    """Debian's docker has none: the next client is taken."""
    processes = install("docker", "buildctl", docker_has_buildx=False)
    assert find_client(processes, BuildKit()).words == ("buildctl",)


def test_the_environments_address(install: Install) -> None:
    """BUILDKIT_HOST is buildctl's own variable, unless the table names a builder."""
    processes = install("buildx", "buildctl", BUILDKIT_HOST="unix:///run/b")
    assert find_client(processes, BuildKit()).words == ("buildctl",)
    assert find_client(processes, BuildKit(builder="ci")).words == ("buildx",)


def test_nothing_there(install: Install) -> None:
    """The message says what was looked for."""
    with pytest.raises(ToolError, match="needs one of these programs: buildctl; install"):
        find_client(install("docker"), BuildKit(builder="unix:///run/b"))


@pytest.mark.tool("buildx")
def test_machines_that_do_not_answer(tool: ToolFactory, tmp_path: Path) -> None:
    """They are named, with where they were looked for."""
    environment = {"PATH": str(tool("buildx").parent), "HOME": str(tmp_path), "BUILDX_CONFIG": str(tmp_path)}
    processes = Processes(environment, redactor(environment))
    for number, more in enumerate(("--platform=linux/amd64", "--append")):
        words = ["buildx", "create", "--name=fleet", "--driver=remote", more, f"tcp://127.0.0.1:{number + 1}"]
        assert not processes.run(words).code
    with pytest.raises(
        ToolError,
        match=r"fleet0 at tcp://127\.0\.0\.1:1, fleet1 at tcp://127\.0\.0\.1:2: deadline .*; no BuildKit",
    ):
        describe_builder(processes, BuildKit(builder="fleet"))
