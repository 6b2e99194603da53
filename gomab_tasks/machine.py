"""Tell what the machine is, and what share of it this run may use.

Containers and CI runners give a process less than the machine has, through
control groups; a build sized for the whole machine is killed or throttled.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from gomab_tasks.platforms import Platform, PlatformError

# What uname calls them, where neither Go nor OCI does.
_UNAME = {"armv8l": "arm/v7", "armv7l": "arm/v7", "armv6l": "arm/v6", "loongarch64": "loong64"}
_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_NO_LIMIT = 1 << 60


def platform() -> Platform | None:
    """Give the platform whose programs this machine runs by itself; none for one unknown to Go."""
    system, machine = os.uname().sysname, os.uname().machine
    try:
        return Platform.parse(f"{system}/{_UNAME.get(machine, machine)}")
    except PlatformError:
        return None


def cores() -> int:
    """Give the processors that affinity and the cgroup's CPU quota leave, at least 1."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [math.ceil(quota) for quota in _cpu_quotas()]
    return max(1, min([available, *quotas]))


def memory() -> int:
    """Give the bytes of memory that the machine has and the cgroup allows."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([installed, *_memory_limits()])


def _cpu_quotas() -> Iterator[float]:
    for folder in _folders("cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal():
            yield int(quota) / int(period)
        old_quota, old_period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if old_quota.isdecimal() and old_period.isdecimal():
            yield int(old_quota) / int(old_period)


def _memory_limits() -> Iterator[int]:
    for folder in _folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name)
            if text.isdecimal() and int(text) < _NO_LIMIT:
                yield int(text)


def _folders(controller: str) -> Iterator[Path]:
    """Give this process's group and all above it, in cgroup v2 and v1 (cgroups(7))."""
    for line in _read(_MEMBERSHIP).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUPS / controller if controllers else _CGROUPS
        group = root / path.strip("/")
        yield group
        yield from (parent for parent in group.parents if parent == root or root in parent.parents)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
