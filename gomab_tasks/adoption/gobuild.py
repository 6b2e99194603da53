"""Read `go build` and `go install` commands: what they compile, with which flags, to where."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from gomab_tasks.adoption.findings import Findings, Path, Value
from gomab_tasks.adoption.shell import Command, fill, plain, template
from gomab_tasks.adoption.table import toml_line, toml_path
from gomab_tasks.golang.toolchain import quoted_words
from gomab_tasks.platforms import Platform, PlatformError

_WITH_VALUES = (
    "C o p asmflags buildmode buildvcs compiler covermode coverpkg exec gccgoflags gcflags installsuffix "
    "ldflags mod modfile overlay pgo pkgdir tags toolexec"
)
# What makes no difference to the program, or what gomab does anyway.
_WITHOUT_EFFECT = "C a installsuffix json modcacherw n o p pkgdir trimpath v work x"
_STRIPPING = "go build strips nothing; gomab does (-s -w), set go.ldflags = [] to keep symbols"
_CGO_ONLY = frozenset({"asan", "linkshared", "msan", "race"})
_LEVELS = {"GOAMD64": "amd64", "GOARM": "arm", "GOARM64": "arm64"}
_GO_ENV = ("GOEXPERIMENT", "GOFIPS140", "GO386", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64")


class GoBuild(Struct, frozen=True):
    """Hold one command that compiles.

    Attributes:
        flags: by name without dashes; a flag without a value has `true`.
        packages: as written: folders, files, patterns or import paths.
        output: an absolute path of the stage: a file, or a folder that ends in `/`.
    """

    line: int
    flags: Mapping[str, str]
    packages: tuple[str, ...]
    output: str
    folder: str
    variables: Mapping[str, str]


def is_go(word: str) -> bool:
    """Tell whether a command is Go's: xx-go starts it for the platform (github.com/tonistiigi/xx)."""
    return posixpath.basename(word) in ("go", "xx-go")


def read_go_build(command: Command, line: int) -> GoBuild | None:
    """Read a command; None for what does not compile a program."""
    match command.words:
        case [go, "build" | "install" as verb, *words] if is_go(go):
            flags, packages = _split_flags(words, command.variables)
        case _:
            return None
    folder = posixpath.join(command.folder, flags.get("C", ""))
    default = f"{_installed_to(command.variables)}/" if verb == "install" else f"{folder}/"
    output = posixpath.join(folder, flags["o"]) if "o" in flags else default
    return GoBuild(line, flags, packages or (".",), output, folder.rstrip("/") or "/", command.variables)


def _installed_to(variables: Mapping[str, str]) -> str:
    """Give the folder of `go install`; an image that is not known is likely made from golang's."""
    return variables.get("GOBIN") or f"{variables.get('GOPATH', '/go')}/bin"


def _split_flags(words: list[str], variables: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    flags: dict[str, str] = {}
    # GOFLAGS stands below the command line (go help environment).
    for word in variables.get("GOFLAGS", "").split():
        name, _, value = word.lstrip("-").partition("=")
        flags[name] = value or "true"
    rest = list(words)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if not equals:
            value = rest.pop(0) if name in _WITH_VALUES.split() and rest else "true"
        flags[name] = value
    return flags, tuple(rest)


def carry_builds(builds: Sequence[GoBuild], findings: Findings) -> None:
    """Carry what the commands for one image say over; its programs share all flags, which is said."""
    for build in builds:
        _carry_flags(build, findings)
    given = [_own_keys(build, findings.name) for build in builds]
    shared = {path: findings.keys[path] for keys in given for path in keys}
    for build, keys in zip(builds, given, strict=True):
        for path, value in shared.items():
            if keys.get(path) != value:
                alone = toml_line(keys[path]) if path in keys else "none"
                text = f"{toml_path(path)} is {toml_line(value)} for all programs of the image"
                findings.say(build.line, f"{text}; go build {' '.join(build.packages)} alone has {alone}")


def _own_keys(build: GoBuild, name: str) -> dict[Path, Value]:
    own = Findings(name)
    _carry_flags(build, own)
    return {path: value for path, value in own.keys.items() if path[0] == "go"}


def _carry_flags(build: GoBuild, findings: Findings) -> None:
    """Carry what a command says over into `go` and `platforms`; say the rest."""
    for name, value in build.flags.items():
        _carry_flag(name, value, build, findings)
    if "ldflags" not in build.flags:
        findings.say(build.line, _STRIPPING)
    _carry_variables(build, findings)


def _carry_flag(name: str, value: str, build: GoBuild, findings: Findings) -> None:
    match name:
        case "ldflags":
            _carry_ldflags(value, build, findings)
        case "tags":
            findings.keep(("go", "tags"), re.split(r"[,\s]+", value.strip()), build.line)
        case "gcflags":
            findings.keep(("go", "gcflags"), [value], build.line)
        case "buildvcs":
            if value == "true":
                findings.keep(("go", "vcs-stamp"), value=True, line=build.line)
        case "mod" | "pgo" if value in ("auto", "readonly", "vendor"):
            pass
        case _ if name in _CGO_ONLY:
            findings.say(build.line, f"go build -{name} needs cgo, which gomab builds without")
        case _ if name not in _WITHOUT_EFFECT.split():
            flag = f"-{name}" if value == "true" else f"-{name}={plain(value)}"
            findings.say(build.line, f"go build {flag} has no key; GOFLAGS in the environment passes it on")


def _carry_ldflags(text: str, build: GoBuild, findings: Findings) -> None:
    kept: list[str] = []
    words = quoted_words(fill(text, build.variables))
    while words:
        word = words.pop(0)
        name, _, value = re.sub("^--", "-", word).partition("=")
        if name in ("-X", "-extldflags", "-linkmode") and not value:
            value = words.pop(0) if words else ""
        if name == "-X":
            _carry_variable(value, build, findings)
        elif name == "-linkmode" or (name == "-extldflags" and value != "-static"):
            findings.say(build.line, f"-ldflags {name} {plain(value)} needs cgo, which gomab builds without")
        elif name != "-extldflags":
            kept.append(plain(word))
    if not {"-s", "-w"} & set(kept):
        kept = ["-s", "-w", *kept]
        findings.say(build.line, _STRIPPING)
    if sorted(kept) != ["-s", "-w"]:
        findings.keep(("go", "ldflags"), kept, build.line)


def _carry_variable(text: str, build: GoBuild, findings: Findings) -> None:
    name, _, value = text.partition("=")
    try:
        findings.keep(("go", "variables", plain(name)), template(value), build.line)
    except ValueError as error:
        findings.say(build.line, f"-X {plain(name)}: {error}")


def _carry_variables(build: GoBuild, findings: Findings) -> None:
    variables = build.variables
    if variables.get("CGO_ENABLED") == "1":
        findings.say(build.line, "CGO_ENABLED=1 is not possible: gomab builds without cgo")
    for name in _GO_ENV:
        if value := variables.get(name):
            findings.keep(("go", "env", name), plain(value), build.line)
    _carry_platform(build, findings)


def _carry_platform(build: GoBuild, findings: Findings) -> None:
    """Take the architecture that is written out, and levels of those that images are made for."""
    known = {name: value for name, value in build.variables.items() if value and not value.startswith("$")}
    system, architecture = known.get("GOOS", "linux"), known.get("GOARCH", "")
    levels = {one: known[name].removeprefix("v") for name, one in _LEVELS.items() if name in known}
    if not architecture and not levels:
        return
    listed = [architecture] if architecture else ["amd64", "arm64"]
    try:
        names = [f"{system}/{one}/v{levels[one]}" if one in levels else f"{system}/{one}" for one in listed]
        _add_platforms([str(Platform.parse(name)) for name in names], build, findings)
    except PlatformError as error:
        findings.say(build.line, f"platforms: {error}")
    for one in sorted(levels.keys() - set(listed)):
        findings.say(build.line, f"the level of {one} is left out: platforms does not list {one}")


def _add_platforms(names: list[str], build: GoBuild, findings: Findings) -> None:
    """Add to the platforms of other commands: each compiles for one."""
    known = findings.keys.get(("platforms",), [])
    assert isinstance(known, list)
    findings.keep(("platforms",), list(dict.fromkeys([*map(str, known), *names])), build.line)
