"""Only what passed all checks and its budget is pushed, under names that are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gomab_tasks.delivery.publish import PushResult
from gomab_tasks.errors import BudgetError, CompileError, GomabError, SettingsError, VerificationError
from gomab_tasks.output.record import read_records
from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.tasks.delivery import archive, push
from gomab_tasks.tasks.images import image, images
from tests.conftest import Git, ModuleFactory
from tests.registry.server import serving

NOT_WELL = r"^hello: the last `images` did not end well, so nothing is pushed; run it again: gomab images$"


@pytest.fixture
def root(module: ModuleFactory) -> Path:
    """Give the module `hello` with a tag that needs no git."""
    root = module("hello")
    (root / "pyproject.toml").write_text('[tool.gomab]\nplatforms = ["linux/amd64"]\nimage.tags = ["v1"]\n')
    return root


@pytest.fixture
def address() -> Iterator[str]:
    """Give the address of an empty registry."""
    with serving() as strict:
        yield strict.address


@pytest.fixture
def committed(root: Path, git: Git) -> Path:
    """Give the module in a repository with one commit."""
    (root / ".gitignore").write_text("build/\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=first")
    return root


def _push(root: Path, address: str, *tags: str) -> PushResult:
    return push(open_project(root), repository=f"{address}/hello", tag=tags)


def _over_budget(root: Path) -> None:
    images(open_project(root, settings={"size": {"unpacked": "1 KiB"}}))


def _not_compiling(root: Path) -> None:
    main = root / "main.go"
    content = main.read_text()
    main.write_text(f"{content}\nvar x = undefined\n")
    try:
        images(open_project(root))
    finally:
        main.write_text(content)


def _not_joined(root: Path) -> None:
    images(open_project(root), join=True, arch=("amd64", "arm64"))


@pytest.mark.parametrize(
    ("failing", "kind"),
    [(_over_budget, BudgetError), (_not_compiling, CompileError), (_not_joined, VerificationError)],
)
def test_after_a_failure_nothing_is_pushed(
    failing: Callable[[Path], None], kind: type[GomabError], root: Path, address: str
) -> None:
    """Neither what is over its budget nor the previous image, until `images` ends well; files are made."""
    images(open_project(root))
    _push(root, address)
    with pytest.raises(kind):
        failing(root)
    with pytest.raises(VerificationError, match=NOT_WELL):
        _push(root, address)
    assert archive(open_project(root)).archives
    images(open_project(root))
    assert _push(root, address).images[0].tags == ("v1",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digest": ("localhost/hello@sha256:0",)}, "give --join with it"),
        ({"join": True, "digest": ("localhost/hello",)}, "has no digest"),
        ({"join": True, "digest": ("localhost/hello@sha256:0",)}, "sha256:0"),
        ({"arch": ("sparc",)}, "sparc"),
        ({"join": True, "arch": ("sparc",)}, "sparc"),
    ],
)
def test_a_refused_option_changes_nothing(
    options: dict[str, Any], message: str, root: Path, address: str
) -> None:
    """What passed before may still be pushed."""
    images(open_project(root))
    with pytest.raises(SettingsError, match=message):
        images(open_project(root), **options)
    assert _push(root, address).images[0].tags == ("v1",)


def test_a_join_is_a_good_end(root: Path, address: str) -> None:
    """What was built for single platforms is pushed once it was joined."""
    image(open_project(root))
    digest = images(open_project(root), join=True).images[0].digest
    assert _push(root, address).images[0].digest == digest


def test_the_commit_is_that_of_the_start(committed: Path, git: Git) -> None:
    """Whatever is committed while the compiler runs: it may have read the files before."""
    first = git(committed, "rev-parse", "HEAD")

    def commit(event: Event) -> None:
        if (event.kind, event.step) == ("started", "compile"):
            git(committed, "commit", "--quiet", "--allow-empty", "--message=meanwhile")

    project = open_project(committed, emit=commit)
    image(project)
    assert git(committed, "rev-parse", "HEAD") != first
    assert [record.revision for _, record in read_records(project.out, "hello")] == [first]


def test_a_join_keeps_the_commit_of_what_it_joins(committed: Path, git: Git, address: str) -> None:
    """Old bytes get no new commit's name, and the join says that they are old."""
    image(open_project(committed))
    first = git(committed, "rev-parse", "--short=12", "HEAD")
    git(committed, "commit", "--quiet", "--allow-empty", "--message=second")
    second = git(committed, "rev-parse", "--short=12", "HEAD")
    events: list[Event] = []
    images(open_project(committed, emit=events.append), join=True)
    (warning,) = [event.text for event in events if event.kind == "warned"]
    assert warning == (
        f"hello: was built from {first}, but git is at {second} now, which is what annotations and names "
        "take from it; to push it, build it again: gomab images"
    )
    with pytest.raises(VerificationError, match=f"was built from {first}, but its names take {second}"):
        _push(committed, address, "{git.short}")


def test_a_damaged_note_is_none(root: Path, address: str) -> None:
    """Nothing is pushed on its word."""
    images(open_project(root))
    (root / "build/gomab/checked/hello.json").write_text("{")
    with pytest.raises(VerificationError, match=NOT_WELL):
        _push(root, address)


def test_other_images_keep_their_notes(module: ModuleFactory, address: str) -> None:
    """A run that makes some images says nothing about the others."""
    root = module("two-mains")
    table = {
        "image": {"repository": f"{address}/{{image}}", "tags": ["v1"]},
        "images": {
            "api": {"main": "./cmd/api", "platforms": ["linux/amd64"]},
            "worker": {"main": "./cmd/worker", "platforms": ["linux/arm64"]},
        },
    }
    project = open_project(root, settings=table)
    images(project)
    with pytest.raises(BudgetError):
        images(open_project(root, settings={**table, "size": {"unpacked": "1 KiB"}}), arch=("arm64",))
    assert [one.image for one in push(project, arch=("amd64",)).images] == ["api"]
    with pytest.raises(VerificationError, match=r"^worker: the last `images` did not end well"):
        push(project)


def test_names_from_git_are_those_of_the_build(committed: Path, git: Git, address: str) -> None:
    """After another commit or a change, an old image does not get the new name; other names are free."""
    images(open_project(committed))
    first = git(committed, "rev-parse", "HEAD")[:12]
    assert _push(committed, address, "{git.short}").images[0].tags == (first,)
    git(committed, "commit", "--quiet", "--allow-empty", "--message=second")
    second = git(committed, "rev-parse", "HEAD")[:12]
    for template in ("{git.short}", "v{version}", "{git.branch}"):
        with pytest.raises(VerificationError) as caught:
            _push(committed, address, template)
        assert str(caught.value) == (
            f"hello: was built from {first}, but its names take {second} from git; "
            "build it again: gomab images"
        )
    assert _push(committed, address, "v1", "{image}").images[0].tags == ("v1", "hello")
    images(open_project(committed))
    (committed / "new").write_text("new")
    with pytest.raises(VerificationError, match=f"built from {second}, but its names take {second}-dirty"):
        _push(committed, address, "{git.short}")


def test_what_was_built_outside_git_is_not_compared(root: Path, git: Git, address: str) -> None:
    """There is nothing to compare with."""
    images(open_project(root))
    git(root, "init", "--quiet")
    git(root, "commit", "--quiet", "--allow-empty", "--message=first")
    assert _push(root, address, "{git.short}").images[0].tags
