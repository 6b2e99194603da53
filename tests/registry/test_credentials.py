"""Logins are found where Docker and Podman users have them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.errors import RegistryError
from gomab_tasks.process import Processes
from gomab_tasks.registry.credentials import Found, config_paths, find_credentials
from gomab_tasks.registry.login import Credentials
from gomab_tasks.registry.reference import parse_repository
from gomab_tasks.secrets import redactor

Find = Callable[[str], Found]
Helper = Callable[[str, str], None]

CURE = "install or mend it, or take its name out of there"


def entry(user: str, password: str = "pass") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


@pytest.fixture
def docker(environment: dict[str, str]) -> Path:
    """Give the path of Docker's config.json."""
    return Path(environment["HOME"], ".docker", "config.json")


@pytest.fixture
def find(environment: dict[str, str]) -> Find:
    """Look for the login of a repository."""

    def run(repository: str) -> Found:
        processes = Processes(environment, redactor(environment))
        return find_credentials(parse_repository(repository), processes, pytest.fail)

    return run


@pytest.fixture
def helper(environment: dict[str, str]) -> Helper:
    """Install a credential helper: a shell script."""

    def install(name: str, script: str) -> None:
        path = Path(environment["PATH"], f"docker-credential-{name}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\nread -r server\n{script}\n")
        path.chmod(0o755)

    return install


def user(found: Found) -> str:
    assert found.credentials is not None, found.remarks
    return found.credentials.username


def test_without_any_file_there_is_none(find: Find) -> None:
    """And nothing to remark."""
    assert find("ghcr.io/a") == Found()


def test_the_order_of_places(find: Find, environment: dict[str, str], docker: Path, tmp_path: Path) -> None:
    """$DOCKER_AUTH_CONFIG, $REGISTRY_AUTH_FILE, Docker's, Podman's; the first with a login wins."""
    home = Path(environment["HOME"])
    write(home / ".config/containers/auth.json", {"auths": {"ghcr.io": entry("home")}})
    assert user(find("ghcr.io/a")) == "home"
    environment["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    write(tmp_path / "run/containers/auth.json", {"auths": {"ghcr.io": entry("runtime")}})
    assert user(find("ghcr.io/a")) == "runtime"
    write(docker, {"auths": {"ghcr.io": entry("docker")}})
    assert user(find("ghcr.io/a")) == "docker"
    environment["DOCKER_CONFIG"] = str(tmp_path / "other")
    assert user(find("ghcr.io/a")) == "runtime"
    write(tmp_path / "other/config.json", {"auths": {"ghcr.io": entry("named")}})
    assert user(find("ghcr.io/a")) == "named"
    environment["REGISTRY_AUTH_FILE"] = str(tmp_path / "auth.json")
    write(tmp_path / "auth.json", {"auths": {"ghcr.io": entry("file")}})
    assert user(find("ghcr.io/a")) == "file"
    environment["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"ghcr.io": entry("inline")}})
    found = find("ghcr.io/a")
    assert user(found) == "inline"
    assert found.credentials
    assert found.credentials.where == "DOCKER_AUTH_CONFIG"
    assert user(find("ghcr.io/a")) == "inline"


def test_no_home_is_no_problem() -> None:
    """As in some containers; there, Podman writes to a place of its own."""
    assert config_paths({}) == [Path(f"/run/containers/{os.getuid()}/auth.json")]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"auth": "dTpwOnE="}, Credentials("", "u", "p:q")),
        ({"auth": "dTpwAAA="}, Credentials("", "u", "p")),
        ({"username": "u", "password": "p"}, Credentials("", "u", "p")),
        ({"auth": "dTo=", "identitytoken": "t"}, Credentials("", "u", "", "t")),
        ({"registrytoken": "t"}, Credentials("", "", "", "", "t")),
    ],
)
def test_all_forms_of_entries(
    find: Find, docker: Path, fields: dict[str, str], expected: Credentials
) -> None:
    """As `docker login` and others write them."""
    write(docker, {"auths": {"ghcr.io": fields}})
    credentials = find("ghcr.io/a").credentials
    assert credentials == Credentials(
        str(docker), expected.username, expected.password, expected.identity_token, expected.registry_token
    )


@pytest.mark.parametrize(
    "key",
    [
        "https://index.docker.io/v1/",
        "https://index.docker.io/v2/",
        "index.docker.io/v1/",
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
    ],
)
@pytest.mark.parametrize("repository", ["acme/api", "registry-1.docker.io/acme/api"])
def test_docker_hub_has_many_names(find: Find, docker: Path, key: str, repository: str) -> None:
    """All mean the same."""
    write(docker, {"auths": {"quay.io": entry("other"), key: entry("hub")}})
    assert user(find(repository)) == "hub"


@pytest.mark.parametrize(
    "key",
    ["https://ghcr.io", "http://ghcr.io/", "https://ghcr.io/v1/", "https://ghcr.io/some/path", "GHCR.io"],
)
def test_keys_may_be_addresses(find: Find, docker: Path, key: str) -> None:
    """Docker compares hosts."""
    write(docker, {"auths": {key: entry("u")}})
    assert user(find("ghcr.io/a/b")) == "u"


@pytest.mark.parametrize(
    "repository", ["ghcr.io.evil.example/a", "evil.example/ghcr.io", "ghcr.io:444/a", "io/a"]
)
def test_no_login_goes_to_another_registry(find: Find, docker: Path, repository: str) -> None:
    """However similar its name is."""
    write(docker, {"auths": {"ghcr.io": entry("u")}})
    assert find(repository) == Found()


def test_the_longest_namespace_wins(find: Find, docker: Path) -> None:
    """As containers-auth.json(5) has it."""
    keys = ["quay.io", "quay.io/acme", "quay.io/acme/x"]
    write(docker, {"auths": {key: entry(key) for key in keys}})
    assert user(find("quay.io/acme/x/y")) == "quay.io/acme/x"
    assert user(find("quay.io/acme/xy")) == "quay.io/acme"
    assert user(find("quay.io/other")) == "quay.io"


def test_a_bad_entry_does_not_break_the_others(find: Find, docker: Path) -> None:
    """Neither those beside it nor those in the next file."""
    write(docker, {"auths": {"a.example": {"auth": "%%"}, "b.example": 7, "ghcr.io": entry("u")}, "x": 1})
    assert find("ghcr.io/a") == Found(Credentials(str(docker), "u", "pass"))
    found = find("a.example/x")
    assert found.credentials is None
    assert found.remarks == (
        f"{docker}: auths: a.example: auth is not base64 of USER:PASSWORD; log in again",
    )
    podman = docker.parents[1] / ".config/containers/auth.json"
    write(podman, {"auths": {"a.example": entry("podman"), "b.example": entry("podman")}})
    assert user(find("a.example/x")) == user(find("b.example/x")) == "podman"


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe"])
def test_a_broken_file_is_named(find: Find, docker: Path, content: bytes) -> None:
    """Its content may be secret and is not shown."""
    docker.parent.mkdir(parents=True)
    docker.write_bytes(content)
    with pytest.raises(RegistryError, match=r"config\.json: .*(mend|remove)"):
        find("ghcr.io/a")


def test_a_broken_variable_is_named(find: Find, environment: dict[str, str]) -> None:
    """$DOCKER_AUTH_CONFIG holds JSON itself, not a path."""
    environment["DOCKER_AUTH_CONFIG"] = "/home/secret/config.json"
    with pytest.raises(RegistryError, match=r"^DOCKER_AUTH_CONFIG: is not JSON") as caught:
        find("ghcr.io/a")
    assert "secret" not in str(caught.value)


def test_an_empty_file_is_none(find: Find, docker: Path) -> None:
    """Docker itself takes it so."""
    docker.parent.mkdir(parents=True)
    docker.write_text("")
    assert find("ghcr.io/a") == Found()


def test_a_registry_has_its_own_helper(find: Find, docker: Path, helper: Helper) -> None:
    """Others go to the store; a helper gets the registry on its stdin."""
    helper("own", """echo "{\\"Username\\": \\"own\\", \\"Secret\\": \\"$server\\"}" """)
    helper("all", """echo "{\\"Username\\": \\"all\\", \\"Secret\\": \\"$server\\"}" """)
    write(docker, {"credHelpers": {"gcr.io": "own", "quay.io/acme": "own"}, "credsStore": "all"})
    where = f"docker-credential-own ({docker})"
    assert find("gcr.io/a").credentials == Credentials(where, "own", "gcr.io")
    assert find("quay.io/acme/x").credentials == Credentials(where, "own", "quay.io/acme")
    where = f"docker-credential-all ({docker})"
    assert find("ghcr.io/a").credentials == Credentials(where, "all", "ghcr.io")
    assert find("acme/api").credentials == Credentials(where, "all", "https://index.docker.io/v1/")


def test_a_helper_gives_an_identity_token(find: Find, docker: Path, helper: Helper) -> None:
    """Its user is `<token>` then."""
    helper("all", """echo '{"Username": "<token>", "Secret": "t"}'""")
    write(docker, {"credsStore": "all"})
    assert find("a.example/x").credentials == Credentials(
        f"docker-credential-all ({docker})", identity_token="t"
    )


def test_a_secret_of_the_environment_comes_through_a_helper(
    find: Find, docker: Path, helper: Helper, environment: dict[str, str]
) -> None:
    """What programs print is redacted otherwise."""
    environment["GITHUB_TOKEN"] = "ghp_wonderland"
    helper("all", """echo "{\\"Username\\": \\"u\\", \\"Secret\\": \\"$GITHUB_TOKEN\\"}" """)
    write(docker, {"credsStore": "all"})
    credentials = find("ghcr.io/a").credentials
    assert credentials
    assert credentials.password == "ghp_wonderland"
    assert "wonderland" not in repr(credentials)


def test_a_helper_without_the_registry_leaves_it_to_others(find: Find, docker: Path, helper: Helper) -> None:
    """It is no failure; `auths` may have an entry."""
    helper("all", "echo credentials not found in native keychain; exit 1")
    write(docker, {"credsStore": "all", "auths": {"ghcr.io": entry("u"), "quay.io": {}}})
    assert find("ghcr.io/a") == Found(Credentials(str(docker), "u", "pass"))
    assert find("quay.io/a") == Found()


@pytest.mark.parametrize(
    ("name", "script", "remark"),
    [
        (
            "all",
            "echo keychain is locked >&2; exit 1",
            "docker-credential-all get failed: keychain is locked",
        ),
        ("all", "echo '{}'", "docker-credential-all get did not answer with Username and Secret as JSON"),
        ("all", "exit 3", "docker-credential-all get failed: exit code 3"),
        ("missing", "", f"cannot start docker-credential-missing: No such file or directory; {CURE}"),
        ("../evil", "", "'../evil' is no name of a credential helper; it has letters, digits, '-' and '_'"),
        (7, "", "7 is no name of a credential helper; it has letters, digits, '-' and '_'"),
    ],
)
def test_a_broken_helper_is_remarked(
    find: Find, docker: Path, helper: Helper, name: object, script: str, remark: str
) -> None:
    """And an entry beside it still serves."""
    helper("all", script)
    write(docker, {"credsStore": name})
    assert find("ghcr.io/a") == Found(None, (f"{docker}: {remark}",))
    write(docker, {"credsStore": name, "auths": {"ghcr.io": entry("u")}})
    assert user(find("ghcr.io/a")) == "u"


def test_a_helper_that_hangs_is_told_of_and_ended(
    docker: Path, helper: Helper, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may ask in a window that nobody sees: it is named meanwhile, and ended with its children."""
    monkeypatch.setattr("gomab_tasks.registry.helper._PATIENT_SECONDS", 0.05)
    monkeypatch.setattr("gomab_tasks.registry.helper._LIMIT_SECONDS", 0.5)
    helper("all", "/bin/sleep 100 & wait")
    write(docker, {"credsStore": "all"})
    said: list[str] = []
    found = find_credentials(parse_repository("ghcr.io/a"), Processes(environment, str), said.append)
    assert said == ["waiting for docker-credential-all, at most 0.5 s"]
    assert found.remarks == (f"{docker}: docker-credential-all did not end within 0.5 s; {CURE}",)
