"""Write the stages of Go and of the images; each is a list of lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks.contents import rootfs
from gomab_tasks.dockerfile import words
from gomab_tasks.errors import SettingsError
from gomab_tasks.facts import BYTE_VARIABLES, NETWORK_VARIABLES
from gomab_tasks.golang.compile import Build, Flags, arguments, link_flags
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.golang.requirements import Requirements
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.plan import PROGRAM_FOLDER, ImagePlan
from gomab_tasks.platforms import Platform
from gomab_tasks.settings import Dockerfile

_SOURCE = PurePosixPath("/src")
_OUT = PurePosixPath("/out")
_CACHES = {"modules": "GOMODCACHE", "build": "GOCACHE"}

_LINE = 100
_FLAG = "Dockerfile: a flag of go build"

# As platforms.py has it: Go's level is always said, where OCI's variant need not be.
_LEVELS = """case "$TARGETARCH/$TARGETVARIANT" in \\
      amd64/*) export GOAMD64="${TARGETVARIANT:-v1}" ;; \\
      arm/*) export GOARM="${TARGETVARIANT#v}" ;; \\
      arm64/*.*) export GOARM64="$TARGETVARIANT" ;; \\
      arm64/*) export GOARM64="${TARGETVARIANT:-v8}.0" ;; \\
    esac"""


class Sources(Struct, frozen=True):
    """Hold what is compiled, and where it lies.

    Attributes:
        root: the folder of pyproject.toml, which is the context.
        module: the folder where go runs, absolute.
        cache: the name of the project's caches.
        vendored: nothing is downloaded.
        requirements: of go.work or go.mod first, then of a workspace's modules.
        env: the table's variables for every `go`, those of the download.
    """

    root: Path
    module: Path
    cache: str
    vendored: bool
    requirements: tuple[Requirements, ...]
    env: Mapping[str, str]

    def below(self, path: Path) -> str:
        """Spell a path as seen from the context; raises `SettingsError` for one outside of it."""
        if not path.is_relative_to(self.root):
            raise SettingsError(
                f"{os.path.relpath(path, self.root)} lies outside of the folder of pyproject.toml, which is "
                "all that a Dockerfile sees; move pyproject.toml up to a folder that holds all of the code"
            )
        return words.path(path.relative_to(self.root).as_posix(), "Dockerfile")


class Compile(Struct, frozen=True):
    """Hold one `go build` for every platform.

    Attributes:
        stage: the name of its stage.
        fields: of templates in its `-X` values, whose marks the flags hold.
    """

    stage: str
    mains: tuple[MainPackage, ...]
    flags: Flags
    fields: tuple[str, ...]


def go_stage(settings: Dockerfile, image: str) -> list[str]:
    """Begin with the Go image of the machine's own platform, whatever is built."""
    folders = " ".join(f"{variable}=/cache/{name}" for name, variable in _CACHES.items())
    return [
        f"FROM --platform=$BUILDPLATFORM {image} AS go",
        f"ENV CGO_ENABLED=0 {folders}",
        *_ssh(settings.ssh),
    ]


def source_stage(sources: Sources, settings: Dockerfile) -> list[str]:
    """Download modules, once for all platforms and apart from the code; then copy the code."""
    module = sources.below(sources.module)
    top = "./" if module == "." else f"{_SOURCE}/"
    return [
        "FROM go AS source",
        f"WORKDIR {_SOURCE / module}",
        *_env(sources.env),
        *([] if sources.vendored else _download(sources, settings, top)),
        words.copy(["."], top.rstrip("/")),
    ]


def build_stage(compiled: Compile, sources: Sources, settings: Dockerfile, toolchain: Toolchain) -> list[str]:
    """Cross-compile; ARGs stand here, where they cost no download.

    Go may have to download here too: a mount can be emptied, or be new on this
    machine, while the download itself is still known as done.
    """
    logins = [] if sources.vendored else _logins(settings)
    env = compiled.flags.env
    asked = [name for name in BYTE_VARIABLES if name not in env]
    return [
        f"FROM source AS {compiled.stage}",
        *_env({name: value for name, value in env.items() if sources.env.get(name) != value}),
        *([f"ARG {' '.join(asked)}"] if asked else []),
        *(f"ARG {words.argument_name(field)}" for field in compiled.fields),
        "ARG TARGETOS TARGETARCH TARGETVARIANT",
        words.run(
            ["; \\\n    ".join(_compile(compiled, toolchain))], [*_mounts(sources.cache, _CACHES), *logins]
        ),
    ]


def _compile(compiled: Compile, toolchain: Toolchain) -> Iterator[str]:
    """Give the commands for one platform, `go build` last."""
    build = Build(Platform("linux", "amd64"), compiled.mains, compiled.flags, Path(_OUT))
    # How many compilers run at once is BuildKit's affair.
    go = ["go", *(word for word in arguments(build, toolchain, 1) if not word.startswith("-p="))]
    quoted = [words.quote_for_shell(word, _FLAG) for word in go]
    yield _LEVELS
    if compiled.fields:
        yield from _link_flags(compiled.flags)
        quoted = ['-ldflags="$ldflags"' if word.startswith("-ldflags=") else word for word in quoted]
    yield _broken(["GOOS=$TARGETOS GOARCH=$TARGETARCH", *quoted])


def _link_flags(flags: Flags) -> Iterator[str]:
    """Put the text of -ldflags together, each `-X` only where all of its arguments are given.

    Without them a program keeps its own value, as it does from a plain `go build`.
    With them the flags are those of `link_flags`, in its order: Go makes the build ID of them.
    """
    yield f"ldflags={words.quote_for_shell(' '.join(flags.ldflags), _FLAG)}"
    for name, value in sorted(flags.variables.items()):
        flag = link_flags(replace(flags, ldflags=(), variables={name: value}))
        longer = words.quote_for_shell(f"{words.mark('ldflags')} {flag}", _FLAG)
        missing = [f'[ -z "${{{argument}+x}}" ]' for argument in words.marked(value)]
        yield " || ".join([*missing, f"\\\n      ldflags={longer}" if missing else f"ldflags={longer}"])


def module_files(sources: Sources) -> dict[str, list[str]]:
    """Give go.mod, go.sum and the like, those that exist, by folder: `services/api/`."""
    found: dict[str, list[str]] = {}
    files = [file for one in sources.requirements for file in (one.file, one.sums)]
    files += [folder / "go.mod" for one in sources.requirements for folder in one.replaced_by]
    for file in dict.fromkeys(files):
        if file.is_file():
            folder, _, name = sources.below(file).rpartition("/")
            found.setdefault(f"{folder}/" if folder else "", []).append(name)
    return found


def image_stage(image: ImagePlan, stage: str, root: str, build: str) -> list[str]:
    """Put programs over the files of `root`, and say how a container runs."""
    settings = image.group.image
    programs = [f"{_OUT}/{main.name}" for main in image.mains]
    labels = {name: words.mark_fields(value, image.name) for name, value in settings.labels.items()}
    return [
        f"FROM {root} AS {stage}",
        words.copy(programs, f"{PROGRAM_FOLDER}/", build),
        *(f"ARG {words.argument_name(field)}" for field in words.argument_fields(settings.labels.values())),
        *(f"LABEL {_pair(name, value, 'image.labels')}" for name, value in labels.items()),
        *(f"ENV {_pair(name, value, 'image.env')}" for name, value in settings.env.items()),
        *([f"EXPOSE {' '.join(settings.expose)}"] if settings.expose else []),
        *([f"VOLUME {words.quote_list(settings.volumes)}"] if settings.volumes else []),
        f"WORKDIR {words.path(rootfs.workdir_of(settings), 'image.workdir')}",
        f"USER {rootfs.user_of(settings)}",
        *([f"STOPSIGNAL {settings.stop_signal}"] if settings.stop_signal else []),
        *_command("ENTRYPOINT", rootfs.entrypoint_of(image)),
        *_command("CMD", settings.args),
    ]


def _ssh(hosts: Sequence[str]) -> Iterator[str]:
    """Make git, which Go fetches private modules with, use SSH for these hosts.

    No build knows the hosts of an earlier one, so a host that the secret
    `known_hosts` does not name is believed each time.
    """
    if not hosts:
        return
    variables = {
        "GIT_SSH_COMMAND": "ssh -o StrictHostKeyChecking=accept-new",
        "GIT_CONFIG_COUNT": str(len(hosts)),
    }
    for number, host in enumerate(hosts):
        variables[f"GIT_CONFIG_KEY_{number}"] = f"url.ssh://git@{host}/.insteadOf"
        variables[f"GIT_CONFIG_VALUE_{number}"] = f"https://{host}/"
    for name, value in variables.items():
        yield f"ENV {_pair(name, value, 'dockerfile.ssh')}"


def _env(variables: Mapping[str, str]) -> Iterator[str]:
    if variables:
        pairs = (f"{name}={words.quote(value, f'go.env.{name}')}" for name, value in variables.items())
        yield f"ENV {' '.join(pairs)}"


def _download(sources: Sources, settings: Dockerfile, top: str) -> Iterator[str]:
    """Copy what names the modules, no code, and fetch them into the cache."""
    if asked := [name for name in NETWORK_VARIABLES if name not in sources.env]:
        yield f"ARG {' '.join(asked)}"
    for folder, names in module_files(sources).items():
        yield words.copy([f"{folder}{name}" for name in names], f"{top}{folder}")
    steps = [*_drop_members(sources), "go mod download"]
    yield words.run(steps, [*_mounts(sources.cache, ["modules"]), *_logins(settings)])


def _drop_members(sources: Sources) -> Iterator[str]:
    """Take a workspace's own modules out of the copies, or Go asks proxies for them."""
    members = {one.module for one in sources.requirements}
    for one in sources.requirements[1:]:
        drops = [f"-droprequire={required}" for required in one.requires if required in members]
        if drops:
            yield f"go mod edit {' '.join(drops)} {os.path.relpath(one.file, sources.module)}"


def _mounts(cache: str, names: Iterable[str]) -> list[str]:
    """Keep caches between builds; Go locks what several builds may not write at once."""
    return [f"--mount=type=cache,id={cache}/{name},target=/cache/{name},sharing=shared" for name in names]


def _logins(settings: Dockerfile) -> Iterator[str]:
    if settings.netrc:
        yield "--mount=type=secret,id=netrc,target=/root/.netrc"
    if settings.ssh:
        yield "--mount=type=ssh"
        yield "--mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts"


def _broken(command: Sequence[str]) -> str:
    """Break a long command into several lines."""
    lines = [command[0]]
    for word in command[1:]:
        if len(lines[-1]) + len(word) < _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return " \\\n      ".join(lines)


def _pair(name: str, value: str, where: str) -> str:
    return f"{words.quote_name(name, where)}={words.quote(value, f'{where}.{name}')}"


def _command(instruction: str, command: Sequence[str]) -> list[str]:
    return [f"{instruction} {words.quote_list(command)}"] if command else []
