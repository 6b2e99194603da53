"""What a workflow needs follows from the table."""

from __future__ import annotations

import pytest

from gomab_tasks.generate.needs import find_needs
from tests.generate.conftest import ProjectFactory


@pytest.mark.parametrize(
    ("repository", "registries"),
    [
        ("GHCR.io/acme/x", ("ghcr.io",)),
        ("index.docker.io/acme/x", ("docker.io",)),
        ("acme/x", ("docker.io",)),
        ("registry.lan:5000/x", ("registry.lan:5000",)),
        ("{env.REGISTRY}/x", ()),
    ],
)
def test_registries_that_need_a_login(
    repository: str, registries: tuple[str, ...], project: ProjectFactory
) -> None:
    """They are named as `push` knows them."""
    table = f'[tool.gomab]\nimage.repository = "{repository}"\n'
    assert find_needs(project(table, "hello")).registries == registries
