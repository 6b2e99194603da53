"""Tries are bounded, further and further apart, and never at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gomab_tasks.errors import RegistryError
from gomab_tasks.registry.failure import TransientError, refusal
from gomab_tasks.registry.message import Answer
from gomab_tasks.registry.retry import retry
from gomab_tasks.registry.transport import Patience


def failing(error: Exception, times: int) -> Callable[[], str]:
    """Make a function that fails so often."""
    errors = [error] * times

    def act() -> str:
        if errors:
            raise errors.pop()
        return "done"

    return act


def test_waits_grow_and_differ() -> None:
    """Exponentially, with full jitter."""
    runs = []
    for _ in range(50):
        waits: list[float] = []
        assert retry(failing(TransientError("busy"), 4), Patience(backoff_seconds=1), waits.append) == "done"
        runs.append(waits)
    for number, column in enumerate(zip(*runs, strict=True)):
        assert max(column) <= 2**number
        assert max(column) > 2**number / 2
        assert min(column) < 2**number / 2


def test_the_end_is_no_transient_error() -> None:
    """Whoever tries again around it would multiply the tries."""
    waits: list[float] = []
    with pytest.raises(RegistryError, match="busy") as caught:
        retry(failing(TransientError("busy"), 9), Patience(attempts=3), waits.append)
    assert not isinstance(caught.value, TransientError)
    assert len(waits) == 2


def test_an_error_may_be_worth_fewer_tries() -> None:
    """A misspelt host, say."""
    waits: list[float] = []
    with pytest.raises(RegistryError):
        retry(failing(TransientError("unknown", attempts=2), 9), Patience(attempts=5), waits.append)
    assert len(waits) == 1


def test_other_errors_are_not_tried_again() -> None:
    """They stay as they are."""
    with pytest.raises(RegistryError, match="no"):
        retry(failing(RegistryError("no"), 1), Patience(), lambda _seconds: pytest.fail("waited"))


def test_the_wait_that_is_asked_for_is_kept() -> None:
    """Unless it is longer than anyone waits."""
    waits: list[float] = []
    error = TransientError("busy", wait_seconds=7)
    assert retry(failing(error, 1), Patience(), waits.append) == "done"
    assert waits == [7]
    with pytest.raises(RegistryError):
        retry(failing(error, 1), Patience(longest_wait_seconds=5), waits.append)
    assert waits == [7]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("soon", None),
        ("", None),
        ("-3", None),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """RFC 9110, 10.2.3."""
    error = refusal(Answer(429, {"retry-after": text}), "ghcr.io/a", "push")
    assert isinstance(error, TransientError)
    assert error.wait_seconds == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    """A date is a time from now."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    error = refusal(Answer(429, {"retry-after": date}), "ghcr.io/a", "push")
    assert isinstance(error, TransientError)
    assert error.wait_seconds == pytest.approx(3600, abs=60)


def test_an_error_that_is_nested_without_end_is_not_read() -> None:
    """What comes with it is: the status."""
    answer = Answer(400, {}, (), b'{"errors":' + b"[" * 100_000)
    assert "it answered HTTP 400: " in str(refusal(answer, "ghcr.io/a", "push"))


def test_a_limit_of_requests_is_no_full_disk() -> None:
    """Some registries call it a quota."""
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"Quota exceeded for quota metric Requests"}]}'
    error = refusal(Answer(429, {"retry-after": "7"}, (), body), "gcr.io/a", "push")
    assert isinstance(error, TransientError)
    assert str(error).endswith("it asks for fewer requests: wait and run it again")
