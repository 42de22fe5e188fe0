"""`python -m bench` runs every benchmark in turn; each prints what it measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> None:
    for script in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"== {script.stem}", flush=True)
        subprocess.run([sys.executable, script], check=True)


if __name__ == "__main__":
    main()
