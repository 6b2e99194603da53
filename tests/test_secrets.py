"""Secrets are replaced in every text, and ordinary words are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.secrets import has_login, redactor

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_TOKEN",
        "token",
        "NPM_AUTH",
        "DB_PASSWORD",
        "MYSQL_PASSWD",
        "GPG_PASSPHRASE",
        "CLIENT_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "REGISTRY_CREDENTIALS",
        "API_KEY",
        "APIKEY",
        "MY_PAT",
        "DOCKER_AUTH_CONFIG",
    ],
)
def test_named_values(name: str) -> None:
    """The value of a variable whose name says so is replaced, wherever it stands."""
    redact = redactor({name: "s3cr3t+value"})
    assert redact("a s3cr3t+value, twice: s3cr3t+value") == "a ***, twice: ***"


@pytest.mark.parametrize("name", ["GOFLAGS", "PATH", "KEYBOARD", "MONKEY", "PATTERN", "AUTHOR", "TURKEY_RUN"])
def test_other_values(name: str) -> None:
    """Names that only resemble those protect nothing."""
    assert redactor({name: "ordinary"})("an ordinary word") == "an ordinary word"


def test_short_values_and_paths(tmp_path: Path) -> None:
    """Values too short to be secret, and paths of what is there, stay readable."""
    path = tmp_path / "credentials.json"
    path.touch()
    redact = redactor({"TOKEN": "1", "SECRET": "yes", "GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert redact(f"1 yes {path}") == f"1 yes {path}"


def test_a_secret_that_looks_like_a_path() -> None:
    """Random secrets are often base64, one in sixty-four of which begins with a slash."""
    secret = "/9j4AAQSkZJRg/KGgo="
    assert redactor({"AWS_SECRET_ACCESS_KEY": secret})(f"key {secret}") == "key ***"


def test_overlapping_values() -> None:
    """Where one value contains another, nothing of the longer one is left."""
    assert redactor({"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghij"})("abcdefghij abcdef") == "*** ***"


def test_values_of_several_lines() -> None:
    """A value of several lines is replaced line by line too, for output comes so."""
    redact = redactor({"SIGNING_KEY": PEM})
    assert "MIIEv" not in redact(PEM)
    assert redact("read MIIEvQIBADANBgkqhkiG9w0B") == "read ***"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://me:pw@proxy.example/x", "https://***@proxy.example/x"),
        ("https://token@proxy.example", "https://***@proxy.example"),
        ("https://me:p@ss@proxy.example", "https://***@proxy.example"),
        ("GOPROXY=https://a:b@one,https://c:d@two,direct", "GOPROXY=https://***@one,https://***@two,direct"),
        ("get 'http://a:b@one': no", "get 'http://***@one': no"),
        ("ssh://git@one.example/x", "ssh://git@one.example/x"),
        ("ssh://git:pw@one.example/x", "ssh://***@one.example/x"),
        ("https://one.example/mail?to=me@two", "https://one.example/mail?to=me@two"),
        ("https://one.example?to=me@two", "https://one.example?to=me@two"),
        ("git@github.com:o/r and https://one.example", "git@github.com:o/r and https://one.example"),
    ],
)
def test_urls(text: str, redacted: str) -> None:
    """Every login in a URL goes, and nothing else of it."""
    assert redactor({})(text) == redacted


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("direct,https://me:pw@proxy.example", True),
        ("https://token@proxy.example", True),
        ("ssh://git:pw@host/x", True),
        ("ssh://git@host/x", False),
        ("ssh://git@host https://token@proxy.example", True),
        ("https://proxy.example/x@v1", False),
        ("git@github.com:o/r", False),
    ],
)
def test_logins(text: str, *, is_one: bool) -> None:
    """A name or a token is one, but for ssh, where a name alone only says how to call."""
    assert has_login(text) == is_one


def test_several_environments() -> None:
    """Each has its own value of a name."""
    redact = redactor({"A_TOKEN": "abcdef"}, {"A_TOKEN": "abcdefghij"})
    assert redact("abcdefghij abcdef") == "*** ***"
