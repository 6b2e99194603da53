"""Use Docker, Podman and kind through their own command lines.

So contexts, remote hosts and whatever else their users have set up hold for
gomab too. Images go in as files (oci/archive.py), one platform each: Docker's
older image store and Podman keep one platform under a tag.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gomab_tasks.errors import ToolError
from gomab_tasks.platforms import Platform, PlatformError
from gomab_tasks.process import Processes
from gomab_tasks.settings import ENGINES, EngineName

# What each says about the machine that runs its containers, which may be another one.
_ASK: Mapping[EngineName, tuple[str, ...]] = {
    "docker": ("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"),
    "podman": ("info", "--format", "{{.Version.OsArch}}"),
    "kind": ("get", "nodes"),
}
_LOAD: Mapping[EngineName, tuple[str, ...]] = {
    "docker": ("load", "--input"),
    "podman": ("load", "--input"),
    "kind": ("load", "image-archive"),
}
# What nobody types, and every engine adds to a bare name.
_UNSAID = "docker.io/library/"
_LOCAL_HOSTS = ("unix:", "npipe:")


class Engine(Struct, frozen=True):
    """Hold an engine that answers.

    Attributes:
        program: its command line.
        platform: what it runs without emulation; none for kind, whose nodes
            may differ, and for one unknown to Go.
    """

    name: EngineName
    program: str
    platform: Platform | None


def find_engine(
    processes: Processes, wanted: EngineName | None, among: Sequence[EngineName] = ENGINES
) -> Engine:
    """Give the engine that the table names, else the first that is there and answers.

    Raises `ToolError` that says what was looked for and, for those that do not
    answer, what they say.
    """
    names = (wanted,) if wanted else among
    refusals = []
    for name in names:
        program = shutil.which(name, path=processes.environment.get("PATH"))
        if program is None:
            continue
        try:
            return _ask(processes, name, program)
        except ToolError as error:
            refusals.append(str(error))
    if refusals:
        raise ToolError("; ".join(refusals))
    words = f"{' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}"
    cure = "install it, or set another `engine`" if wanted else "install one"
    raise ToolError(f"no engine: looked for {words} on PATH; {cure}")


def _ask(processes: Processes, name: EngineName, program: str) -> Engine:
    answer = processes.run([program, *_ASK[name]])
    text = answer.stdout.strip()
    if answer.code or not text:
        # In brackets, since words of our own follow: Docker's end in a question.
        raise ToolError(f"{name} does not answer ({_last_line(answer.stderr)})")
    try:
        return Engine(name, program, None if name == "kind" else Platform.parse(text))
    except PlatformError:
        return Engine(name, program, None)


def load_archive(processes: Processes, engine: Engine, archive: Path) -> None:
    """Put an archive's image into the engine; kind takes the cluster from KIND_CLUSTER_NAME by itself.

    Raises `ToolError` with the engine's own words.
    """
    done = processes.run([engine.program, *_LOAD[engine.name], archive])
    if done.code:
        raise ToolError(f"{engine.name} load failed: {_last_line(done.stderr)}")


def run_command(engine: Engine, reference: str, ports: Sequence[str], platform: Platform) -> str:
    """Spell what the user types to run a loaded image.

    Args:
        ports: as the settings have them, `8080/tcp`.
    """
    reference = reference.removeprefix(_UNSAID)
    if engine.name == "kind":
        name = reference.rpartition("/")[2].partition(":")[0].replace("_", "-").replace(".", "-")
        return f"kubectl run {name} --image={reference} --image-pull-policy=Never"
    words = [engine.name, "run", "--rm"]
    words += [word for port in ports for word in ("-p", _published(port))]
    if platform != engine.platform:
        words += ["--platform", str(platform)]
    return " ".join([*words, reference])


def _published(port: str) -> str:
    number = port.partition("/")[0]
    return f"{number}:{port.removesuffix('/tcp')}"


def is_remote(processes: Processes, engine: Engine) -> bool:
    """Tell whether ports that the engine publishes are on another machine, as with DOCKER_HOST=tcp://…."""
    if engine.name != "docker":
        return False
    asked = processes.run([engine.program, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return not asked.code and not asked.stdout.startswith(_LOCAL_HOSTS)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else "no reason given"
