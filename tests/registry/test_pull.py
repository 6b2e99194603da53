"""What is pulled has the digest that was asked for, or is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.errors import RegistryError, VerificationError
from gomab_tasks.oci.descriptor import INDEX, LAYER_TAR, Descriptor, digest_of
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.pull import fetch_blob, fetch_manifest
from gomab_tasks.registry.reference import Reference, Repository
from tests.registry.conftest import OpenClient
from tests.registry.faults import answering, resetting
from tests.registry.server import Act, Exchange, State, serving

CONTENT = bytes(range(256)) * 4000
BLOB = Descriptor(LAYER_TAR, digest_of(CONTENT), len(CONTENT))
MANIFEST_TEXT = b'{"schemaVersion":2}'


@pytest.fixture
def repository(strict: State) -> Repository:
    """Give a repository that has BLOB, and MANIFEST_TEXT as v1."""
    strict.blobs["acme/api", BLOB.digest] = CONTENT
    strict.manifests["acme/api", digest_of(MANIFEST_TEXT)] = (INDEX, MANIFEST_TEXT)
    strict.tags["acme/api", "v1"] = digest_of(MANIFEST_TEXT)
    return Repository(strict.address, "acme/api")


def fetch(client: Client, repository: Repository, folder: Path) -> Path:
    path = fetch_blob(client, repository, BLOB, folder)
    assert path == folder / "sha256" / BLOB.digest.removeprefix("sha256:")
    assert path.read_bytes() == CONTENT
    return path


def cutting(size: int) -> Act:
    """Send a blob's first bytes, then break off."""

    def act(exchange: Exchange) -> bool:
        exchange.send(200, CONTENT[:size], length=str(len(CONTENT)))
        exchange.close_connection = True
        return True

    return act


def test_a_manifest_by_tag_and_digest(strict: State, repository: Repository, opened: OpenClient) -> None:
    """Its bytes are unchanged."""
    with opened(strict.address) as client:
        for reference in (Reference(repository, "v1"), Reference(repository, "v2", digest_of(MANIFEST_TEXT))):
            stored = fetch_manifest(client, reference)
            assert (stored.media_type, stored.content) == (INDEX, MANIFEST_TEXT)
        with pytest.raises(RegistryError, match=r"acme/api:v9: is not there; check its name, tag and digest"):
            fetch_manifest(client, Reference(repository, "v9"))


@pytest.mark.parametrize("target", ["v1", digest_of(MANIFEST_TEXT)])
def test_a_manifest_that_was_changed_is_refused(
    strict: State, repository: Repository, opened: OpenClient, target: str
) -> None:
    """On its way, or in the registry."""
    headers = {"Content_Type": INDEX, "Docker_Content_Digest": digest_of(MANIFEST_TEXT)}
    strict.fail("GET", answering(200, b'{"schemaVersion":3}', **headers))
    with opened(strict.address) as client, pytest.raises(VerificationError, match="changes content"):
        client.find_manifest(repository, target)


def test_a_manifest_without_end_is_refused(strict: State, repository: Repository, opened: OpenClient) -> None:
    """4 MiB are read, no more."""
    strict.fail("GET", answering(200, bytes(6 << 20), Content_Type=INDEX))
    with opened(strict.address) as client, pytest.raises(RegistryError, match="larger than 4194304 bytes"):
        client.find_manifest(repository, "v1")


def test_a_blob_is_fetched_once(
    strict: State, repository: Repository, opened: OpenClient, tmp_path: Path
) -> None:
    """Afterwards the folder has it; damaged, it is fetched again."""
    with opened(strict.address) as client:
        path = fetch(client, repository, tmp_path)
        fetch(client, repository, tmp_path)
        assert len(strict.requests("GET")) == 1
        path.write_bytes(bytes(len(CONTENT)))
        fetch(client, repository, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o644
    assert not list(tmp_path.rglob("*.partial"))


def test_a_blob_that_broke_off_is_continued(
    strict: State, repository: Repository, opened: OpenClient, tmp_path: Path
) -> None:
    """In the same run, and in the next one."""
    strict.fail("GET", cutting(500_000))
    with opened(strict.address) as client:
        fetch(client, repository, tmp_path)
    assert [line.split()[2] for line in strict.requests("GET")] == ["200", "206"]


def test_the_next_run_continues(
    strict: State, repository: Repository, opened: OpenClient, tmp_path: Path
) -> None:
    """What came is kept when the network goes away."""
    strict.fail("GET", cutting(500_000))
    strict.fail("GET", resetting(), times=3)
    with opened(strict.address) as client:
        with pytest.raises(RegistryError, match="closed the connection"):
            fetch(client, repository, tmp_path)
        assert next(tmp_path.rglob("*.partial")).stat().st_size > 0
        fetch(client, repository, tmp_path)
    assert len(strict.requests("GET .* 206")) == 1


def test_a_registry_without_ranges_sends_all(
    strict: State, repository: Repository, opened: OpenClient, tmp_path: Path
) -> None:
    """Then what was there is replaced."""
    strict.fail("GET", cutting(500_000))
    strict.fail("GET", answering(200, CONTENT))
    with opened(strict.address) as client:
        fetch(client, repository, tmp_path)


@pytest.mark.parametrize("content", [bytes(len(CONTENT)), CONTENT + b"x"])
def test_a_blob_of_another_digest_is_refused(
    strict: State, repository: Repository, opened: OpenClient, tmp_path: Path, content: bytes
) -> None:
    """Nothing of it is kept."""
    strict.fail("GET", answering(200, content))
    with opened(strict.address) as client:
        with pytest.raises(VerificationError, match="its content has the digest"):
            fetch(client, repository, tmp_path)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
        fetch(client, repository, tmp_path)


@pytest.mark.parametrize("size", [400, len(CONTENT)])
def test_what_a_crash_damaged_is_fetched_anew(
    strict: State, repository: Repository, opened: OpenClient, tmp_path: Path, warned: list[str], size: int
) -> None:
    """The registry is blamed only for what it sent."""
    partial = tmp_path / "sha256" / f"{BLOB.digest.removeprefix('sha256:')}.partial"
    partial.parent.mkdir()
    partial.write_bytes(bytes(size))
    with opened(strict.address) as client:
        path = fetch(client, repository, tmp_path)
        assert warned == [
            f"{repository}: the blob {BLOB.digest}: what an earlier run left of it is damaged; trying again"
        ]
        path.unlink()
        partial.write_bytes(bytes(400))
        strict.fail("GET", answering(200, bytes(len(CONTENT))), times=2)
        with pytest.raises(VerificationError, match="changes content"):
            fetch(client, repository, tmp_path)


def test_a_missing_blob_is_told(strict: State, opened: OpenClient, tmp_path: Path) -> None:
    """With the registry's own words."""
    with (
        opened(strict.address) as client,
        pytest.raises(RegistryError, match=r"read the blob .*BLOB_UNKNOWN"),
    ):
        fetch_blob(client, Repository(strict.address, "acme/other"), BLOB, tmp_path)


def test_blobs_elsewhere_are_followed_without_the_login(
    strict: State, repository: Repository, opened: OpenClient, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Most registries keep blobs in a storage of another host."""
    environment["DOCKER_AUTH_CONFIG"] = (
        f'{{"auths":{{"{strict.address}":{{"auth":"Z29tYWI6d29uZGVybGFuZA=="}}}}}}'
    )
    strict.users, strict.basic = {"gomab": "wonderland"}, True
    with serving() as storage:
        storage.blobs["x", BLOB.digest] = CONTENT
        address = f"http://{storage.address}/v2/x/blobs/{BLOB.digest}?signature=abc"

        def lead_away(exchange: Exchange) -> bool:
            if "Authorization" not in exchange.headers:
                return False
            exchange.send(307, Location=address)
            return True

        strict.fail("GET", lead_away, times=2)
        with opened(strict.address) as client:
            fetch(client, repository, tmp_path)
        assert [value for _, value in storage.authorizations] == [""]
