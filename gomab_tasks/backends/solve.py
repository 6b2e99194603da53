"""Have BuildKit make an image: through `docker buildx`, `buildx` or `buildctl`, whichever is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gomab_tasks import files
from gomab_tasks.backends.failure import explain_failure, find_cure
from gomab_tasks.backends.vertices import Vertices
from gomab_tasks.errors import SettingsError, ToolError
from gomab_tasks.parallel import run_all
from gomab_tasks.platforms import Platform
from gomab_tasks.process import Processes
from gomab_tasks.secrets import has_login
from gomab_tasks.settings import BuildKit

_INSTALL = "install buildx (https://docs.docker.com/go/buildx), or buildctl of BuildKit"

_SILENT = re.compile(r"^Name: +(\S+)\nEndpoint: +(\S+)\n(?:(?!Name:).+\n)*?Status: +inactive$", re.MULTILINE)


class Request(Struct, frozen=True, kw_only=True):
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


class Client(Struct, frozen=True):
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


def describe_builder(processes: Processes, settings: BuildKit) -> str:
    """Name the client and the builder that a build would use.

    Raises `ToolError` when there is no client, or when it finds no BuildKit.
    """
    client = find_client(processes, settings)
    builder = [settings.builder] if settings.builder else []
    if client.is_buildctl:
        argv = [*client.words, *(f"--addr={address}" for address in builder), "debug", "workers"]
    else:
        argv = [*client.words, "inspect", *builder]
    completed = processes.run(argv)
    said = f"{completed.stdout}\n{completed.stderr}"
    found = re.findall(r"^(?:error|ERROR|Error): *(.*)", said, re.MULTILINE)
    if silent := _silent_nodes(completed.stdout):
        found.append(f"{', '.join(silent)}: deadline exceeded")
    if completed.code or found:
        reason = found[0] if found else "gives no reason"
        raise ToolError("; ".join(filter(None, [f"{' '.join(client.words)}: {reason}", find_cure(reason)])))
    return f"{' '.join(client.words)}, {' '.join(builder) or 'its builder in use'}"


def _silent_nodes(inspected: str) -> list[str]:
    """Name the machines of a builder that do not answer, from what `buildx inspect` prints.

    A node of another driver than `remote` is inactive until the first build starts it.
    """
    if not re.search(r"^Driver: +remote$", inspected, re.MULTILINE):
        return []
    return [f"{name} at {address}" for name, address in _SILENT.findall(inspected)]


def solve(
    processes: Processes,
    settings: BuildKit,
    request: Request,
    log: Path,
    on_progress: Callable[[str], None],
) -> list[Path]:
    """Build an image for all its platforms; all that is said stays in `log`.

    Gives the OCI layouts: `request.output`, or folders in it, one for each
    platform, where a builder has several machines. buildx then writes no layout
    for several of them at once, but chooses the right one for each platform.

    Raises `CompileError` with Go's own lines where Go failed, `ToolError` with
    BuildKit's where anything else did.
    """
    client = find_client(processes, settings)
    run = partial(_run, processes, settings, client, on_progress)
    try:
        run(request, log)
    except _SeveralMachinesError:
        parts = {platform.slug: _part(request, platform) for platform in request.platforms}
        runs = [partial(run, part, log.with_stem(f"{log.stem}-{slug}")) for slug, part in parts.items()]
        outcomes = run_all(runs, len(runs), processes.stop)
        if errors := [outcome for outcome in outcomes if outcome]:
            raise errors[0] from None
        return [part.output for part in parts.values()]
    return [request.output]


class _SeveralMachinesError(Exception):
    """Say that buildx would need several machines for one layout."""


def _part(request: Request, platform: Platform) -> Request:
    return replace(request, platforms=(platform,), output=request.output / platform.slug)


def _run(
    processes: Processes,
    settings: BuildKit,
    client: Client,
    on_progress: Callable[[str], None],
    request: Request,
    log: Path,
) -> None:
    words = _buildctl(settings, request) if client.is_buildctl else _buildx(settings, request)
    vertices = Vertices(on_progress, processes.redact)
    completed = processes.run(
        [*client.words, *words], cwd=request.context, env=request.arguments, on_line=vertices.read
    )
    files.write(log, vertices.text)
    if completed.code and "oci for multi-node builds" in vertices.text:
        raise _SeveralMachinesError
    if completed.code:
        dockerfile, log = (path.relative_to(request.context) for path in (request.dockerfile, log))
        silent = _find_silent(processes, settings, client) if "deadline exceeded" in vertices.text else ()
        raise explain_failure(request.image, request.platforms, dockerfile, vertices, log, silent)


def _find_silent(processes: Processes, settings: BuildKit, client: Client) -> list[str]:
    """Ask buildx which machines of the builder do not answer: a build only says that one does not."""
    if client.is_buildctl:
        return []
    builder = [settings.builder] if settings.builder else []
    return _silent_nodes(processes.run([*client.words, "inspect", *builder]).stdout)


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
        if has_login(value):
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
