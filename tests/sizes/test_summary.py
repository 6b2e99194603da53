"""The sizes as GitHub Actions shows them on the page of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gomab_tasks.errors import BudgetError
from gomab_tasks.project import open_project
from gomab_tasks.sizes.budget import SizesResult, Verdict
from gomab_tasks.tasks.images import images
from gomab_tasks.units import MIB

ModuleFactory = Callable[[str], Path]

FITS = Verdict(
    image="api",
    platform="linux/arm64",
    size=7 * MIB,
    unpacked_size=20 * MIB,
    unpacked_budget=25 * MIB,
    compressed_budget=None,
    baseline=None,
    problems=(),
)


def test_a_table() -> None:
    assert SizesResult((FITS,)).summary() == (
        "### Sizes\n\n"
        "| image | platform | compressed | unpacked | budget | used |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| api | linux/arm64 | 7.0 MiB | 20.0 MiB | 25 MiB | 80% |\n"
    )


def test_what_is_over_and_what_has_changed() -> None:
    """Problems stand below the table, as plain text: the line that allows it has brackets."""
    problems = ("to allow it: [tool.gomab.size]",)
    over = replace(FITS, unpacked_budget=16 * MIB, baseline=19 * MIB, problems=problems)
    text = SizesResult((over,)).summary()
    assert text.splitlines()[4].endswith("| 125% OVER | +1.0 MiB |")
    assert text.endswith("\n\n- to allow it: \\[tool.gomab.size\\]\n")


def test_a_run_over_budget_has_a_summary(
    module: ModuleFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is when people look at it."""
    root = module("hello")
    (root / "pyproject.toml").write_text('[tool.gomab]\nsize.unpacked = "1 KiB"\n')
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    with pytest.raises(BudgetError):
        images(open_project(root), arch=("amd64",))
    lines = (tmp_path / "summary").read_text().splitlines()
    assert lines[0] == "### Sizes"
    assert lines[4].startswith("| hello | linux/amd64 |")
    assert lines[6].startswith("- hello linux/amd64 is ")
