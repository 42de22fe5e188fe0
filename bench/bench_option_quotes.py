"""Prints how fast option quotes are replayed, and the memory: bench_option_quotes.py [messages ...]

A sample chain of 5,000 options and half a million live orders, one thread; decoding is not counted.
Each size (default 5 and 50 million messages) runs three times, in a process of its own each.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from own_process import peak_mb, run_apart
from replays import DAY_NS, HOUR_NS, replay

from ingest.dbn_file import DbnFile
from ingest.sample import MarketConfig, OptionConfig, write_day_with_options
from spymaster_udf.book_stream import BATCH_RECORDS
from spymaster_udf.option_quotes import OptionQuotes

RUNS = 3  # what else a machine does disturbs a run of half a second
DEFAULT_MESSAGES = ["5000000", "50000000"]
MARKET = {"minutes": 60, "messages": 400_000}


def measure(path: Path) -> None:
    """Replay one file and print a line."""
    with DbnFile(path) as file:
        ids = {int(i) for chunk in file.chunks(BATCH_RECORDS) for i in set(chunk["instrument_id"])}
    engine = OptionQuotes(
        dict.fromkeys(ids, 50_000_000),
        session_start_ns=DAY_NS + 14 * HOUR_NS,
        session_end_ns=DAY_NS + 18 * HOUR_NS,
        max_anomaly_share=1.0,
    )
    engine.compile()
    done = replay(path, engine.feed, engine.finish)
    print(f"{done}, {len(ids):,} options, peak memory {peak_mb():,.0f} MB", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for messages in sys.argv[1:] or DEFAULT_MESSAGES:
            options = OptionConfig(strikes=625, expiries=4, depth=50, messages=int(messages))
            write_day_with_options(Path(folder), MarketConfig(**MARKET), options)
            (path,) = Path(folder).glob("*.OPT.dbn.zst")
            for _ in range(RUNS):
                run_apart(__file__, path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main()
