"""What a session learns in one thread holds for requests of all others."""

from __future__ import annotations

import pytest

from gomab_tasks.process import Processes
from gomab_tasks.registry import session as sessions
from gomab_tasks.registry.message import Answer, Origin, Request, origin_of
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.session import Session
from gomab_tasks.registry.transport import Receive, Transport


class Heard(Transport):
    """Hold what would be sent."""

    def __init__(self) -> None:
        super().__init__({}, lambda: None)
        self.urls: list[str] = []

    def send(self, request: Request, where: str, receive: Receive | None = None) -> Answer:
        del where, receive
        self.urls.append(request.url)
        return Answer(200, {})


def test_tls_that_another_thread_finds_makes_no_foreign_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """At any time: here between two looks at the address of the registry."""
    transport = Heard()
    session = Session("localhost:5000", transport, Processes({}, str), pytest.fail)

    def find_tls(url: str) -> Origin:
        session._base, session._is_settled = "https://localhost:5000", True
        return origin_of(url)

    repository = Repository("localhost:5000", "acme/api")
    request = Request("HEAD", session.url(repository, "blobs/x"))
    monkeypatch.setattr(sessions, "origin_of", find_tls)
    session.exchange(repository, request, ())
    transport.close()
    assert transport.urls == ["https://localhost:5000/v2/acme/api/blobs/x"]
