"""The commands of a stage, read by real shells; tests/buildkit has real builds."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.dockerfile.stages import Compile, Sources, build_stage
from gomab_tasks.dockerfile.words import mark_fields
from gomab_tasks.golang.compile import Flags, link_flags
from gomab_tasks.golang.module import MainPackage
from gomab_tasks.golang.toolchain import Toolchain
from gomab_tasks.settings import Dockerfile
from tests.conftest import ToolFactory

API = MainPackage("example.com/api", "api", Path("cmd/api"))
TEMPLATES = {
    "main.both": "it's {version} {env.CHANNEL}",
    "main.name": "{image} $5",
    "main.version": "v{version}",
}


def asked(shell: str, flags: Flags, given: str) -> str:
    """Give the -ldflags with which a shell would start Go."""
    compiled = Compile("build", (API,), flags, ("version", "env.CHANNEL"))
    sources = Sources(Path("/p"), Path("/p"), "api", vendored=False, requirements=(), env={})
    command = build_stage(compiled, sources, Dockerfile(), Toolchain(Path("go"), "1.27", {}))[-1]
    command = re.sub(r"--mount=\S+ \\\n", "", command.removeprefix("RUN "))
    script = f'go() {{ for word; do echo "$word"; done; }}\n{given}\nTARGETARCH=arm64\n{command}'
    done = subprocess.run([*shell.split(), "-c", script], capture_output=True, text=True, check=True)
    (found,) = (line for line in done.stdout.splitlines() if line.startswith("-ldflags="))
    return found.removeprefix("-ldflags=")


@pytest.mark.parametrize("ldflags", [("-s", "-w"), ()])
@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("", ["main.name"]),
        ("VERSION=1", ["main.name", "main.version"]),
        ("VERSION=", ["main.name", "main.version"]),
        ("ENV_CHANNEL=beta", ["main.name"]),
        ("VERSION=1 ENV_CHANNEL='a b'", ["main.both", "main.name", "main.version"]),
    ],
)
@pytest.mark.parametrize("shell", ["sh", "bash", "busybox sh"])
def test_a_program_keeps_what_no_argument_replaces(
    shell: str, given: str, names: list[str], ldflags: tuple[str, ...], tool: ToolFactory
) -> None:
    """With all arguments the flags are those of the native backend; an empty one is given too."""
    if shell.startswith("busybox"):
        tool("busybox")
    marked = {name: mark_fields(value, "api") for name, value in TEMPLATES.items()}
    flags = Flags((), (), ldflags, marked, {}, vcs_stamp=False)
    version = "" if given == "VERSION=" else "1"
    filled = {"main.both": f"it's {version} a b", "main.name": "api $5", "main.version": f"v{version}"}
    wanted = link_flags(replace(flags, variables={name: filled[name] for name in names}))
    assert shlex.split(asked(shell, flags, given)) == shlex.split(wanted)
