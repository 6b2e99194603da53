from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError, ToolchainError
from gomab_tasks.facts import Facts, read_facts
from gomab_tasks.progress.events import Event
from gomab_tasks.project import open_project
from gomab_tasks.tasks.checkout import plan
from tests.conftest import ModuleFactory, Script

pytestmark = pytest.mark.usefixtures("go")


def facts(root: Path, settings: Mapping[str, object] | None = None, **env: str) -> Facts:
    return read_facts(open_project(root, settings=settings, environment={**os.environ, **env}))


def folders(root: Path, found: Facts) -> dict[str, list[str]]:
    return {
        name: [os.path.relpath(main.folder, root) for main in mains] for name, mains in found.mains.items()
    }


@pytest.mark.parametrize(
    ("name", "images", "skipped"),
    [
        ("hello", {"hello": ["."]}, ()),
        ("two-mains", {"api": ["cmd/api"], "worker": ["cmd/worker"]}, ()),
        ("deep-mains", {"a": ["services/a"], "b": ["services/b"]}, ("examples/x", "tools/gen")),
        ("workspace", {"app": ["app"]}, ()),
        ("subfolder", {"api": ["services/api"]}, ()),
        ("replaced", {"app": ["app"]}, ()),
        ("versioned", {"tool": ["."]}, ()),
        ("unicode-path", {"hello": ["."]}, ()),
    ],
)
def test_an_empty_table_finds_everything(
    module: ModuleFactory, name: str, images: dict[str, list[str]], skipped: tuple[str, ...]
) -> None:
    """Each main package gets an image of its name; what was left aside is told."""
    root = module(name)
    found = facts(root)
    assert folders(root, found) == images
    assert found.skipped == skipped


def test_what_is_left_aside_is_told(module: ModuleFactory) -> None:
    """Also where the root or cmd/* have main packages: on the way, and to machines."""
    root = module("two-mains")
    for folder in ("tools/gen", "svc/z"):
        shutil.copytree(root / "cmd/api", root / folder)
    events: list[Event] = []
    planned = plan(open_project(root, emit=events.append))
    assert [image.image for image in planned.images] == ["api", "worker"]
    assert planned.skipped == ("svc/z", "tools/gen")
    told = "skipped, name them in image.main to build them: svc/z, tools/gen"
    assert told in [event.text for event in events if event.kind == "said"]


def test_main_chooses(module: ModuleFactory) -> None:
    """`image.main` names one main package or several, helpers too; each gets an image."""
    root = module("deep-mains")
    assert folders(root, facts(root, {"image": {"main": "tools/gen"}})) == {"gen": ["tools/gen"]}
    several = facts(root, {"image": {"main": ["services/b", "examples/x"]}})
    assert folders(root, several) == {"b": ["services/b"], "x": ["examples/x"]}
    assert several.skipped == ()


def test_tables_of_images(module: ModuleFactory) -> None:
    """An image holds the programs of its `main`, else the one that bears its name, in the table's order."""
    root = module("two-mains")
    images = {"worker": {}, "all": {"main": ["cmd/worker", "cmd/api"]}, "api": {"main": "cmd/api"}}
    assert folders(root, facts(root, {"images": images})) == {
        "worker": ["cmd/worker"],
        "all": ["cmd/worker", "cmd/api"],
        "api": ["cmd/api"],
    }


def test_main_is_relative_to_the_module(module: ModuleFactory) -> None:
    """Not to pyproject.toml, where the two differ."""
    root = module("subfolder")
    (root / "services/api/cmd/tool").mkdir(parents=True)
    shutil.copy(root / "services/api/main.go", root / "services/api/cmd/tool/main.go")
    found = facts(root, {"image": {"main": "cmd/tool"}})
    assert folders(root, found) == {"tool": ["services/api/cmd/tool"]}


def test_what_is_no_main_package_is_told_by_its_key(module: ModuleFactory) -> None:
    """All at once, with their lines."""
    root = module("two-mains")
    (root / "pyproject.toml").write_text(
        '[tool.gomab.images.api]\nmain = "cmd/nix"\n'
        '[tool.gomab.images.b]\nmain = ["cmd/api", "internal/greeting"]\n'
    )
    with pytest.raises(SettingsError) as caught:
        facts(root)
    first, second = caught.value.problems
    assert first == (
        "pyproject.toml:2: images.api.main has 'cmd/nix', which is not a main package: "
        "there is no such folder; main packages are in cmd/api, cmd/worker"
    )
    assert second.startswith("pyproject.toml:4: images.b.main has 'internal/greeting', which is not a")


def test_each_image_answers_for_its_own_main(module: ModuleFactory) -> None:
    """What one image's tags find is missing for another; problems of all images are said together."""
    root = module("two-mains")
    (root / "cmd/extra").mkdir()
    (root / "cmd/extra/main.go").write_text("//go:build extra\n\npackage main\n\nfunc main() {}\n")
    (root / "pyproject.toml").write_text(
        '[tool.gomab.images.a]\nmain = "cmd/extra"\ngo.tags = ["extra"]\n'
        '[tool.gomab.images.b]\nmain = "cmd/extra"\n'
        '[tool.gomab.images.c]\nmain = "cmd/nix"\ngo.tags = ["extra"]\n'
        "[tool.gomab.images.d]\n[tool.gomab.images.e]\n"
    )
    with pytest.raises(SettingsError) as caught:
        facts(root)
    assert [problem.partition(",")[0] for problem in caught.value.problems] == [
        "pyproject.toml:5: images.b.main has 'cmd/extra'",
        "pyproject.toml:7: images.c.main has 'cmd/nix'",
        "pyproject.toml:9: images.d has no main",
        "pyproject.toml:10: images.e has no main",
    ]


def test_one_main_package_in_two_spellings(module: ModuleFactory) -> None:
    """Fine for two images, one too many in one."""
    root = module("two-mains")
    path = "example.com/pair/cmd/api"
    images = {"a": {"main": "cmd/api"}, "b": {"main": path}}
    assert folders(root, facts(root, {"images": images})) == {"a": ["cmd/api"], "b": ["cmd/api"]}
    for table in ({"image": {"main": ["cmd/api", path]}}, {"images": {"a": {"main": ["cmd/api", path]}}}):
        with pytest.raises(
            SettingsError, match=rf"\.main has 'cmd/api' and '{path}', which are one main package; keep one"
        ):
            facts(root, table)


def test_an_image_without_its_program(module: ModuleFactory) -> None:
    """A table whose name fits no main package says which there are."""
    with pytest.raises(SettingsError) as caught:
        facts(module("two-mains"), {"images": {"server": {}}})
    assert str(caught.value) == (
        "pyproject.toml: images.server has no main, and no main packages are named 'server'; "
        "set main to one of: cmd/api, cmd/worker"
    )


def test_two_programs_of_one_name(module: ModuleFactory) -> None:
    """One would overwrite the other: both folders are named, and tables with `main` are the way out."""
    root = module("same-name")
    with pytest.raises(
        SettingsError, match=r"named 'server': services/a/cmd/server and services/b/cmd/server"
    ):
        facts(root)
    with pytest.raises(SettingsError, match="and 2 main packages are named 'server'"):
        facts(root, {"images": {"server": {}}})
    images = {"a": {"main": "services/a/cmd/server"}, "b": {"main": "services/b/cmd/server"}}
    assert len(facts(root, {"images": images}).mains) == 2


def test_two_programs_that_main_names(module: ModuleFactory) -> None:
    """The line of `image.main` is told, for there one of the two can be taken out."""
    root = module("same-name")
    main = "['services/a/cmd/server', 'services/b/cmd/server']"
    (root / "pyproject.toml").write_text(f"[tool.gomab.image]\nmain = {main}\n")
    with pytest.raises(SettingsError, match=r"^pyproject\.toml:2: image\.main names packages, and two main "):
        facts(root)


def test_a_module_that_is_not_there(module: ModuleFactory) -> None:
    """The key of the table is told, with its line and value."""
    root = module("hello")
    (root / "pyproject.toml").write_text("[tool.gomab]\nmodule = 'nix'\n")
    with pytest.raises(
        SettingsError, match=r"^pyproject\.toml:2: module is 'nix', where there is no go\.mod or"
    ):
        facts(root)


def test_a_folder_that_is_no_import_path(module: ModuleFactory) -> None:
    """It is left out with a warning that says why; where nothing else is there, the error does."""
    root = module("two-mains")
    (root / "cmd/api").rename(root / "cmd/wörk")
    events: list[Event] = []
    planned = plan(open_project(root, emit=events.append))
    assert [image.image for image in planned.images] == ["worker"]
    reason = "Go takes no such name for a package: invalid char 'ö'"
    warned = [event.text for event in events if event.kind == "warned"]
    assert warned == [f"cmd/wörk: is left out, since {reason}; rename the folder"]
    shutil.rmtree(root / "cmd/worker")
    with pytest.raises(SettingsError, match=rf"no main package in example\.com/pair \(cmd/wörk: {reason}\)"):
        facts(root)


def test_a_vendor_folder_that_go_mod_has_left_behind(module: ModuleFactory) -> None:
    """The project's own files are wrong, not the toolchain; the command that mends them is told."""
    root = module("vendored")
    text = (root / "go.mod").read_text()
    (root / "go.mod").write_text(text.replace("v1.2.3", "v1.2.4"))
    with pytest.raises(
        SettingsError, match=r"^vendor/ is not what go\.mod .*; run `go mod vendor` and commit"
    ):
        facts(root)


def test_names_of_images_are_lower_case(module: ModuleFactory) -> None:
    """As repositories must be; two that differ in case alone are an error."""
    root = module("two-mains")
    (root / "cmd/worker").rename(root / "cmd/API2")
    assert list(facts(root).mains) == ["api2", "api"]
    (root / "cmd/API2").rename(root / "cmd/API")
    with pytest.raises(SettingsError, match="two main packages are named 'api'"):
        facts(root)


def test_tags_of_an_image_decide_what_it_finds(module: ModuleFactory) -> None:
    """A main package behind a build tag is found for the image that sets the tag, and for no other."""
    root = module("two-mains")
    extra = root / "cmd/extra/main.go"
    extra.parent.mkdir()
    extra.write_text("//go:build extra\n\npackage main\n\nfunc main() {}\n")
    assert "extra" not in facts(root).mains
    assert "extra" in facts(root, {"go": {"tags": ["extra"]}}).mains
    images = {"api": {}, "extra": {"go": {"tags": ["extra"]}}}
    assert list(facts(root, {"images": images}).mains) == ["api", "extra"]
    with pytest.raises(SettingsError, match=r"images\.extra has no main"):
        facts(root, {"images": {"api": {}, "extra": {}}})


def test_variables_that_change_bytes_are_noted(module: ModuleFactory) -> None:
    """Those of the environment pass through and are known; what has its default is not said."""
    root = module("hello")
    found = facts(root, GOFLAGS="-mod=mod", GOEXPERIMENT="", GOFIPS140="off", GODEBUG="http2client=0")
    assert found.byte_variables == {"GOFLAGS": "-mod=mod"}


def test_flags_that_are_lost_are_warned_about(module: ModuleFactory) -> None:
    """GOFLAGS passes through, all but what the table's own flags replace."""
    events: list[Event] = []
    environment = {**os.environ, "GOFLAGS": "-ldflags=-X=main.v=1 -mod=mod -buildvcs -p=4 -trimpath=0"}
    plan(open_project(module("hello"), environment=environment, emit=events.append))
    assert [event.text for event in events if event.kind == "warned"] == [
        "GOFLAGS has -ldflags, which gomab's own replaces; write it as go.ldflags in the table",
        "GOFLAGS has -buildvcs, which gomab's own replaces; set go.vcs-stamp in the table",
        "GOFLAGS has -p, which gomab's own replaces; give --jobs",
        "GOFLAGS has -trimpath, which gomab's own replaces; take it out",
    ]


def test_a_toolchain_line_that_is_passed_over_is_said(module: ModuleFactory) -> None:
    """In one line, since Go itself says nothing of it."""
    root = module("hello")
    with (root / "go.mod").open("a") as file:
        file.write("\ntoolchain go1.99.0\n")
    events: list[Event] = []
    plan(open_project(root, emit=events.append))
    (said,) = (event.text for event in events if event.kind == "said")
    assert said.startswith("go.mod asks for toolchain go1.99.0, but GOTOOLCHAIN=local keeps ")
    assert "; set GOTOOLCHAIN=auto, install go 1.99.0, or: " in said


def test_an_old_go_is_an_error(module: ModuleFactory) -> None:
    """Before anything is listed or compiled."""
    with pytest.raises(ToolchainError, match=r"go\.mod asks for go 1\.99, but "):
        facts(module("too-new"))


def test_folders_that_the_locale_cannot_spell(module: ModuleFactory, gomab: Script) -> None:
    """Go answers in UTF-8, as the table is written, whatever encoding Python has for names of files."""
    root = module("two-mains")
    root = root.rename(root.with_name("\u00fc"))
    ascii_only = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = gomab(root, "build", "--arch", "amd64", **ascii_only)
    assert (ran.returncode, (root / "build/gomab/bin/linux_amd64/api").is_file()) == (0, True), ran.stderr
    (root / "pyproject.toml").write_text('[tool.gomab.image]\nmain = "cmd/\u00fc"\n', encoding="utf-8")
    ran = gomab(root, "build", **ascii_only)
    assert ran.returncode == 2, ran.stderr
    assert "pyproject.toml:2: image.main has 'cmd/\\xfc', which is not a main package: " in ran.stderr


def test_a_workspace_above_the_module(module: ModuleFactory) -> None:
    """Go uses a go.work of a folder above; so the module is one member of it."""
    root = module("workspace")
    found = facts(root, {"module": "app"})
    assert folders(root, found) == {"app": ["app"]}
    assert found.toolchain.env["GOWORK"] == str(root / "go.work")


def test_what_the_table_says_decides_whether_vendor_counts(module: ModuleFactory) -> None:
    """Over the environment; a vendor/ that Go passes over saves no download."""
    root = module("vendored")
    assert facts(root).module.vendored
    assert not facts(root, GOFLAGS="-mod=mod").module.vendored
    assert facts(root, {"go": {"env": {"GOFLAGS": ""}}}, GOFLAGS="-mod=mod").module.vendored
    (root.parent / "go.work").write_text("go 1.22\n\nuse ./vendored\n")
    assert facts(root, GOWORK="off").module.vendored
    assert not facts(root, GOPROXY="off", GOFLAGS="-mod=readonly").module.vendored
