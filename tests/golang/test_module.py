from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError, ToolchainError
from gomab_tasks.golang.module import PackageLister, check_toolchain, program_name, read_module
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Processes
from tests.conftest import ModuleFactory

ListerFactory = Callable[..., PackageLister]

ARM64 = Platform("linux", "arm64")


@pytest.fixture
def lister(go: Path, processes: Processes) -> ListerFactory:
    """Give a lister of a module's packages."""

    def of(folder: Path, *tags: str, platform: Platform = ARM64, **env: str) -> PackageLister:
        variables = platform.go_env() | {"CGO_ENABLED": "0"} | env
        return PackageLister(processes, go, read_module(folder), tags, tuple(variables.items()))

    return of


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def program(constraint: str = "") -> str:
    return f"{constraint}\n\npackage main\n\nfunc main() {{}}\n"


def test_a_module(module: ModuleFactory) -> None:
    """Path, version and sums come from go.mod and go.sum."""
    folder = module("fetched")
    read = read_module(folder)
    assert (read.path, read.vendored, read.members) == ("example.com/fetched", False, (folder,))
    assert read.go_version.startswith("1.")
    assert read.sums == (folder / "go.mod", folder / "go.sum")


def test_a_vendored_module(module: ModuleFactory) -> None:
    """vendor/modules.txt says that nothing is to be downloaded; an empty vendor/ does not."""
    assert read_module(module("vendored")).vendored
    folder = module("hello")
    (folder / "vendor").mkdir()
    assert not read_module(folder).vendored


def test_a_workspace(module: ModuleFactory) -> None:
    """go.work names the members; their go.mod files decide what is downloaded, too."""
    folder = module("workspace")
    read = read_module(folder)
    assert read.path == ""
    assert read.members == (folder / "app", folder / "lib")
    assert set(read.sums) == {folder / "go.work", folder / "app/go.mod", folder / "lib/go.mod"}


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("use ./app", ["app"]),
        ("use ./app // the service\nuse ./lib", ["app", "lib"]),
        ("use (\n\t./app // (the service)\n\t// ./old\n\n\t./lib\n)\n", ["app", "lib"]),
        ("use(\r\n./app\r\n)\r\n", ["app"]),
        ('use "./with space"', ["with space"]),
        ('use (\n"./with space"\n)', ["with space"]),
        ("use (\n\t`./with space`\n)", ["with space"]),
        ("use .", ["."]),
        ("use ../next", ["../next"]),
        ("go 1.25", []),
    ],
)
def test_lines_of_go_work(tmp_path: Path, text: str, members: list[str]) -> None:
    """`use` stands alone or in a block, with comments, with quotes (go.dev/ref/mod#go-work-file)."""
    write(tmp_path, {"go.work": f"go 1.25\n\n{text}\n"})
    assert read_module(tmp_path).members == tuple((tmp_path / member).resolve() for member in members)


@pytest.mark.parametrize(
    ("text", "path", "version"),
    [
        ("module example.com/a\n\ngo 1.25.0\n", "example.com/a", "1.25.0"),
        ('module "example.com/a" // comment\r\ngo 1.25rc1\r\n', "example.com/a", "1.25rc1"),
        ("// module no\nmodule\texample.com/a\n", "example.com/a", ""),
        ("module example.com/a\ntoolchain go1.27.0\ngodebug default=go1.21\n", "example.com/a", ""),
    ],
)
def test_lines_of_go_mod(tmp_path: Path, text: str, path: str, version: str) -> None:
    """Comments, quotes, tabs and line ends of Windows are read as Go reads them."""
    write(tmp_path, {"go.mod": text})
    read = read_module(tmp_path)
    assert (read.path, read.go_version) == (path, version)


def test_no_module(module: ModuleFactory) -> None:
    """A module in a subfolder is not guessed; the message names the key."""
    root = module("subfolder")
    assert read_module(root / "services" / "api").path == "example.com/mono/services/api"
    with pytest.raises(
        SettingsError, match=rf"no go.mod or go.work in {root}; set `module` in \[tool.gomab\]"
    ):
        read_module(root)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("cmd/api/main.go:3:1: no", "services/go/cmd/api/main.go:3:1: no"),
        ("./main.go:3: no", "services/go/main.go:3: no"),
        ("../lib/lib.go:3: no", "services/lib/lib.go:3: no"),
        ("go.mod:3: no", "services/go/go.mod:3: no"),
        ("/usr/lib/go/x.go:3: no", "/usr/lib/go/x.go:3: no"),
        ("\tindented main.go:3: no", "\tindented main.go:3: no"),
        ("package main imports x from main.go: no", "package main imports x from main.go: no"),
        ("no such package", "no such package"),
    ],
)
def test_paths_of_messages_begin_at_the_project(tmp_path: Path, line: str, shown: str) -> None:
    """Go's begin at the module."""
    root = write(tmp_path, {"services/go/go.mod": "module example.com/app\n"})
    assert read_module(root / "services/go", root).shown(line) == shown
    assert read_module(root / "services/go").shown(line) == line


@pytest.mark.parametrize(
    ("file", "text"),
    [("go.work", "go 1.99\nuse ./app\n"), ("app/go.mod", "module example.com/app\n\ngo 1.99\n")],
)
def test_the_newest_go_asked_for_counts(module: ModuleFactory, file: str, text: str) -> None:
    """A workspace and each of its members may ask for a Go; the message names the file."""
    folder = write(module("workspace"), {file: text})
    toolchain = Toolchain(Path("go"), "1.27.0", {})
    with pytest.raises(ToolchainError, match=rf"^{file} asks for go 1\.99"):
        check_toolchain(read_module(folder), toolchain)


def test_a_go_line_that_is_met(module: ModuleFactory) -> None:
    """A newer Go than asked for is fine."""
    check_toolchain(read_module(module("workspace")), Toolchain(Path("go"), "1.99.0", {}))


@pytest.mark.parametrize(
    ("import_path", "name"),
    [
        ("example.com/api", "api"),
        ("example.com/tool/v2", "tool"),
        ("example.com/tool/v10", "tool"),
        ("example.com/tool/v1", "v1"),
        ("example.com/tool/v0", "v0"),
        ("example.com/tool/version", "version"),
        ("v2", "v2"),
    ],
)
def test_programs_are_named_as_go_does(import_path: str, name: str) -> None:
    """A major version at the end of the path is no name."""
    assert program_name(import_path) == name


@pytest.mark.parametrize(
    ("name", "found", "skipped"),
    [
        ("hello", {"hello": "."}, ()),
        ("two-mains", {"api": "cmd/api", "worker": "cmd/worker"}, ()),
        ("deep-mains", {"a": "services/a", "b": "services/b"}, ("examples/x", "tools/gen")),
        ("workspace", {"app": "app"}, ()),
        ("vendored", {"vendored": "."}, ()),
        ("versioned", {"tool": "."}, ()),
    ],
)
def test_main_packages_are_found(
    module: ModuleFactory, lister: ListerFactory, name: str, found: dict[str, str], skipped: tuple[str, ...]
) -> None:
    """Root and cmd/* come first, then all but helpers, which are told."""
    folder = module(name)
    mains = lister(folder).find()
    assert {main.name: os.path.relpath(main.folder, folder) for main in mains.found} == found
    assert mains.skipped == skipped


def test_mains_elsewhere_do_not_count_beside_cmd(module: ModuleFactory, lister: ListerFactory) -> None:
    """Where cmd/ has programs, those of other folders are not services."""
    folder = write(module("two-mains"), {"bench/main.go": program()})
    assert [main.name for main in lister(folder).find().found] == ["api", "worker"]


def test_others_are_looked_for_where_go_looks(module: ModuleFactory, lister: ListerFactory) -> None:
    """Not in other modules, vendor, testdata and hidden folders, nor in what a library generates with."""
    folder = module("two-mains")
    program = "/* A licence. */\n\npackage main\n\nfunc main() {}\n"
    for place in ("other", "vendor/v", "a/testdata/t", "_off", ".hidden", "lib", "svc/z", "one/line"):
        (folder / place).mkdir(parents=True)
        (folder / place / "gen.go").write_text(program)
    (folder / "other/go.mod").write_text("module example.com/other\n")
    (folder / "lib/gen.go").write_text(f"//go:build ignore\n\n{program}")
    (folder / "lib/lib.go").write_text("package lib\n")
    (folder / "one/line/gen.go").write_bytes(b"\xef\xbb\xbf/* x */ package main; func main() {}\n")
    mains = lister(folder).find()
    assert [main.name for main in mains.found] == ["api", "worker"]
    assert mains.skipped == ("one/line", "svc/z")


def test_a_main_for_another_system_is_skipped(module: ModuleFactory, lister: ListerFactory) -> None:
    """A program that the platform cannot have does not stop those that it can."""
    folder = write(module("two-mains"), {"cmd/tray/main.go": program("//go:build windows")})
    mains = lister(folder).find()
    assert [main.name for main in mains.found] == ["api", "worker"]
    windows = lister(folder, platform=Platform("windows", "amd64")).find()
    assert [main.name for main in windows.found] == ["api", "tray", "worker"]


def test_build_tags_decide_what_is_found(module: ModuleFactory, lister: ListerFactory) -> None:
    """A main package behind a tag is there only with the tag."""
    folder = write(module("two-mains"), {"cmd/extra/main.go": program("//go:build extra && more")})
    assert len(lister(folder, "extra").find().found) == 2
    assert [main.name for main in lister(folder, "extra", "more").find().found] == ["api", "extra", "worker"]


def test_no_main_package(module: ModuleFactory, lister: ListerFactory) -> None:
    """The message names the module and the key."""
    with pytest.raises(SettingsError, match=r"no main package in example\.com/library; set `main`"):
        lister(module("no-main")).find()


def test_mains_of_a_workspace_beside_it(module: ModuleFactory, lister: ListerFactory) -> None:
    """Where go.mod has no main package, the message has those of a go.work beside it, which can be named."""
    files = {
        "go.work": "go 1.21\n\nuse (\n\t.\n\t./app\n)\n",
        "app/go.mod": "module example.com/app\n\ngo 1.21\n",
        "app/cmd/api/main.go": program(),
    }
    lists = lister(write(module("no-main"), files))
    expected = r"no main package in example.com/library \(go.work beside it has app/cmd/api\); set `main`"
    with pytest.raises(SettingsError, match=expected):
        lists.find()
    assert [main.name for main in lists.named(["app/cmd/api"]).mains.values()] == ["api"]


def test_only_helpers(module: ModuleFactory, lister: ListerFactory) -> None:
    """Where only helpers are left, the message says which were skipped."""
    folder = write(module("no-main"), {"tools/gen/main.go": program()})
    with pytest.raises(SettingsError, match=r"no main package in .* \(skipped: tools/gen\)"):
        lister(folder).find()


def test_a_main_that_needs_cgo(module: ModuleFactory, lister: ListerFactory) -> None:
    """What has no file without cgo cannot be built, which is said before anything is compiled."""
    lists = lister(module("cgo-only"))
    with pytest.raises(SettingsError, match=r"no main package in .* \(\.: all its Go files need cgo"):
        lists.find()
    assert lists.named(["."]).refused["."].startswith("all its Go files need cgo")


def test_named_packages(module: ModuleFactory, lister: ListerFactory) -> None:
    """Folders and import paths name packages, in any order; helpers too, when they are named."""
    folder = module("deep-mains")
    named = lister(folder).named(["tools/gen", "services/b", "example.com/deep/services/a"]).mains
    assert [main.name for main in named.values()] == ["gen", "b", "a"]
    assert named["services/b"].folder == folder / "services" / "b"


def test_one_package_named_twice(module: ModuleFactory, lister: ListerFactory) -> None:
    """A folder and the import path of the same package are the same main package."""
    named = lister(module("two-mains")).named(
        ["cmd/api", "example.com/pair/cmd/api", "example.com/pair/cmd/api/"]
    )
    assert {main.name for main in named.mains.values()} == {"api"}
    assert (len(named.mains), named.refused) == (3, {})


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("internal/greeting", "it is package greeting"),
        ("cmd/nothing", "there is no such folder; main packages are in cmd/api, cmd/worker"),
        ("cmd/vet", "there is no such folder; main packages are in cmd/api, cmd/worker"),
        ("fmt", "there is no such folder; main packages are in cmd/api, cmd/worker"),
        ("example.com/pair/cmd/nothing", "no required module provides package example.com/pair/cmd/nothing"),
        (".", "no Go files in"),
        ("cmd/", "no Go files in"),
        ("all", "Go finds "),
    ],
)
def test_named_packages_that_are_none(
    module: ModuleFactory, lister: ListerFactory, path: str, reason: str
) -> None:
    """A library, a missing and an empty folder, and Go's own packages are refused, the others found."""
    named = lister(module("two-mains")).named(["cmd/api", path])
    assert list(named.mains) == ["cmd/api"]
    assert named.refused[path].startswith(reason)


def test_a_damaged_go_mod(module: ModuleFactory, lister: ListerFactory) -> None:
    """Go's own words are passed on, each line; it is the project's fault, not the toolchain's."""
    folder = write(module("hello"), {"go.mod": "module example.com/hello\n\nrequire nonsense\nfoo\n"})
    with pytest.raises(SettingsError) as caught:
        lister(folder).find()
    first, second = caught.value.problems
    assert first.startswith("go.mod:3: ")
    assert second == "go.mod:4: unknown directive: foo; mend that line, as Go reads it"


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("go.work", "go 1.21\nuze ./app\n", r"go\.work:2: unknown directive: uze; mend that line"),
        ("app/go.mod", "modul x\n", r"app/go\.mod:1: unknown directive: modul; mend that line"),
        ("go.work", "go 1.21\nuse ./app\nuse ./gone\n", r"go\.work: cannot load module gone .*; mend"),
    ],
)
def test_a_damaged_workspace(
    module: ModuleFactory, lister: ListerFactory, file: str, text: str, problem: str
) -> None:
    """The project's fault, too, whichever of its files it is in."""
    folder = write(module("workspace"), {file: text})
    with pytest.raises(SettingsError, match=f"^{problem}"):
        lister(folder).named(["app"])


def test_packages_that_must_be_downloaded(
    module: ModuleFactory, lister: ListerFactory, tmp_path: Path
) -> None:
    """Finding main packages works before anything was downloaded, and without a network."""
    empty = {"GOMODCACHE": str(tmp_path / "cache"), "GOPROXY": "off", "GOFLAGS": "-modcacherw"}
    assert [main.name for main in lister(module("fetched"), **empty).find().found] == ["fetched"]
