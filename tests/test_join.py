"""Platforms become one index, or an error that says which of them does not fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import VerificationError
from gomab_tasks.join import Joined, Wanted, join
from gomab_tasks.oci.descriptor import CONFIG, MANIFEST
from gomab_tasks.oci.image import ImageSpec, config_bytes, manifest_bytes
from gomab_tasks.oci.layer import LayerCache
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.tar import Entry
from gomab_tasks.oci.verify import verify_image, verify_layout
from gomab_tasks.output.record import ImageRecord, read_records, record_folder, write_record
from gomab_tasks.places import layers_folder, layout_folder
from gomab_tasks.platforms import Platform
from gomab_tasks.progress.events import Event
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.images import image, images
from gomab_tasks.tasks.sizes import size
from tests.layers import write_layer

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")
RISCV = Platform("linux", "riscv64")

Leave = Callable[..., ImageRecord]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project without sources: a join needs neither them nor Go."""
    project = open_project(tmp_path, command="nox -s {}")
    project.prepare_output()
    return project


@pytest.fixture
def leave(project: Project) -> Leave:
    """Leave an image and its record for a platform, as a run does."""

    def write(
        platform: Platform,
        shared: str = "shared",
        inputs: Mapping[str, str] = {},
        revision: str | None = None,
    ) -> ImageRecord:
        layout = Layout(layout_folder(project.out, "api"))
        layers = [
            write_layer([Entry(path=path, kind="file", mode=0o644, source=content.encode())], layout)
            for path, content in {"etc/x": shared, "app/api": str(platform)}.items()
        ]
        config = layout.put_blob(CONFIG, config_bytes(ImageSpec(), platform, layers))
        manifest = layout.put_blob(MANIFEST, manifest_bytes(config, [layer.descriptor for layer in layers]))
        verified = verify_image(layout, replace(manifest, platform=platform), platform)
        holds = ("root files", "programs")
        known = {"Go": "1.26", **inputs}
        record = ImageRecord.of("api", verified, holds=holds, inputs=known, revision=revision)
        write_record(project.out, record)
        return record

    return write


def joined(project: Project, *platforms: Platform, made: Iterable[ImageRecord] = ()) -> Joined:
    return join(project, Wanted("api", platforms, {"a": "b"}, tuple(made)))


def refusal(project: Project, *platforms: Platform) -> str:
    with pytest.raises(VerificationError) as caught:
        joined(project, *platforms)
    return str(caught.value)


def test_an_index_of_what_is_there(project: Project, leave: Leave) -> None:
    """In the order that is asked for, with the annotations, and whole when read back."""
    leave(ARM64)
    leave(AMD64)
    result = joined(project, ARM64, AMD64)
    assert [record.platform for record in result.records] == ["linux/arm64", "linux/amd64"]
    layout = Layout(result.layout)
    descriptor, index = layout.read_index()
    assert descriptor.digest == result.digest
    assert index.annotations == {"a": "b"}
    assert [image.platform for image in verify_layout(layout)] == [ARM64, AMD64]


def test_a_missing_platform(project: Project, leave: Leave) -> None:
    """Each is named, with the two ways to get it."""
    leave(AMD64)
    assert refusal(project, AMD64, ARM64, RISCV).splitlines() == [
        f"api linux/{name}: was not built; build it (nox -s image), or copy the output folder of the run "
        "that did over build/gomab"
        for name in ("arm64", "riscv64")
    ]


def test_nothing_at_all(project: Project) -> None:
    """An index of nothing is no image."""
    assert "api linux/amd64: was not built" in refusal(project, AMD64)


def test_a_foreign_platform(project: Project, leave: Leave) -> None:
    """It would silently be left out; platforms stand in the order of the table."""
    for platform in (AMD64, ARM64, RISCV):
        leave(platform)
    assert refusal(project, ARM64, AMD64) == (
        "api linux/riscv64: was built, but is not among the platforms to join (linux/arm64, linux/amd64); "
        "add it to the table or remove build/gomab/records/api/linux_riscv64.json"
    )


def test_a_platform_that_arch_leaves_out(project: Project, leave: Leave) -> None:
    """It stands in the table, so adding it there is no cure."""
    leave(AMD64)
    leave(ARM64)
    assert refusal(project, ARM64) == (
        "api linux/amd64: was built, but --arch leaves it out (linux/arm64); name it there too or remove "
        "build/gomab/records/api/linux_amd64.json"
    )


def test_platforms_of_two_commits(project: Project, leave: Leave) -> None:
    """Each would be another version of the program; what nobody knows is compared with nothing."""
    leave(AMD64, revision="a" * 40)
    leave(ARM64, revision="a" * 40 + "-dirty")
    leave(RISCV)
    assert refusal(project, AMD64, ARM64, RISCV) == (
        f"api: linux/amd64 and linux/arm64 were built from different sources: {'a' * 12} in "
        f"build/gomab/records/api/linux_amd64.json, {'a' * 12}-dirty in "
        "build/gomab/records/api/linux_arm64.json; build both again from one commit: nox -s image"
    )
    leave(ARM64, revision="a" * 40)
    joined(project, AMD64, ARM64, RISCV)


def test_platforms_of_trees_with_changes(project: Project, leave: Leave) -> None:
    """They may be of different ones, and a commit does not tell; a single run knows its own."""
    events: list[Event] = []
    project = replace(project, emit=events.append)
    dirty = "a" * 40 + "-dirty"
    made = [leave(platform, revision=dirty) for platform in (AMD64, ARM64)]
    joined(project, AMD64, ARM64, made=made)
    assert not [event for event in events if event.kind == "warned"]
    joined(project, AMD64, ARM64)
    (warning,) = [event.text for event in events if event.kind == "warned"]
    assert warning == (
        f"api: was built from {'a' * 12}-dirty, and which changes each platform has is not known; "
        "to be sure, commit and build again"
    )


def test_where_damage_is(project: Project, leave: Leave) -> None:
    """Files are named from the root on, with the command that makes them again."""
    record = leave(AMD64)
    digest = record.layers[1].digest
    blob = f"build/gomab/images/api/blobs/{digest.replace(':', '/')}"
    (project.root / blob).write_bytes(b"x" * record.layers[1].size)
    message = refusal(project, AMD64)
    assert message.startswith(f"{blob}: its content has the digest ")
    assert message.endswith("; it is damaged; make it again: nox -s images")
    path = record_folder(project.out, "api") / "linux_amd64.json"
    path.write_text("{")
    message = refusal(project, AMD64)
    assert message.startswith("build/gomab/records/api/linux_amd64.json: is damaged (")
    assert message.endswith("; remove it and build that platform again: nox -s image")


def test_a_join_of_nothing_leaves_nothing(module: Callable[[str], Path]) -> None:
    """All that is missing is named, and the folder is still there for `images` to make."""
    root = module("two-mains")
    table = {"images": {"api": {"main": "./cmd/api"}, "worker": {"main": "./cmd/worker"}}}
    with pytest.raises(VerificationError) as caught:
        images(open_project(root, settings=table), join=True, arch=("amd64",))
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "api linux/amd64",
        "worker linux/amd64",
    ]
    assert not (root / "build").exists()


def test_a_foreign_image(project: Project, leave: Leave) -> None:
    """A record in the folder of another image was copied by hand."""
    leave(AMD64)
    path = record_folder(project.out, "api") / "linux_amd64.json"
    path.write_text(path.read_text().replace('"image": "api"', '"image": "worker"'))
    assert "linux_amd64.json: is of image 'worker', not 'api'; remove it" in refusal(project, AMD64)


def test_a_doubled_platform(project: Project, leave: Leave) -> None:
    """Nobody can know which of the two is meant."""
    leave(AMD64)
    folder = record_folder(project.out, "api")
    shutil.copy(folder / "linux_amd64.json", folder / "copy.json")
    assert refusal(project, AMD64) == (
        "api linux/amd64: has two records, build/gomab/records/api/copy.json and "
        "build/gomab/records/api/linux_amd64.json; remove the one that is not wanted"
    )


def test_different_inputs(project: Project, leave: Leave) -> None:
    """Each is told with both values, also where one of them has none."""
    leave(AMD64, inputs={"go.tags": '["x"]'})
    leave(ARM64, inputs={"go.tags": '["y"]', "GOFLAGS": "-race"})
    one, other = (f"build/gomab/records/api/linux_{name}.json" for name in ("amd64", "arm64"))
    start = "api: linux/amd64 and linux/arm64 were made with different settings: "
    assert refusal(project, AMD64, ARM64).splitlines() == [
        f"{start}GOFLAGS is unset in {one}, -race in {other}; build both again alike",
        f'{start}go.tags is ["x"] in {one}, ["y"] in {other}; build both again alike',
    ]


def test_different_shared_layers(project: Project, leave: Leave) -> None:
    """Equal settings over different files, such as another certifi's certificates."""
    leave(AMD64)
    leave(ARM64, shared="other")
    assert "different settings: root files is sha256:" in refusal(project, AMD64, ARM64)


def test_layers_that_are_gone_are_forgotten(project: Project, leave: Leave) -> None:
    """What was noted of them would never be of use again."""
    leave(AMD64)
    cache = LayerCache(layers_folder(project.out))
    layout = Layout(layout_folder(project.out, "api"))
    for content in (b"shared", b"earlier"):
        cache.layer([Entry(path="etc/x", kind="file", mode=0o644, source=content)], layout, 1)
    record = joined(project, AMD64).records[0]
    (left,) = cache.folder.iterdir()
    assert record.layers[0].digest in left.read_text()


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        ("layers", "size", 1),
        ("layers", "unpacked_size", 1),
        ("layers", "diff_id", f"sha256:{'0' * 64}"),
        ("", "config", f"sha256:{'0' * 64}"),
    ],
)
def test_a_record_that_lies(place: str, field: str, value: object, project: Project, leave: Leave) -> None:
    """Budgets are held against records, and what they say of layers saves reading them."""
    leave(AMD64)
    path = record_folder(project.out, "api") / "linux_amd64.json"
    document = json.loads(path.read_bytes())
    (document["layers"][1] if place else document)[field] = value
    path.write_text(json.dumps(document))
    said = refusal(project, AMD64)
    assert said.startswith("api linux/amd64: its record names another config or other layers")


@pytest.mark.parametrize("what", ["manifest", "config", "layer"])
def test_damaged_and_missing_blobs(what: str, project: Project, leave: Leave) -> None:
    """Records may come without their blobs; the previous index stays."""
    record = leave(AMD64)
    before = joined(project, AMD64).digest
    digest = {"manifest": record.manifest, "config": record.config, "layer": record.layers[1].digest}[what]
    path = Layout(layout_folder(project.out, "api")).blob_path(digest)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert digest.removeprefix("sha256:") in refusal(project, AMD64)
    path.unlink()
    assert digest.removeprefix("sha256:") in refusal(project, AMD64)
    path.write_bytes(content)
    assert Layout(layout_folder(project.out, "api")).read_index()[0].digest == before


def test_a_run_replaces_what_others_left(project: Project, leave: Leave) -> None:
    """What is no longer in the table goes; its blobs with the next join: another run may still need them."""
    old = leave(RISCV)
    made = [leave(AMD64), leave(ARM64)]
    result = joined(project, AMD64, ARM64, made=made)
    left = [record.platform for _, record in read_records(project.out, "api")]
    assert left == ["linux/amd64", "linux/arm64"]
    joined(project, AMD64, ARM64, made=made)
    assert not Layout(result.layout).blob_path(old.manifest).exists()


def test_two_runs_at_once(project: Project, leave: Leave) -> None:
    """Each joins what it made itself, whatever the other one wrote last, and leaves the other's blobs."""
    first = [leave(AMD64, shared="first"), leave(ARM64, shared="first")]
    second = [leave(AMD64, shared="second")]
    index = joined(project, AMD64, ARM64, made=first)
    assert index.records == tuple(first)
    assert [record for _, record in read_records(project.out, "api")] == first
    second.append(leave(ARM64, shared="second"))
    assert joined(project, AMD64, ARM64, made=second).records == tuple(second)


def test_two_runs_of_different_platforms_at_once(project: Project, leave: Leave) -> None:
    """As with `--arch`: each gives its own index, and the last one's record stays."""
    made = {platform: leave(platform) for platform in (AMD64, ARM64, RISCV)}
    for platform, record in made.items():
        assert joined(project, platform, made=[record]).records == (record,)
        assert [record for _, record in read_records(project.out, "api")] == [record]
    layout = Layout(layout_folder(project.out, "api"))
    assert [image.platform for image in verify_layout(layout)] == [RISCV]


def test_three_runs_at_once(project: Project, leave: Leave) -> None:
    """One that finds nothing but its own may still follow on one that removed a third run's record."""
    amd64, arm64, riscv = (leave(platform) for platform in (AMD64, ARM64, RISCV))
    joined(project, AMD64, made=[amd64])
    joined(project, AMD64, ARM64, made=[amd64, arm64])
    assert joined(project, RISCV, made=[riscv]).records == (riscv,)


def test_what_another_run_removed(project: Project, leave: Leave) -> None:
    """A run whose platforms another run's join took away says so, instead of listing what is not there."""
    first = [leave(AMD64, shared="first")]
    joined(project, AMD64, made=[leave(AMD64, shared="second")])
    with pytest.raises(VerificationError) as caught:
        joined(project, AMD64, made=first)
    assert str(caught.value) == (
        "api linux/amd64: another run on build/gomab removed what this one made; run it again: nox -s images"
    )


def test_all_that_is_wrong_is_told_at_once(module: Callable[[str], Path]) -> None:
    """Of every image and platform, by a join and by `size`."""
    project = open_project(module("two-mains"), settings={"images": {"api": {}, "worker": {}}})
    image(project)
    wrong = list(record_folder(project.out, "worker").iterdir())
    for path in wrong:
        path.write_text("{")
    for _, record in read_records(project.out, "api"):
        wrong.append(Layout(layout_folder(project.out, "api")).blob_path(record.config))
        wrong[-1].write_text("{")
    for task in (partial(images, join=True), size):
        with pytest.raises(VerificationError) as caught:
            task(project)
        lines = str(caught.value).splitlines()
        assert sorted(line.partition(":")[0] for line in lines) == sorted(map(project.shown, wrong))


def test_images_without_the_platform_are_left_alone(project: Project, leave: Leave) -> None:
    """`--arch` may choose a platform that only some images have."""
    leave(ARM64)
    table = {"images": {"api": {"platforms": ["linux/arm64"]}, "old": {"platforms": ["linux/amd64"]}}}
    opened = open_project(project.root, settings=table)
    assert [index.image for index in images(opened, arch=("arm64",), join=True).images] == ["api"]
    with pytest.raises(VerificationError, match=r"^old linux/amd64: was not built"):
        images(opened, arch=("amd64",), join=True)
