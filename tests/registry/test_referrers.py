"""Artifacts are listed at their subject, by the API or by the fallback tag."""

from __future__ import annotations

import json

import pytest

from gomab_tasks.errors import RegistryError, VerificationError
from gomab_tasks.oci.descriptor import INDEX, MANIFEST, Descriptor, digest_of
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.referrers import Artifact, fallback_tag, list_referrers
from tests.registry.conftest import OpenClient, attach_whole
from tests.registry.faults import answering
from tests.registry.server import Exchange, State

SUBJECT = Descriptor(INDEX, digest_of(b"subject"), 7)


def artifact(content: bytes) -> Artifact:
    return Artifact("application/spdx+json", SUBJECT, "application/spdx+json", content, {"made-by": "gomab"})


def test_the_manifest_is_one_of_artifacts() -> None:
    """With the empty config, as image-spec's manifest.md guides."""
    document = json.loads(artifact(b"{ }").manifest())
    assert document["artifactType"] == "application/spdx+json"
    assert document["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": digest_of(b"{}"),
        "size": 2,
    }
    assert [layer["digest"] for layer in document["layers"]] == [digest_of(b"{ }")]
    assert document["subject"] == {"mediaType": INDEX, "digest": SUBJECT.digest, "size": 7}
    assert document["annotations"] == {"made-by": "gomab"}


@pytest.mark.parametrize(("has_referrers", "page_size"), [(True, 100), (True, 1), (False, 100)])
def test_artifacts_are_listed(
    strict: State, opened: OpenClient, *, has_referrers: bool, page_size: int
) -> None:
    """All pages of them; the fallback tag is written only where there is no API."""
    strict.has_referrers, strict.page_size = has_referrers, page_size
    repository = Repository(strict.address, "acme/api")
    with opened(strict.address) as client:
        first, second = (attach_whole(client, repository, artifact(content)) for content in (b"1", b"2"))
        found = list_referrers(client, repository, SUBJECT.digest)
        assert [entry.digest for entry in found] == [first.digest, second.digest]
        assert {entry.artifact_type for entry in found} == {"application/spdx+json"}
    assert (("acme/api", fallback_tag(SUBJECT.digest)) in strict.tags) is not has_referrers


@pytest.mark.parametrize("status", [400, 401, 403, 406, 501])
def test_an_api_that_is_refused_leaves_the_fallback_tag(
    strict: State, opened: OpenClient, status: int
) -> None:
    """What does not know the API answers it in many ways; what else forbids it counts if there is no tag."""
    repository = Repository(strict.address, "acme/api")
    strict.fail("GET .*/referrers/", answering(status), times=100)
    with opened(strict.address) as client:
        first = attach_whole(client, repository, artifact(b"1"))
        assert [one.digest for one in list_referrers(client, repository, SUBJECT.digest)] == [first.digest]
        strict.tags.clear()
        if status in {401, 403}:
            with pytest.raises(RegistryError, match=r"log ?in"):
                list_referrers(client, repository, SUBJECT.digest)
        else:
            assert list_referrers(client, repository, SUBJECT.digest) == []


def test_the_same_artifact_is_listed_once(strict: State, opened: OpenClient) -> None:
    """However often it is attached."""
    repository = Repository(strict.address, "acme/api")
    with opened(strict.address) as client:
        for _ in range(2):
            attach_whole(client, repository, artifact(b"1"))
        assert len(list_referrers(client, repository, SUBJECT.digest)) == 1


def test_an_entry_that_another_run_overwrote_is_written_again(strict: State, opened: OpenClient) -> None:
    """The fallback tag has no lock."""

    def lose(exchange: Exchange) -> bool:
        exchange.send(201)  # as if another run had stored its own right afterwards
        return True

    repository = Repository(strict.address, "acme/api")
    strict.fail(f"PUT .*/manifests/{fallback_tag(SUBJECT.digest)}", lose, times=2)
    with opened(strict.address) as client:
        attach_whole(client, repository, artifact(b"1"))
        assert len(list_referrers(client, repository, SUBJECT.digest)) == 1
        strict.tags.clear()
        strict.fail(f"PUT .*/manifests/{fallback_tag(SUBJECT.digest)}", lose, times=100)
        with pytest.raises(RegistryError, match=r"others keep changing it.* run it again"):
            attach_whole(client, repository, artifact(b"2"))


@pytest.mark.parametrize(
    ("link", "message"),
    [('</v2/acme/api/referrers/x>; rel="next"', "without end"), ("", "digest: is 'x'; expected 'sha256:'")],
)
def test_lists_that_cannot_be_are_told(strict: State, opened: OpenClient, link: str, message: str) -> None:
    """Pages that lead in a circle, and entries that are none."""
    manifests = [] if link else [{"mediaType": MANIFEST, "digest": "x", "size": 1}]
    body = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    strict.fail("GET .*/referrers/", answering(200, body, **({"Link": link} if link else {})), times=1000)
    with (
        opened(strict.address) as client,
        pytest.raises((RegistryError, VerificationError), match=message),
    ):
        list_referrers(client, Repository(strict.address, "acme/api"), SUBJECT.digest)
