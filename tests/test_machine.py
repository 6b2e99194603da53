from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gomab_tasks import machine
from gomab_tasks.platforms import Platform
from gomab_tasks.units import MIB

Groups = Callable[[str, Mapping[str, str]], None]

INSTALLED = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
V1 = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Groups:
    """Let this process be in control groups with these files, on a machine of 8 cores."""

    def put(membership: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        (tmp_path / "membership").write_text(membership)
        monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "cgroup")
        monkeypatch.setattr(machine, "_MEMBERSHIP", tmp_path / "membership")
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    return put


@pytest.mark.parametrize(
    ("membership", "files", "cores"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cpu.max": "max 100000"}, 8),
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        ("0::/\n", {"cpu.max": "1600000 100000"}, 8),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "200000 100000", "a/cpu.max": "300000 100000"}, 2),
        ("0::/a\n", {"other/cpu.max": "100000 100000"}, 8),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "400000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 4),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "-1", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, 8),
        (V1, {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ("0::/\n", {"cpu.max": "nonsense"}, 8),
        ("", {"cpu.max": "100000 100000"}, 8),
    ],
)
def test_cores(groups: Groups, membership: str, files: Mapping[str, str], cores: int) -> None:
    """The strictest quota of this group and all above it counts, rounded up, in both versions of cgroups."""
    groups(membership, files)
    assert machine.cores() == cores


@pytest.mark.parametrize(
    ("membership", "files", "memory"),
    [
        ("0::/\n", {}, INSTALLED),
        ("0::/\n", {"memory.max": "max"}, INSTALLED),
        ("0::/\n", {"memory.max": str(64 * MIB)}, 64 * MIB),
        ("0::/a/b\n", {"a/b/memory.max": str(64 * MIB), "a/memory.max": str(32 * MIB)}, 32 * MIB),
        ("0::/\n", {"memory.max": str(1 << 50)}, INSTALLED),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": str(64 * MIB)}, 64 * MIB),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "9223372036854771712"}, INSTALLED),
        ("0::/\n", {"memory.max": ""}, INSTALLED),
    ],
)
def test_memory(groups: Groups, membership: str, files: Mapping[str, str], memory: int) -> None:
    """The smallest limit counts, and never more than is installed."""
    groups(membership, files)
    assert machine.memory() == memory


def test_affinity_counts(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    """`taskset` and a container's cpuset leave fewer cores."""
    groups("0::/\n", {"cpu.max": "400000 100000"})
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert machine.cores() == 1


def test_a_system_without_cgroups_or_affinity(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS all processors are this run's own."""
    groups("", {})
    monkeypatch.setattr(machine, "_MEMBERSHIP", Path("/nowhere"))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cores() == 6
    assert machine.memory() == INSTALLED


def test_this_machine() -> None:
    """Whatever it is, it has something to give."""
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)
    assert 0 < machine.memory() <= INSTALLED


@pytest.mark.parametrize(
    ("system", "name", "platform"),
    [
        ("Linux", "x86_64", "linux/amd64"),
        ("Linux", "aarch64", "linux/arm64"),
        ("Linux", "armv7l", "linux/arm/v7"),
        ("Linux", "armv6l", "linux/arm/v6"),
        ("Darwin", "arm64", "darwin/arm64"),
        ("Linux", "vax", None),
    ],
)
def test_the_platform_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, system: str, name: str, platform: str | None
) -> None:
    """What uname says is spelled as OCI does, or is unknown."""
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((system, "host", "1", "1", name)))
    assert machine.platform() == (Platform.parse(platform) if platform else None)
