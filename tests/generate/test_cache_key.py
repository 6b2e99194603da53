"""Keys of caches: equal where the contents are, and only there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.facts import Facts, read_facts
from gomab_tasks.generate.cache_key import CacheKeyResult, make_keys
from gomab_tasks.plan import plan_images
from gomab_tasks.project import open_project
from gomab_tasks.selection import select
from gomab_tasks.settings import Go, Settings
from gomab_tasks.tasks.ci import cache_key
from tests.generate.conftest import ModuleFactory, ProjectFactory


@pytest.fixture
def facts(project: ProjectFactory) -> Facts:
    return read_facts(project(name="fetched"))


SETTINGS = open_project(Path(__file__).parent).settings


def keys(facts: Facts, *, go: Go | None = None, arch: str = "all") -> CacheKeyResult:
    settings: Settings = replace(SETTINGS, shared=replace(SETTINGS.shared, go=go or Go()))
    return make_keys(facts, plan_images(settings, facts, select((arch,), settings)))


def with_env(facts: Facts, variables: Mapping[str, str]) -> Facts:
    return replace(facts, toolchain=replace(facts.toolchain, env={**facts.toolchain.env, **variables}))


def test_the_same_in_another_folder(module: ModuleFactory, tmp_path: Path) -> None:
    """Also for a workspace, whose files lie in several folders."""
    for name in ("fetched", "workspace"):
        one = module(name)
        other = shutil.copytree(one, tmp_path / "ander ü" / name)
        first, second = (cache_key(open_project(root)) for root in (one, other))
        assert first == second


@pytest.mark.parametrize(
    "go", [Go(tags=("x",)), Go(gcflags=("-N",)), Go(ldflags=()), Go(env={"GOFIPS140": "v1"})]
)
def test_flags_change_the_build(facts: Facts, go: Go) -> None:
    """And what may be restored: packages compiled with other flags are of no use."""
    before, after = keys(facts), keys(facts, go=go)
    assert before.modules == after.modules
    assert before.build_restore != after.build_restore


@pytest.mark.parametrize("arch", ["amd64", "amd64,arm64,riscv64", "arm/v6,arm64", "amd64/v3,arm64"])
def test_platforms_change_the_build(facts: Facts, arch: str) -> None:
    assert keys(facts).build_restore != keys(facts, arch=arch).build_restore


def test_the_order_of_platforms_does_not(facts: Facts) -> None:
    assert keys(facts, arch="arm64,amd64") == keys(facts)


@pytest.mark.parametrize("variable", ["GOHOSTARCH", "GOHOSTOS", "GOFLAGS", "GOEXPERIMENT"])
def test_host_and_variables_change_the_build(facts: Facts, variable: str) -> None:
    """Never a cache of another architecture, nor one made with another GOFLAGS."""
    before, after = keys(facts), keys(with_env(facts, {variable: "other"}))
    assert before.modules == after.modules
    assert before.build_restore != after.build_restore


def test_another_go_changes_everything(facts: Facts) -> None:
    before, after = keys(facts), keys(replace(facts, toolchain=replace(facts.toolchain, version="1.99")))
    assert before.modules != after.modules
    assert before.build_restore != after.build_restore


def test_other_dependencies_start_from_the_old_cache(facts: Facts) -> None:
    before = keys(facts)
    (facts.module.folder / "go.sum").write_text("changed")
    after = keys(facts)
    assert before.modules != after.modules
    assert before.build != after.build
    assert before.build_restore == after.build_restore
    assert after.build.startswith(after.build_restore)


def test_values_of_the_linker_do_not_matter(facts: Facts) -> None:
    """They often name the commit; a key of its own for each would never hit."""
    assert keys(facts, go=Go(variables={"main.version": "{git.sha}"})) == keys(facts)


def test_keys_suit_github(facts: Facts) -> None:
    """At most 512 characters, no comma (actions/cache)."""
    for key in (keys(facts).modules, keys(facts).build):
        assert len(key) < 100
        assert "," not in key
        assert " " not in key


def test_lines_are_outputs(project: ProjectFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = project()
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    result = cache_key(open_project(one.root))
    lines = [line.partition("=") for line in result.text().splitlines()]
    assert [name for name, _, _ in lines] == [
        "modules",
        "build",
        "build-restore",
        "modules-path",
        "build-path",
    ]
    written = (tmp_path / "output").read_text()
    assert all(f"\n{value}\n" in written and f"{name}<<" in written for name, _, value in lines)
