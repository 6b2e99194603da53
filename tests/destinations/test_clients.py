"""Registries are reached as the table says."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest

from gomab_tasks.destinations.clients import Registries
from gomab_tasks.errors import RegistryError, SettingsError
from gomab_tasks.project import open_project
from gomab_tasks.registry.reference import parse_repository
from tests.registry.server import serving


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        ("junk", "holds no CA certificates in PEM form"),
        (
            "-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----\n",
            "holds no CA certificates in PEM form",
        ),
    ],
)
def test_a_wrong_ca_file(tmp_path: Path, content: str | None, problem: str) -> None:
    """It is a problem of the table, told with its line, before anything is sent."""
    (tmp_path / "pyproject.toml").write_text('[tool.gomab.registry]\nca-file = "ca.pem"\n')
    if content:
        (tmp_path / "ca.pem").write_text(content)
    with Registries(open_project(tmp_path)) as registries, pytest.raises(SettingsError) as caught:
        registries.client(parse_repository("registry.invalid/a"))
    assert str(caught.value) == f"pyproject.toml:2: registry.ca-file is 'ca.pem', which {problem}"


def test_a_ca_file_outside_of_the_project(tmp_path: Path) -> None:
    """A company's authority lies where its machines have it."""
    place = tmp_path / "etc/company.pem"
    place.parent.mkdir()
    place.write_bytes(Path(certifi.where()).read_bytes())
    (tmp_path / "project").mkdir()
    project = open_project(tmp_path / "project", settings={"registry": {"ca-file": str(place)}})
    with Registries(project) as registries:
        registries.client(parse_repository("registry.invalid/a"))
    place.write_text("junk")
    with Registries(project) as registries, pytest.raises(SettingsError, match="which holds no CA"):
        registries.client(parse_repository("registry.invalid/a"))


def test_a_registry_without_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the line that allows it."""
    (tmp_path / "pyproject.toml").write_text("[tool.gomab]\n")
    monkeypatch.setattr("gomab_tasks.registry.transport.is_loopback", lambda _: False)
    monkeypatch.setattr("gomab_tasks.registry.session.is_loopback", lambda _: False)
    with serving() as state, Registries(open_project(tmp_path)) as registries:
        repository = parse_repository(f"{state.address}/a")
        with pytest.raises(RegistryError) as caught:
            registries.client(repository).find_digest(repository, "v1")
    assert f'registry.plain-http = ["{state.address}"]' in str(caught.value)
