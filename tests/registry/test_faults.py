"""What registries and networks do wrong is borne, or told in one clear line."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gomab_tasks.errors import RegistryError, StoppedError, VerificationError
from gomab_tasks.process import Processes
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.transfer import Destination, Pushed, push
from gomab_tasks.registry.transport import Patience
from tests.conftest import Made, free_port
from tests.registry.conftest import OpenClient
from tests.registry.server import Act, Exchange, State, answering, refusing, resetting, serving, stalling

Push = Callable[..., Pushed]

HTML = b"<!DOCTYPE html><html><body>Welcome to the hotel</body></html>"
BLOB_PUT = r"PUT .*/blobs/uploads/"


@pytest.fixture
def pushed(strict: State, opened: OpenClient, made: Made) -> Push:
    """Push `made` as v1 with a new client."""

    def run(address: str = strict.address, **options: object) -> Pushed:
        with opened(address, **options) as client:
            return push(client, made.layout, Destination(Repository(address, "acme/api"), ("v1",)))

    return run


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


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_wait_that_a_registry_asks_for_is_kept(strict: State, pushed: Push, form: str) -> None:
    """Retry-After is a number of seconds, or a date."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1.99), usegmt=True)
    strict.fail("HEAD", answering(429, Retry_After="1" if form == "seconds" else date))
    start = time.monotonic()
    pushed()
    assert time.monotonic() - start >= 0.9


def test_a_wait_that_is_too_long_is_an_error(strict: State, pushed: Push) -> None:
    """Nobody waits an hour for a push."""
    strict.fail("PUT .*/v1", refusing(429, "TOOMANYREQUESTS", "limit reached", Retry_After="3600"))
    with pytest.raises(RegistryError, match=r"TOOMANYREQUESTS: limit reached \(HTTP 429\).* wait"):
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
        ("POST", refusing(403, "DENIED", "not yours"), r"start an upload: DENIED: not yours .* permission"),
        ("POST", refusing(404, "NAME_UNKNOWN"), r"NAME_UNKNOWN.* check the repository's name"),
        ("POST", answering(200, HTML, Content_Type="text/html"), r"HTML; is this a registry\?"),
        ("POST", answering(202), r"no Location"),
        (
            "HEAD",
            answering(200, HTML, Content_Type="text/html; charset=utf-8"),
            r"answered HTML .*registry\?",
        ),
        ("HEAD", answering(302, Location="/v2/other"), r"from address to address"),
        (BLOB_PUT, refusing(507, "UNKNOWN", "disk"), r"store the blob sha256.*disk or quota is full"),
        (BLOB_PUT, answering(500, b"write: no space left on device"), r"disk or quota is full"),
        (BLOB_PUT, answering(413, HTML, Content_Type="text/html"), r"takes no bodies of that size"),
        (BLOB_PUT, answering(500, b"boom"), r"HTTP 500: boom; run it again: what is there already"),
        (BLOB_PUT, resetting(after=20), r"closed the connection .* run it again: what is there already"),
        (
            "PUT .*/manifests/v1",
            refusing(400, "TAG_INVALID", "no v"),
            r"store the manifest as v1: TAG_INVALID",
        ),
        ("PUT .*/manifests/v1", refusing(409, "DENIED", "tag is protected"), r"v1: DENIED: tag is protected"),
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


def test_an_upload_address_without_encryption_is_refused(strict: State, pushed: Push) -> None:
    """Blobs may be private as well."""
    strict.fail("POST", answering(202, Location="http://storage.example.com/u?secret=1"), times=100)
    with pytest.raises(
        RegistryError, match=r"http://storage\.example\.com/u, which is not encrypted"
    ) as caught:
        pushed()
    assert "secret" not in str(caught.value)


def test_an_unknown_host_is_named(pushed: Push) -> None:
    """A misspelt registry."""
    with pytest.raises(RegistryError, match=r"the host registry\.invalid is unknown"):
        pushed("registry.invalid")


def test_a_refused_connection_is_told(pushed: Push) -> None:
    """A registry that does not run."""
    port = free_port()
    with pytest.raises(RegistryError, match=rf"cannot connect to 127\.0\.0\.1:{port}: Connection refused"):
        pushed(f"127.0.0.1:{port}")


def test_a_stalled_connection_is_given_up(strict: State, pushed: Push) -> None:
    """It does not hang for ever."""
    strict.fail("HEAD", stalling(3), times=100)
    with pytest.raises(RegistryError, match="stalled"):
        pushed(patience=Patience(attempts=2, backoff_seconds=0.01, stall_seconds=0.2))


def test_the_end_of_the_run_breaks_off_a_stall(
    strict: State, pushed: Push, environment: dict[str, str]
) -> None:
    """Ctrl-C does not wait for the network."""
    processes = Processes(environment, str)
    strict.fail("HEAD", stalling(3), times=100)
    timer = threading.Timer(0.3, processes.stop)
    timer.start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        pushed(processes=processes, patience=Patience())
    assert time.monotonic() - start < 2.5
    timer.join()


def test_the_end_of_the_run_breaks_off_a_wait(
    strict: State, pushed: Push, environment: dict[str, str]
) -> None:
    """Neither does it wait for Retry-After."""
    processes = Processes(environment, str)
    strict.fail("HEAD", answering(429, Retry_After="30"), times=100)
    timer = threading.Timer(0.3, processes.stop)
    timer.start()
    start = time.monotonic()
    with pytest.raises(StoppedError):
        pushed(processes=processes, patience=Patience())
    assert time.monotonic() - start < 5
    timer.join()


def test_secrets_that_a_registry_repeats_are_not_shown(
    strict: State, pushed: Push, login: Callable[..., None]
) -> None:
    """Some repeat the Authorization they were sent."""
    login(strict.address)
    strict.users = {"gomab": "wonderland"}

    def repeat(exchange: Exchange) -> bool:
        if "Authorization" not in exchange.headers:
            return False
        exchange.refuse(403, "DENIED", f"wonderland or {exchange.headers['Authorization']}")
        return True

    strict.fail("POST", repeat, times=100)
    with pytest.raises(RegistryError, match=r"DENIED: \*\*\* or Bearer \*\*\* ") as caught:
        pushed()
    assert "wonderland" not in repr(caught.value)


def test_a_server_of_another_protocol_is_told(pushed: Push) -> None:
    """Something that answers neither HTTP nor TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            for _ in range(40):
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"220 mail.example.com ESMTP\r\n")

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(RegistryError, match=rf"127\.0\.0\.1:{port}"):
            pushed(f"127.0.0.1:{port}")
