"""`plan` tells everything that would happen, and that is what happens."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.oci.layout import Layout
from gomab_tasks.plan_report import PlanResult
from gomab_tasks.project import open_project
from gomab_tasks.tasks.checkout import plan
from gomab_tasks.tasks.images import build, image, images
from tests.conftest import ModuleFactory
from tests.layers import members_of

TABLE: Mapping[str, object] = {
    "platforms": ["linux/amd64", "linux/arm/v7"],
    "go": {"variables": {"main.version": "{env.V}"}, "tags": ["x"], "env": {"GODEBUG": "a=1 b"}},
    "image": {
        "files": [{"from": "data", "to": "/app"}, {"from": "data/a.txt", "to": "/etc/passwd"}],
        "user": "1000:2000",
        "volumes": ["/data"],
        "timezones": "data",
    },
}


@pytest.fixture
def root(module: ModuleFactory) -> Path:
    """Give a project whose table puts files where others lie."""
    root = module("hello")
    (root / "data").mkdir()
    (root / "data" / "a.txt").write_text("a")
    (root / "data" / "link").symlink_to("a.txt")
    return root


def planned(root: Path, table: Mapping[str, object] = TABLE, arch: tuple[str, ...] = ()) -> PlanResult:
    environment = {**open_project(root).environment, "V": "2"}
    return plan(open_project(root, settings=table, environment=environment), arch=arch)


def test_long_names_fit_a_terminal(root: Path) -> None:
    """What a file comes from stands below its line where they are too wide together; commands stay whole."""
    name = "migrations/" + "long-name-of-a-file-" * 2
    (root / "migrations").mkdir()
    (root / name).touch()
    table = {"image": {"files": [{"from": "migrations", "to": "/app/migrations"}]}}
    environment = {**open_project(root).environment, "GOFLAGS": "-mod=mod " * 12}
    told = plan(open_project(root, settings=table, environment=environment))
    *_, commands = told.text().split("\n\n")
    lines = told.text().removesuffix(commands).splitlines()
    assert max(map(len, lines)) < 80
    assert f"  {name}" in lines
    assert len(commands.splitlines()) == len(told.builds)


def test_files_are_those_of_the_image(root: Path) -> None:
    """Path, mode, owner and kind of everything, later layers over earlier ones."""
    (told,) = planned(root).images
    environment = {**open_project(root).environment, "V": "2"}
    index = images(open_project(root, settings=TABLE, environment=environment)).images[0]
    made = {
        f"/{member.name}": (f"{member.mode:04o}", f"{member.uid}:{member.gid}")
        for member in members_of(Layout(root / index.layout), "linux/amd64").values()
    }
    assert {file.path: (file.mode, file.owner) for file in told.files} == made
    assert made["/data"] == ("0755", "1000:2000")
    assert made["/tmp"] == ("1777", "0:0")


def test_folders_on_a_base(module: ModuleFactory) -> None:
    """Volumes belong to the user; only a fetch shows which of them the base has."""
    image_table = {"base": "debian", "volumes": ["/data", "/srv"], "workdir": "/srv"}
    root = module("hello")
    (told,) = planned(root, {"image": image_table}).images
    made = "made by gomab, unless the base has it"
    folders = [(file.path, file.owner, file.source) for file in told.files if file.kind == "directory"]
    assert folders == [("/data", "of the base", made), ("/srv", "of the base", made)]
    (told,) = planned(root, {"image": {**image_table, "user": "7:8", "volumes": ["/data"]}}).images
    owners = {file.path: file.owner for file in told.files}
    assert owners == {"/app/hello": "0:0", "/data": "7:8", "/srv": "0:0"}


def test_sources_are_told(root: Path) -> None:
    """Files of the project by their path there, wheels by name."""
    files = {file.path: (file.kind, file.source) for file in planned(root).images[0].files}
    assert files["/app/a.txt"] == ("file", "data/a.txt")
    assert files["/app/link"] == ("symlink", "-> a.txt")
    assert files["/etc/passwd"] == ("file", "data/a.txt")
    assert files["/etc/group"] == ("file", "made by gomab")
    assert files["/etc/ssl/certs/ca-certificates.crt"] == ("file", "wheel: certifi/cacert.pem")
    assert files["/app/hello"] == ("file", "go build")


def test_variables_are_told_as_templates(root: Path) -> None:
    """Their values may be long, and differ from run to run."""
    command = planned(root).builds[0].command
    assert "-ldflags=-s -w -X main.version={env.V}" in command
    assert command[:2] == ("go", "build")


def test_commands_can_be_typed(root: Path) -> None:
    """Every word is quoted for a shell where it must be; the result is the same program."""
    line = planned(root).text().splitlines()[-1]
    words = shlex.split(line)
    assert "GODEBUG=a=1 b" in words
    assert {"GOOS=linux", "GOARCH=arm", "GOARM=7", "CGO_ENABLED=0"} <= set(words)
    done = subprocess.run(["sh", "-c", line.replace("GODEBUG='a=1 b'", "")], cwd=root, check=False)
    assert done.returncode == 0
    assert (root / "build/gomab/bin/linux_arm_v7/hello").is_file()


def test_nothing_is_written(root: Path) -> None:
    """Not even the output folder."""
    planned(root)
    assert not (root / "build").exists()


def test_partial_images(root: Path) -> None:
    """With some of the table's platforms, or others, an index is partial; its user is told so."""
    (image,) = planned(root, arch=("arm/v7",)).images
    assert (image.platforms, image.partial) == (("linux/arm/v7",), True)
    assert "linux/arm/v7 (partial)" in planned(root, arch=("arm/v7",)).text()
    assert not planned(root).images[0].partial


def test_bases_that_may_change_are_told(root: Path) -> None:
    """A tag may mean another image tomorrow; a digest and scratch may not."""
    digest = f"sha256:{'0' * 64}"
    for base, is_unpinned in (
        ("r.example/a:1", True),
        (f"r.example/a:1@{digest}", False),
        ("scratch", False),
    ):
        told = planned(root, {"image": {"base": base}})
        assert told.images[0].unpinned is is_unpinned
        assert (f"{base} (unpinned)" in told.text()) is is_unpinned


def test_images_without_the_platform_are_left_out(module: ModuleFactory) -> None:
    """And so are their builds; equal flags share one."""
    table = {"images": {"api": {"platforms": ["linux/amd64"]}, "worker": {}}}
    root = module("two-mains")
    told = planned(root, table)
    assert [(build.platform, build.programs) for build in told.builds] == [
        ("linux/amd64", ("api", "worker")),
        ("linux/arm64", ("worker",)),
    ]
    assert [image.image for image in planned(root, table, arch=("arm64",)).images] == ["worker"]


MIXED = ["windows/amd64", "linux/arm64", "android/arm64"]


def test_programs_without_an_image_are_told(module: ModuleFactory) -> None:
    """Platforms of other systems are for `build`; an image that has no other is none."""
    table = {"platforms": MIXED, "images": {"api": {}, "worker": {"platforms": ["windows/amd64"]}}}
    told = planned(module("two-mains"), table)
    assert [(image.image, image.platforms) for image in told.images] == [("api", ("linux/arm64",))]
    assert told.build_only == ("windows/amd64", "android/arm64")
    assert "build only    windows/amd64, android/arm64: images are for linux" in told.text()
    assert {build.platform for build in told.builds} == set(MIXED)


def test_refused_platforms_are_refused_by_all(module: ModuleFactory) -> None:
    """What Go cannot link is said by each task, with what else is wrong for that one."""
    root = module("hello")
    (root / "pyproject.toml").write_text(
        '[tool.gomab]\nplatforms = ["ios/arm64", "windows/amd64", "linux/arm64"]\n'
    )
    for task, number in ((plan, 1), (build, 1), (image, 2), (images, 2)):
        with pytest.raises(SettingsError) as caught:
            task(open_project(root))
        assert len(caught.value.problems) == number
        assert caught.value.problems[0].startswith("pyproject.toml:2: platforms has ios/arm64: Go links it")


def test_what_passes_through_is_told(root: Path) -> None:
    """The user's own variables that change programs."""
    environment = {**open_project(root).environment, "GOFLAGS": "-mod=mod"}
    told = plan(open_project(root, environment=environment))
    assert told.passed_through == {"GOFLAGS": "-mod=mod"}
    assert "from your environment  GOFLAGS=-mod=mod" in told.text()


def test_long_lists_are_shortened(root: Path) -> None:
    """Of many files people see 40 and their number; machines see all."""
    for number in range(60):
        (root / "data" / f"{number:02}").write_text("")
    told = planned(root, {"image": {"files": [{"from": "data", "to": "/srv"}], "ca-certificates": False}})
    text = told.text()
    assert "/srv/29" in text
    assert "/srv/59" not in text
    assert f"and {len(told.images[0].files) - 40} more; all with --json" in text
    paths = [file["path"] for file in json.loads(msgspec.json.encode(told))["images"][0]["files"]]
    assert "/srv/59" in paths


WRONG = """\
[tool.gomab.image]
files = [{ from = "main.go", to = "/main.go" }, { from = "shared", to = "/shared" }]

[tool.gomab.images.one]
main = "."
user = "app"
files = [
  { from = "own", to = "/own" },
  { from = "own2", to = "/own2" },
]

[tool.gomab.images.two]
main = "."

[tool.gomab.images.three]
main = "."
"""


def test_all_that_is_wrong_is_said_with_its_line(module: ModuleFactory) -> None:
    """Of all images at once; what images share is said once."""
    root = module("hello")
    (root / "pyproject.toml").write_text(WRONG)
    for task in (plan, images):
        with pytest.raises(SettingsError) as caught:
            task(open_project(root))
        assert [problem.partition(",")[0] for problem in caught.value.problems] == [
            "pyproject.toml:6: images.one.user names 'app'",
            "pyproject.toml:8: images.one.files[0] is 'own'",
            "pyproject.toml:9: images.one.files[1] is 'own2'",
            "pyproject.toml:2: image.files[1] is 'shared'",
        ]
