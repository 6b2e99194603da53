"""The rules that keep the package's parts apart, read from its imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import gomab_tasks

ROOT = Path(gomab_tasks.__file__).parent
GROUND = [
    "asking",
    "errors",
    "files",
    "github",
    "grammar",
    "machine",
    "parallel",
    "pipes",
    "places",
    "platforms",
    "process",
    "progress",
    "secrets",
    "units",
    "wheels",
]
DOMAINS = ["golang", "oci", "settings"]
REGISTRY = ["registry"]
JOINS = [
    "bases",
    "blame",
    "builds",
    "contents",
    "destinations",
    "dockerfile",
    "facts",
    "modules",
    "output",
    "plan",
    "project",
    "script_block",
    "selection",
    "templates",
]
FEATURES = [
    "adoption",
    "backends",
    "delivery",
    "doctor",
    "engines",
    "generate",
    "join",
    "plan_report",
    "sbom",
    "sizes",
    "smoke",
]
TASKS = ["results", "tasks"]
FRONT_DOORS = ["__main__", "frontdoor", "invoke", "nox"]
LEVELS = (GROUND, DOMAINS, REGISTRY, JOINS, FEATURES, TASKS, FRONT_DOORS)
FRONT_ONLY = {"nox": {"nox.py"}, "invoke": {"invoke.py"}, "rich": {"progress/screen.py"}}
HTTP_CLIENT = {"urllib3": {"registry/failure.py", "registry/pool.py", "registry/transport.py"}}
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


def _part(module: str) -> str:
    """Name the part that a module is, or is in."""
    return module.partition("/")[0].removesuffix(".py")


MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.py")
    if path.parent != ROOT or path.name != "__init__.py"
)


PARTS = {_part(module) for module in MODULES}


def _level(part: str) -> int:
    return next(number for number, level in enumerate(LEVELS) if part in level)


@pytest.mark.parametrize("module", MODULES)
def test_levels(module: str) -> None:
    """A module imports from lower levels; from its own, a domain or a feature imports itself alone."""
    part = _part(module)
    level = _level(part)
    others = (_parts(ROOT / module) & PARTS) - {part}
    assert {other for other in others if _level(other) > level} == set()
    if level in {LEVELS.index(DOMAINS), LEVELS.index(FEATURES)}:
        assert {other for other in others if _level(other) == level} == set()


def test_no_part_needs_itself() -> None:
    """Parts import each other in one direction: each can be read after those that it needs."""
    needs: dict[str, set[str]] = {part: set() for part in PARTS}
    for module in MODULES:
        needs[_part(module)] |= (_parts(ROOT / module) & PARTS) - {_part(module)}
    assert list(TopologicalSorter(needs).static_order())


def test_the_registry_shows_events_alone() -> None:
    """The registry tells how far it is, and knows nothing of how that is shown."""
    names = {name for path in (ROOT / "registry").glob("*.py") for name in _imports(path)}
    assert all(name.startswith("gomab_tasks.progress.events") for name in names if ".progress" in name)


@pytest.mark.parametrize("module", MODULES)
def test_outside_names(module: str) -> None:
    """Nox, Invoke, rich, urllib3 and subprocess are each imported in one part."""
    tops = {name.partition(".")[0] for name in _imports(ROOT / module)}
    for name, places in (FRONT_ONLY | HTTP_CLIENT).items():
        assert name not in tops or module in places
    assert "subprocess" not in tops or module in STARTS_PROCESSES
