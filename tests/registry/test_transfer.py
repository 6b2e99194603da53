"""Pushing sends what is missing, in the right order, and nothing else."""

from __future__ import annotations

import time
from functools import partial

import pytest

from gomab_tasks.errors import RegistryError, SettingsError, VerificationError
from gomab_tasks.oci.descriptor import INDEX, digest_of
from gomab_tasks.parallel import run_all
from gomab_tasks.progress.events import Event, step
from gomab_tasks.registry import transfer
from gomab_tasks.registry.reference import Repository
from gomab_tasks.registry.referrers import Artifact
from gomab_tasks.registry.transfer import Destination, Pushed, push, read_content
from tests.conftest import AMD64, Made
from tests.registry.conftest import OpenClient, Push
from tests.registry.faults import answering, refusing
from tests.registry.server import Exchange, State


def test_a_push_leaves_the_very_bytes_of_the_layout(strict: State, pushed: Push, made: Made) -> None:
    """Blobs, manifests and index are there, and the tags point to the index."""
    result = pushed(("v1", "v1.2"))
    assert strict.manifests["acme/api", made.index.digest] == (INDEX, made.layout.read_blob(made.index))
    assert {digest for _, digest in strict.manifests} == {
        made.index.digest,
        *(manifest.digest for manifest in made.manifests),
    }
    assert strict.tags == {("acme/api", "v1"): made.index.digest, ("acme/api", "v1.2"): made.index.digest}
    sizes = [len(content) for content in strict.blobs.values()]
    assert (result.digest, result.moved, result.blobs) == (made.index.digest, ("v1", "v1.2"), 5)
    assert (result.sent_blobs, result.mounted_blobs, result.sent_size) == (5, 0, sum(sizes))
    assert len(strict.log) == 1 + (2 + 5) + 5 + 5 + 2 + 2, "each further request costs a round trip"


def test_the_index_comes_last(strict: State, pushed: Push) -> None:
    """Whoever pulls a tag finds all that it leads to."""
    pushed()
    sent = strict.requests("PUT")
    assert [line.split("/")[4] for line in sent] == ["blobs"] * 5 + ["manifests"] * 3
    assert sent[-1].startswith("PUT /v2/acme/api/manifests/v1 ")


def test_each_blob_is_sent_once(strict: State, pushed: Push) -> None:
    """Platforms share their first layer."""
    pushed()
    assert len(strict.requests("POST")) == len(set(strict.requests("PUT .*/blobs/"))) == 5


def test_few_large_blobs_are_sent_side_by_side(
    strict: State, pushed: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow line each then ends sooner, and what breaks off loses less."""
    under_way = 0
    most = 0

    def note(exchange: Exchange) -> bool:
        nonlocal under_way, most
        with strict.lock:
            under_way += 1
            most = max(most, under_way)
        exchange.read()
        time.sleep(0.05)
        with strict.lock:
            under_way -= 1
        return False

    monkeypatch.setattr(transfer, "LARGE", 0)
    strict.fail("PUT .*/blobs/", note, times=100)
    assert pushed().sent_blobs == 5
    assert 1 < most <= transfer.LARGE_AT_ONCE


def test_after_a_failure_no_large_blob_begins(
    strict: State, pushed: Push, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even those that waited for their turn."""
    monkeypatch.setattr(transfer, "LARGE", 0)
    monkeypatch.setattr(transfer, "LARGE_AT_ONCE", 1)
    strict.fail("PUT .*/blobs/", refusing(403, "DENIED", "no"), times=100)
    with pytest.raises(RegistryError, match="DENIED: no"):
        pushed()
    assert len(strict.requests("PUT .*/blobs/")) == 1


def test_what_artifacts_share_is_sent_once(strict: State, pushed: Push, made: Made) -> None:
    """Before the first of them is attached: docker-registry loses a blob while it is stored again."""
    artifacts = tuple(
        Artifact(kind, subject, kind, subject.digest.encode() + kind.encode())
        for subject in made.manifests
        for kind in ("a/b", "c/d")
    )
    assert pushed(artifacts=artifacts).sent_blobs == 5
    sent = [line.split("/")[4] for line in strict.requests("PUT")]
    assert sent == ["blobs"] * (5 + 4 + 1) + ["manifests"] * (2 + 4 + len(made.manifests) * 2 + 1)
    assert len(strict.requests(f"PUT .*{digest_of(b'{}').replace(':', '%3A')}")) == 1


@pytest.mark.parametrize("status", [200, 202])
def test_a_blob_may_be_stored_with_any_success(strict: State, pushed: Push, status: int) -> None:
    """The spec says 201; others are taken as those of manifests are."""

    def store(exchange: Exchange) -> bool:
        digest = digest_of(exchange.read())
        strict.blobs["acme/api", digest] = exchange.read()
        exchange.send(status)
        return True

    strict.fail("PUT .*/blobs/", store, times=5)
    assert pushed().sent_blobs == 5


def test_without_tags_the_digest_alone_is_pushed(strict: State, pushed: Push, made: Made) -> None:
    """The index can be pulled by digest."""
    pushed(())
    assert ("acme/api", made.index.digest) in strict.manifests
    assert not strict.tags
    strict.log.clear()
    pushed(())
    assert len(strict.log) == 1


def test_a_repeated_push_asks_two_things(strict: State, pushed: Push) -> None:
    """One look for the index, one for the tag; nothing is sent."""
    pushed()
    strict.log.clear()
    result = pushed()
    assert [line.split()[0] for line in strict.log] == ["HEAD", "HEAD"]
    assert (result.moved, result.sent_blobs) == ((), 0)


def test_what_is_new_is_looked_for_all_at_once(strict: State, pushed: Push) -> None:
    """The index, the tag and the blobs in one round trip, while uploads are started."""
    assert pushed(is_new=True).sent_blobs == 5
    methods = [line.split()[0] for line in strict.log]
    assert sorted(methods[:12]) == ["HEAD"] * (1 + 1 + 5) + ["POST"] * 5
    assert methods[12:] == ["PUT"] * (5 + 2 + 1)


def test_uploads_that_were_started_for_nothing_are_cancelled(strict: State, pushed: Push) -> None:
    """What was there after all is not sent, and leaves nothing at the registry."""
    pushed(is_new=True)
    strict.log.clear()
    result = pushed(is_new=True)
    assert [line.split()[0] for line in strict.log][12:] == ["DELETE"] * 5
    assert strict.uploads == set()
    assert (result.moved, result.sent_blobs) == ((), 0)


def test_a_blob_that_is_just_being_mounted_may_not_be_found(
    strict: State, pushed: Push, warned: list[str]
) -> None:
    """docker-registry fails at its half-written link; nobody has to wait for that, or hear of it."""
    strict.fail("HEAD .*/blobs/", answering(500), times=5)
    assert pushed(is_new=True).sent_blobs == 5
    assert len(strict.requests("HEAD .*/blobs/")) == 5
    assert warned == []


def test_an_upload_that_could_not_be_started_early_is_started_again(strict: State, pushed: Push) -> None:
    """It is told only where it is needed: who may only read can push again what is there."""
    strict.fail("POST", answering(503), times=5)
    assert pushed(is_new=True).sent_blobs == 5
    strict.fail("POST", refusing(403, "DENIED"), times=100)
    assert pushed(is_new=True).sent_blobs == 0


def test_what_is_mounted_early_is_not_sent(pushed: Push) -> None:
    """It counts as mounted, though it may be found there right afterwards."""
    pushed()
    result = pushed(name="acme/other", mounts=("acme/api",), is_new=True)
    assert (result.sent_blobs, result.mounted_blobs) == (0, 5)


def test_a_new_tag_of_what_is_there_is_one_request_more(strict: State, pushed: Push, made: Made) -> None:
    """Neither blobs nor manifests are looked for."""
    pushed()
    strict.log.clear()
    assert pushed(("v1", "v2")).moved == ("v2",)
    assert [line.split()[0] for line in strict.log] == ["HEAD", "HEAD", "HEAD", "PUT"]
    assert strict.tags["acme/api", "v2"] == made.index.digest


def test_only_missing_blobs_are_sent(strict: State, pushed: Push, made: Made) -> None:
    """What an earlier, broken push had sent is not sent again."""
    pushed(())
    strict.manifests.clear()
    lost = made.layers[AMD64][1].descriptor.digest
    del strict.blobs["acme/api", lost]
    strict.log.clear()
    assert pushed().sent_blobs == 1
    assert len(strict.requests("POST")) == 1


def test_blobs_of_a_sibling_are_mounted(strict: State, pushed: Push) -> None:
    """No bytes are sent for what another repository of the registry has."""
    pushed((), name="acme/worker")
    strict.log.clear()
    result = pushed(mounts=("acme/worker",))
    assert (result.sent_blobs, result.mounted_blobs, result.sent_size) == (0, 5, 0)
    assert not strict.requests("PUT .*/blobs/")


def test_a_sibling_without_the_blobs_costs_no_further_request(strict: State, pushed: Push) -> None:
    """The upload that the registry offers instead of the mount is used."""
    assert pushed(mounts=("acme/other",)).sent_blobs == 5
    assert len(strict.requests("POST")) == 5


def test_a_registry_that_refuses_mounts_gets_uploads(strict: State, pushed: Push) -> None:
    """A sibling may be out of reach."""
    strict.fail(r"POST .*mount=", answering(403), times=5)
    assert pushed(mounts=("acme/secret",)).sent_blobs == 5


def test_what_is_no_tag_is_refused() -> None:
    """It would name another place in the registry."""
    with pytest.raises(SettingsError, match=r"tag '\.\./x'"):
        Destination(Repository("ghcr.io", "a"), ("v1", "../x"))


def test_an_immutable_tag_may_be_pushed_again(pushed: Push) -> None:
    """The same digest is done."""
    pushed(immutable_tags=("v*",))
    assert pushed(immutable_tags=("v*",)).moved == ()


def test_an_immutable_tag_never_moves(strict: State, pushed: Push, made: Made) -> None:
    """It is an error before anything is sent."""
    strict.manifests["acme/api", "sha256:" + "0" * 64] = (INDEX, b"{}")
    strict.tags["acme/api", "v1"] = "sha256:" + "0" * 64
    with pytest.raises(RegistryError, match=r"/acme/api:v1: is an immutable tag, and points to sha256:0000"):
        pushed(("dev", "v1"), immutable_tags=("v*",))
    assert not strict.requests("PUT|POST")
    assert pushed(immutable_tags=("release-*",)).moved == ("v1",)
    assert strict.tags["acme/api", "v1"] == made.index.digest


def test_uploads_that_were_started_for_an_immutable_tag_are_cancelled(strict: State, pushed: Push) -> None:
    """They began before it was known."""
    strict.manifests["acme/api", "sha256:" + "0" * 64] = (INDEX, b"{}")
    strict.tags["acme/api", "v1"] = "sha256:" + "0" * 64
    with pytest.raises(RegistryError, match="is an immutable tag"):
        pushed(immutable_tags=("v*",), is_new=True)
    assert len(strict.requests("POST")) == len(strict.requests("DELETE")) == 5
    assert strict.uploads == set()


def test_a_registry_without_digests_in_its_answers_is_read_itself(strict: State, pushed: Push) -> None:
    """Docker-Content-Digest is only a SHOULD; the content tells then."""
    pushed()
    strict.fail("HEAD .*/manifests/v1", answering(200))
    assert pushed().moved == ()
    assert strict.requests("GET .*/manifests/v1")


def test_a_blob_that_shrinks_while_it_is_sent_is_no_registry_error(
    strict: State, opened: OpenClient, made: Made
) -> None:
    """The upload ends at once instead of waiting for bytes that never come."""
    content = read_content(made.layout, made.index)
    path = made.layout.blob_path(made.layers[AMD64][1].descriptor.digest)
    path.write_bytes(b"")
    with opened(strict.address) as client, pytest.raises(VerificationError, match="became shorter"):
        push(client, content, Destination(Repository(strict.address, "acme/api")))


def test_a_single_manifest_can_be_pushed(strict: State, opened: OpenClient, made: Made) -> None:
    """Without an index."""
    content = read_content(made.layout, made.manifests[0])
    with opened(strict.address) as client:
        push(client, content, Destination(Repository(strict.address, "acme/api"), ("one",)))
    assert strict.tags["acme/api", "one"] == made.manifests[0].digest
    assert len(strict.blobs) == 3


def test_several_images_share_a_client(strict: State, opened: OpenClient, made: Made) -> None:
    """Pushed at once, they share connections and the login."""
    names = ("acme/a", "acme/b", "acme/c")
    destinations = [Destination(Repository(strict.address, name), ("v1",)) for name in names]
    content = read_content(made.layout, made.index)
    with opened(strict.address) as client:
        pushes = [partial(push, client, content, destination) for destination in destinations]
        outcomes = run_all(pushes, 3, client.transport.stop)
    assert [outcome.digest for outcome in outcomes if isinstance(outcome, Pushed)] == [made.index.digest] * 3
    assert strict.tags == {(name, "v1"): made.index.digest for name in names}


def test_progress_shows_sizes_and_the_outcome(strict: State, opened: OpenClient, made: Made) -> None:
    """The step ends with what was pushed."""
    events: list[Event] = []
    destination = Destination(Repository(strict.address, "acme/api"), ("v1",))
    with opened(strict.address) as client, step(events.append, "push", "api") as running:
        push(client, read_content(made.layout, made.index), destination, running)
    assert [events[0].kind, events[1].kind, events[-1].kind] == ["started", "progressed", "finished"]
    assert " of " in events[1].text
    assert events[-1].text.startswith(made.index.digest)
