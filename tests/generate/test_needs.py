"""What a workflow needs follows from the table."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gomab_tasks.generate.needs import find_needs
from gomab_tasks.progress.events import Event
from tests.generate.conftest import ProjectFactory


@pytest.mark.parametrize(
    ("repository", "registries"),
    [
        ("GHCR.io/acme/x", ("ghcr.io",)),
        ("index.docker.io/acme/x", ("docker.io",)),
        ("acme/x", ("docker.io",)),
        ("registry.lan:5000/x", ("registry.lan:5000",)),
        ("{env.Registry}/x", ("${{ vars.Registry }}",)),
        ("{env.REGION}.docker.example:5000/x", ("${{ vars.REGION }}.docker.example:5000",)),
        ("{env.GITHUB_REPOSITORY_OWNER}/x", ()),
        ("{env.WHOLE}", ()),
    ],
)
def test_registries_that_need_a_login(
    repository: str, registries: tuple[str, ...], project: ProjectFactory
) -> None:
    """They are named as `push` knows them."""
    table = f'[tool.gomab]\nimage.repository = "{repository}"\n'
    assert find_needs(project(table, "hello")).registries == registries


@pytest.mark.parametrize(
    ("repository", "remark"),
    [
        (
            "{env.GITHUB_REPOSITORY_OWNER}/x",
            (
                "begins with a template, so the workflow logs in to no registry for it; "
                "write the registry in front: 'docker.io/{env.GITHUB_REPOSITORY_OWNER}/x'"
            ),
        ),
        (
            "localhost:5000/x",
            "is on the runner itself, so the workflow pushes nothing; name another registry",
        ),
        ("{env.REGISTRY}/x", ""),
        ("ghcr.io/x", ""),
    ],
)
def test_what_a_repository_keeps_out(repository: str, remark: str, project: ProjectFactory) -> None:
    """A push or a login that the workflow lacks is said, with the line."""
    events: list[Event] = []
    table = f'[tool.gomab]\nimage.repository = "{repository}"\n'
    find_needs(replace(project(table, "hello"), emit=events.append))
    said = [event.text for event in events if event.kind == "warned"]
    line = f"pyproject.toml:2: image.repository is '{repository}', which {remark}"
    assert said == ([line] if remark else [])
