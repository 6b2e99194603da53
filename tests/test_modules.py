"""The modules of tests/modules are awkward or wrong exactly as their README says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

MODULES = Path(__file__).parent / "modules"

ModuleFactory = Callable[[str], Path]


def build(
    go: Path, folder: Path, *flags: str, **env: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Path]]:
    """Run `go build ./...` and give it with the programs it left, by name."""
    out = folder.parent / "out"
    out.mkdir()
    built = subprocess.run(
        [str(go), "build", "-o", f"{out}/", *flags, "./..."],
        cwd=folder,
        env=os.environ | {"CGO_ENABLED": "0"} | env,
        capture_output=True,
        text=True,
        check=False,
    )
    return built, {path.name: path for path in out.iterdir()}


def printed(program: Path) -> str:
    return subprocess.run([program], check=True, capture_output=True, text=True).stderr.strip()


@pytest.mark.parametrize(
    ("name", "folder", "programs"),
    [
        ("hello", ".", {"hello": "hello from"}),
        ("unicode-path", ".", {"hello": "hello from"}),
        ("two-mains", ".", {"api": "hello api", "worker": "hello worker"}),
        ("deep-mains", ".", {"a": "services/a", "b": "services/b", "gen": "tools/gen", "x": "examples/x"}),
        ("same-name", ".", {"server": "server of"}),
        ("vendored", ".", {"vendored": "vendored dep"}),
        ("workspace", "app", {"app": "lib of the workspace"}),
        ("replaced", "app", {"app": "lib next door"}),
        ("embedded", ".", {"embedded": "small images"}),
        ("tagged", ".", {"tagged": "free"}),
        ("subfolder", "services/api", {"api": "api"}),
        ("versioned", ".", {"tool": "tool, version 2"}),
        ("fetched", ".", {"fetched": "tiny from the proxy"}),
    ],
)
def test_builds(go: Path, module: ModuleFactory, name: str, folder: str, programs: dict[str, str]) -> None:
    """These modules build, and their programs say what they are."""
    built, found = build(go, module(name) / folder)
    assert built.returncode == 0, built.stderr
    assert found.keys() == programs.keys()
    for program, text in programs.items():
        assert printed(found[program]).startswith(text)


def test_tag(go: Path, module: ModuleFactory) -> None:
    """The build tag `premium` changes what `tagged` prints."""
    _, found = build(go, module("tagged"), "-tags=premium")
    assert printed(found["tagged"]) == "premium"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "main.go:5:10: undefined: missing"),
        ("cgo-only", "matched no packages"),
        ("too-new", "go.mod requires go >= 1.99"),
        ("no-main", "no main packages to build"),
        ("bad-sum", "checksum mismatch"),
        ("missing-dep", "example.invalid/none"),
        ("workspace", "directory prefix . does not contain modules listed in go.work"),
        ("subfolder", "directory prefix . does not contain main module"),
    ],
)
def test_fails(
    go: Path,
    module: ModuleFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    message: str,
) -> None:
    """These modules do not build as they are, and Go says why."""
    proxy = os.environ["GOPROXY"].split(",")[0]
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    built, _ = build(go, module(name), "-modcacherw", GOPROXY=proxy)
    assert message in built.stderr
    assert not any(path.is_file() for path in (tmp_path / "out").iterdir())


def test_readme() -> None:
    """The README names every module, and no other."""
    rows = re.findall(r"^\| ([\w-]+) \|", (MODULES / "README.md").read_text(), re.MULTILINE)
    folders = {path.name for path in MODULES.iterdir() if path.is_dir()}
    assert set(rows) - {"Module"} == folders | {"unicode-path"}
