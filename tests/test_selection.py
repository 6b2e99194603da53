"""What `--arch` means for a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomab_tasks.errors import SettingsError
from gomab_tasks.platforms import Platform
from gomab_tasks.selection import select
from gomab_tasks.settings import read_settings


def names(platforms: tuple[Platform, ...]) -> list[str]:
    return list(map(str, platforms))


@pytest.mark.parametrize(
    ("table", "arch", "chosen", "added"),
    [
        (["linux/amd64", "linux/arm64"], [], [], []),
        (["linux/amd64", "linux/arm64"], ["arm64"], ["linux/arm64"], []),
        (["linux/amd64", "linux/arm64"], ["linux/arm64", "amd64"], ["linux/arm64", "linux/amd64"], []),
        (["linux/amd64", "linux/arm64"], ["arm64,amd64"], ["linux/arm64", "linux/amd64"], []),
        (["linux/amd64", "linux/arm64"], [" arm64 , arm64", "aarch64"], ["linux/arm64"], []),
        (["linux/amd64"], ["riscv64"], ["linux/riscv64"], ["linux/riscv64"]),
        (["linux/amd64"], ["windows/amd64"], ["windows/amd64"], ["windows/amd64"]),
        (["linux/arm/v6", "linux/arm/v7"], ["arm"], ["linux/arm/v7"], []),
        (["linux/arm/v6", "linux/arm/v7"], ["arm/v6"], ["linux/arm/v6"], []),
        (["linux/arm/v6", "linux/arm/v5"], ["arm"], ["linux/arm/v6", "linux/arm/v5"], []),
        (["linux/arm/v6"], ["arm/v7"], ["linux/arm/v7"], ["linux/arm/v7"]),
        (["linux/amd64/v3"], ["amd64"], ["linux/amd64/v3"], []),
        (["linux/amd64/v3"], ["x86_64"], ["linux/amd64/v3"], []),
        (["linux/amd64/v3"], ["Linux/X86-64"], ["linux/amd64/v3"], []),
        (["linux/arm64/v9"], ["aarch64"], ["linux/arm64/v9"], []),
        (["linux/arm/v6"], ["armhf"], ["linux/arm/v7"], ["linux/arm/v7"]),
        (["linux/amd64/v3"], ["amd64/v1"], ["linux/amd64"], ["linux/amd64"]),
        (["linux/amd64", "linux/amd64/v3"], ["amd64"], ["linux/amd64"], []),
        (["windows/amd64"], ["amd64"], ["linux/amd64"], ["linux/amd64"]),
        (["linux/amd64", "linux/arm64"], ["all"], ["linux/amd64", "linux/arm64"], []),
        (["linux/amd64"], ["all,s390x"], ["linux/amd64", "linux/s390x"], ["linux/s390x"]),
    ],
)
def test_arch_selects_from_the_table(
    tmp_path: Path, table: list[str], arch: list[str], chosen: list[str], added: list[str]
) -> None:
    """A name without a variant fits those of the table; what the table lacks is added for this run."""
    selection = select(arch, read_settings(tmp_path, {"platforms": table}))
    assert names(selection.chosen) == chosen
    assert names(selection.added) == added


def test_every_wrong_arch_is_said_at_once(tmp_path: Path) -> None:
    """With what was most likely meant."""
    with pytest.raises(SettingsError) as caught:
        select(["amd46,arm64", "arm/v9"], read_settings(tmp_path))
    first, second = caught.value.problems
    assert first.startswith("--arch is 'amd46'; ")
    assert "'linux/amd64'" in first
    assert second.startswith("--arch is 'arm/v9'; ")


def test_one_string_is_no_tuple() -> None:
    """From Python, `arch="arm64"` would be five letters."""
    with pytest.raises(SettingsError, match=r"^arch is 'arm64'; give a tuple: arch=\('arm64',\)$"):
        select("arm64", read_settings(Path.cwd()))
