"""Proxies are taken from the environment, as other tools take them."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomab_tasks.errors import RegistryError, StoppedError
from gomab_tasks.process import Processes
from gomab_tasks.registry.proxy import is_loopback, proxy_for
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.transfer import Destination, push, read_content
from gomab_tasks.registry.transport import Patience, trust
from tests.conftest import Made, ToolFactory
from tests.registry.conftest import OpenClient
from tests.registry.faults import stalling
from tests.registry.server import State
from tests.registry.tls import make_certificate, speaking_tls

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.8.7", "::1", "[::1]"])
def test_loopback_is_this_machine(host: str) -> None:
    """All of 127.0.0.0/8."""
    assert is_loopback(host)
    assert proxy_for("https", host, 443, {"HTTPS_PROXY": PROXY}) is None


@pytest.mark.parametrize("host", ["localhost.example", "128.0.0.1", "::2", "127.0.0.1.example", ""])
def test_others_are_not(host: str) -> None:
    """However they begin."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY, "HTTP_PROXY": "http://other"}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"all_proxy": PROXY, "HTTPS_PROXY": " "}, PROXY),
    ],
)
def test_variables(environment: dict[str, str], expected: str | None) -> None:
    """By scheme, upper case first, ALL_PROXY last."""
    assert proxy_for("https", "ghcr.io", 443, environment) == expected


@pytest.mark.parametrize(
    ("no_proxy", "host", "exempt"),
    [
        ("*", "ghcr.io", True),
        ("ghcr.io", "ghcr.io", True),
        ("ghcr.io", "pkg.ghcr.io", True),
        ("ghcr.io", "notghcr.io", False),
        (".ghcr.io", "pkg.ghcr.io", True),
        (".ghcr.io", "ghcr.io", False),
        ("*.ghcr.io", "pkg.ghcr.io", True),
        ("a.example, GHCR.io ,", "ghcr.io", True),
        ("ghcr.io:443", "ghcr.io", True),
        ("ghcr.io:444", "ghcr.io", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8", "fd00::1", True),
        ("fd00::1", "fd00::1", True),
        ("10.0.0.0/99", "10.1.2.3", False),
    ],
)
def test_exemptions(no_proxy: str, host: str, exempt: bool) -> None:  # noqa: FBT001 - a table's column
    """NO_PROXY knows hosts, what is below them, networks and ports."""
    found = proxy_for("https", host, 443, {"HTTPS_PROXY": PROXY, "no_proxy": no_proxy})
    assert found == (None if exempt else PROXY)


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://u:wonderland@proxy:1080",
        "http://u:wonderland@[::1",
        "http://u:wonderland@proxy:port",
        "u:wonderland@",
    ],
)
def test_what_is_no_known_proxy_is_told(proxy: str) -> None:
    """Without what may be a password in it."""
    with pytest.raises(RegistryError, match="set HTTPS_PROXY to http://HOST:PORT") as caught:
        proxy_for("https", "ghcr.io", 443, {"ALL_PROXY": proxy})
    assert "wonderland" not in str(caught.value)


def test_a_push_goes_through_the_proxy(
    strict: State, opened: OpenClient, made: Made, environment: dict[str, str]
) -> None:
    """To a registry that is allowed plain HTTP; the proxy's own login goes to the proxy."""
    environment["HTTP_PROXY"] = f"http://user:wonder%20land@{strict.address}"
    registry = "registry.invalid:5000"
    with opened(registry, plain_http=[registry]) as client:
        push(
            client,
            read_content(made.layout, made.index),
            Destination(Repository(registry, "acme/api"), ("v1",)),
        )
    assert strict.tags["acme/api", "v1"] == made.index.digest
    assert strict.requests("PUT http://registry.invalid:5000/v2/acme/api/manifests/v1 201")
    expected = f"Basic {base64.b64encode(b'user:wonder land').decode()}"
    assert set(strict.proxy_authorizations) == {expected}


def test_a_proxy_that_refuses_is_told(strict: State, opened: OpenClient, environment: dict[str, str]) -> None:
    """The strict registry knows no CONNECT, which TLS needs."""
    environment["HTTPS_PROXY"] = f"http://{strict.address}"
    with (
        opened("registry.invalid") as client,
        pytest.raises(RegistryError, match=r"the proxy for registry\.invalid does not serve it: .*501"),
    ):
        client.find_digest(Repository("registry.invalid", "a"), "v1")


@pytest.fixture
def tunnelled(
    strict: State, environment: dict[str, str], tool: ToolFactory, tmp_path: Path
) -> Iterator[Repository]:
    """Give a repository of the strict registry behind TLS, and behind a proxy that has TLS as well."""
    pair = make_certificate(tool, tmp_path)
    with (
        speaking_tls(pair, strict.address) as registry,
        speaking_tls(pair, registry, is_proxy=True) as proxy,
    ):
        environment |= {"HTTPS_PROXY": f"https://{proxy}", "SSL_CERT_FILE": str(pair[0])}
        yield Repository("registry.example", "acme/api")


def test_a_proxy_may_have_tls_of_its_own(
    strict: State, tunnelled: Repository, opened: OpenClient, made: Made
) -> None:
    """What is trusted holds for it as for the registry."""
    with opened(tunnelled.registry) as client:
        push(client, read_content(made.layout, made.index), Destination(tunnelled, ("v1",)))
    assert strict.tags["acme/api", "v1"] == made.index.digest


def test_a_proxy_whose_certificate_is_not_trusted_is_told(
    tunnelled: Repository, opened: OpenClient, environment: dict[str, str]
) -> None:
    """It is the proxy's, and no wrong variable."""
    del environment["SSL_CERT_FILE"]
    problem = r"the certificate of the proxy for registry\.example is not trusted: .*registry\.ca-file"
    with opened(tunnelled.registry) as client, pytest.raises(RegistryError, match=problem):
        client.find_digest(tunnelled, "v1")


def test_the_end_of_the_run_breaks_off_a_stall_behind_it(
    strict: State, tunnelled: Repository, opened: OpenClient, environment: dict[str, str]
) -> None:
    """TLS in TLS has no socket that could be shut down like any other."""
    processes = Processes(environment, str)
    strict.fail("HEAD", stalling(3), times=100)
    timer = threading.Timer(0.5, processes.stop)
    timer.start()
    start = time.monotonic()
    with (
        opened(tunnelled.registry, processes=processes, patience=Patience()) as client,
        pytest.raises(StoppedError),
    ):
        client.find_digest(tunnelled, "v1")
    assert time.monotonic() - start < 2.5
    timer.join()


def test_plain_http_needs_permission(opened: OpenClient) -> None:
    """Off loopback, TLS is spoken unless a registry is named."""
    with opened("registry.invalid") as client:
        assert client.session.url(Repository("registry.invalid", "a"), "") == "https://registry.invalid/v2/a/"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_broken_ca_file_is_told(tmp_path: Path, variable: str) -> None:
    """With the variable that names it."""
    (tmp_path / "ca.pem").write_text("no certificate")
    for name, problem in (
        ("ca.pem", "holds no CA certificates in PEM form"),
        ("missing.pem", "cannot be read: No such file or directory"),
    ):
        with pytest.raises(RegistryError) as caught:
            trust({variable: str(tmp_path / name)}, None)
        assert str(caught.value) == f"{variable} is '{tmp_path / name}', which {problem}"


def test_the_system_is_trusted_by_default() -> None:
    """Or certifi, where the system has nothing."""
    assert trust({}, None).cert_store_stats()["x509_ca"] > 0
