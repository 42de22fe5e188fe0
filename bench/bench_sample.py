"""Prints how fast the sample market is generated and written: bench_sample.py [messages]."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from ingest.sample import MarketConfig, write_day


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "es.dbn.zst"
        write_day(path, MarketConfig(messages=20_000))
        start = time.perf_counter()
        write_day(path, MarketConfig(messages=messages, minutes=60))
        seconds = time.perf_counter() - start
        size = path.stat().st_size
    print(
        f"{messages:,} messages in {seconds:.2f} s: {messages / seconds:,.0f} messages/s, "
        f"{size / messages:.1f} bytes a message"
    )


if __name__ == "__main__":
    main()
