"""References are taken apart as Docker takes them apart, whoever reads them."""

from __future__ import annotations

import pytest

from gomab_tasks import grammar


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("localhost", True),
        ("Registry.LAN:5000", True),
        ("[::1]:65535", True),
        ("registry.lan:65536", False),
        ("registry.lan:0", False),
        ("registry.lan:", False),
        ("registry.lan/a", False),
        ("-a", False),
        ("a\n", False),
        ("", False),
    ],
)
def test_hosts(text: str, *, answer: bool) -> None:
    """With a port that there can be, or without."""
    assert grammar.is_host(text) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("api", True),
        ("GHCR.io/acme/a__b-c", True),
        ("localhost:5000/api", True),
        ("Acme/api", False),
        ("localhost:70000/api", False),
        ("ghcr.io/", False),
        ("acme/api:v1", False),
    ],
)
def test_repositories(text: str, *, answer: bool) -> None:
    """Hosts may have capitals, names may not; a first part without dot or colon is no host."""
    assert grammar.is_repository(text) is answer


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("api", ("api", None, None)),
        ("localhost:5000/api", ("localhost:5000/api", None, None)),
        ("localhost:5000/api:v1@x", ("localhost:5000/api", "v1", "x")),
        ("api@x", ("api", None, "x")),
        ("api:@", ("api", "", "")),
    ],
)
def test_references_are_taken_apart(text: str, parts: tuple[str, str | None, str | None]) -> None:
    """A colon before a slash is that of a port; what is empty is there all the same."""
    assert grammar.split_reference(text) == parts
