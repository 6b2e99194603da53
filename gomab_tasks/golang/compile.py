"""Cross-compile: one `go build` for a platform and everything that shares its flags.

Measured on an 18 MB service, two platforms on two cores, cold cache: 71-74 s
plain, 60-66 s without garbage collection in the compiler, 54 s without DWARF
that the linker would drop anyway, 51.6 s with one compiler at a time per
platform (benchmarks/).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.errors import CompileError
from gomab_tasks.golang.module import MainPackage, Module
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Completed, Processes

_MIB = 1024 * 1024
# The largest compile of that service stayed under this without any collection.
_MEMORY_WITHOUT_GC = 2500 * _MIB
_SHARE_OF_MEMORY = 0.75


@dataclass(frozen=True, slots=True)
class Flags:
    """Hold what decides the code of a program besides its sources.

    Attributes:
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


@dataclass(frozen=True, slots=True)
class Build:
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
        suffix = {"windows": ".exe", "js": ".wasm", "wasip1": ".wasm"}.get(self.platform.os, "")
        return self.output / (main.name + (suffix if suffix == ".exe" else ""))


class BuildFailedError(CompileError):
    """Report a failed `go build` with the compiler's own lines.

    Attributes:
        lines: what Go printed, without its headings.
        log: the file with all of it.
    """

    def __init__(self, lines: tuple[str, ...], seconds: float, log: Path) -> None:
        self.lines, self.seconds, self.log = lines, seconds, log
        super().__init__(f"go build failed after {seconds:.1f} s: " + "\n".join([*lines, f"Log: {log}"]))


@dataclass(frozen=True, slots=True)
class Share:
    """Hold how much of the machine one `go build` may use."""

    compilers: int
    memory: int


def share(cores: int, memory: int, side_by_side: int) -> Share:
    """Divide cores and bytes of memory among builds that run side by side."""
    compilers = max(1, cores // side_by_side)
    return Share(compilers, int(memory * _SHARE_OF_MEMORY) // (side_by_side * compilers))


def arguments(build: Build, toolchain: Toolchain, compilers: int) -> list[str]:
    """Give the words after `go`; output and packages last."""
    flags = build.flags
    words = ["build", "-trimpath", f"-buildvcs={str(flags.vcs_stamp).lower()}", f"-p={compilers}"]
    if flags.tags:
        words.append(f"-tags={','.join(flags.tags)}")
    words += [f"-gcflags={flag}" for flag in flags.gcflags]
    if drops_dwarf(flags, toolchain):
        words.append("-gcflags=all=-dwarf=false")
    words.append(f"-ldflags={_ldflags(flags)}")
    return [*words, f"-o={build.output}/", *(main.import_path for main in build.mains)]


def drops_dwarf(flags: Flags, toolchain: Toolchain) -> bool:
    """Tell whether the compiler may leave out the DWARF that the linker drops anyway.

    Only where no gcflags are set: a second -gcflags for the same packages
    would replace the first without a word.
    """
    stripped = bool({"-w", "-s", "-w=true", "-s=true"} & set(" ".join(flags.ldflags).split()))
    return stripped and not flags.gcflags and "-gcflags" not in toolchain.env.get("GOFLAGS", "")


def environment(build: Build, share: Share, temporary: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that are set for a build, over the user's own.

    The compilers' garbage collector is off where memory allows, and seldom
    runs elsewhere, unless the user tuned it.
    """
    variables = {**build.flags.env, **build.platform.go_env(), "CGO_ENABLED": "0", "GOTMPDIR": str(temporary)}
    if "GOGC" not in inherited and "GOMEMLIMIT" not in inherited:
        enough = share.memory >= _MEMORY_WITHOUT_GC
        limit = min(share.memory, _MEMORY_WITHOUT_GC) // _MIB
        variables |= {"GOGC": "off" if enough else "400", "GOMEMLIMIT": f"{max(limit, 256)}MiB"}
    return variables


def run(
    build: Build,
    processes: Processes,
    toolchain: Toolchain,
    module: Path,
    share: Share,
    *,
    log: Path,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run `go build`; its output stays in `log`.

    The temporary folder lies beside the output, so that Go renames what it
    linked instead of copying it, and is gone afterwards even if Go is killed.

    Raises `CompileError` with the compiler's own lines.
    """
    with files.storage_errors(build.output):
        build.output.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(build.output.parent) as temporary:
        completed = processes.run(
            [toolchain.go, *arguments(build, toolchain, share.compilers)],
            cwd=module,
            env=environment(build, share, temporary, processes.environment),
            on_line=on_line,
        )
    files.write(log, completed.stderr)
    if completed.code:
        raise _failure(completed, log)
    return completed


def download(
    processes: Processes,
    toolchain: Toolchain,
    module: Module,
    scratch: Path,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Fill the module cache with what go.mod and go.sum list, once for all platforms.

    `go mod download` may add lines to go.sum, so it works on copies in a
    temporary folder below `scratch`. (Workspaces allow no -modfile.)

    Raises `CompileError` that names the module and what would mend it.
    """
    with files.temporary_folder(scratch) as folder:
        argv: list[str | Path] = [toolchain.go, "mod", "download"]
        if (module.folder / "go.mod").is_file() and toolchain.env.get("GOWORK", "") in ("", "off"):
            for source in module.sums:
                shutil.copyfile(source, folder / source.name)
            argv.append(f"-modfile={folder / 'go.mod'}")
        completed = processes.run(argv, cwd=module.folder, on_line=on_line)
    if completed.code:
        raise CompileError(explain_download(completed.stderr.replace(f"{folder}/", "")))
    return completed


def explain_download(output: str) -> str:
    """Say which module could not be had, and why, from Go's own words."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("go: downloading")]
    text = "\n".join(lines).strip()
    module = re.search(r"([\w.\-~/]+\.[\w.\-~/]+@v[\w.+\-]+)", text)
    name = f" of {module[1]}" if module else ""
    return f"module download{name} failed: {_cure(text)}\n{text}"


_CURES = (
    (("checksum mismatch", "SECURITY ERROR"), "its content is not what go.sum records; nothing was used. Compare with its author, then `go mod tidy`"),
    (("missing go.sum entry",), "go.sum lacks it; run `go mod tidy` and commit go.sum"),
    (("terminal prompts disabled", "could not read Username", "Permission denied", "401", "403"), "its host wants a login; for a private host set GOPRIVATE and ~/.netrc or a git credential"),
    (("no such host", "dial tcp", "i/o timeout", "connection refused", "proxyconnect"), "its host cannot be reached; check the network, GOPROXY, and GOPRIVATE for a private host"),
    (("404", "410", "unknown revision", "not found"), "no proxy or host has it; check the version, and set GOPRIVATE for a private host"),
    (("disabled by GOPROXY=off", "GOFLAGS=-mod=vendor"), "downloads are switched off here; fill the module cache first or unset GOPROXY=off"),
)


def _cure(text: str) -> str:
    for signs, cure in _CURES:
        if any(sign in text for sign in signs):
            return cure
    return "Go says:"


def _ldflags(flags: Flags) -> str:
    variables = [f"-X {_quote(f'{name}={value}')}" for name, value in sorted(flags.variables.items())]
    return " ".join([*flags.ldflags, *variables])


def _quote(text: str) -> str:
    """Quote for Go's -ldflags, which knows both quotes but no escapes (cmd/internal/quoted)."""
    if not re.search(r"[\s'\"]", text):
        return text
    for quote in ("'", '"'):
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise CompileError(f"go.variables: {text!r} holds both kinds of quotes, which Go's -ldflags cannot carry")


def _failure(completed: Completed, log: Path) -> CompileError:
    lines = [line for line in completed.stderr.splitlines() if line and not line.startswith("#")]
    if any(sign in line for line in lines for sign in ("verifying", "cannot find module", "missing go.sum entry")):
        return CompileError(f"{explain_download(completed.stderr)}\nLog: {log}")
    return BuildFailedError(tuple(_first(lines, 20)), completed.seconds, log)


def _first(lines: Sequence[str], number: int) -> list[str]:
    more = len(lines) - number
    return [*lines[:number], f"(and {more} more lines)"] if more > 0 else list(lines)
