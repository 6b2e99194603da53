"""Registries that want a login get it, and nobody else does."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest

from gomab_tasks.errors import RegistryError
from gomab_tasks.registry.authentication import Authentication, Challenge, read_challenges
from gomab_tasks.registry.credentials import Found
from gomab_tasks.registry.message import Answer
from gomab_tasks.registry.reference import Repository
from tests.conftest import Made
from tests.registry.conftest import Login, OpenClient, Push
from tests.registry.faults import answering, expiring
from tests.registry.server import State, serving


@pytest.fixture
def locked(strict: State) -> State:
    """Have the strict registry ask for tokens."""
    strict.users = {"gomab": "wonderland"}
    return strict


@pytest.mark.parametrize(
    ("headers", "challenges"),
    [
        (
            ['Bearer realm="https://a.example/token",service="a",scope="repository:x:pull,push"'],
            [
                Challenge(
                    "bearer",
                    {"realm": "https://a.example/token", "service": "a", "scope": "repository:x:pull,push"},
                )
            ],
        ),
        (
            ['Basic realm="a \\"b\\", c", BEARER Realm=https://a.example'],
            [Challenge("basic", {"realm": 'a "b", c'}), Challenge("bearer", {"realm": "https://a.example"})],
        ),
        (["Negotiate", "Basic"], [Challenge("negotiate", {}), Challenge("basic", {})]),
        (["", ",,"], []),
    ],
)
def test_challenges_are_read(headers: list[str], challenges: list[Challenge]) -> None:
    """One header may hold several, and there may be several headers (RFC 9110, 11.6.1)."""
    assert read_challenges(headers) == challenges


def test_one_token_serves_a_push(locked: State, pushed: Push, login: Login) -> None:
    """However many connections want it at once; a repeated push makes four requests."""
    login(locked.address)
    pushed()
    assert len(locked.requests("GET /token")) == 1
    query = parse_qs(urlsplit(locked.requests("GET /token")[0].split()[1]).query)
    assert query == {"service": ["strict"], "scope": ["repository:acme/api:pull,push"], "account": ["gomab"]}
    locked.log.clear()
    pushed()
    assert [line.split()[0] for line in locked.log] == ["HEAD", "GET", "HEAD", "HEAD"]


def test_basic_needs_no_token(locked: State, pushed: Push, login: Login) -> None:
    """The login goes with each request."""
    login(locked.address)
    locked.basic = True
    pushed()
    assert len(locked.requests(".* 401$")) == 1


@pytest.mark.parametrize("requests", ["HEAD .*/blobs/", "POST", "PUT .*/blobs/", "PUT .*/manifests/v1"])
def test_a_token_that_expires_is_renewed(
    locked: State, pushed: Push, login: Login, made: Made, requests: str
) -> None:
    """In the middle of a push, too; an upload starts anew then."""
    login(locked.address)
    locked.fail(requests, expiring)
    pushed()
    assert locked.tags["acme/api", "v1"] == made.index.digest
    assert len(locked.requests("GET /token")) == 2


def test_mounting_asks_for_the_source_as_well(locked: State, pushed: Push, login: Login) -> None:
    """The other scope has a token of its own."""
    login(locked.address)
    pushed(mounts=("acme/worker",))
    scopes = [parse_qs(urlsplit(line.split()[1]).query)["scope"] for line in locked.requests("GET /token")]
    own = "repository:acme/api:pull,push"
    assert scopes == [[own], [own, "repository:acme/worker:pull"]]


def test_a_sibling_out_of_reach_is_no_obstacle(locked: State, pushed: Push, login: Login, made: Made) -> None:
    """Its blobs are sent instead of mounted."""
    login(locked.address)
    locked.forbidden = {"acme/secret"}
    assert pushed(mounts=("acme/secret",)).sent_blobs == 5
    assert locked.tags["acme/api", "v1"] == made.index.digest


def test_an_identity_token_is_exchanged(locked: State, pushed: Push, login: Login) -> None:
    """By OAuth2's POST; it never stands in an address."""
    login(locked.address, auth="Z29tYWI6", identitytoken="refreshing")
    locked.identity_tokens = {"refreshing"}
    pushed()
    assert locked.requests("POST /token") == ["POST /token 200"]


def test_a_registry_token_is_sent_as_it_is(locked: State, pushed: Push, login: Login) -> None:
    """No token server is asked."""
    login(locked.address, registrytoken="ready")
    locked.tokens["ready"] = ["acme/api:pull", "acme/api:push"]
    pushed()
    assert not locked.requests(".*/token")


def test_a_registry_token_that_no_header_may_hold_is_not_sent(
    locked: State, pushed: Push, login: Login
) -> None:
    """It could bring headers of its own."""
    login(locked.address, registrytoken="ready\r\nX-Other: 1")
    with pytest.raises(RegistryError, match="refuses the login"):
        pushed()


@pytest.mark.parametrize("basic", [True, False])
def test_a_wrong_password_is_told(locked: State, pushed: Push, login: Login, *, basic: bool) -> None:
    """With the file it came from and the command that mends it."""
    login(locked.address, password="wrong-word")
    locked.basic = basic
    with pytest.raises(
        RegistryError, match=r"refuses the login of user 'gomab' from .*config\.json"
    ) as caught:
        pushed()
    assert str(caught.value).endswith(f"log in: docker login {locked.address}")
    assert "wrong-word" not in str(caught.value)
    assert len(locked.log) <= 3


@pytest.mark.parametrize("basic", [True, False])
def test_a_missing_login_is_told(locked: State, pushed: Push, *, basic: bool) -> None:
    """In the registry's own words where it has any, with the command that makes one."""
    locked.basic = basic
    with pytest.raises(RegistryError) as caught:
        pushed()
    said = "" if basic else " (UNAUTHORIZED: who are you?)"  # a HEAD has no body
    assert str(caught.value) == (
        f"{locked.address}/acme/api: asks for a login, and there is none for it{said}; "
        f"log in: docker login {locked.address}"
    )


def test_without_a_login_nothing_is_secret() -> None:
    """What a registry says stays readable after it was refused one."""
    repository = Repository("ghcr.io", "acme/api")
    authentication = Authentication(lambda _: Found(), lambda *_: pytest.fail("asks"), lambda _: False)
    refused = Answer(401, {}, ('Basic realm="registry"',))
    with pytest.raises(RegistryError):
        authentication.renew(repository, (), "", refused)
    assert authentication.redact("UNAUTHORIZED") == "UNAUTHORIZED"


def test_an_entry_that_cannot_be_read_is_told(locked: State, pushed: Push, login: Login) -> None:
    """It explains why there is no login."""
    login(locked.address, auth="???")
    with pytest.raises(RegistryError, match=r"there is none for it .*auth is not base64 of USER:PASSWORD"):
        pushed()


_OPEN = "as its token server, which is not encrypted"
_NOWHERE = "asks for a token, but names no address to get one from"


@pytest.mark.parametrize(
    ("realm", "message"),
    [
        ("http://auth.example.com/token", _OPEN),
        ("ftp://localhost/", _OPEN),
        ("", _NOWHERE),
        ("https://u:p@h/", "names a token server with a login of its own; nothing was sent there"),
        ("token", _NOWHERE),
    ],
)
def test_credentials_go_to_no_open_token_server(
    locked: State, pushed: Push, login: Login, realm: str, message: str
) -> None:
    """A token server is spoken to over https, or on this machine; one without an address is none."""
    login(locked.address)
    locked.fail("HEAD", answering(401, WWW_Authenticate=f'Bearer realm="{realm}",service="x"'), times=100)
    with pytest.raises(RegistryError, match=message):
        pushed()


def test_an_unknown_kind_of_login_is_told(locked: State, pushed: Push) -> None:
    """Such as Kerberos."""
    locked.fail("HEAD", answering(401, WWW_Authenticate="Negotiate"))
    with pytest.raises(RegistryError, match=r"a kind that is not known here \(negotiate\)"):
        pushed()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"{}", "sent no token"),
        (200, b'{"token": "two words"}', "sent no token"),
        (200, b"<html></html>", "answered HTML"),
        pytest.param(200, b"[" * 100_000, "sent no token", id="deep"),
        (404, b"", "cannot get a token from"),
        (503, b"", "cannot get a token: it answered HTTP 503"),
    ],
)
def test_a_broken_token_server_is_told(
    locked: State, pushed: Push, login: Login, status: int, body: bytes, message: str
) -> None:
    """It is not the registry that fails; tries do not multiply."""
    login(locked.address)
    locked.fail("GET /token", answering(status, body), times=100)
    with pytest.raises(RegistryError, match=message):
        pushed()
    assert len(locked.requests("GET /token")) == (4 if status == 503 else 1)


@pytest.mark.parametrize("lifetime", ["NaN", "Infinity", "1e999", "-1", "1" + "0" * 400])
def test_a_token_of_an_odd_lifetime_ends_all_the_same(lifetime: str) -> None:
    """As one does whose lifetime is not said."""
    answer = Answer(200, {}, (), f'{{"token":"x","expires_in":{lifetime}}}'.encode())
    authentication = Authentication(lambda _: Found(), lambda *_: answer, lambda _: True)
    challenge = Answer(401, {}, ('Bearer realm="https://registry.invalid/token"',))
    repository = Repository("registry.invalid", "a")
    assert authentication.renew(repository, (), "", challenge) == "Bearer x"
    (token,) = authentication._tokens.values()
    assert 0 < token.ends - time.monotonic() < 60


def test_a_redirect_to_another_host_gets_no_login(locked: State, opened: OpenClient, login: Login) -> None:
    """The registry's own storage, say; it may be anybody's."""
    login(locked.address)
    locked.basic = True
    with serving() as foreign:
        locked.fail("HEAD .*/blobs/", answering(307, Location=f"http://{foreign.address}/v2/a/blobs/b"))
        with opened(locked.address) as client:
            repository = Repository(locked.address, "acme/api")
            assert client.find_digest(repository, "v1") is None
            assert client.has_blob(repository, "sha256:" + "0" * 64) is False
        assert foreign.authorizations == [("/v2/a/blobs/b", "")]


def test_a_refusal_of_another_host_is_told_as_its_own(strict: State, opened: OpenClient) -> None:
    """Not as one of the registry that a login would mend."""
    with serving() as foreign, opened(strict.address) as client:
        strict.fail("HEAD .*/blobs/", answering(307, Location=f"http://{foreign.address}/b"))
        foreign.fail("HEAD", answering(403))
        with pytest.raises(
            RegistryError, match=f"{foreign.address}, where the registry leads, answered"
        ) as e:
            client.has_blob(Repository(strict.address, "a"), "sha256:" + "0" * 64)
    assert "log in" not in str(e.value)
