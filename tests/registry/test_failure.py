"""What goes wrong is told with what mends it."""

from __future__ import annotations

import json
import ssl

import pytest
from urllib3 import exceptions

from gomab_tasks.registry.failure import TransientError, connection_failure, refusal
from gomab_tasks.registry.message import Answer


@pytest.mark.parametrize(
    ("code", "problem", "cure"),
    [
        (10, "certificate has expired", "check this machine's clock, or ask who runs it for a new one"),
        (9, "certificate is not yet valid", "check this machine's clock, or ask who runs it for a new one"),
        (
            64,
            "IP address mismatch, certificate is not valid for '192.0.2.1'.",
            "name the registry as its certificate does, or ask who runs it for one of this name",
        ),
        (
            20,
            "unable to get local issuer certificate",
            'name the file of its CA in the table, registry.ca-file = "…", or in SSL_CERT_FILE',
        ),
    ],
)
def test_a_certificate_that_is_not_trusted(code: int, problem: str, cure: str) -> None:
    """No CA mends a name or a time."""
    cause = ssl.SSLCertVerificationError()
    cause.verify_code, cause.verify_message = code, problem
    error = connection_failure(exceptions.SSLError(cause), "ghcr.io/a", "ghcr.io", has_answered=False)
    told = problem.rstrip(".")
    assert str(error) == f"ghcr.io/a: the certificate of ghcr.io is not trusted: {told}; {cure}"


@pytest.mark.parametrize(
    "detail",
    [
        {"DriverName": "filesystem", "Enclosed": {"Op": "write", "Path": "/var/lib/x", "Err": 28}},
        {"Op": "mkdir", "Path": "/var/lib/x", "Err": 28},
        {"DriverName": "filesystem", "Enclosed": {"Op": "write", "Err": "No space left on device"}},
        "No space left on device",
    ],
)
def test_a_full_disk_is_told_from_an_unknown_error(detail: object) -> None:
    """docker-registry gives the number of the operating system, inside of what it was doing."""
    body = json.dumps({"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]})
    error = refusal(Answer(500, {}, (), body.encode()), "ghcr.io/a", "start an upload")
    assert str(error) == (
        "ghcr.io/a: cannot start an upload: UNKNOWN: unknown error: No space left on device (HTTP 500); "
        "its disk or quota is full: free some space there and run it again"
    )


@pytest.mark.parametrize(
    ("status", "said", "is_full"),
    [
        (403, "DENIED: the quota has been exceeded", True),
        (403, "adding 5 MiB of storage will exceed the upper limit of the storage quota", True),
        (413, "Over quota", True),
        (404, "repository name not known to registry: team/quota-api", False),
        (503, "team/quota-api is not ready", False),
    ],
)
def test_a_quota_is_told_from_a_name(status: int, said: str, *, is_full: bool) -> None:
    """Repositories may bear the word."""
    body = json.dumps({"errors": [{"code": "X", "message": said}]})
    error = refusal(Answer(status, {}, (), body.encode()), "ghcr.io/a", "push")
    assert ("disk or quota is full" in str(error)) is is_full
    assert isinstance(error, TransientError) is (status == 503)


@pytest.mark.parametrize("detail", [{"Err": 10**30}, {"Err": None}, {"Err": {}}, {}, [{}]])
def test_a_detail_that_says_nothing_is_passed_over(detail: object) -> None:
    """Nobody reads braces."""
    body = json.dumps({"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]})
    assert Answer(500, {}, (), body.encode()).errors == ("UNKNOWN: unknown error",)


def test_a_garbage_answer_is_one_line() -> None:
    """It may be of any protocol."""
    cause = ValueError("garbage\x1b[2J\n  ")
    error = connection_failure(
        exceptions.ProtocolError("x", cause), "ghcr.io/a", "ghcr.io", has_answered=True
    )
    assert str(error).startswith("ghcr.io/a: ghcr.io closed the connection (garbage [2J); ")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            Answer(403, {}, foreign_host="cdn.example"),
            "cdn.example, where the registry leads, answered HTTP 403; ask who runs the registry",
        ),
        (
            Answer(429, {}, foreign_host="cdn.example"),
            "cdn.example, where the registry leads, answered HTTP 429; it asks for fewer requests: wait and",
        ),
        (
            Answer(407, {}),
            "the proxy answered HTTP 407; it wants a login, or another one: see HTTPS_PROXY",
        ),
    ],
)
def test_who_answered_is_told(answer: Answer, told: str) -> None:
    """A login at the registry mends neither what it leads to nor the proxy on the way."""
    assert told in str(refusal(answer, "ghcr.io/a", "look for x"))
