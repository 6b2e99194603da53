"""Carry over how a build reaches its modules: proxies, and logins for private ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gomab_tasks.adoption.findings import Findings
from gomab_tasks.adoption.gobuild import is_go
from gomab_tasks.adoption.programs import commands_of
from gomab_tasks.adoption.recipe import Step
from gomab_tasks.adoption.shell import plain
from gomab_tasks.facts import NETWORK_VARIABLES
from gomab_tasks.secrets import redactor

_DEFAULTS = {"GOPROXY": "https://proxy.golang.org,direct", "GOSUMDB": "sum.golang.org"}
_PROXY = "take the line out of go.env to leave it to each environment"
_NETRC = "netrc"
_SSH_HOST = re.compile(r"(?:ssh://)?git@([A-Za-z0-9.-]+)[:/]")
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def carry_access(steps: Iterable[Step], findings: Findings) -> None:
    """Carry the network variables of Go's commands over, and mounts of secrets and SSH agents."""
    running = [step for step in steps if step.instruction.name == "RUN"]
    for step in running:
        _carry_variables(step, findings)
    for step in running:
        for mount in _mounts(step):
            if mount.get("type") == "secret":
                _carry_secret(mount, step, findings)
            elif mount.get("type") == "ssh":
                _carry_ssh(running, step, findings)


def _carry_variables(step: Step, findings: Findings) -> None:
    line = step.instruction.line
    commands = [command for command in commands_of(step) if command.words and is_go(command.words[0])]
    for name in NETWORK_VARIABLES:
        for value in {plain(command.variables.get(name, "")) for command in commands} - {""}:
            if redactor({})(value) != value:
                findings.say(line, f"{name} holds a login: keep it in the environment, or in a netrc file")
            elif "$" not in value and value != _DEFAULTS.get(name):
                is_new = findings.keys.get(("go", "env", name)) != value
                if findings.keep(("go", "env", name), value, line) and is_new and name == "GOPROXY":
                    findings.say(line, f"GOPROXY is {value} for all now: {_PROXY}")


def _mounts(step: Step) -> Iterator[dict[str, str]]:
    for name, value in step.instruction.flags:
        if name == "mount":
            pairs = (part.partition("=") for part in value.split(","))
            yield {key.lower(): text for key, _, text in pairs}


def _carry_secret(mount: dict[str, str], step: Step, findings: Findings) -> None:
    target = next((mount[key] for key in ("target", "dst", "destination") if key in mount), "")
    name = mount.get("id") or target.rpartition("/")[2]
    if _NETRC not in (name, target.rpartition("/")[2].lstrip(".")):
        findings.say(step.instruction.line, f"the secret {name} has no key: gomab runs go build alone")
        return
    findings.keep(("dockerfile", "netrc"), value=True, line=step.instruction.line)
    if name != _NETRC:
        findings.say(step.instruction.line, f"the secret {name} is called {_NETRC} in gomab's Dockerfile")


def _carry_ssh(running: list[Step], step: Step, findings: Findings) -> None:
    """Name the hosts that git is told to ask over SSH, else those of private modules."""
    texts = [text for one in running for text in (one.instruction.text, *one.instruction.documents)]
    private = findings.keys.get(("go", "env", "GOPRIVATE"), "")
    hosts = [host for text in texts for host in _SSH_HOST.findall(text)]
    if not hosts and (hosts := _hosts(str(private))):
        text = "dockerfile.ssh has the hosts of GOPRIVATE: keep those that are asked over SSH"
        findings.say(step.instruction.line, text)
    if hosts:
        findings.keep(("dockerfile", "ssh"), list(dict.fromkeys(hosts)), step.instruction.line)
    else:
        findings.say(
            step.instruction.line, "--mount=type=ssh: name the hosts of private modules in dockerfile.ssh"
        )


def _hosts(patterns: str) -> list[str]:
    """Give the hosts of GOPRIVATE's patterns; one with a wildcard names none."""
    parts = [pattern.strip().partition("/")[0] for pattern in patterns.split(",")]
    return [part for part in parts if _HOST.fullmatch(part)]
