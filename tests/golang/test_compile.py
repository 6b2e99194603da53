from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import CompileError, SettingsError
from gomab_tasks.golang.binary import verify_binary
from gomab_tasks.golang.compile import (
    Build,
    BuildFailedError,
    Flags,
    Share,
    Site,
    arguments,
    divide,
    drops_dwarf,
    environment,
    go_build,
    replaced_flags,
)
from gomab_tasks.golang.module import MainPackage, PackageLister, read_module
from gomab_tasks.golang.toolchain import Toolchain, read_toolchain
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Processes
from tests.conftest import Git, ModuleFactory

Compile = Callable[..., dict[str, Path]]

GIB = 1 << 30
HOST = Platform("linux", os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64"))
PLAIN = Flags()
HELLO = MainPackage("example.com/hello", "hello", Path("hello"))


def build(flags: Flags = PLAIN, platform: str = "linux/amd64") -> Build:
    return Build(Platform.parse(platform), (HELLO,), flags, Path("/out"))


def toolchain(**env: str) -> Toolchain:
    return Toolchain(Path("go"), "1.27.0", env)


@pytest.fixture
def compiled(processes: Processes, tmp_path: Path) -> Compile:
    """Compile main packages of a module as gomab does and give the programs by name."""

    def run(
        folder: Path,
        *paths: str,
        flags: Flags = PLAIN,
        platform: Platform = HOST,
    ) -> dict[str, Path]:
        found = read_toolchain(processes, folder)
        env = tuple((platform.go_env() | {"CGO_ENABLED": "0"}).items())
        lister = PackageLister(processes, found.go, read_module(folder), flags.tags, env)
        mains = tuple(lister.named(paths or ["."]).mains.values())
        planned = Build(platform, mains, flags, tmp_path / "out" / "bin" / platform.slug)
        site = Site(processes, found, read_module(folder), Share(1, 1, 2 * GIB))
        go_build(site, planned, tmp_path / "out" / "log.txt", lambda _: None)
        return {main.name: planned.program(main) for main in mains}

    return run


def printed(program: Path) -> str:
    return subprocess.run([program], check=True, capture_output=True, text=True).stderr.strip()


def test_the_words_of_a_build() -> None:
    """Paths are trimmed, no stamp, no DWARF to be dropped later; output and packages come last."""
    assert arguments(build(), toolchain(), 2) == [
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-p=2",
        "-gcflags=all=-dwarf=false",
        "-ldflags=-s -w",
        "-o=/out/",
        "example.com/hello",
    ]


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (Flags(tags=("netgo", "extra")), "-tags=netgo,extra"),
        (Flags(vcs_stamp=True), "-buildvcs=true"),
        (Flags(ldflags=()), "-ldflags="),
        (Flags(ldflags=("-s", "-extldflags '-a -b'")), "-ldflags=-s -extldflags '-a -b'"),
        (Flags(variables={"main.v": "1", "main.a": "2"}), "-ldflags=-s -w -X main.a=2 -X main.v=1"),
        (Flags(variables={"main.v": "a b"}), "-ldflags=-s -w -X 'main.v=a b'"),
        (Flags(variables={"main.v": "it's"}), '-ldflags=-s -w -X "main.v=it\'s"'),
        (Flags(variables={"main.v": '"q"'}), "-ldflags=-s -w -X 'main.v=\"q\"'"),
        (Flags(variables={"main.v": ""}), "-ldflags=-s -w -X main.v="),
        (Flags(gcflags=("all=-N -l",)), "-gcflags=all=-N -l"),
        (Flags(gcflags=("-N", "-l")), "-gcflags=-N -l"),
        (Flags(gcflags=("all=-N", "-l")), "-gcflags=all=-N -l"),
    ],
)
def test_settings_become_words(flags: Flags, word: str) -> None:
    """What the table says reaches Go, with the quotes that -ldflags understands."""
    assert word in arguments(build(flags), toolchain(), 1)


def test_gcflags_for_several_patterns() -> None:
    """Each pattern gets a flag of its own, for of two with one pattern Go takes the last alone."""
    words = arguments(build(Flags(gcflags=("all=-N", "-l", "net/http=-S"))), toolchain(), 1)
    assert [word for word in words if word.startswith("-gcflags")] == [
        "-gcflags=all=-N -l",
        "-gcflags=net/http=-S",
    ]


@pytest.mark.parametrize(
    ("ldflags", "drops"),
    [
        ((), False),
        (("-s",), True),
        (("-w",), True),
        (("-s -w",), True),
        (("--w",), True),
        (("-w=true", "-buildid="), True),
        (("-w=1",), True),
        (("-s=false",), False),
        (("-w", "-w=false"), False),
        (("-s", "-w=0"), False),
        (("-s=0", "-w"), True),
        (("-X 'main.text=a -w b'",), False),
        (('-X "main.text=a -s b"', "-w"), True),
        (("-X", "main.text=-w"), False),
    ],
)
def test_dwarf_is_left_out_where_the_linker_would_drop_it(ldflags: tuple[str, ...], drops: bool) -> None:  # noqa: FBT001
    """-w decides, else -s, which implies it; words inside of quotes are no flags."""
    assert drops_dwarf(Flags(ldflags=ldflags), toolchain()) == drops


@pytest.mark.parametrize(
    ("flags", "env"),
    [
        (Flags(gcflags=("-N",)), {}),
        (Flags(), {"GOFLAGS": "-mod=mod -gcflags=all=-N"}),
        (Flags(env={"GOFLAGS": "-gcflags=all=-N"}), {}),
    ],
)
def test_gcflags_of_the_user_are_never_replaced(flags: Flags, env: Mapping[str, str]) -> None:
    """A second -gcflags would silence theirs, so DWARF stays."""
    assert not drops_dwarf(flags, toolchain(**env))


@pytest.mark.parametrize(
    ("flags", "goflags", "replaced"),
    [
        (PLAIN, "", []),
        (PLAIN, "-mod=mod -tags=x -gcflags=-N", []),
        (PLAIN, "-trimpath -buildvcs=false '--ldflags=-s -w'", []),
        (PLAIN, "-trimpath=false -buildvcs -p=4", ["-trimpath", "-buildvcs", "-p"]),
        (Flags(vcs_stamp=True), "-buildvcs=auto -trimpath=true", ["-buildvcs"]),
        (PLAIN, "-mod=mod -ldflags=-X=main.v=1", ["-ldflags"]),
        (PLAIN, "'-ldflags=-s -X=main.tags=1'", ["-ldflags"]),
        (Flags(tags=("a",)), "--tags=x -tags=y", ["-tags"]),
        (Flags(gcflags=("-N",), ldflags=()), "-gcflags=-l -ldflags=-s", ["-gcflags", "-ldflags"]),
        (Flags(env={"GOFLAGS": ""}), "-ldflags=-s", []),
    ],
)
def test_flags_without_effect_are_known(flags: Flags, goflags: str, replaced: list[str]) -> None:
    """What GOFLAGS says is lost where the command line says it too."""
    assert replaced_flags(build(flags), toolchain(GOFLAGS=goflags)) == replaced


def test_goflags_of_the_table_hide_those_of_the_environment() -> None:
    """Go sees go.env's value alone, so only that one counts."""
    assert drops_dwarf(Flags(env={"GOFLAGS": "-mod=mod"}), toolchain(GOFLAGS="-gcflags=all=-N"))


@pytest.mark.parametrize(
    ("platform", "variables"),
    [
        ("linux/amd64", {"GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v1"}),
        ("linux/amd64/v3", {"GOARCH": "amd64", "GOAMD64": "v3"}),
        ("linux/arm/v6", {"GOARCH": "arm", "GOARM": "6"}),
        ("linux/arm", {"GOARCH": "arm", "GOARM": "7"}),
        ("linux/arm64", {"GOARCH": "arm64", "GOARM64": "v8.0"}),
        ("windows/arm64", {"GOOS": "windows", "GOARCH": "arm64"}),
    ],
)
def test_the_platform_decides_over_all_else(platform: str, variables: Mapping[str, str]) -> None:
    """Levels are always explicit, cgo is off, each build has a temporary folder of its own."""
    flags = Flags(env={"GOEXPERIMENT": "x", "CGO_ENABLED": "1", "GOARM": "5"})
    env = environment(build(flags, platform), Share(1, 1, GIB), Path("/t"), {"GOTMPDIR": "/theirs"})
    expected = {"CGO_ENABLED": "0", "GOTMPDIR": "/t", "GOEXPERIMENT": "x", **variables}
    assert expected.items() <= env.items()


@pytest.mark.parametrize(
    ("platform", "variable", "leaked"),
    [
        ("linux/amd64", "GOAMD64", "v3"),
        ("linux/386", "GO386", "softfloat"),
        ("linux/riscv64", "GORISCV64", "rva22u64"),
        ("wasip1/wasm", "GOWASM", "satconv"),
    ],
)
def test_levels_of_go_env_stay_outside(
    go: Path, tmp_path: Path, platform: str, variable: str, leaked: str
) -> None:
    """What `go env -w` has set for the machine decides nothing of what is made for others."""
    user = tmp_path / "env"
    user.write_text(f"{variable}={leaked}\n")
    own = build(PLAIN, platform).platform.build_env({})
    variables = {**os.environ, "GOENV": str(user), **own}
    done = subprocess.run([go, "env", variable], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == own[variable]


@pytest.mark.parametrize(
    ("memory", "collector"),
    [
        (4 * GIB, {"GOGC": "off", "GOMEMLIMIT": "2500MiB"}),
        (GIB, {"GOGC": "400", "GOMEMLIMIT": "1024MiB"}),
        (1 << 20, {"GOGC": "400", "GOMEMLIMIT": "256MiB"}),
    ],
)
def test_the_collector_suits_the_memory(memory: int, collector: Mapping[str, str]) -> None:
    """Compilers collect nothing where memory allows, seldom elsewhere, and never thrash."""
    assert collector.items() <= environment(build(), Share(1, 1, memory), Path("/t"), {}).items()


@pytest.mark.parametrize("name", ["GOGC", "GOMEMLIMIT"])
@pytest.mark.parametrize("where", ["environment", "table"])
def test_the_user_may_tune_the_collector(name: str, where: str) -> None:
    """Either variable, in the environment or in go.env, leaves both to the user."""
    own = {name: "50"}
    flags = Flags(env=own if where == "table" else {})
    env = environment(build(flags), Share(1, 1, GIB), Path("/t"), own if where == "environment" else {})
    set_here = {"GOGC", "GOMEMLIMIT"} & env.keys()
    assert set_here == ({name} if where == "table" else set())
    assert env.get(name, "50") == "50"


@pytest.mark.parametrize(
    ("cores", "builds", "side_by_side", "compilers", "threads"),
    [
        (8, 2, 2, 4, 4),
        (2, 2, 2, 1, 1),
        (2, 6, 2, 1, 1),
        (4, 1, 1, 4, 4),
        (4, 0, 1, 4, 4),
        (1, 6, 1, 1, 1),
        (3, 2, 2, 1, 2),
        (2, 3, 2, 1, 2),
    ],
)
def test_the_machine_is_divided(
    cores: int, builds: int, side_by_side: int, compilers: int, threads: int
) -> None:
    """All compilers together stay within three quarters of the memory; a last build may have all cores."""
    memory = int(0.75 * 4 * GIB) // (side_by_side * compilers)
    assert divide(cores, 4 * GIB, builds) == (side_by_side, Share(compilers, threads, memory))


def test_the_user_may_limit_the_threads() -> None:
    """GOMAXPROCS of the environment or the table stays as it is."""
    share = Share(1, 2, GIB)
    assert environment(build(), share, Path("/t"), {})["GOMAXPROCS"] == "2"
    assert "GOMAXPROCS" not in environment(build(), share, Path("/t"), {"GOMAXPROCS": "7"})
    own = build(Flags(env={"GOMAXPROCS": "7"}))
    assert environment(own, share, Path("/t"), {})["GOMAXPROCS"] == "7"


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux/arm64", "hello"),
        ("windows/amd64", "hello.exe"),
    ],
)
def test_programs_lie_where_go_puts_them(
    module: ModuleFactory, compiled: Compile, platform: str, name: str
) -> None:
    """Only Windows has a suffix."""
    programs = compiled(module("hello"), platform=Platform.parse(platform))
    assert [program.name for program in programs.values()] == [name]
    assert programs["hello"].is_file()


def test_one_build_makes_several_programs(module: ModuleFactory, compiled: Compile, tmp_path: Path) -> None:
    """Programs lie side by side, nothing temporary is left, and the log is there."""
    programs = compiled(module("two-mains"), "cmd/api", "cmd/worker")
    assert {name: printed(path) for name, path in programs.items()} == {
        "api": "hello api",
        "worker": "hello worker",
    }
    assert sorted(path.name for path in (tmp_path / "out" / "bin").iterdir()) == [HOST.slug]
    assert (tmp_path / "out" / "log.txt").is_file()


def test_an_unchanged_program_is_left_alone(module: ModuleFactory, compiled: Compile) -> None:
    """Nothing is linked again, so it stays the same file; a changed one is another."""
    folder = module("hello")
    first = compiled(folder)["hello"].stat().st_ino
    assert compiled(folder)["hello"].stat().st_ino == first
    (folder / "main.go").write_text('package main\n\nfunc main() { println("changed") }\n')
    assert compiled(folder)["hello"].stat().st_ino != first


@pytest.mark.parametrize("value", ["plain", "two words", "it's", 'say "so"', "a=b", "x -s", "", "-w", "ü\tz"])
def test_variables_arrive_as_they_are(module: ModuleFactory, compiled: Compile, value: str) -> None:
    """Whatever quotes and spaces a value has, the program sees it."""
    folder = module("hello")
    (folder / "main.go").write_text('package main\n\nvar text = "unset"\n\nfunc main() { println(text) }\n')
    program = compiled(folder, flags=Flags(variables={"main.text": value}))["hello"]
    assert printed(program) == value.strip()


def test_a_value_with_both_quotes() -> None:
    """Go has no way to carry it: the message names the variable, not its value."""
    with pytest.raises(SettingsError) as caught:
        arguments(build(Flags(variables={"main.text": 'it\'s "so"'})), toolchain(), 1)
    assert str(caught.value) == (
        "go.variables.main.text: its value holds both ' and \", which Go's -ldflags cannot carry; "
        "use one of them"
    )


def test_build_tags_reach_the_compiler(module: ModuleFactory, compiled: Compile) -> None:
    """A tag changes what is compiled."""
    folder = module("tagged")
    assert printed(compiled(folder)["tagged"]) == "free"
    assert printed(compiled(folder, flags=Flags(tags=("premium",)))["tagged"]) == "premium"


@pytest.mark.parametrize(
    ("name", "folder", "path"),
    [
        ("vendored", ".", "."),
        ("workspace", ".", "app"),
        ("replaced", "app", "."),
        ("subfolder", "services/api", "."),
    ],
)
def test_awkward_modules_compile(
    module: ModuleFactory, compiled: Compile, name: str, folder: str, path: str
) -> None:
    """vendor/, go.work, a replacement next door and a module in a subfolder are Go's own business."""
    (program,) = compiled(module(name) / folder, path).values()
    assert printed(program)


def test_what_the_compiler_says_is_kept(module: ModuleFactory, compiled: Compile, tmp_path: Path) -> None:
    """The error has the compiler's lines without headings, and names the log, which has all."""
    with pytest.raises(BuildFailedError) as caught:
        compiled(module("broken"))
    assert caught.value.lines == ("./main.go:5:10: undefined: missing",)
    assert f"Log: {tmp_path / 'out' / 'log.txt'}" in str(caught.value)
    assert "# example.com/broken" in (tmp_path / "out" / "log.txt").read_text()


def test_many_errors_are_cut(module: ModuleFactory, compiled: Compile, tmp_path: Path) -> None:
    """Twenty lines are told, and how many more there are."""
    folder = module("hello")
    for number in range(25):
        (folder / f"p{number}").mkdir()
        (folder / f"p{number}" / "p.go").write_text("package p\n\nvar X = missing\n")
    imports = "".join(f'import _ "example.com/hello/p{number}"\n' for number in range(25))
    (folder / "main.go").write_text(f"package main\n\n{imports}\nfunc main() {{}}\n")
    with pytest.raises(BuildFailedError) as caught:
        compiled(folder)
    assert len(caught.value.lines) == 21
    assert caught.value.lines[-1] == "(and 5 more lines)"
    assert (tmp_path / "out" / "log.txt").read_text().count("undefined: missing") == 25


def test_a_missing_module_is_no_compile_error(module: ModuleFactory, compiled: Compile) -> None:
    """A build that lacks a line of go.sum says so, and what mends it."""
    folder = module("fetched")
    (folder / "go.sum").unlink()
    with pytest.raises(CompileError, match=r"go\.sum lacks it; run `go mod tidy`") as caught:
        compiled(folder)
    assert "go build failed" not in str(caught.value)
    assert "Log: " in str(caught.value)


@pytest.mark.parametrize("ldflags", [("-s", "-w"), ()])
@pytest.mark.parametrize("stamp", [True, False])
def test_the_stamp_of_the_commit(
    git: Git,
    module: ModuleFactory,
    compiled: Compile,
    ldflags: tuple[str, ...],
    *,
    stamp: bool,
) -> None:
    """Only with `go.vcs-stamp` does a program know its commit; not even GOFLAGS change that."""
    folder = module("hello")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    program = compiled(
        folder, flags=Flags(vcs_stamp=stamp, ldflags=ldflags, env={"GOFLAGS": f"-buildvcs={not stamp}"})
    )
    settings = verify_binary(program["hello"], "hello", HOST).build_info.settings
    expected = git(folder, "rev-parse", "HEAD") if stamp else None
    assert settings.get("vcs.revision") == expected
    assert settings.get("vcs.modified") == ("false" if stamp else None)


def test_a_stamp_outside_of_git(module: ModuleFactory, compiled: Compile) -> None:
    """Without a repository there is nothing to stamp, and the program is made all the same."""
    program = compiled(module("hello"), flags=Flags(vcs_stamp=True))["hello"]
    assert "vcs.revision" not in verify_binary(program, "hello", HOST).build_info.settings


def test_two_flags_are_one_build() -> None:
    """Flags compare by what they say, so that images can share a build."""
    flags = Flags(variables={"main.v": "1"})
    assert flags == replace(Flags(), variables={"main.v": "1"})
    assert flags != Flags()
