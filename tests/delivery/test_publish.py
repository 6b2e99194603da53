"""Images leave for a real registry exactly as they lie on disk."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.delivery.publish import PushResult
from gomab_tasks.errors import (
    NotMeasurableError,
    RegistryError,
    SettingsError,
    StorageError,
    VerificationError,
)
from gomab_tasks.project import open_project
from gomab_tasks.tasks.delivery import archive, push
from gomab_tasks.tasks.images import image, images
from gomab_tasks.tasks.sizes import size
from tests.registry.faults import answering
from tests.registry.server import serving

Module = Callable[[str], Path]
Tool = Callable[[str], Path]

TABLE = """
[tool.gomab]
platforms = ["linux/amd64", "linux/arm64"]
"""


@pytest.fixture
def two(module: Module) -> Path:
    """Give a project of two images, built."""
    root = module("two-mains")
    (root / "pyproject.toml").write_text(TABLE)
    images(open_project(root))
    return root


@pytest.fixture
def place(registry: str, request: pytest.FixtureRequest) -> str:
    """Give the beginning of repositories that no other test uses."""
    name = "".join(letter for letter in request.node.name.lower() if letter.isalnum())
    return f"{registry}/{name[:60]}"


def _digest(crane: Path, reference: str) -> str:
    done = subprocess.run([crane, "digest", reference], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.tool("skopeo")
def test_what_is_pulled_back_is_the_same(two: Path, place: str, tool: Tool, tmp_path: Path) -> None:
    """Index, platforms and blobs come back byte for byte; both tags name the index."""
    result = push(open_project(two), repository=f"{place}/{{image}}", tag=("v1", "v1.2"))
    assert [one.image for one in result.images] == ["api", "worker"]
    for one in result.images:
        layout = two / "build/gomab/images" / one.image
        for tag in ("v1", "v1.2"):
            back = tmp_path / f"{one.image}-{tag}"
            source = f"docker://{one.repository}:{tag}"
            command = ["copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", source]
            subprocess.run([tool("skopeo"), *command, f"oci:{back}:x"], check=True)
            blobs = {path.name: path.read_bytes() for path in (back / "blobs/sha256").iterdir()}
            ours = {path.name: path.read_bytes() for path in (layout / "blobs/sha256").iterdir()}
            assert blobs == ours
        assert one.references[1] == f"{one.repository}:v1.2@{one.digest}"


def test_a_second_push_sends_nothing(two: Path, place: str) -> None:
    """What is there is not sent; blobs of siblings and of earlier repositories are mounted."""
    first = push(open_project(two), repository=f"{place}/{{image}}", tag=("v1",))
    assert [one.mounted_blobs > 0 for one in first.images] == [False, True]
    again = push(open_project(two), repository=f"{place}/{{image}}", tag=("v1",))
    assert [(one.sent_blobs, one.mounted_blobs) for one in again.images] == [(0, 0), (0, 0)]
    other = push(open_project(two), repository=f"{place}-other/{{image}}", tag=("v1",))
    assert [(one.sent_blobs, one.mounted_blobs) for one in other.images] == [
        (0, one.blobs) for one in other.images
    ]


def test_a_repository_that_names_an_image_is_for_that_one(two: Path, place: str) -> None:
    """Two images never go to one place; the last word of a repository may choose one of them."""
    (only,) = push(open_project(two), repository=f"{place}/api", tag=("v1",)).images
    assert (only.image, only.repository) == ("api", f"{place}/api")
    with pytest.raises(SettingsError, match=r"one place for the images api, worker; write \{image\}"):
        push(open_project(two), repository=place, tag=("v1",))


def test_an_immutable_tag_stays(module: Module, place: str, tool: Tool) -> None:
    """The same digest is done; another is refused, and the tag stays where it was."""
    root = module("hello")
    settings = {"image": {"immutable-tags": ["v*"], "repository": f"{place}/hello"}}
    digest = images(open_project(root)).images[0].digest
    push(open_project(root, settings=settings), tag=("v1",))
    push(open_project(root, settings=settings), tag=("v1",))
    images(open_project(root, settings={"image": {"args": ["other"]}}))
    with pytest.raises(RegistryError, match="v1: is an immutable tag"):
        push(open_project(root, settings=settings), tag=("latest", "v1"))
    assert _digest(tool("crane"), f"{place}/hello:v1") == digest


def test_an_immutable_tag_of_one_image_stays_all(two: Path, place: str, tool: Tool) -> None:
    """Nothing of the others is sent, since a second run could not take a tag of theirs back."""
    settings = {"image": {"immutable-tags": ["v*"], "repository": f"{place}/{{image}}"}}
    push(open_project(two), repository=f"{place}/worker", tag=("v1",))
    images(open_project(two, settings={"image": {"args": ["other"]}}))
    with pytest.raises(RegistryError, match=r"worker:v1: is an immutable tag, .* nothing was sent"):
        push(open_project(two, settings=settings), tag=("v1",))
    done = subprocess.run([tool("crane"), "ls", f"{place}/api"], capture_output=True, text=True, check=False)
    assert "NAME_UNKNOWN" in done.stderr


def test_tags_of_all_images_come_last(two: Path) -> None:
    """What fails for one image leaves the tags of the others where they were; what was tagged is told."""
    with serving() as state:
        place = f"{state.address}/{{image}}"
        state.fail("PUT /v2/worker/manifests/sha256", answering(403))
        with pytest.raises(RegistryError) as caught:
            push(open_project(two), repository=place, tag=("v1",))
        assert caught.value.result is None
        assert not state.tags
        state.fail("PUT /v2/worker/manifests/v1", answering(403))
        with pytest.raises(RegistryError) as caught:
            push(open_project(two), repository=place, tag=("v1",))
        result = caught.value.result
        assert isinstance(result, PushResult)
        assert [one.image for one in result.images] == ["api"]
        assert set(state.tags) == {("api", "v1")}


def test_the_tags_that_were_set_are_told(two: Path) -> None:
    """Where another one is refused, nobody has to look into the registry for how far it came."""
    with serving() as state:
        state.fail("PUT /v2/worker/manifests/bad", answering(403))
        with pytest.raises(RegistryError) as caught:
            push(open_project(two), repository=f"{state.address}/{{image}}", tag=("good", "bad"))
        result = caught.value.result
        assert isinstance(result, PushResult)
        assert [(one.image, one.tags) for one in result.images] == [
            ("api", ("good", "bad")),
            ("worker", ("good",)),
        ]


def test_a_layout_that_is_not_the_table_is_refused(module: Module, place: str) -> None:
    """A partial layout is pushed only with the `--arch` that it was built with."""
    root = module("hello")
    images(open_project(root), arch=("arm64",))
    with pytest.raises(SettingsError, match="was built for linux/arm64, but the table lists linux/amd64"):
        push(open_project(root), repository=f"{place}/hello", tag=("v1",))
    (one,) = push(open_project(root), repository=f"{place}/hello", tag=("v1",), arch=("arm64",)).images
    assert [platform.platform for platform in one.platforms] == ["linux/arm64"]


def test_platforms_go_alone_by_digest(module: Module, place: str, tool: Tool) -> None:
    """After `image --arch`, that platform is pushed without a tag, and no template is asked for one."""
    root = module("hello")
    made = image(open_project(root), arch=("arm64",)).images[0]
    (one,) = push(open_project(root), repository=f"{place}/hello", arch=("arm64",)).images
    assert (one.digest, one.tags) == (made.digest, ())
    assert _digest(tool("crane"), f"{place}/hello@{made.digest}") == made.digest


def test_an_index_goes_with_its_tags(module: Module, place: str) -> None:
    """`--arch` that names all of its platforms, in any order, means the index, as without `--arch`."""
    root = module("hello")
    digest = images(open_project(root)).images[0].digest
    where = f"{place}/hello"
    for arch in (("arm64,amd64",), ("all",)):
        (one,) = push(open_project(root), repository=where, tag=("v3",), arch=arch).images
        assert (one.digest, one.tags) == (digest, ("v3",))
    image(open_project(root), arch=("riscv64",))
    (one,) = push(open_project(root), repository=where, tag=("v3",), arch=("amd64", "arm64")).images
    assert one.digest == digest


def test_no_tag_is_dropped(module: Module, place: str) -> None:
    """A part of an index goes by digest, which the output says, and a tag for it is an error."""
    root = module("hello")
    images(open_project(root))
    where = f"{place}/hello"
    with pytest.raises(SettingsError, match=r"--tag v3: hello has no index of just linux/arm64, which goes"):
        push(open_project(root), repository=where, tag=("v3",), arch=("arm64",))
    result = push(open_project(root), repository=where, arch=("arm64",))
    (one,) = result.images
    assert one.tags == ()
    assert result.text() == f"hello  {where}@{one.digest}  (linux/arm64, without a tag)"


@pytest.mark.parametrize("task", [push, archive, size])
@pytest.mark.parametrize("table", ["", "[tool.gomab.images.hello]\n"])
def test_without_images(task: Callable[..., object], table: str, module: Module) -> None:
    """There is nothing to read, and nothing is left in the way of `images`."""
    root = module("hello")
    (root / "pyproject.toml").write_text(f'[tool.gomab]\nimage.repository = "localhost:1/x"\n{table}')
    settings = {"image": {"tags": ["v1"]}}
    with pytest.raises(NotMeasurableError, match=r"build (it|them): gomab images"):
        task(open_project(root, settings=settings))
    assert not (root / "build").exists()


def test_nothing_is_asked_before_all_is_checked(two: Path) -> None:
    """With one image damaged, not even a question about the other reaches the registry."""
    blobs = two / "build/gomab/images/worker/blobs/sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[-1] ^= 1
    largest.write_bytes(content)
    with serving() as strict:
        place = f"^build/gomab/images/worker/blobs/sha256/{largest.name}: .*; make it again: gomab images$"
        with pytest.raises(VerificationError, match=place):
            push(open_project(two), repository=f"{strict.address}/{{image}}", tag=("v1",))
        assert not strict.log


def test_what_was_sent_before_is_asked_for_first(module: Module) -> None:
    """A repeated push asks for the index and the tag, unless the registry has lost them since."""
    root = module("hello")
    images(open_project(root))

    def log() -> list[str]:
        strict.log.clear()
        push(open_project(root), repository=f"{strict.address}/hello", tag=("v1",))
        return [line.split()[0] for line in strict.log]

    with serving() as strict:
        assert sorted(log()[:12]) == ["HEAD"] * 7 + ["POST"] * 5
        assert log() == ["HEAD"] * 2
        strict.manifests.clear()
        strict.blobs.clear()
        strict.tags.clear()
        assert log().count("PUT") == 5 + 3
        images(open_project(root, settings={"image": {"args": ["other"]}}))
        assert log().count("POST") == 5


def test_platforms_that_went_by_digest_are_told(two: Path) -> None:
    """One that is there when another fails can be joined all the same."""
    image(open_project(two), arch=("arm64",))
    with serving() as state:
        state.fail("PUT /v2/worker/manifests/", answering(403))
        with pytest.raises(RegistryError) as caught:
            push(open_project(two), repository=f"{state.address}/{{image}}", arch=("arm64",))
        result = caught.value.result
        assert isinstance(result, PushResult)
        assert [(one.image, one.remark) for one in result.images] == [("api", "(linux/arm64, without a tag)")]


def test_every_image_without_a_repository_is_told(two: Path) -> None:
    """What is missing for all of them needs one run to find."""
    with pytest.raises(SettingsError) as caught:
        push(open_project(two), tag=("v1",))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["api", "worker"]


def test_missing_values_name_the_cure(module: Module) -> None:
    """No repository, a wrong one, a wrong tag: each says what to write."""
    root = module("hello")
    images(open_project(root))
    with pytest.raises(SettingsError, match="has no repository to go to; set repository in"):
        push(open_project(root))
    with pytest.raises(SettingsError, match="write it without 'https://'"):
        push(open_project(root), repository="https://ghcr.io/acme/hello")
    with pytest.raises(
        SettingsError, match=r"write it without ':v1'; tags are given by --tag v1 or image.tags"
    ):
        push(open_project(root), repository="localhost:1/hello:v1")
    with pytest.raises(SettingsError, match=r"image\.tags takes \{git\.short\}, .* value; or give --tag$"):
        push(
            open_project(root, settings={"image": {"tags": ["{git.short}"]}}), repository="localhost:1/hello"
        )
    with pytest.raises(SettingsError, match=r"^--tag gives the tag 'a b': may have only letters"):
        push(open_project(root), repository="localhost:1/hello", tag=("a b",))
    with pytest.raises(SettingsError, match=r"^--repository is .*no field '\{imag\}'; did you mean"):
        push(open_project(root), repository="localhost:1/{imag}")
    with pytest.raises(SettingsError, match=r"^--tag is '\{x\}', and there is no field"):
        push(open_project(root), repository="localhost:1/{image}", tag=("{x}",))


def test_github_actions_gets_outputs(module: Module, place: str, tmp_path: Path) -> None:
    """The digest is there for later steps, and the summary names what was pushed."""
    root = module("hello")
    images(open_project(root))
    output, summary = tmp_path / "output", tmp_path / "summary"
    variables = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "HOME": str(tmp_path)}
    project = open_project(root, environment=variables)
    (one,) = push(project, repository=f"{place}/hello", tag=("v1",)).images
    assert one.digest in output.read_text()
    assert "digest-hello<<" in output.read_text()
    assert one.digest in summary.read_text()


def test_github_actions_gets_outputs_of_platforms(module: Module, place: str, tmp_path: Path) -> None:
    """What goes by digest has outputs too: those of the image where it is alone, else one each."""
    root = module("hello")
    image(open_project(root))
    output = tmp_path / "output"
    project = open_project(root, environment={"GITHUB_OUTPUT": str(output), "HOME": str(tmp_path)})
    push(project, repository=f"{place}/hello", arch=("arm64",))
    assert _names(output) == {"digest-hello", "repository-hello", "digest", "reference"}
    output.unlink()
    push(project, repository=f"{place}/hello", arch=("amd64", "arm64"))
    assert _names(output) == {"digest-hello-linux_amd64", "digest-hello-linux_arm64", "repository-hello"}


def _names(output: Path) -> set[str]:
    return {line.partition("<<")[0] for line in output.read_text().splitlines() if "<<" in line}


def test_outputs_that_cannot_be_written(module: Module, place: str, tmp_path: Path) -> None:
    """The push is done and its result told; the error says so."""
    root = module("hello")
    images(open_project(root))
    project = open_project(root, environment={"GITHUB_OUTPUT": str(tmp_path), "HOME": str(tmp_path)})
    with pytest.raises(StorageError, match=r"everything was pushed all the same$") as caught:
        push(project, repository=f"{place}/hello", tag=("v1",))
    assert isinstance(caught.value.result, PushResult)
    assert caught.value.result.images[0].tags == ("v1",)


def test_the_result_is_json(
    gomab: Callable[..., subprocess.CompletedProcess[str]], two: Path, place: str
) -> None:
    """stdout is one document with digests and what was sent."""
    done = gomab(two, "push", "--repository", f"{place}/{{image}}", "--tag", "v1", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]["images"]
    assert [one["tags"] for one in result] == [["v1"], ["v1"]]
    assert all(one["sent_size"] > 0 for one in result)


def test_bills_of_materials_are_attached(module: Module, place: str, tool: Tool) -> None:
    """With `sbom`, each platform has both documents as referrers; a second push adds none."""
    root = module("hello")
    settings = {"image": {"sbom": True}}
    made = images(open_project(root, settings=settings)).images[0]
    for _ in range(2):
        (one,) = push(open_project(root, settings=settings), repository=f"{place}/hello", tag=("v1",)).images
    assert one.attached == ("application/spdx+json", "application/vnd.cyclonedx+json")
    for platform in made.platforms:
        listing = f"{place}/hello:{platform.digest.replace(':', '-')}"
        done = subprocess.run([tool("crane"), "manifest", listing], capture_output=True, check=True)
        types = [entry["artifactType"] for entry in json.loads(done.stdout)["manifests"]]
        assert sorted(types) == sorted(one.attached)


def test_bills_of_materials_come_first(two: Path) -> None:
    """Where that of the last image cannot be written, not even the first is sent."""
    project = open_project(two, settings={"image": {"sbom": True}})
    (project.out / "records/worker/linux_amd64.json").unlink()
    with serving() as state:
        with pytest.raises(NotMeasurableError, match="worker linux/amd64: was built anew"):
            push(project, repository=f"{state.address}/{{image}}", tag=("v1",))
        assert list(state.log) == []


def test_required_trials_come_first(module: Module, place: str) -> None:
    """With `smoke.required`, what was not tried with success is not pushed."""
    root = module("hello")
    settings = {"smoke": {"args": [], "required": True}}
    images(open_project(root, settings=settings))
    with pytest.raises(
        VerificationError, match=r"not every program passed its trial: linux/amd64 \(not tried"
    ):
        push(open_project(root, settings=settings), repository=f"{place}/hello", tag=("v1",))


def test_platforms_of_two_machines_join_through_a_registry(
    module: Module, place: str, tmp_path: Path
) -> None:
    """Each machine pushes its platform; a third one joins them by digest, as if it had built them."""
    root = module("hello")
    whole = images(open_project(root)).images[0].digest
    references: list[str] = []
    for arch in ("amd64", "arm64"):
        machine = Path(shutil.copytree(root, tmp_path / arch, ignore=shutil.ignore_patterns("build")))
        image(open_project(machine), arch=(arch,))
        (one,) = push(open_project(machine), repository=f"{place}/hello", arch=(arch,)).images
        references += one.references
    third = tmp_path / "third"
    third.mkdir()
    joined = images(open_project(third), join=True, digest=tuple(references)).images[0]
    assert joined.digest == whole
    (one,) = push(open_project(third), repository=f"{place}/hello", tag=("v1",)).images
    assert (one.digest, one.sent_blobs) == (whole, 0)
    fourth = tmp_path / "fourth"
    fourth.mkdir()
    at_once = push(open_project(fourth), repository=f"{place}/hello", tag=("v2",), digest=tuple(references))
    assert [image.digest for image in at_once.images] == [whole]


def test_a_join_needs_records(module: Module, place: str) -> None:
    """A digest without a record, a reference without a digest: each says what to do."""
    root = module("hello")
    images(open_project(root))
    (one,) = push(open_project(root), repository=f"{place}/hello", tag=("v1",)).images
    digest = one.platforms[0].digest
    with pytest.raises(RegistryError, match="has no record of gomab attached; push that platform with"):
        images(open_project(root), join=True, digest=(f"{place}/hello@{digest}",))
    with pytest.raises(SettingsError, match="has no digest"):
        images(open_project(root), join=True, digest=(f"{place}/hello:v1",))
    with pytest.raises(SettingsError, match="give --join with it"):
        images(open_project(root), digest=(f"{place}/hello@{digest}",))
    # Nothing was joined, so what is there may be pushed as before.
    push(open_project(root), repository=f"{place}/hello", tag=("v1",))
