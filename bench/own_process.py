"""Measures in processes of their own, whose memory is then the measurement's alone."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path


def run_apart(script: str, *arguments: object) -> None:
    """Run a benchmark's `--measure` in a new process; its failure is ours."""
    command = [sys.executable, script, "--measure", *map(str, arguments)]
    subprocess.run(command, check=True)


def peak_mb() -> float:
    """The most memory that this process has held so far, in 10^6 bytes.

    `ru_maxrss` outlives fork and exec: a child that a large parent started begins at the parent's
    size. It serves only where there is no /proc.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return int(re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)[1]) * 1024 / 1e6


def resident_mb(pid: int | str = "self") -> float:
    """The memory that a process holds now, in 10^6 bytes (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
