"""The whole job on tiny modules, with the real toolchain."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import (
    BudgetError,
    CompileError,
    NotMeasurableError,
    SettingsError,
    StorageError,
    ToolchainError,
    VerificationError,
)
from gomab_tasks.oci.descriptor import Descriptor
from gomab_tasks.oci.layout import Layout
from gomab_tasks.oci.verify import verify_layout
from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.tasks.checkout import clean, doctor, plan
from gomab_tasks.tasks.images import build, image, images
from gomab_tasks.tasks.sizes import size
from tests.conftest import Git

Module = Callable[[str], Path]


def test_images_leave_verified_layouts(module: Module) -> None:
    """One layout for each main package, with both platforms of the table, readable from scratch."""
    root = module("two-mains")
    result = images(open_project(root))
    assert [index.image for index in result.images] == ["api", "worker"]
    for index in result.images:
        verified = verify_layout(Layout(root / index.layout))
        assert [str(one.platform) for one in verified] == ["linux/amd64", "linux/arm64"]
        assert [one.size for one in verified] == [one.size for one in index.platforms]


def test_an_image_may_have_any_name(module: Module) -> None:
    """Also one that gomab's own files might have had."""
    root = module("hello")
    for name in ("modules", "images", "locks", "records"):
        project = open_project(root, settings={"images": {name: {"main": "."}}})
        assert [index.image for index in images(project).images] == [name]


def test_same_sources_give_same_digests(module: Module, tmp_path: Path) -> None:
    """Folder, umask and job count leave no trace."""
    one = module("two-mains")
    other = tmp_path / "ander ü" / "folder"
    shutil.copytree(one, other)
    first = images(open_project(one), jobs=1)
    before = os.umask(0o077)
    try:
        second = images(open_project(other), jobs=4)
    finally:
        os.umask(before)
    assert [index.digest for index in first.images] == [index.digest for index in second.images]


def test_a_damaged_blob_is_made_again(module: Module) -> None:
    """A flipped byte in a layer is found and the layer written anew, with the same digest."""
    root = module("hello")
    first = images(open_project(root))
    blobs = root / first.images[0].layout / "blobs" / "sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    assert images(open_project(root)).images[0].digest == first.images[0].digest
    verify_layout(Layout(root / first.images[0].layout))


@pytest.mark.parametrize("damage", ["overwritten", "cut short", "touched"])
def test_a_damaged_program_is_linked_again(module: Module, damage: str) -> None:
    """Go would believe its build ID, and a layer would be made of it."""
    root = module("hello")
    digest = images(open_project(root)).images[0].digest
    program = root / "build/gomab/bin/linux_amd64/hello"
    right = program.read_bytes()
    if damage == "cut short":
        os.truncate(program, len(right) // 2)
    elif damage == "overwritten":
        with program.open("r+b") as file:
            file.seek(300_000)
            file.write(b"\0damage\0")
    else:
        program.touch()
    shutil.rmtree(root / "build/gomab/layers")
    assert images(open_project(root)).images[0].digest == digest
    assert program.read_bytes() == right


@pytest.mark.parametrize("runs_before", [0, 1])
def test_each_layer_is_read_back_once(
    runs_before: int, module: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding or writing it, checking the image and joining share one reading, for all platforms."""
    root = module("hello")
    for _ in range(runs_before):
        images(open_project(root))
    read: list[str] = []
    check_blob = Layout.check_blob

    def note(layout: Layout, descriptor: Descriptor) -> None:
        read.append(descriptor.digest)
        check_blob(layout, descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(Layout, "check_blob", note)
        result = images(open_project(root))
    verified = verify_layout(Layout(root / result.images[0].layout))
    assert sorted(read) == sorted({layer.descriptor.digest for one in verified for layer in one.layers})


def test_platforms_of_two_machines_join(module: Module, tmp_path: Path) -> None:
    """Output folders copied together give the index that one run gives."""
    root = module("hello")
    whole = images(open_project(root)).images[0].digest
    for arch in ("amd64", "arm64"):
        machine = tmp_path / arch
        shutil.copytree(root, machine, ignore=shutil.ignore_patterns("build"))
        image(open_project(machine), arch=(arch,))
        shutil.copytree(machine / "build", tmp_path / "joined" / "build", dirs_exist_ok=True)
    shutil.copy(root / "pyproject.toml", tmp_path / "joined")
    joined = images(open_project(tmp_path / "joined"), join=True)
    assert joined.images[0].digest == whole


def test_a_join_is_what_the_table_says(module: Module) -> None:
    """Records of an older table are told, with the key; what decides no bytes may differ."""
    root = module("hello")
    table = root / "pyproject.toml"
    table.write_text('[tool.gomab.image]\nargs = ["one"]\nlabels = { a = "b" }\n')
    image(open_project(root))
    table.write_text(table.read_text() + 'tags = ["v1"]\n')
    images(open_project(root), join=True)
    table.write_text('[tool.gomab.image]\nuser = "1:1"\nargs = ["one"]\nlabels = { a = "b" }\n')
    with pytest.raises(VerificationError) as caught:
        images(open_project(root), join=True)
    first, second = str(caught.value).splitlines()
    assert first == (
        "hello linux/amd64: was made with image.user unset (build/gomab/records/hello/linux_amd64.json), "
        'but the table says "1:1"; build it again: gomab image'
    )
    assert second.startswith("hello linux/arm64: was made with image.user unset")


def test_a_join_is_of_one_version(module: Module, git: Git) -> None:
    """What was edited between two platforms is told: the index would hold two programs."""
    root = module("hello")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    image(open_project(root))
    images(open_project(root), join=True)
    (root / "main.go").write_text("package main\n\nfunc main() { println() }\n")
    image(open_project(root), arch=("arm64",))
    with pytest.raises(VerificationError, match="were built from different sources"):
        images(open_project(root), join=True)


def test_join_refuses_what_does_not_fit(module: Module) -> None:
    """A missing, a foreign and a differently made platform are errors that name it."""
    root = module("hello")
    image(open_project(root), arch=("amd64",))
    with pytest.raises(VerificationError, match="linux/arm64: was not built"):
        images(open_project(root), join=True)
    image(open_project(root, settings={"go": {"tags": ["other"]}}), arch=("arm64",))
    with pytest.raises(VerificationError, match=r"linux/arm64: was made with go\.tags .*but the table says"):
        images(open_project(root), join=True)
    image(open_project(root), arch=("arm64", "riscv64"))
    with pytest.raises(VerificationError, match="linux/riscv64: was built, but is not among"):
        images(open_project(root), join=True)


def test_over_budget_keeps_the_files(module: Module) -> None:
    """The error carries the sizes and prints the line that would allow them."""
    root = module("hello")
    with pytest.raises(BudgetError, match=r"over the budget of .*unpacked = ") as caught:
        images(open_project(root, settings={"size": {"unpacked": "200 KiB"}}))
    assert caught.value.result is not None
    verify_layout(Layout(root / "build/gomab/images/hello"))


def test_nothing_measured_is_no_pass(module: Module) -> None:
    """Without images, and with a growth limit but no baseline, size is an error."""
    root = module("hello")
    with pytest.raises(NotMeasurableError):
        size(open_project(root))
    images(open_project(root))
    grown = {"size": {"growth": "5 %"}}
    command = "nox -s {}"
    for task in (size, images):
        with pytest.raises(NotMeasurableError) as caught:
            task(open_project(root, settings=grown, command=command))
        assert str(caught.value) == (
            "size.growth is set, but there is no gomab-sizes.json for hello linux/amd64, hello linux/arm64; "
            "write and commit it: nox -s size -- --update"
        )
        assert caught.value.result is not None
    images(open_project(root, settings=grown), arch=("arm/v6",))  # added for a run, so never committed
    images(open_project(root))
    size(open_project(root, settings=grown), update=True)
    assert size(open_project(root, settings=grown)).problems == ()
    three = grown | {"platforms": ["linux/amd64", "linux/arm64", "linux/riscv64"]}
    with pytest.raises(NotMeasurableError, match=r"but gomab-sizes\.json lacks hello linux/riscv64; write"):
        images(open_project(root, settings=three))


def test_a_baseline_is_of_the_table(module: Module) -> None:
    """A whole update keeps nothing that is gone, a partial one the rest; no file in OUT can be committed."""
    root = module("hello")
    baseline = root / "gomab-sizes.json"
    images(open_project(root))
    size(open_project(root), update=True)
    size(open_project(root), arch=("arm64",), update=True)
    assert '"linux/amd64"' in baseline.read_text()
    fewer = {"platforms": ["linux/arm64"]}
    images(open_project(root, settings=fewer))
    size(open_project(root, settings=fewer), update=True)
    assert '"linux/amd64"' not in baseline.read_text()
    inside = fewer | {"size": {"baseline": "build/gomab/sizes.json"}}
    with pytest.raises(
        SettingsError, match=r"size\.baseline is 'build/gomab/sizes\.json', in the output folder"
    ):
        size(open_project(root, settings=inside), update=True)


def test_a_wrong_baseline_is_told_before_anything_is_compiled(module: Module) -> None:
    """As any other wrong file is."""
    root = module("hello")
    (root / "gomab-sizes.json").write_text("[]")
    with pytest.raises(NotMeasurableError, match=r"^gomab-sizes\.json: is no baseline"):
        images(open_project(root))
    assert not (root / "build/gomab/bin").exists()


def test_an_image_that_lost_its_main_package_is_forgotten(module: Module) -> None:
    """Or tasks that do without Go would go on to measure and push it."""
    root = module("two-mains")
    images(open_project(root))
    (root / "cmd/worker").rename(root / "cmd/mailer")
    events: list[Event] = []
    assert [index.image for index in images(open_project(root, emit=events.append)).images] == [
        "api",
        "mailer",
    ]
    assert any(event.text.startswith("worker: has no main package any more") for event in events)
    assert {verdict.image for verdict in size(open_project(root)).sizes} == {"api", "mailer"}
    assert sorted(path.name for path in (root / "build/gomab/images").iterdir()) == ["api", "mailer"]


def test_an_update_over_budget_is_no_pass(module: Module) -> None:
    """The baseline is written; the budget is as it was."""
    root = module("hello")
    table = {"size": {"unpacked": "200 KiB"}}
    with pytest.raises(BudgetError):
        images(open_project(root, settings=table), arch=("arm64",))
    with pytest.raises(BudgetError, match="over the budget"):
        size(open_project(root, settings=table), arch=("arm64",), update=True)
    assert (root / "gomab-sizes.json").is_file()


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("broken", CompileError, "undefined"),
        ("no-main", SettingsError, "no main package"),
        ("same-name", SettingsError, "two main packages are named"),
        ("too-new", ToolchainError, "asks for go 1.99"),
        ("bad-sum", CompileError, "not what go.sum records"),
    ],
)
def test_wrong_modules(module: Module, name: str, kind: type[Exception], words: str) -> None:
    """Each ends in one clear error of its kind."""
    with pytest.raises(kind, match=words):
        images(open_project(module(name)))


@pytest.mark.parametrize("name", ["vendored", "workspace", "embedded", "tagged", "versioned", "deep-mains"])
def test_awkward_modules(module: Module, name: str) -> None:
    """Each builds with an empty table."""
    assert images(open_project(module(name)), arch=("arm64",)).images


def test_build_serves_other_systems(module: Module) -> None:
    """Programs may be for any system without cgo, images only for linux."""
    root = module("hello")
    programs = build(open_project(root), arch=("windows/amd64", "darwin/arm64")).programs
    assert [program.path.rpartition("/")[2] for program in programs] == ["hello.exe", "hello"]
    with pytest.raises(SettingsError, match="images are for linux"):
        images(open_project(root), arch=("windows/amd64",))
    with pytest.raises(SettingsError, match="only through a C compiler"):
        build(open_project(root), arch=("android/amd64",))


def test_files_of_the_table(module: Module) -> None:
    """Links that dangle or lead out are refused; `plan` lists what an image will hold."""
    root = module("hello")
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("a")
    table = {"image": {"files": [{"from": "data", "to": "/app/data"}]}}
    paths = [file.path for file in plan(open_project(root, settings=table)).images[0].files]
    assert "/app/data/a.txt" in paths
    assert not (root / "build").exists()
    (root / "data" / "out").symlink_to("/etc/passwd")
    with pytest.raises(SettingsError, match="leads out of the project"):
        images(open_project(root, settings=table))
    (root / "data" / "out").unlink()
    (root / "data" / "out").symlink_to("nowhere")
    with pytest.raises(SettingsError, match="dangling"):
        images(open_project(root, settings=table))


def test_clean_removes_only_ours(module: Module) -> None:
    """A folder without the marker is refused and stays."""
    root = module("hello")
    (root / "build" / "gomab").mkdir(parents=True)
    (root / "build" / "gomab" / "mine").write_text("mine")
    with pytest.raises(StorageError, match="marker"):
        clean(open_project(root))
    assert (root / "build" / "gomab" / "mine").exists()


def test_clean_leaves_no_empty_folder(module: Module) -> None:
    """Folders above the output go as well, unless they hold something else."""
    root = module("hello")
    project = open_project(root)
    project.prepare_output()
    clean(project)
    assert not (root / "build").exists()
    project.prepare_output()
    (root / "build" / "mine").write_text("mine")
    clean(project)
    assert [path.name for path in (root / "build").iterdir()] == ["mine"]


def test_doctor_finds_go(module: Module) -> None:
    """The machine that runs the tests lacks nothing that stops a build."""
    findings = doctor(open_project(module("hello"))).findings
    assert {f.name: f.state for f in findings}["go"] == "ok"
