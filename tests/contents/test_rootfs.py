"""What an image's file system holds, and what is refused before it gets there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gomab_tasks.contents.rootfs import (
    User,
    entrypoint_of,
    keep_folders,
    layers_on,
    program_entries,
    root_entries,
    shared_layers,
    user_of,
)
from gomab_tasks.contents.sources import file_entries
from gomab_tasks.errors import SettingsError
from gomab_tasks.golang.compile import Build, Flags
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.oci.tar import Entry, complete
from gomab_tasks.oci.tree import Folder, Tree
from gomab_tasks.plan import ImagePlan
from gomab_tasks.platforms import Platform
from gomab_tasks.settings import FileEntry, Group, Image
from gomab_tasks.settings.problem import WrongValueError
from tests.conftest import ModuleFactory
from tests.contents.conftest import by_path

CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
BARE = Image(ca_certificates=False)


def plan_of(image: Image, *names: str) -> ImagePlan:
    mains = tuple(MainPackage(f"example.com/{name}", name, Path(f"/src/{name}")) for name in names)
    return ImagePlan("api", Group(image=image), mains, (Platform("linux", "amd64"),), ())


# Users


@pytest.mark.parametrize(
    ("user", "numbers"),
    [
        (None, "65532:65532"),
        ("1000", "1000:1000"),
        ("1000:2000", "1000:2000"),
        ("nonroot", "65532:65532"),
        ("nobody", "65534:65534"),
        ("root", "0:0"),
        ("1000:root", "1000:0"),
    ],
)
def test_users_become_numbers(user: str | None, numbers: str) -> None:
    """Kubernetes' runAsNonRoot cannot judge a name; a group follows its user unless it is given."""
    assert str(user_of(Image(user=user))) == numbers


@pytest.mark.parametrize("user", ["app", "1000:app"])
def test_unknown_names_are_refused(user: str) -> None:
    """There is no base that would know them; the message shows what to write."""
    with pytest.raises(SettingsError, match=r"image\.user names 'app'.*root, nobody, nonroot.*'65532:65532'"):
        user_of(Image(user=user))


@pytest.mark.parametrize(
    ("user", "passwd", "group"),
    [
        (None, "nonroot:x:65532:65532::/:/sbin/nologin\n", "nonroot:x:65532:\n"),
        ("1000:2000", "app:x:1000:2000::/:/sbin/nologin\n", "app:x:2000:\n"),
        ("1000:0", "app:x:1000:0::/:/sbin/nologin\n", ""),
        ("root", "", ""),
    ],
)
def test_passwd_and_group(user: str | None, passwd: str, group: str, root: Path) -> None:
    """Root and the user have names, each once."""
    found = by_path(root_entries(Image(user=user, ca_certificates=False), root))
    assert found["etc/passwd"].source == f"root:x:0:0:root:/:/sbin/nologin\n{passwd}".encode()
    assert found["etc/group"].source == f"root:x:0:\n{group}".encode()
    assert {found["etc/passwd"].mode, found["etc/group"].mode} == {0o644}


# Folders


def test_folders_of_every_image(root: Path) -> None:
    """Programs may write to /tmp, and start in their workdir."""
    found = by_path(root_entries(BARE, root))
    assert sorted(found) == ["app", "etc/group", "etc/passwd", "tmp"]
    assert (found["tmp"].kind, found["tmp"].mode, found["tmp"].uid) == ("directory", 0o1777, 0)
    assert (found["app"].mode, found["app"].uid) == (0o755, 0)


@pytest.mark.parametrize("image", [Image(workdir="/tmp"), Image(volumes=("/tmp",))])
def test_tmp_stays_everybodys(image: Image, root: Path) -> None:
    """Also as workdir or volume: a program that runs as another user needs it no less."""
    assert by_path(root_entries(image, root))["tmp"].mode == 0o1777


def test_the_root_may_be_the_workdir(root: Path) -> None:
    """It exists anyway."""
    found = root_entries(Image(workdir="/", ca_certificates=False), root)
    assert [entry.path for entry in found] == ["etc/group", "etc/passwd", "tmp"]


def test_volumes_belong_to_the_user(root: Path) -> None:
    """Engines copy owner and mode to a new volume, or the program could not write to it."""
    image = Image(user="1000:2000", volumes=("/data", "/var/lib/x"), ca_certificates=False)
    found = by_path(complete(root_entries(image, root)))
    owners = {path: (entry.uid, entry.gid) for path, entry in found.items()}
    assert owners["data"] == owners["var/lib/x"] == (1000, 2000)
    assert owners["var"] == owners["var/lib"] == owners["app"] == (0, 0)


def test_later_layers_keep_folders_as_they_are(root: Path) -> None:
    """A file that is put into a volume or /tmp must not take the folder from the user."""
    below = root_entries(Image(user="1000", volumes=("/data",), ca_certificates=False), root)
    above = [
        *file_entries([FileEntry(source="data", target="/data")], root),
        *file_entries([FileEntry(source="data/a.txt", target="/tmp/a.txt")], root),
    ]
    found = by_path(keep_folders(below, above))
    assert (found["data"].uid, found["data"].gid) == (1000, 1000)
    assert (found["data/deep"].uid, found["data/a.txt"].uid) == (0, 0)
    assert found["tmp"].mode == 0o1777


# Programs


@pytest.mark.parametrize(
    ("files", "key", "text"),
    [
        (
            [("go.mod", "/x"), ("go.mod", "/etc")],
            (1,),
            "puts a file at '/etc', which is a directory in every",
        ),
        (
            [("go.mod", "/app"), ("go.mod", "/x")],
            (0,),
            "puts a file at '/app', which is a directory in every",
        ),
        (
            [("data", "/etc/passwd")],
            (0,),
            "puts a directory at '/etc/passwd', which is a file in every image",
        ),
        (
            [("data", "/"), ("go.mod", "/x")],
            (0,),
            "puts a file at '/etc', which is a directory in every image",
        ),
        ([("data", "/app"), ("go.mod", "/app/api")], (1,), "puts a file at '/app/api', where the program of"),
        (
            [("go.mod", "/a"), ("go.mod", "/a/b")],
            (),
            "cannot be a layer: 'a' is a file, but 'a/b' lies in it",
        ),
    ],
)
def test_files_in_the_place_of_others(
    root: Path, files: list[tuple[str, str]], key: tuple[int, ...], text: str
) -> None:
    """They are wrong values of the table, told before anything is compiled."""
    (root / "go.mod").touch()
    if ("data", "/") in files:
        (root / "data" / "etc").touch()
    entries = tuple(FileEntry(source=source, target=target) for source, target in files)
    with pytest.raises(WrongValueError) as caught:
        shared_layers(plan_of(Image(ca_certificates=False, files=entries), "api"), root)
    (problem,) = caught.value.keyed
    assert problem.path == ("image", "files", *key)
    assert problem.text.startswith(text)


def test_programs(root: Path) -> None:
    """All of an image's programs lie in /app; the first is what it starts."""
    plan = plan_of(BARE, "api", "worker")
    build = Build(Platform("linux", "amd64"), plan.mains, Flags(), root / "bin")
    found = by_path(program_entries(build, plan, []))
    assert {path: (entry.mode, entry.source) for path, entry in found.items()} == {
        "app": (0o755, None),
        "app/api": (0o755, root / "bin" / "api"),
        "app/worker": (0o755, root / "bin" / "worker"),
    }
    assert entrypoint_of(plan) == ("/app/api",)
    assert entrypoint_of(plan_of(Image(entrypoint=("/bin/sh", "-c")), "api")) == ("/bin/sh", "-c")


def test_a_build_id_of_the_table_names_no_content(go: Path, module: ModuleFactory, root: Path) -> None:
    """It stays the same whatever the program holds; Go's own changes with it."""
    subprocess.run([go, "build", "-o", root / "bin" / "api", "."], cwd=module("hello"), check=True)
    plan = plan_of(BARE, "api")
    for ldflags, is_named in (
        ((), True),
        (("-s", "-buildid=a/b"), False),
        (("-X main.a=b -buildid a/b",), False),
    ):
        build = Build(Platform("linux", "amd64"), plan.mains, Flags(ldflags=ldflags), root / "bin")
        assert bool(by_path(program_entries(build, plan, []))["app/api"].identity) == is_named


def test_programs_over_a_base(root: Path) -> None:
    """They lie where its links lead; its folders keep mode and owner, but where a layer between says else."""
    plan = plan_of(BARE, "api")
    build = Build(Platform("linux", "amd64"), plan.mains, Flags(), root / "bin")
    tree = Tree({"opt": Folder(0o711, 1, 2), "opt/x": Folder(0o700, 3, 4)}, {"app": "/opt/x"})
    volume = Entry(path="opt/x", kind="directory", mode=0o700, uid=9, gid=9)
    assert program_entries(build, plan, [volume], tree) == [
        Entry(path="opt", kind="directory", mode=0o711, uid=1, gid=2),
        volume,
        Entry(path="opt/x/api", kind="file", mode=0o755, source=root / "bin" / "api"),
    ]


@pytest.mark.parametrize("target", ["/app/api", "/app/api/deep"])
def test_files_do_not_hide_programs(target: str, root: Path) -> None:
    """The program would silently take the place of what the table asked for."""
    image = Image(files=(FileEntry(source="data", target=target),), ca_certificates=False)
    problem = "puts a directory at '/app/api', where the program of that name"
    with pytest.raises(SettingsError, match=problem):
        shared_layers(plan_of(image, "api"), root)
    with pytest.raises(SettingsError, match=problem):
        layers_on(plan_of(image, "api"), root, Tree(), User(0, 0))
    assert list(shared_layers(plan_of(image, "worker"), root)) == ["root files", "files"]


def test_a_layer_of_nothing_is_left_out(root: Path) -> None:
    """Most images have no files of the table."""
    assert list(shared_layers(plan_of(BARE, "api"), root)) == ["root files"]
