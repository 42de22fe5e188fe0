from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
TELL = "from own_process import peak_mb; print(peak_mb())"
GROW = f"block = b'x' * 150_000_000; {TELL}"


def told(code: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCH, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc: ru_maxrss is used")
def test_a_large_parent_is_not_in_its_childs_peak():
    block = b"x" * 300_000_000  # written to, so it is resident
    assert told(TELL) < 100 < len(block) / 1e6


def test_the_peak_is_what_the_process_took():
    assert told(GROW) >= 150
