"""Cross-compile: one `go build` for a platform and everything that shares its flags.

Measured on an 18 MB service, two platforms on two cores, cold cache: 71-74 s
plain, 60-66 s without garbage collection in the compiler, 54 s without DWARF
that the linker would drop anyway, 51.6 s with one compiler at a time per
platform (benchmarks/).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from gomab_tasks import files
from gomab_tasks.errors import CompileError, SettingsError, StorageError
from gomab_tasks.golang.failure import explain_download, is_download_failure, without_flags
from gomab_tasks.golang.module import MainPackage, Module
from gomab_tasks.golang.toolchain import Toolchain, flags_of
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Completed, Processes

_MIB = 1024 * 1024
# The largest compile of that service stayed under this without any collection.
_MEMORY_WITHOUT_GC = 2500 * _MIB
_SHARE_OF_MEMORY = 0.75
_NO_ROOM = re.compile("no space left on device|disk quota exceeded")


class Flags(Struct, frozen=True):
    """Hold what decides the code of a program besides its sources.

    Attributes:
        gcflags: for Go's -gcflags; an item that begins with `-` goes on with the
            item before it, any other begins with a pattern of packages.
        ldflags: fragments of Go's -ldflags text, joined by spaces.
        variables: `-X` values by `importpath.name`.
        env: further variables, GOEXPERIMENT for example.
    """

    tags: tuple[str, ...] = ()
    gcflags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ("-s", "-w")
    variables: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    vcs_stamp: bool = False


class Build(Struct, frozen=True):
    """Hold one `go build`: these main packages, this platform, these flags, into `output`/NAME."""

    platform: Platform
    mains: tuple[MainPackage, ...]
    flags: Flags
    output: Path

    @property
    def subject(self) -> str:
        """Name the build for people: `api, worker`."""
        return ", ".join(main.name for main in self.mains)

    def program(self, main: MainPackage) -> Path:
        """Give where `go build` puts a program."""
        return self.output / (f"{main.name}.exe" if self.platform.os == "windows" else main.name)


class BuildFailedError(CompileError):
    """Report a failed `go build` with the compiler's own lines.

    Attributes:
        what: "go build failed after 3.2 s", or that a module could not be had.
        lines: what Go printed, without its headings.
        log: the file with all of it.
    """

    def __init__(self, what: str, lines: tuple[str, ...], log: Path) -> None:
        self.what, self.lines, self.log = what, lines, log
        super().__init__(f"{what}: " + "\n".join([*lines, f"Log: {log}"]))

    @property
    def summary(self) -> str:
        """What Go said first, which is the same for each platform that fails alike."""
        if not self.lines:
            return f"{self.what}; log: {self.log}"
        first, *rest = self.lines
        return f"{first} {rest[0].strip()}" if first.endswith(":") and rest else first


class Share(Struct, frozen=True):
    """Hold how much of the machine one `go build` may use.

    Attributes:
        compilers: how many run at a time.
        threads: how many each of Go's processes runs at a time.
        memory: bytes for one compiler.
    """

    compilers: int
    threads: int
    memory: int


def divide(cores: int, memory: int, builds: int) -> tuple[int, Share]:
    """Divide cores and bytes of memory among builds: how many run side by side, and the share of each.

    Threads of two builds on the same core only wait for each other: without
    them two links take 2 % less time and two cold compiles 3 %. Where a last
    build runs alone it may have all cores.
    """
    side_by_side = max(1, min(cores, builds))
    compilers = max(1, cores // side_by_side)
    threads = cores if builds % side_by_side else -(-cores // side_by_side)
    return side_by_side, Share(
        compilers, threads, int(memory * _SHARE_OF_MEMORY) // (side_by_side * compilers)
    )


def arguments(build: Build, toolchain: Toolchain, compilers: int) -> list[str]:
    """Give the words after `go`; output and packages last.

    Raises `SettingsError` as `link_flags` does.
    """
    flags = build.flags
    words = ["build", "-trimpath", f"-buildvcs={str(flags.vcs_stamp).lower()}", f"-p={compilers}"]
    if flags.tags:
        words.append(f"-tags={','.join(flags.tags)}")
    words += [f"-gcflags={flag}" for flag in _by_pattern(flags.gcflags)]
    if drops_dwarf(flags, toolchain):
        words.append("-gcflags=all=-dwarf=false")
    words.append(f"-ldflags={link_flags(flags)}")
    return [*words, f"-o={build.output}/", *(main.import_path for main in build.mains)]


def drops_dwarf(flags: Flags, toolchain: Toolchain) -> bool:
    """Tell whether the compiler may leave out the DWARF that the linker drops anyway.

    Only where no gcflags are set: a second -gcflags for the same packages
    would replace the first without a word.
    """
    replaceable = flags.gcflags or "-gcflags" in _goflags(flags, toolchain)
    return _strips_dwarf(flags.ldflags) and not replaceable


def replaced_flags(build: Build, toolchain: Toolchain) -> list[str]:
    """Name the flags of GOFLAGS that have no effect: of two, Go takes the command line's alone."""
    words = (word.partition("=") for word in arguments(build, toolchain, 0) if word.startswith("-"))
    own = {name: value if equals else "true" for name, equals, value in words}
    given = _goflags(build.flags, toolchain)
    return [name for name, value in given.items() if own.get(name, value) != value]


def link_flags(flags: Flags) -> str:
    """Give the text of -ldflags, `-X` and its values at the end.

    Raises `SettingsError` for a value that holds both kinds of quotes: Go knows
    both, but no escapes (cmd/internal/quoted).
    """
    variables = [f"-X {_quote(name, value)}" for name, value in sorted(flags.variables.items())]
    return " ".join([*flags.ldflags, *variables])


def environment(build: Build, share: Share, temporary: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that are set for a build, over the user's own.

    The compilers' garbage collector is off where memory allows, and seldom
    runs elsewhere, unless the user tuned it.
    """
    variables = {**build.platform.build_env(build.flags.env), "GOTMPDIR": str(temporary)}
    tuned = {*inherited, *build.flags.env}
    if "GOMAXPROCS" not in tuned:
        variables["GOMAXPROCS"] = str(share.threads)
    if not {"GOGC", "GOMEMLIMIT"} & tuned:
        enough = share.memory >= _MEMORY_WITHOUT_GC
        limit = min(share.memory, _MEMORY_WITHOUT_GC) // _MIB
        variables |= {"GOGC": "off" if enough else "400", "GOMEMLIMIT": f"{max(limit, 256)}MiB"}
    return variables


class Site(Struct, frozen=True):
    """Hold where and with what `go build` runs."""

    processes: Processes
    toolchain: Toolchain
    module: Module
    share: Share


def go_build(site: Site, build: Build, log: Path, on_line: Callable[[str], None]) -> Completed:
    """Run `go build`; its output stays in `log`.

    The temporary folder lies beside the output, so that Go renames what it
    linked instead of copying it, and is gone afterwards even if Go is killed.

    Raises `CompileError` with the compiler's own lines, `StorageError` where a disk is full.
    """
    with files.storage_errors(build.output):
        build.output.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(build.output.parent) as temporary:
        completed = site.processes.run(
            [site.toolchain.go, *arguments(build, site.toolchain, site.share.compilers)],
            cwd=site.module.folder,
            env=environment(build, site.share, temporary, site.processes.environment),
            on_line=on_line,
        )
    files.write(log, completed.stderr)
    if completed.code:
        _require_room(completed, build, site.toolchain)
        raise _failure(completed, log, site.module)
    return completed


def _goflags(flags: Flags, toolchain: Toolchain) -> dict[str, str]:
    return flags_of({**toolchain.env, **flags.env})


def _by_pattern(gcflags: Sequence[str]) -> list[str]:
    """Join what is for one pattern: of two -gcflags for the same packages Go takes the last alone."""
    joined: list[str] = []
    for flag in gcflags:
        if flag.startswith("-") and joined:
            joined[-1] += f" {flag}"
        else:
            joined.append(flag)
    return joined


def _strips_dwarf(ldflags: Sequence[str]) -> bool:
    """Tell what the linker will do: `-w` decides, else `-s`, which implies it; the last of each counts."""
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "", " ".join(ldflags))
    flags: dict[str, str] = dict(re.findall(r"(?:^|\s)--?([sw])(?:=(\S*))?(?=\s|$)", plain))
    decisive = next((flags[name] for name in ("w", "s") if name in flags), "false")
    return decisive.lower() in ("", "1", "t", "true")


def _quote(name: str, value: str) -> str:
    text = f"{name}={value}"
    if not re.search(r"[\s'\"]", text):
        return text
    for quote in ("'", '"'):
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise SettingsError(
        f"go.variables.{name}: its value holds both ' and \", which Go's -ldflags cannot carry; "
        "use one of them"
    )


def _require_room(completed: Completed, build: Build, toolchain: Toolchain) -> None:
    full = [line for line in completed.stderr.splitlines() if _NO_ROOM.search(line)]
    if full:
        raise StorageError(
            f"go build: the disk is full, that of {build.output.parent} or "
            f"of Go's cache {toolchain.env.get('GOCACHE', '')}; free some space and run it again\n{full[0]}"
        )


def _failure(completed: Completed, log: Path, module: Module) -> BuildFailedError:
    printed = completed.stderr.splitlines()
    lines = [module.shown(line) for line in printed if line and not line.startswith("#")]
    what = f"go build failed after {completed.seconds:.1f} s"
    if is_download_failure(completed.stderr):
        what, *lines = explain_download(completed.stderr).splitlines()
    return BuildFailedError(what, tuple(_first(without_flags(lines), 20)), log)


def _first(lines: Sequence[str], number: int) -> list[str]:
    more = len(lines) - number
    return [*lines[:number], f"(and {more} more lines)"] if more > 0 else list(lines)
