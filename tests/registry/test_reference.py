"""References are read as Docker reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.registry.reference import Reference, Repository, api_host, parse_reference, parse_repository

DIGEST = "sha256:" + "a" * 64
ALPINE = Repository("docker.io", "library/alpine")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("alpine", Reference(ALPINE, "latest")),
        ("docker.io/alpine:3", Reference(ALPINE, "3")),
        ("index.docker.io/library/alpine", Reference(ALPINE, "latest")),
        ("registry-1.docker.io/alpine", Reference(ALPINE, "latest")),
        ("acme/api:v1", Reference(Repository("docker.io", "acme/api"), "v1")),
        ("GHCR.io/acme/api:V1", Reference(Repository("ghcr.io", "acme/api"), "V1")),
        ("localhost/api", Reference(Repository("localhost", "api"), "latest")),
        ("localhost:5000/a/b/c", Reference(Repository("localhost:5000", "a/b/c"), "latest")),
        ("[::1]:5000/a:x", Reference(Repository("[::1]:5000", "a"), "x")),
        (f"quay.io/a/b@{DIGEST}", Reference(Repository("quay.io", "a/b"), "", DIGEST)),
        (f"quay.io/a/b:v1@{DIGEST}", Reference(Repository("quay.io", "a/b"), "v1", DIGEST)),
        ("quay.io/a__b/c-d.e", Reference(Repository("quay.io", "a__b/c-d.e"), "latest")),
    ],
)
def test_references_are_read(text: str, reference: Reference) -> None:
    """With Docker Hub's short names, and a digest before a tag."""
    assert parse_reference(text) == reference
    assert parse_reference(str(reference)) == reference
    assert reference.target == (reference.digest or reference.tag)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://ghcr.io/a", "repository 'https://ghcr.io/a': write it without 'https://': 'ghcr.io/a'"),
        (
            "ghcr.io/Acme/api",
            "repository 'ghcr.io/Acme/api': names of repositories are in lower case: 'acme/api'",
        ),
        ("ghcr.io/acme//api", "repository 'ghcr.io/acme//api': write it as registry/path, in lower case"),
        ("", "repository '': write it as registry/path"),
        ("gh_cr.io/api", "repository 'gh_cr.io/api': 'gh_cr.io' is no host name"),
        ("localhost:65536/api", "'localhost:65536' is no host name"),
        ("ghcr.io/api:", "tag '': may have only letters, digits"),
        ("ghcr.io/api:a+b", "tag 'a+b': may have only letters, digits"),
        ("ghcr.io/api@sha256:abc", "image: '@sha256:abc' is no digest; that is 'sha256:' and 64"),
        (f"ghcr.io/{'a' * 256}", "is longer than 255 characters; shorten it"),
        ("ghcr.io/a\n", "write it as registry/path"),
    ],
)
def test_what_is_no_reference_is_told(text: str, message: str) -> None:
    """With what is wrong and how it is written."""
    with pytest.raises(SettingsError) as caught:
        parse_reference(text)
    assert message in str(caught.value)


def test_the_api_of_docker_hub_is_elsewhere() -> None:
    """docker.io itself is a website."""
    assert api_host(ALPINE.registry) == "registry-1.docker.io"
    assert api_host("ghcr.io") == "ghcr.io"


@pytest.mark.parametrize("text", ["bob:hunter2pw@localhost:5000/foo", "https://bob:hunter2pw@ghcr.io/foo"])
@pytest.mark.parametrize("read", [parse_repository, parse_reference])
def test_a_login_is_not_repeated(read: Callable[[str], object], text: str) -> None:
    """It would stand in logs and in results."""
    with pytest.raises(SettingsError) as caught:
        read(text)
    assert "hunter2pw" not in str(caught.value)
