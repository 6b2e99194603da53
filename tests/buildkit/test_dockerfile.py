"""The Dockerfile alone, built by BuildKit without gomab, as `docker buildx build` does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gomab_tasks.dockerfile.patterns import find_hidden
from gomab_tasks.oci.layout import Layout
from gomab_tasks.project import open_project
from gomab_tasks.tasks.dockerfiles import dockerfile
from tests.conftest import ModuleFactory, ToolFactory
from tests.dockerfile.test_patterns import CASES, FILES
from tests.layers import content_of, members_of

pytestmark = pytest.mark.slow

REFUSED = ("docs[", "!")
PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")

Build = Callable[..., Layout]


@pytest.fixture
def build(buildkit: str, tool: ToolFactory, tmp_path: Path) -> Build:
    """Write the Dockerfile of a folder and build a stage of it for three platforms."""

    def run(root: Path, target: str = "", **arguments: str) -> Layout:
        dockerfile(open_project(root), write=True)
        file = root / "Dockerfile"
        # One cache for all modules: the standard library is compiled once for these tests.
        file.write_text(re.sub(r"id=\S+?/(modules|build),", r"id=tests/\1,", file.read_text()))
        layout = Layout(tmp_path / f"made-{target}")
        argv: list[str | Path] = [tool("buildctl"), "--addr", buildkit, "build", "--frontend=dockerfile.v0"]
        argv += [f"--local=context={root}", f"--local=dockerfile={root}"]
        argv += [f"--opt=platform={','.join(PLATFORMS)}", f"--output=type=oci,dest={layout.folder},tar=false"]
        argv += [f"--opt=target={target}"] if target else []
        argv += [f"--opt=build-arg:{name}={value}" for name, value in arguments.items()]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return layout

    return run


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("hello", "hello from linux/arm64"),
        ("vendored", "vendored dep"),
        ("workspace", "lib of the workspace"),
        ("replaced", "lib next door"),
        ("embedded", "small images"),
        ("tagged", "premium"),
        ("subfolder", "api"),
        ("two-mains", "hello api"),
        ("deep-mains", "services/a"),
        ("versioned", "tool, version 2"),
        ("unicode-path", "hello from linux/arm64"),
    ],
)
def test_programs_run(
    name: str, printed: str, module: ModuleFactory, build: Build, tool: ToolFactory, tmp_path: Path
) -> None:
    """Nothing that Go needs is left out of the context; arm64's program runs, under qemu."""
    root = module(name)
    if name == "tagged":
        (root / "pyproject.toml").write_text("[tool.gomab.go]\ntags = ['premium']\n")
    layout = build(root)
    (path,) = (path for path in members_of(layout, "linux/arm64") if path.startswith("app/"))
    program = tmp_path / "program"
    program.write_bytes(content_of(layout, "linux/arm64", path))
    program.chmod(0o755)
    done = subprocess.run([tool("qemu-aarch64-static"), program], capture_output=True, text=True, check=True)
    assert done.stderr.startswith(printed)


def test_what_surrounds_the_programs(module: ModuleFactory, build: Build) -> None:
    """Modes, owners, users, certificates and zones, from the Go image and the project."""
    root = module("two-mains")
    (root / "motd.sh").write_text("hi\n")
    (root / "motd.sh").chmod(0o770)
    (root / "pyproject.toml").write_text(
        "[tool.gomab.image]\ntimezones = true\nvolumes = ['/data']\n"
        "files = [{ from = 'internal', to = '/srv/data files' }, { from = 'motd.sh', to = '/motd.sh' }]\n"
    )
    layout = build(root)
    found = {
        path: (oct(member.mode), member.uid, member.gid)
        for path, member in members_of(layout, "linux/arm/v7").items()
    }
    assert found == found | {
        "app/api": ("0o755", 0, 0),
        "data": ("0o755", 65532, 65532),
        "etc/ssl/certs/ca-certificates.crt": ("0o644", 0, 0),
        "motd.sh": ("0o755", 0, 0),
        "srv/data files/greeting/greeting.go": ("0o644", 0, 0),
        "tmp": ("0o1777", 0, 0),
        "usr/share/zoneinfo/Asia/Tokyo": ("0o644", 0, 0),
    }
    assert b"nonroot:x:65532:65532" in content_of(layout, "linux/amd64", "etc/passwd")
    assert not [path for path in found if path.startswith(("rootfs", "root", "src"))]


def test_what_the_project_leaves_out(module: ModuleFactory, build: Build) -> None:
    """No stage holds it; what the Dockerfile copies by name comes along, whatever the list says."""
    root = module("hello")
    (root / ".dockerignore").write_text("*\n!main.go\n!docs\n**/.env\n")
    for name in (".env", "docs/.env", "docs/guide.md", "secrets/key.pem", "assets/logo.svg"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x\n")
    (root / "pyproject.toml").write_text(
        "[tool.gomab.image]\nca-certificates = false\n"
        "files = [{ from = '.', to = '/context' }, { from = 'assets', to = '/srv' }]\n"
    )
    found = members_of(build(root), "linux/arm64")
    files = {path for path, member in found.items() if member.isreg()}
    context = {path.removeprefix("context/") for path in files if path.startswith("context/")}
    assert context == {"go.mod", "main.go", "docs/guide.md", "assets/logo.svg"}
    assert "srv/logo.svg" in files


@pytest.mark.parametrize("lines", [lines for lines, _ in CASES if lines not in REFUSED])
def test_a_list_leaves_out_what_buildkit_leaves_out(
    lines: str, buildkit: str, tool: ToolFactory, tmp_path: Path
) -> None:
    """The cases of our own reading of the list, as BuildKit reads them."""
    context, made = tmp_path / "context", tmp_path / "made"
    for name in FILES:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).touch()
    (context / ".dockerignore").write_text(f"{lines}\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    argv: list[str | Path] = [tool("buildctl"), "--addr", buildkit, "build", "--frontend=dockerfile.v0"]
    argv += [
        f"--local=context={context}",
        f"--local=dockerfile={tmp_path}",
        f"--output=type=local,dest={made}",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert find_hidden(lines.split("\n"), FILES) == [name for name in FILES if not (made / name).exists()]


def test_arguments_reach_the_program(module: ModuleFactory, build: Build) -> None:
    """A `-X` value with a space comes through two shells' worth of quotes."""
    root = module("hello")
    (root / "main.go").write_text("package main\n\nvar version string\n\nfunc main() { println(version) }\n")
    (root / "pyproject.toml").write_text(
        '[tool.gomab.go]\nvariables = { "main.version" = "v{version} of {env.CHANNEL}" }\n'
    )
    layout = build(root, VERSION="1.2.3", ENV_CHANNEL="a b")
    assert b"v1.2.3 of a b" in content_of(layout, "linux/amd64", "app/hello")


def test_modules_are_downloaded_once(
    module: ModuleFactory, build: Build, buildkit: str, tool: ToolFactory
) -> None:
    """Editing code repeats neither the download nor anything before it."""
    root = module("hello")
    build(root, "hello")
    source = root / "main.go"
    source.write_text(source.read_text() + "\n// edited\n")
    argv: list[str | Path] = [
        tool("buildctl"),
        "--addr",
        buildkit,
        "build",
        "--frontend=dockerfile.v0",
        "--progress=plain",
    ]
    argv += [f"--local=context={root}", f"--local=dockerfile={root}", f"--opt=platform={','.join(PLATFORMS)}"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    downloads = re.findall(r"^#(\d+) \[.*go mod download$", shown, re.MULTILINE)
    assert len(set(downloads)) == 1
    assert f"#{downloads[0]} CACHED" in shown
    assert len(set(re.findall(r"^#(\d+) \[linux/\S+ build 1/1\]", shown, re.MULTILINE))) == 3
