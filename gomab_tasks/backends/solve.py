"""Have BuildKit make an image: through `docker buildx`, `buildx` or `buildctl`, whichever is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gomab_tasks import files
from gomab_tasks.backends.vertices import Vertices
from gomab_tasks.errors import CompileError, GomabError, SettingsError, ToolError
from gomab_tasks.golang.failure import explain_download
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Processes
from gomab_tasks.settings import BuildKit

_INSTALL = "install buildx (https://docs.docker.com/go/buildx), or buildctl of BuildKit"
_NO_BUILDER = "start one: docker buildx create --use; or name one: buildkit.builder in [tool.gomab]"
# What BuildKit and buildx say -> what to do about it.
_CURES = {
    r"(?i)cannot connect to the docker|failed to connect to the docker": _NO_BUILDER,
    r"no builder .* found|failed to find driver": _NO_BUILDER,
    r"exporter is not supported for the docker driver|not supported for the docker driver": (
        "Docker's own builder cannot write OCI layouts; " + _NO_BUILDER
    ),
    r"no such file or directory|connection refused|failed to list workers": (
        "no buildkitd listens there; start it, or change buildkit.builder"
    ),
    r"code = Unavailable|EOF|closing transport|connection reset": (
        "BuildKit has gone away during the build; look at its own log, then build again"
    ),
    r"no match for platform": (
        "the Go image is not there for the builder's own platform; change dockerfile.go-image"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Hold one image that BuildKit is asked for.

    Attributes:
        image: its name, for messages.
        dockerfile: absolute; its .dockerignore lies beside it.
        arguments: build arguments.
        layouts: stage -> the OCI layout that takes its place, and the digest of its index.
        output: the folder that gets an OCI layout.
    """

    image: str
    dockerfile: Path
    context: Path
    target: str
    platforms: Sequence[Platform]
    arguments: Mapping[str, str]
    layouts: Mapping[str, tuple[Path, str]]
    output: Path


@dataclass(frozen=True, slots=True)
class Client:
    """Hold the program that speaks to BuildKit: `docker buildx`, `buildx` or `buildctl`."""

    words: tuple[str, ...]
    is_buildctl: bool


def find_client(processes: Processes, settings: BuildKit) -> Client:
    """Choose a client: buildctl for an address, buildx for a builder's name, else whichever is there.

    Raises `ToolError` when there is none.
    """
    has_address = "://" in (settings.builder or "") or (
        settings.builder is None and "BUILDKIT_HOST" in processes.environment
    )
    candidates = [] if has_address else [("docker", "buildx"), ("buildx",)]
    candidates += [("buildctl",)] if has_address or settings.builder is None else []
    for words in candidates:
        if not shutil.which(words[0], path=processes.environment.get("PATH")):
            continue
        if words[0] != "docker" or not processes.run([*words, "version"]).code:
            return Client(words, is_buildctl=words == ("buildctl",))
    looked = ", ".join(" ".join(words) for words in candidates)
    raise ToolError(f"backend 'buildkit' needs one of these programs: {looked}; {_INSTALL}")


def solve(
    processes: Processes,
    settings: BuildKit,
    request: Request,
    log: Path,
    on_progress: Callable[[str], None],
) -> None:
    """Build an image for all its platforms into `request.output`; all that is said stays in `log`.

    Raises `CompileError` with Go's own lines where Go failed, `ToolError` with
    BuildKit's where anything else did.
    """
    client = find_client(processes, settings)
    words = _buildctl(settings, request) if client.is_buildctl else _buildx(settings, request)
    vertices = Vertices(on_progress)
    completed = processes.run(
        [*client.words, *words], cwd=request.context, env=request.arguments, on_line=vertices.read
    )
    files.write(log, vertices.text)
    if completed.code:
        raise _failure(request, vertices, log.relative_to(request.context))


def _buildx(settings: BuildKit, request: Request) -> list[str]:
    """Give the words after `buildx`; values of arguments travel in the environment."""
    words = ["build", "--progress=rawjson", "--provenance=false", "--sbom=false"]
    words += [f"--builder={settings.builder}"] if settings.builder else []
    words += [f"--file={request.dockerfile}", f"--target={request.target}", f"--output={_output(request)}"]
    words += [f"--platform={','.join(map(str, request.platforms))}"]
    words += [f"--build-arg={name}" for name in request.arguments]
    words += [
        f"--build-context={stage}=oci-layout://{folder}@{digest}"
        for stage, (folder, digest) in request.layouts.items()
    ]
    words += [f"--cache-from={cache}" for cache in settings.cache_from]
    words += [f"--cache-to={cache}" for cache in settings.cache_to]
    return [*words, *_logins(settings), "."]


def _buildctl(settings: BuildKit, request: Request) -> list[str]:
    """Give the words after `buildctl`, which takes the values of arguments as words too.

    Raises `SettingsError` for a value with a login, since all users of a machine can read words.
    """
    for name, value in request.arguments.items():
        if re.search(r"://[^/\s]*@", value):
            raise SettingsError(
                f"{name} holds a login, which buildctl would show to all users of this machine; "
                "use buildx, or put the login into a netrc and set dockerfile.netrc"
            )
    words = [f"--addr={settings.builder}"] if settings.builder else []
    words += ["build", "--progress=rawjson", "--frontend=dockerfile.v0", f"--output={_output(request)}"]
    words += [f"--local=context={request.context}", f"--local=dockerfile={request.dockerfile.parent}"]
    options = {
        "filename": request.dockerfile.name,
        "target": request.target,
        "platform": ",".join(map(str, request.platforms)),
        **{f"build-arg:{name}": value for name, value in request.arguments.items()},
    }
    for stage, (folder, digest) in request.layouts.items():
        words.append(f"--oci-layout={stage}={folder}")
        options[f"context:{stage}"] = f"oci-layout://{stage}@{digest}"
    words += [f"--opt={name}={value}" for name, value in options.items()]
    words += [f"--import-cache={cache}" for cache in settings.cache_from]
    words += [f"--export-cache={cache}" for cache in settings.cache_to]
    return [*words, *_logins(settings)]


def _output(request: Request) -> str:
    """Ask for a folder with equal bytes from equal files: no times, gzip whatever the daemon prefers."""
    destination = f"dest={request.output}".replace('"', '""')
    return f'type=oci,"{destination}",tar=false,rewrite-timestamp=true,compression=gzip'


def _logins(settings: BuildKit) -> list[str]:
    return [*(f"--secret={secret}" for secret in settings.secrets), *(f"--ssh={ssh}" for ssh in settings.ssh)]


def _failure(request: Request, vertices: Vertices, log: Path) -> GomabError:
    image = request.image
    failed = vertices.failed
    lines = failed.lines if failed else []
    if failed and "go mod download" in failed.name and "go build" not in failed.name:
        return CompileError(f"{explain_download(failed.output)}\nLog: {log}")
    if failed and "go build" in failed.name and lines:
        # BuildKit leaves the platform out where there is only one.
        platform = failed.platform or request.platforms[0]
        wanted = [line for line in lines if not line.startswith("#")][:20]
        return CompileError(
            "\n".join([f"{image} {platform}: go build failed: {wanted[0]}", *wanted[1:], f"Log: {log}"])
        )
    words = "\n".join([*lines[-20:], *vertices.last_words]) or "it said nothing"
    cure = next((cure for said, cure in _CURES.items() if re.search(said, words)), "")
    return ToolError("\n".join(filter(None, [f"{image}: BuildKit failed: {words}", cure, f"Log: {log}"])))
