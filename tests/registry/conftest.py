"""What tests of registries need: a strict one, clients without a user's logins."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.oci.descriptor import Descriptor
from gomab_tasks.process import Processes
from gomab_tasks.registry.client import Client, open_client
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.referrers import Artifact, attach, blobs_of
from gomab_tasks.registry.transfer import Destination, Pushed, push, read_content
from gomab_tasks.registry.transport import Patience
from gomab_tasks.secrets import redactor
from tests.conftest import Made
from tests.registry.server import State, serving

OpenClient = Callable[..., AbstractContextManager[Client]]
Login = Callable[..., None]

Push = Callable[..., Pushed]

QUICK = Patience(attempts=4, backoff_seconds=0.01, connect_seconds=2, stall_seconds=0.5)


def attach_whole(client: Client, repository: Repository, artifact: Artifact) -> Descriptor:
    """Attach an artifact with all that it leads to, as a push does."""
    for digest, content in blobs_of([artifact]).items():
        client.store_blob(repository, digest, content)
    return attach(client, repository, artifact)


@pytest.fixture
def strict() -> Iterator[State]:
    """Run a strict registry of this test's own."""
    with serving() as state:
        yield state


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give variables of a user who has never logged in anywhere."""
    run = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin"), **run}


@pytest.fixture
def warned() -> list[str]:
    """Give what clients have told meanwhile."""
    return []


@pytest.fixture
def login(environment: dict[str, str]) -> Login:
    """Log in as `docker login` does: gomab with the password wonderland, unless told otherwise."""

    def write(registry: str, user: str = "gomab", password: str = "wonderland", **fields: Any) -> None:
        auth = base64.b64encode(f"{user}:{password}".encode()).decode()
        path = Path(environment["HOME"], ".docker", "config.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"auths": {registry: fields or {"auth": auth}}}))

    return write


@pytest.fixture
def opened(environment: dict[str, str], warned: list[str]) -> OpenClient:
    """Open clients that lose patience soon."""

    def open_one(registry: str, **options: Any) -> AbstractContextManager[Client]:
        processes = options.pop("processes", None) or Processes(environment, redactor(environment))
        return open_client(registry, processes, warned.append, **{"patience": QUICK} | options)

    return open_one


@pytest.fixture
def pushed(strict: State, opened: OpenClient, made: Made) -> Push:
    """Push `made`, as v1 of acme/api to the strict registry, with a new client, as each run does.

    `client` are options of the client, any others those of the destination.
    """

    def run(
        tags: tuple[str, ...] = ("v1",),
        name: str = "acme/api",
        address: str = strict.address,
        client: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Pushed:
        with opened(address, **client or {}) as one:
            return push(
                one,
                read_content(made.layout, made.index),
                Destination(Repository(address, name), tags, **options),
            )

    return run
