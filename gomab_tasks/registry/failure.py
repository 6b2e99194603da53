"""Turn what goes wrong between us and a registry into messages that help."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from urllib3 import exceptions

from gomab_tasks.errors import RegistryError
from gomab_tasks.registry.credentials import Found
from gomab_tasks.registry.message import Answer, printable

TRANSIENT = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
AGAIN = "run it again: what is there already is not sent twice"
# Of those, each takes long, or is more likely a wrong name than bad luck.
_STALLED_ATTEMPTS, _UNREACHABLE_ATTEMPTS = 3, 2


class TransientError(RegistryError):
    """Report what may well go right when it is tried again.

    Attributes:
        wait_seconds: how long the registry asks to wait.
        attempts: how many tries it is worth; none for the usual number.
    """

    def __init__(self, message: str, wait_seconds: float | None = None, attempts: int | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds
        self.attempts = attempts


def connection_failure(
    error: exceptions.HTTPError, where: str, host: str, *, has_answered: bool
) -> RegistryError:
    """Word an error of the network.

    Args:
        where: what the message is about.
        host: what was asked.
        has_answered: it has worked before, so that it may well come back.
    """
    match error:
        case exceptions.ProxyError(original_error=exceptions.SSLError() as cause) if _has_no_trust(cause):
            return _tls_failure(cause, where, f"the proxy for {host}")
        case exceptions.SSLError():
            return _tls_failure(error, where, host)
        case exceptions.LocationValueError() | exceptions.LocationParseError():
            return RegistryError(f"{where}: sent an address that cannot be read; is this a registry?")
        case _ if _has_stalled(error):
            return _stall(where, host)
        case exceptions.ProxyError() | exceptions.NewConnectionError() | exceptions.ConnectTimeoutError():
            message = f"{where}: {_unreachable(error, host)}"
            return TransientError(message, attempts=None if has_answered else _UNREACHABLE_ATTEMPTS)
    return TransientError(f"{where}: {host} closed the connection ({_cause(error)}); {AGAIN}")


def _has_stalled(error: exceptions.HTTPError) -> bool:
    if isinstance(error, exceptions.ReadTimeoutError):
        return True
    return "timed out" in _cause(error) and not isinstance(error, exceptions.ConnectTimeoutError)


def _stall(where: str, host: str) -> TransientError:
    message = f"{where}: {host} stalled: nothing moved for too long; {AGAIN}"
    return TransientError(message, attempts=_STALLED_ATTEMPTS)


def _unreachable(error: exceptions.HTTPError, host: str) -> str:
    match error:
        case exceptions.ProxyError():
            return f"the proxy for {host} does not serve it: {_cause(error)}; see HTTPS_PROXY and NO_PROXY"
        case exceptions.NameResolutionError():
            return f"the host {host} is unknown; check its name and the network"
        case exceptions.NewConnectionError():
            return f"cannot connect to {host}: {_cause(error)}; check that it runs, and the network"
    return f"{host} does not answer; check its name and the network"


_OTHER_TIME = "check this machine's clock, or ask who runs it for a new one"
_OTHER_NAME = "name the registry as its certificate does, or ask who runs it for one of this name"
_OTHER_CA = 'name the file of its CA in the table, registry.ca-file = "…", or in SSL_CERT_FILE'
# By OpenSSL's numbers, X509_V_ERR_….
_CERTIFICATE_ADVICE = {9: _OTHER_TIME, 10: _OTHER_TIME, 62: _OTHER_NAME, 64: _OTHER_NAME}


def _has_no_trust(error: exceptions.SSLError) -> bool:
    return bool(error.args) and isinstance(error.args[0], ssl.SSLCertVerificationError)


def _tls_failure(error: exceptions.SSLError, where: str, host: str) -> RegistryError:
    cause = error.args[0] if error.args else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        problem = cause.verify_message.rstrip(".")
        advice = _CERTIFICATE_ADVICE.get(cause.verify_code, _OTHER_CA)
        return RegistryError(f"{where}: the certificate of {host} is not trusted: {problem}; {advice}")
    reason = getattr(cause, "reason", "") or ""
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}:
        return PlainTextError(
            f"{where}: {host} does not speak TLS; to speak to it unencrypted, set "
            f'registry.plain-http = ["{host}"]'
        )
    return TransientError(f"{where}: {host} broke off TLS ({reason or cause}); {AGAIN}")


class PlainTextError(RegistryError):
    """Report a server that does not speak TLS."""


def _cause(error: BaseException) -> str:
    """Find the operating system's own words at the root of an error."""
    seen: BaseException | None = error
    for _ in range(6):
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        inner = next((arg for arg in getattr(seen, "args", ()) if isinstance(arg, BaseException)), None)
        following = inner or (seen.__cause__ or seen.__context__ if seen else None)
        if following is None:
            break
        seen = following
    return printable(str(seen).rpartition(": ")[2]) or type(seen).__name__


def refusal(answer: Answer, where: str, doing: str, without_login: str = "") -> RegistryError:
    """Word an answer that says no.

    Args:
        doing: completes "cannot".
        without_login: the registry, where it was asked without a login.
    """
    message = f"{where}: cannot {doing}: {_reason(answer)}"
    advice = f"log in: docker login {without_login}" if without_login else _advice(answer)
    message = f"{message}; {advice}" if advice else message
    if answer.status in TRANSIENT and not _answer_is_full(answer):
        return TransientError(message, wait_seconds=_retry_after(answer))
    return RegistryError(message)


def _reason(answer: Answer) -> str:
    if answer.errors:
        return f"{', '.join(answer.errors)} (HTTP {answer.status})"
    said = f"{_who(answer)} answered HTTP {answer.status}"
    if answer.is_html or not answer.body:
        return said + (" and HTML" if answer.is_html else "")
    return f"{said}: {printable(answer.body[:4096].decode(errors='replace'))}"


def _who(answer: Answer) -> str:
    if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return "the proxy"
    return f"{answer.foreign_host}, where the registry leads," if answer.foreign_host else "it"


# Of requests there are quotas too, and repositories may bear the word in their name.
_STORAGE_REFUSED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
_FULL = re.compile(
    r"no space left|\bover quota|\bquota\b.{0,40}\bexceed|\bexceed\w*\b.{0,60}\bquota\b", re.IGNORECASE
)


def _answer_is_full(answer: Answer) -> bool:
    """Tell whether the registry has no space left."""
    text = " ".join([answer.body[:4096].decode(errors="replace"), *answer.errors])
    said = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _STORAGE_REFUSED
    return answer.status == HTTPStatus.INSUFFICIENT_STORAGE or bool(said and _FULL.search(text))


def _advice(answer: Answer) -> str:
    if _answer_is_full(answer):
        return "its disk or quota is full: free some space there and run it again"
    if answer.is_html and answer.status not in TRANSIENT | {HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
        return "is this a registry? A proxy or a login page may stand before it"
    if answer.foreign_host and HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        # No login for the registry mends it.
        return _ADVICE[answer.status] if answer.status in _OF_THE_WAY else "ask who runs the registry"
    codes = [text.partition(":")[0] for text in answer.errors]
    if known := next((_ADVICE_BY_CODE[code] for code in codes if code in _ADVICE_BY_CODE), ""):
        return known
    return _ADVICE.get(answer.status, AGAIN if answer.status in TRANSIENT else "")


_LOST = f"the registry has lost what was there a moment ago; {AGAIN}"
# OCI distribution-spec, "Error Codes"; TAG_INVALID is docker-registry's.
_ADVICE_BY_CODE = {
    "BLOB_UNKNOWN": _LOST,
    "BLOB_UPLOAD_UNKNOWN": _LOST,
    "MANIFEST_BLOB_UNKNOWN": _LOST,
    "MANIFEST_UNKNOWN": _LOST,
    "NAME_INVALID": "the registry takes no such name: choose another repository",
    "TAG_INVALID": "the registry takes no such tag: choose another with --tag, or in image.tags",
}
_ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "log in again",
    HTTPStatus.FORBIDDEN: "the login has no permission for that: ask for it, or log in as somebody else",
    HTTPStatus.NOT_FOUND: "check the repository's name; some registries want it made before the first push",
    HTTPStatus.METHOD_NOT_ALLOWED: "is this a registry, and does it take pushes?",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "it wants a login, or another one: see HTTPS_PROXY, HTTP_PROXY",
    HTTPStatus.CONFLICT: "the registry keeps what is there: choose another tag with --tag, or in image.tags",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the registry, or a proxy before it, takes no bodies of that size",
    HTTPStatus.TOO_MANY_REQUESTS: "it asks for fewer requests: wait and run it again",
}
# These mean the same whoever answers.
_OF_THE_WAY = frozenset(
    {
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def not_a_registry(where: str, answer: Answer) -> RegistryError:
    """Word a page for people where a registry was expected."""
    return RegistryError(
        f"{where}: answered HTML (HTTP {answer.status}); is this a registry? "
        "A proxy or a login page may stand before it"
    )


class LoginError(RegistryError):
    """Report that a login is missing, wrong, or not enough."""


def unauthorised(where: str, registry: str, found: Found, said: tuple[str, ...]) -> LoginError:
    """Word a refused or missing login."""
    command = f"docker login {registry}"
    if found.credentials:
        user = f" of user '{found.credentials.username}'" if found.credentials.username else ""
        problem = f"refuses the login{user} from {found.credentials.where}, or it may not do this"
    else:
        problem = "asks for a login, and there is none for it"
    details = "".join(f" ({text})" for text in (*said, *found.remarks))
    return LoginError(f"{where}: {problem}{details}; log in: {command}")


def _retry_after(answer: Answer) -> float | None:
    """Read Retry-After: seconds or a date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
