"""Prints how fast DBN becomes bronze, and the memory it takes.

bench_ingest.py [messages ...]     sample days of these sizes (default 1, 10 and 30 million)
bench_ingest.py FILE.dbn.zst ...   files of one's own
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ingest.future_mbo import ingest_file
from ingest.sample import MarketConfig, write_day
from spymaster.lake import Lake

DEFAULT_MESSAGES = ["1000000", "10000000", "30000000"]
# A first file pays for imports and for the first pages of memory.
WARM_UP_MESSAGES = 100_000


def measure(path: Path, warm_up: Path, folder: Path) -> None:
    """Ingest one file and print a line; runs in a process of its own, whose peak memory it is."""
    ingest_file(warm_up, Lake(folder / "warm-up"))
    start, cpu_start = time.perf_counter(), time.process_time()
    result = ingest_file(path, Lake(folder / "lake"), overwrite=True)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    size = sum(partition.size for partition in result.partitions)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{result.messages:>12,} messages in {seconds:6.2f} s: "
        f"{result.messages / seconds / 1e6:5.2f} M messages/s, "
        f"{cpu / seconds:4.2f} cores busy, {size / result.messages:5.1f} bytes a message, "
        f"peak memory {peak:,.0f} MB",
        flush=True,
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm_up = folder / "warm-up.dbn.zst"
        write_day(warm_up, MarketConfig(messages=WARM_UP_MESSAGES))
        for argument in sys.argv[1:] or DEFAULT_MESSAGES:
            path = Path(argument)
            if argument.isdigit():
                path = folder / "day.dbn.zst"
                write_day(path, MarketConfig(messages=int(argument), minutes=390))
            command = [sys.executable, __file__, "--measure", str(path), str(warm_up), name]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(*(Path(argument) for argument in sys.argv[2:5]))
    else:
        main()
