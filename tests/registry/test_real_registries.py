"""Real registries take what is pushed, and skopeo pulls the same index from them."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import RegistryError
from gomab_tasks.oci.descriptor import Descriptor
from gomab_tasks.registry.client import Client
from gomab_tasks.registry.pull import fetch_blob, fetch_manifest
from gomab_tasks.registry.reference import Reference, Repository
from gomab_tasks.registry.referrers import Artifact, list_referrers
from gomab_tasks.registry.transfer import Destination, push, read_content
from tests.conftest import Made, ToolFactory
from tests.registry.conftest import Login, OpenClient, attach_whole
from tests.registry.tls import make_certificate
from tests.servers import free_port, wait_until_listening

_SETTINGS = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: 127.0.0.1:{port}{tls}}}
{auth}
"""
# bcrypt of "wonderland"
_HTPASSWD = "gomab:$2b$04$.bWjiXlohFi/jgMTz8J1tOmuQ2WUysGiAp4XgZehzhiT4gkUAVGCm"


@contextmanager
def running(folder: Path, port: int, *words: str | Path) -> Iterator[str]:
    """Run a server that listens at the port, and give its address."""
    with (folder / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as child:
        try:
            wait_until_listening(port, folder / "log")
            yield f"127.0.0.1:{port}"
        finally:
            child.terminate()


def settings_file(folder: Path, port: int, auth: str = "", tls: str = "") -> Path:
    path = folder / "registry.yml"
    path.write_text(_SETTINGS.format(root=folder / "storage", port=port, auth=auth, tls=tls))
    return path


def pull(tool: ToolFactory, address: str, folder: Path, *options: str) -> str:
    """Have skopeo pull v1 of acme/api with all platforms; give the digest of what it got."""
    words: list[str | Path] = [tool("skopeo"), "copy", "--all", "--preserve-digests", *options]
    target = folder / "pulled"
    done = subprocess.run(
        [*words, f"docker://{address}/acme/api:v1", f"oci:{target}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    digest: str = json.loads((target / "index.json").read_text())["manifests"][0]["digest"]
    return digest


@pytest.mark.tool("skopeo")
def test_docker_registry(
    registry: str, opened: OpenClient, made: Made, tool: ToolFactory, tmp_path: Path
) -> None:
    """A push, the same again, and a pull by skopeo."""
    destination = Destination(Repository(registry, "acme/api"), ("v1", "v1.0"), mounts=("acme/worker",))
    with opened(registry) as client:
        assert push(client, read_content(made.layout, made.index), destination).sent_blobs == 5
    with opened(registry) as client:
        again = push(client, read_content(made.layout, made.index), destination)
    assert (again.sent_blobs, again.moved) == (0, ())
    assert pull(tool, registry, tmp_path, "--src-tls-verify=false") == made.index.digest


def test_docker_registry_mounts_blobs(registry: str, opened: OpenClient, made: Made) -> None:
    """From a sibling that has them."""
    with opened(registry) as client:
        push(
            client,
            read_content(made.layout, made.index),
            Destination(Repository(registry, "mounts/first"), ("v1",)),
        )
        sibling = Destination(Repository(registry, "mounts/second"), ("v1",), mounts=("mounts/first",))
        pushed = push(client, read_content(made.layout, made.index), sibling)
    assert (pushed.sent_blobs, pushed.mounted_blobs) == (0, 5)


def test_docker_registry_gives_back_what_it_has(
    registry: str, opened: OpenClient, made: Made, tmp_path: Path
) -> None:
    """Index by tag and digest, blobs into a folder."""
    repository = Repository(registry, "acme/pulled")
    with opened(registry) as client:
        push(client, read_content(made.layout, made.index), Destination(repository, ("v1",)))
        stored = fetch_manifest(client, Reference(repository, "v1"))
        assert stored == fetch_manifest(client, Reference(repository, digest=made.index.digest))
        assert stored.content == made.layout.read_blob(made.index)
        for layers in made.layers.values():
            path = fetch_blob(client, repository, layers[1].descriptor, tmp_path)
            assert path.read_bytes() == made.layout.blob_path(layers[1].descriptor.digest).read_bytes()
    assert stored.descriptor == Descriptor(stored.media_type, made.index.digest, made.index.size)


def attach_and_list(client: Client, repository: Repository, made: Made) -> None:
    push(client, read_content(made.layout, made.index), Destination(repository, ("v1",)))
    one, two = (
        Artifact(
            "application/vnd.example", made.index, "application/json", content, {"name": content.decode()}
        )
        for content in (b"1", b"2")
    )
    first, second = attach_whole(client, repository, one), attach_whole(client, repository, two)
    assert attach_whole(client, repository, one) == first
    found = list_referrers(client, repository, made.index.digest)
    assert {entry.digest for entry in found} == {first.digest, second.digest}
    assert {entry.artifact_type for entry in found} == {"application/vnd.example"}


def test_docker_registry_lists_artifacts_by_the_fallback_tag(
    registry: str, opened: OpenClient, made: Made
) -> None:
    """It has no referrers API."""
    with opened(registry) as client:
        attach_and_list(client, Repository(registry, "acme/attached"), made)
        tag = made.index.digest.replace(":", "-")
        assert client.find_digest(Repository(registry, "acme/attached"), tag)


@pytest.mark.tool("skopeo")
def test_docker_registry_with_a_login(
    opened: OpenClient, made: Made, tool: ToolFactory, login: Login, tmp_path: Path
) -> None:
    """Basic, with htpasswd; without the login it refuses."""
    (tmp_path / "htpasswd").write_text(_HTPASSWD)
    port = free_port()
    auth = f"auth: {{htpasswd: {{realm: registry, path: {tmp_path / 'htpasswd'}}}}}"
    settings = settings_file(tmp_path, port, auth)
    with running(tmp_path, port, tool("docker-registry"), "serve", settings) as address:
        destination = Destination(Repository(address, "acme/api"), ("v1",))
        with opened(address) as client, pytest.raises(RegistryError, match="docker login"):
            push(client, read_content(made.layout, made.index), destination)
        login(address)
        with opened(address) as client:
            push(client, read_content(made.layout, made.index), destination)
        options = ("--src-tls-verify=false", "--src-creds=gomab:wonderland")
        assert pull(tool, address, tmp_path, *options) == made.index.digest


@pytest.mark.tool("skopeo")
def test_docker_registry_with_tls(
    opened: OpenClient,
    made: Made,
    tool: ToolFactory,
    environment: dict[str, str],
    resolve: Callable[[str], None],
    tmp_path: Path,
) -> None:
    """A private CA is trusted when it is named, in a parameter or a variable, and not otherwise."""
    certificate, key = make_certificate(tool, tmp_path)
    port = free_port()
    settings = settings_file(tmp_path, port, tls=f", tls: {{certificate: {certificate}, key: {key}}}")
    with running(tmp_path, port, tool("docker-registry"), "serve", settings) as address:
        destination = Destination(Repository(address, "acme/api"), ("v1",))
        with (
            opened(address) as client,
            pytest.raises(RegistryError, match=r"is not trusted: .*registry\.ca-file = .*SSL_CERT_FILE"),
        ):
            push(client, read_content(made.layout, made.index), destination)
        with opened(address, ca_file=certificate) as client:
            at_once = replace(destination, is_new=True)  # which all threads find out about at a time
            assert push(client, read_content(made.layout, made.index), at_once).sent_blobs == 5
        environment["SSL_CERT_FILE"] = str(certificate)
        with opened(address) as client:
            assert push(client, read_content(made.layout, made.index), destination).sent_blobs == 0
        assert pull(tool, address, tmp_path, "--src-tls-verify=false") == made.index.digest
        for name, is_in_certificate in (("registry.example", True), ("other.example", False)):
            resolve(name)
            there = Repository(f"{name}:{port}", "acme/named")
            with opened(there.registry) as client:
                if is_in_certificate:
                    assert (
                        push(
                            client, read_content(made.layout, made.index), Destination(there, ("v1",))
                        ).sent_blobs
                        == 5
                    )
                else:
                    with pytest.raises(
                        RegistryError, match=r"not trusted: Hostname mismatch.*'; name the registry as"
                    ):
                        client.find_digest(there, "v1")


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a name that of this machine."""
    original = socket.getaddrinfo

    def add(name: str) -> None:
        def find(host: str, *rest: Any, **options: Any) -> Any:
            return original("127.0.0.1" if host == name else host, *rest, **options)

        monkeypatch.setattr(socket, "getaddrinfo", find)

    return add


@pytest.mark.tool("skopeo")
@pytest.mark.tool("crane")
def test_the_registry_of_crane(opened: OpenClient, made: Made, tool: ToolFactory, tmp_path: Path) -> None:
    """It keeps all in memory, and has the referrers API."""
    port = free_port()
    with (
        running(
            tmp_path, port, tool("crane"), "registry", "serve", "--address", f"127.0.0.1:{port}"
        ) as address,
        opened(address) as client,
    ):
        push(
            client,
            read_content(made.layout, made.index),
            Destination(Repository(address, "acme/api"), ("v1",)),
        )
        assert pull(tool, address, tmp_path, "--src-tls-verify=false") == made.index.digest
        attach_and_list(client, Repository(address, "acme/attached"), made)
