"""What a registry gives for a join is trusted no further than it can be checked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gomab_tasks.delivery.collect import RECORD_TYPE, record_artifact, remove_fetched
from gomab_tasks.errors import RegistryError, VerificationError
from gomab_tasks.oci.descriptor import MANIFEST, Descriptor, digest_of
from gomab_tasks.output.record import read_records
from gomab_tasks.process import Processes
from gomab_tasks.project import open_project
from gomab_tasks.registry.client import Client, open_client
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.referrers import Artifact
from gomab_tasks.tasks.delivery import push
from gomab_tasks.tasks.images import image, images
from tests.conftest import Git
from tests.registry.conftest import attach_whole
from tests.registry.faults import refusing
from tests.registry.server import State, serving

Module = Callable[[str], Path]


@dataclass
class Place:
    """Hold a registry with a platform of `hello`, pushed by digest, and what talks to it."""

    root: Path
    client: Client
    repository: Repository
    record: Artifact
    state: State

    @property
    def reference(self) -> str:
        return f"{self.repository}@{self.record.subject.digest}"

    def attach(self, **changes: Any) -> None:
        """Attach another record, which the registry then lists last."""
        content = json.dumps(json.loads(self.record.content) | changes).encode()
        attach_whole(self.client, self.repository, replace(self.record, content=content))

    def refusal(self, settings: dict[str, Any] | None = None) -> str:
        """Give what a join says of the platform."""
        with pytest.raises(VerificationError) as caught:
            images(open_project(self.root, settings=settings), join=True, digest=(self.reference,))
        return str(caught.value)


@pytest.fixture
def place(module: Module) -> Iterator[Place]:
    root = module("hello")
    project = open_project(root)
    image(project, arch=("amd64",))
    with serving() as state:
        repository = Repository(state.address, "acme/hello")
        push(project, repository=str(repository), arch=("amd64",))
        ((_, record),) = read_records(project.out, "hello")
        processes = Processes(project.environment, str)
        with open_client(state.address, processes, pytest.fail) as client:
            yield Place(root, client, repository, record_artifact(record), state)


def test_a_platform_that_two_commits_give_has_one_record(place: Place) -> None:
    """A join would read either, and one of them may be of another commit than the other platforms."""
    ((_, record),) = read_records(place.root / "build/gomab", "hello")
    assert record_artifact(replace(record, revision="a" * 40)) == record_artifact(record)


def test_what_is_not_known_of_a_platform_is_said(place: Place, git: Git) -> None:
    """It may have been built from other files than those that lie here, which names will be of."""
    said: list[str] = []
    git(place.root, "init", "--quiet")
    (place.root / ".gitignore").write_text("build\n")
    git(place.root, "add", ".")
    git(place.root, "commit", "--quiet", "--message=first")
    commit = git(place.root, "rev-parse", "HEAD")[:12]
    for expected in (commit, f"{commit}-dirty"):
        project = open_project(place.root, emit=lambda event: said.append(event.text))
        images(project, arch=("amd64",), join=True, digest=(place.reference,))
        words = "hello: what comes by digest does not tell its commit; annotations and names take that of "
        assert f"{words}this checkout, {expected}" in said
        (place.root / "main.go").write_text("package main\n\nfunc main() {}\n")


@pytest.mark.parametrize("name", ["../../../elsewhere", "/elsewhere", "", "a/b", "."])
def test_a_record_names_no_folder(place: Place, name: str) -> None:
    """Its image is part of paths."""
    place.attach(image=name)
    assert f"is damaged (image '{name}' is no name for an image" in place.refusal()


def test_a_platform_that_is_not_there_is_told(place: Place) -> None:
    """It lacks more than a record."""
    reference = f"{place.repository}@sha256:{'0' * 64}"
    with pytest.raises(RegistryError, match=f"^{reference}: is not there; give it as push printed it$"):
        images(open_project(place.root), join=True, digest=(reference,))


def test_a_login_that_may_only_pull_is_enough(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some token servers refuse a request for more than a login may do."""
    place.state.users = {"gomab": "wonderland"}
    auth = base64.b64encode(b"gomab:wonderland").decode()
    logins = json.dumps({"auths": {place.state.address: {"auth": auth}}})
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", logins)
    place.state.fail("GET /token.*push", refusing(403, "DENIED"), times=100)
    with pytest.raises(RegistryError, match=r"is not there; give it as push printed it$"):
        images(open_project(place.root), join=True, digest=(f"{place.repository}@sha256:{'0' * 64}",))
    images(open_project(place.root), join=True, digest=(place.reference,), arch=("amd64",))


def test_a_record_is_of_an_image_of_the_table(place: Place) -> None:
    """Another one would be joined beside those that are wanted."""
    place.attach(image="other")
    settings = {"images": {"hello": {"main": "."}}}
    assert place.refusal(settings).endswith(
        "is of an image 'other', but the table names hello; give digests of these"
    )


def test_an_artifact_without_a_document_is_no_record(place: Place) -> None:
    """Whatever its type says."""
    whole = json.loads(place.record.manifest())
    content = json.dumps(whole | {"layers": []}).encode()
    place.client.put_manifest(place.repository, digest_of(content), MANIFEST, content)
    listing = place.record.subject.digest.replace(":", "-")
    stored = place.client.find_manifest(place.repository, listing)
    assert stored
    entry = Descriptor(MANIFEST, digest_of(content), len(content)).to_dict() | {"artifactType": RECORD_TYPE}
    document = json.loads(stored.content)
    listed = json.dumps(document | {"manifests": [*document["manifests"], entry]}).encode()
    place.client.put_manifest(place.repository, listing, stored.media_type, listed)
    assert "is no record of gomab: it has 0 layers instead of one" in place.refusal()


def test_what_was_fetched_is_kept_once(place: Place) -> None:
    """The layout has it; a further join finds it there, and one that failed goes on."""
    for path in (place.root / "build/gomab/images").rglob("*"):
        if path.is_file():
            path.unlink()
    join = partial(images, open_project(place.root), join=True, digest=(place.reference,), arch=("amd64",))
    first = join().images
    assert not (place.root / "build/gomab/fetched").exists()
    place.state.log.clear()
    assert join().images == first
    ((_, record),) = read_records(place.root / "build/gomab", "hello")
    digests = [record.config, *(layer.digest for layer in record.layers)]
    assert not [line for line in place.state.log if any(digest in line for digest in digests)]


def test_without_anything_fetched_there_is_nothing_to_do(tmp_path: Path) -> None:
    """Not even a folder for a lock is made, which the next run would take for somebody else's."""
    project = open_project(tmp_path)
    remove_fetched(project)
    assert not project.out.exists()


def test_platforms_are_checked_before_any_is_sent(module: Module) -> None:
    """A damaged second platform keeps the first one at home."""
    root = module("hello")
    project = open_project(root)
    made = image(project).images
    layout = project.out / "images/hello/blobs/sha256"
    manifest = json.loads((layout / made[1].digest.removeprefix("sha256:")).read_bytes())
    damaged = layout / manifest["config"]["digest"].removeprefix("sha256:")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b" ")
    with serving() as state:
        with pytest.raises(VerificationError):
            push(project, repository=f"{state.address}/acme/hello", arch=("all",))
        assert _requests(state) == []


def _requests(state: State) -> list[str]:
    return list(state.log)
