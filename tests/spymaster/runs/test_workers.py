from __future__ import annotations

import signal
import subprocess
import sys

from spymaster.runs.workers import _ctrl_c_held

CHILD = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


def blocks_ctrl_c() -> bool:
    done = subprocess.run([sys.executable, "-c", CHILD], check=True, capture_output=True, text=True)
    return done.stdout.strip() == "True"


def test_a_worker_cannot_be_interrupted_before_it_ignores_ctrl_c():
    with _ctrl_c_held():
        assert blocks_ctrl_c()
    assert not blocks_ctrl_c()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
