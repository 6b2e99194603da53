"""The rules that keep the package's parts apart, read from its imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gomab_tasks

ROOT = Path(gomab_tasks.__file__).parent
GROUND = {
    "errors",
    "files",
    "github",
    "machine",
    "parallel",
    "platforms",
    "process",
    "secrets",
    "units",
    "wheels",
}
DOMAINS = {"settings", "golang", "oci"}
FEATURES = {
    "adoption",
    "archives",
    "backends",
    "collect",
    "doctor",
    "engines",
    "generate",
    "join",
    "plan_report",
    "publish",
    "sbom",
    "sizes",
    "smoke",
}
TOP = {"frontdoor", "invoke", "nox", "results", "tasks"}
FRONT_ONLY = {"nox": {"nox.py"}, "invoke": {"invoke.py"}, "rich": {"progress/screen.py"}}
HTTP_CLIENT = {"urllib3": {"registry/failure.py", "registry/transport.py"}}
STARTS_PROCESSES = {"process.py"}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _parts(path: Path) -> set[str]:
    """Name the top-level parts of the package that a module imports."""
    names = [name.split(".") for name in _imports(path)]
    return {name[1] for name in names if name[0] == "gomab_tasks" and len(name) > 1}


MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_levels(module: str) -> None:
    """Ground imports only ground; a domain ground and itself; the registry's parts also images and events."""
    part = module.partition("/")[0].removesuffix(".py")
    found = _parts(ROOT / module)
    if part in GROUND:
        assert found <= GROUND
    if part in DOMAINS:
        assert found <= GROUND | {part}
    if part == "registry":
        assert found <= GROUND | {part, "oci", "progress", "__version__"}
        from_progress = {name for name in _imports(ROOT / module) if ".progress" in name}
        assert all(name.startswith("gomab_tasks.progress.events") for name in from_progress)


@pytest.mark.parametrize("module", MODULES)
def test_features_meet_in_tasks_alone(module: str) -> None:
    """A feature imports no other feature, and what lies below imports none at all."""
    part = module.partition("/")[0].removesuffix(".py")
    if part not in TOP:
        assert not _parts(ROOT / module) & (FEATURES | TOP) - {part}


@pytest.mark.parametrize("module", MODULES)
def test_outside_names(module: str) -> None:
    """Nox, Invoke, rich, urllib3 and subprocess are each imported in one part."""
    tops = {name.partition(".")[0] for name in _imports(ROOT / module)}
    for name, places in (FRONT_ONLY | HTTP_CLIENT).items():
        assert name not in tops or module in places
    assert "subprocess" not in tops or module in STARTS_PROCESSES
