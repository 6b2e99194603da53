"""Hold what goes to a registry and what comes back."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from msgspec import Struct, field

from gomab_tasks import files
from gomab_tasks.errors import VerificationError
from gomab_tasks.oci.descriptor import read_json

Origin = tuple[str, str, int]
_LONGEST_LINE = 300
_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> Origin:
    """Give scheme, host and port of an address (RFC 6454)."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


class Upload(Struct, frozen=True):
    """Hold a file that is sent as a body, however often it takes.

    Attributes:
        on_sent: called with the bytes handed to the connection so far; what it
            raises ends the request.
    """

    path: Path
    size: int
    on_sent: Callable[[int], None] = lambda _size: None

    @contextmanager
    def opened(self) -> Iterator[Reader]:
        """Open the file for one request."""
        with files.read_errors(self.path):
            file = self.path.open("rb", buffering=0)
        with file:
            self.on_sent(0)
            yield Reader(self, file)


class Reader:
    """Read a file piece by piece while a connection sends it."""

    def __init__(self, upload: Upload, file: BinaryIO) -> None:
        self._upload = upload
        self._file = file
        self._sent = 0

    def read(self, size: int) -> bytes:
        """Give the next piece; raises `VerificationError` where the file has become shorter."""
        with files.read_errors(self._upload.path):
            piece = self._file.read(min(size, self._upload.size - self._sent))
        if not piece and self._sent < self._upload.size:
            raise VerificationError(f"{self._upload.path}: became shorter while it was sent; run it again")
        self._sent += len(piece)
        self._upload.on_sent(self._sent)
        return piece


class Request(Struct, frozen=True):
    """Hold one request. A body can be sent again."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Upload | None = None

    def __repr__(self) -> str:
        """Keep secrets out of tracebacks: headers and body may hold a login."""
        return f"{type(self).__name__}({self.method} {self.url})"


class Answer(Struct, frozen=True):
    """Hold one answer; names of headers are in lower case.

    Attributes:
        foreign_host: who gave it, where the registry leads to another.
    """

    status: int
    headers: Mapping[str, str]
    challenges: tuple[str, ...] = ()
    body: bytes = b""
    foreign_host: str = ""

    @property
    def is_html(self) -> bool:
        """Tell a page for people from what a registry answers."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        start = self.body[:200].lstrip().lower()
        return kind == "text/html" or start.startswith((b"<!doctype html", b"<html"))

    @property
    def digest(self) -> str:
        """The digest that the registry names, if any."""
        return self.headers.get("docker-content-digest", "")

    @property
    def errors(self) -> tuple[str, ...]:
        """Word the errors of the body (distribution-spec, "Error Codes"): `CODE: message`."""
        try:
            document: Any = read_json(self.body)
            return tuple(_word(error) for error in document["errors"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return ()


def _word(error: Mapping[str, object]) -> str:
    words = [str(error[key]) for key in ("code", "message") if error.get(key)]
    return printable(": ".join(filter(None, [*words, _cause(error.get("detail"))])))


def _cause(detail: object) -> str:
    """Find what is behind docker-registry's "unknown error": a text, or a number of the operating system."""
    while isinstance(detail, dict):
        detail = detail.get("Err", detail.get("Enclosed"))
    if isinstance(detail, int) and detail in errno.errorcode:
        return os.strerror(detail)
    return detail if isinstance(detail, str) else ""


def printable(text: str) -> str:
    """Make one short line of what a server says, without what could steer a terminal."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(line.split())[:_LONGEST_LINE]
