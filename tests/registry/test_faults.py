"""What registries and networks do wrong is borne, or told in one clear line."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import partial

import pytest

from gomab_tasks.errors import RegistryError, VerificationError
from gomab_tasks.registry.reference import Repository
from tests.conftest import Made
from tests.registry.conftest import Login, OpenClient, Push
from tests.registry.faults import answering, refusing, resetting, stalling
from tests.registry.server import Act, Exchange, State, serving

HTML = b"<!DOCTYPE html><html><body>Welcome to the hotel</body></html>"
BLOB_PUT = r"PUT .*/blobs/uploads/"


def is_whole(strict: State, made: Made) -> bool:
    """Tell whether all has arrived; the strict registry takes no index without its content."""
    return strict.tags.get(("acme/api", "v1")) == made.index.digest and len(strict.blobs) == 5


@pytest.mark.parametrize(
    ("requests", "act", "times"),
    [
        ("HEAD", answering(500), 3),
        ("HEAD", resetting(), 3),
        ("POST", answering(503), 3),
        ("POST", resetting(), 2),
        ("POST", answering(429, Retry_After="0"), 3),
        ("POST", answering(502, HTML, Content_Type="text/html"), 2),
        (BLOB_PUT, answering(504), 2),
        (BLOB_PUT, resetting(after=20), 3),
        (BLOB_PUT, stalling(1), 1),
        ("PUT .*/manifests/sha256", answering(500), 2),
        ("PUT .*/manifests/v1", resetting(), 2),
    ],
)
def test_what_passes_is_tried_again(
    strict: State, pushed: Push, made: Made, requests: str, act: Act, times: int
) -> None:
    """Overload, crashes, resets and stalls of a moment do not fail a push."""
    strict.fail(requests, act, times)
    pushed()
    assert is_whole(strict, made)
    assert strict.faults[0].times == 0


def test_a_retry_starts_a_new_upload(strict: State, pushed: Push) -> None:
    """A second PUT to a broken upload would be answered with 404."""
    strict.fail(BLOB_PUT, resetting(after=20), 1)
    pushed()
    assert len(strict.requests("POST")) == 6
    assert not strict.requests("PUT .* 404")


def test_a_blob_whose_answer_was_lost_is_not_sent_twice(strict: State, pushed: Push, made: Made) -> None:
    """It is looked for before it is sent again."""

    def lose(exchange: Exchange) -> bool:
        strict.blobs["acme/api", _digest_of(exchange)] = exchange.read()
        exchange.reset()
        return True

    strict.fail(BLOB_PUT, lose)
    pushed()
    assert is_whole(strict, made)
    assert len(strict.requests("POST")) == 5


def test_a_wait_that_is_too_long_is_an_error(strict: State, pushed: Push) -> None:
    """Nobody waits an hour for a push."""
    strict.fail("PUT .*/v1", refusing(429, "TOOMANYREQUESTS", "limit reached", Retry_After="3600"))
    with pytest.raises(
        RegistryError, match=r"limit reached \(HTTP 429\).* wait and run it again \(it asks for 3600 s\)"
    ):
        pushed()
    assert len(strict.requests("PUT .*/v1")) == 1


def test_attempts_are_bounded(strict: State, pushed: Push) -> None:
    """A registry that stays down is told as that."""
    strict.fail("PUT .*/v1", refusing(503, "UNAVAILABLE", "maintenance"), times=100)
    with pytest.raises(RegistryError, match=r"acme/api: cannot store .*: UNAVAILABLE: maintenance"):
        pushed()
    assert len(strict.requests("PUT .*/v1")) == 4


@pytest.mark.parametrize(
    ("requests", "act", "message"),
    [
        (
            "POST",
            refusing(403, "DENIED", "not yours"),
            r"DENIED: not yours \(HTTP 403\); log in: docker login 127",
        ),
        ("POST", refusing(404, "NAME_UNKNOWN"), r"NAME_UNKNOWN.* check the repository's name"),
        ("POST", answering(200, HTML, Content_Type="text/html"), r"HTML; is this a registry\?"),
        ("POST", answering(202), r"no Location"),
        (
            "HEAD",
            answering(200, HTML, Content_Type="text/html; charset=utf-8"),
            r"answered HTML .*registry\?",
        ),
        ("HEAD", answering(302, Location="/v2/other"), r"from address to address"),
        ("HEAD", answering(307, Location="http://[::1"), r"an address that cannot be read"),
        ("POST", answering(202, Location="//h:99999/x"), r"an address that cannot be read"),
        ("POST", refusing(400, "BAD", "a\x1b[2J\nb"), r"BAD: a \[2J b \(HTTP 400\)$"),
        (BLOB_PUT, refusing(507, "UNKNOWN", "disk"), r"store the blob sha256.*disk or quota is full"),
        (BLOB_PUT, answering(500, b"write: no space left on device"), r"disk or quota is full"),
        (BLOB_PUT, answering(413, HTML, Content_Type="text/html"), r"takes no bodies of that size"),
        (BLOB_PUT, answering(500, b"boom"), r"HTTP 500: boom; run it again: what is there already"),
        (BLOB_PUT, resetting(after=20), r"closed the connection .* run it again: what is there already"),
        (
            "PUT .*/manifests/v1",
            refusing(400, "TAG_INVALID", "no v"),
            r"TAG_INVALID: no v \(HTTP 400\); the registry takes no such tag: choose another",
        ),
        (
            "PUT .*/manifests/v1",
            refusing(409, "DENIED", "tag is protected"),
            r"tag is protected .* choose another tag",
        ),
    ],
)
def test_what_stays_is_told(strict: State, pushed: Push, requests: str, act: Act, message: str) -> None:
    """One line names the repository, the deed, the answer and what to do."""
    strict.fail(requests, act, times=100)
    with pytest.raises(RegistryError, match=message) as caught:
        pushed()
    assert str(caught.value).startswith(f"{strict.address}/acme/api: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "requests", [BLOB_PUT, "PUT .*/manifests/v1", "HEAD .*/manifests/sha256", "HEAD .*/blobs/"]
)
def test_a_registry_that_names_another_digest_is_not_believed(
    strict: State, pushed: Push, requests: str
) -> None:
    """What it says it has is not what was sent."""
    status = 200 if requests.startswith("HEAD") else 201
    strict.fail(requests, answering(status, Docker_Content_Digest="sha256:" + "f" * 64), times=100)
    with pytest.raises(VerificationError, match="has the digest 'sha256:ffff"):
        pushed()


def test_nothing_further_is_sent_after_a_failure(strict: State, pushed: Push) -> None:
    """Tags stay as they are."""
    strict.fail(BLOB_PUT, refusing(403, "DENIED"), times=100)
    with pytest.raises(RegistryError):
        pushed()
    assert not strict.requests("PUT .*/manifests/")


def test_a_push_after_a_broken_one_goes_on(strict: State, pushed: Push, made: Made) -> None:
    """What arrived is not sent again."""
    strict.fail("PUT .*/manifests/v1", refusing(403, "DENIED"))
    with pytest.raises(RegistryError):
        pushed()
    strict.log.clear()
    pushed()
    assert is_whole(strict, made)
    assert not strict.requests("POST")


def test_a_foreign_upload_address_gets_the_bytes_alone(
    strict: State, pushed: Push, made: Made, login: Callable[..., None]
) -> None:
    """Registries may take blobs at another host; our login stays with the registry."""
    login(strict.address)
    strict.users, strict.basic = {"gomab": "wonderland"}, True
    with serving() as foreign:

        def send_away(exchange: Exchange) -> bool:
            foreign.uploads.add("u")
            exchange.send(202, Location=f"http://{foreign.address}/v2/acme/api/blobs/uploads/u?state=a/b")
            return True

        def share(exchange: Exchange) -> bool:
            foreign.uploads.add("u")
            content = exchange.read()
            strict.blobs["acme/api", _digest_of(exchange)] = content
            exchange.send(201)
            return True

        strict.fail("POST", send_away, times=100)
        foreign.fail("PUT", share, times=100)
        pushed()
        assert is_whole(strict, made)
        assert len(foreign.authorizations) == 5
        assert {value for _, value in foreign.authorizations} == {""}


def _digest_of(exchange: Exchange) -> str:
    return f"sha256:{re.findall('sha256%3A([0-9a-f]{64})', exchange.path)[0]}"


def test_an_upload_address_of_the_same_host_keeps_tls(opened: OpenClient) -> None:
    """A registry behind a proxy may not know that it has it."""
    with opened("ghcr.io") as client:
        repository = Repository("ghcr.io", "a")
        base = client.session.url(repository, "blobs/uploads/")
        join = partial(client.session.join, repository, base)
        assert join("http://ghcr.io/u?x=1") == "https://ghcr.io/u?x=1"
        assert join("http://other.example/u") == "http://other.example/u"
        assert join("u/1?x=1") == "https://ghcr.io/v2/a/blobs/uploads/u/1?x=1"


def test_an_upload_address_without_encryption_is_refused(strict: State, pushed: Push) -> None:
    """Blobs may be private as well."""
    strict.fail("POST", answering(202, Location="http://storage.example.com/u?secret=1"), times=100)
    with pytest.raises(
        RegistryError, match=r"http://storage\.example\.com/u, which is not encrypted"
    ) as caught:
        pushed()
    assert "secret" not in str(caught.value)


def test_secrets_that_a_registry_repeats_are_not_shown(
    strict: State, pushed: Push, login: Callable[..., None]
) -> None:
    """Some repeat the Authorization they were sent."""
    login(strict.address)
    strict.users = {"gomab": "wonderland"}
    pair = base64.b64encode(b"gomab:wonderland").decode()

    def repeat(exchange: Exchange) -> bool:
        if "Authorization" not in exchange.headers:
            return False
        exchange.refuse(403, "DENIED", f"wonderland, {pair} or {exchange.headers['Authorization']}")
        return True

    strict.fail("POST", repeat, times=100)
    with pytest.raises(RegistryError, match=r"DENIED: \*\*\*, \*\*\* or Bearer \*\*\* ") as caught:
        pushed()
    assert "wonderland" not in repr(caught.value)


def test_a_login_without_permission_is_told_from_none(strict: State, pushed: Push, login: Login) -> None:
    """Who has logged in is not told to log in."""
    login(strict.address)
    strict.fail("POST", refusing(403, "DENIED"), times=100)
    with pytest.raises(RegistryError, match="the login has no permission for that"):
        pushed()


@pytest.mark.parametrize("code", ["MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"])
def test_what_the_registry_has_lost_is_no_wrong_name(strict: State, pushed: Push, code: str) -> None:
    """It had the blobs a moment ago."""
    strict.fail("PUT .*/manifests/sha256", refusing(404, code), times=100)
    with pytest.raises(RegistryError, match="has lost what was there a moment ago; run it again"):
        pushed()


def test_a_wait_is_told_once(strict: State, pushed: Push, warned: list[str]) -> None:
    """Who waits in silence thinks that it hangs."""
    strict.fail("POST", answering(503), times=3)
    pushed()
    assert warned == [
        f"{strict.address}/acme/api: cannot start an upload: it answered HTTP 503; trying again"
    ]
