"""What this machine gives a run: cores and memory, also inside a container; the share of a worker."""

from __future__ import annotations

import os
from pathlib import Path

MEMORY_VARIABLE = "SPYMASTER_MEMORY_LIMIT"
THREADS_VARIABLE = "SPYMASTER_THREADS"
_BESIDE_DUCKDB_BYTES = 600_000_000  # of a worker: Python, dbt, the kernels' arrays
_LEAST_BYTES = 500_000_000
_USABLE_SHARE = 0.75  # the rest is for the system and its file cache
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Return the machine's memory, or what its container allows if that is less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in _CGROUP_LIMITS:
        try:
            limits.append(int(Path(name).read_text()))
        except (OSError, ValueError):
            continue  # no such cgroup, or "max"
    return min(limits)


def default_workers(days: int, memory: int | None = None) -> int:
    """Return how many workers serve `days` days best: a core and two gigabytes each.

    >>> default_workers(1)
    1
    """
    by_memory = int((memory or memory_bytes()) * _USABLE_SHARE // 2_000_000_000)
    return max(1, min(cores(), by_memory, days))


def worker_environment(workers: int) -> dict[str, str]:
    """Return the environment that gives each of some workers its share; what the user has set stays."""
    share = int(memory_bytes() * _USABLE_SHARE / workers) - _BESIDE_DUCKDB_BYTES
    defaults = {
        MEMORY_VARIABLE: f"{max(share, _LEAST_BYTES) // 1_000_000}MB",
        THREADS_VARIABLE: str(max(1, cores() // workers)),
    }
    return {name: os.environ.get(name) or value for name, value in defaults.items()}
