"""Prints how fast the book engine replays, and the memory it takes: bench_engine.py [messages ...]

A sample market of three busy hours (default 1, 10 and 30 million messages), all three tables at
hud_max_ticks 200, one thread; decoding is not counted. Each size runs three times, in a
process of its own each.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from own_process import peak_mb, run_apart
from replays import DAY_NS, HOUR_NS, replay

from ingest.sample import MarketConfig, write_day
from spymaster_udf.book_engine import BookEngine, BookParams

RUNS = 3  # what else a machine does disturbs a run of half a second
DEFAULT_MESSAGES = ["1000000", "10000000", "30000000"]
MINUTES = 180


def measure(path: Path) -> None:
    """Replay one file and print a line."""
    engine = BookEngine(
        BookParams(
            tick_int=250_000_000,
            session_start_ns=DAY_NS + 14 * HOUR_NS + 28 * HOUR_NS // 60,  # as the sample
            session_end_ns=DAY_NS + 18 * HOUR_NS,
        )
    )
    engine.compile()
    done = replay(
        path,
        lambda columns: (rows for _, rows in engine.feed(columns)),
        lambda: (rows for _, rows in engine.finish()),
    )
    print(f"{done}, peak memory {peak_mb():,.0f} MB", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for messages in sys.argv[1:] or DEFAULT_MESSAGES:
            path = Path(folder) / "day.dbn.zst"
            write_day(path, MarketConfig(messages=int(messages), minutes=MINUTES))
            for _ in range(RUNS):
                run_apart(__file__, path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main()
