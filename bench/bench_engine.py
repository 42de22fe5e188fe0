"""Prints how fast the book engine replays, and the memory it takes: bench_engine.py [messages ...]

A sample market of three busy hours (default 1, 10 and 30 million messages), all three tables at
hud_max_ticks 200, one thread; decoding is not counted. Each size runs three times, in a
process of its own each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from own_process import peak_mb, run_apart

from ingest.dbn_file import DbnFile
from ingest.sample import MarketConfig, write_day
from spymaster_udf.book_engine import BookEngine, BookParams
from spymaster_udf.book_stream import BATCH_RECORDS
from spymaster_udf.mbo import RECORD
from spymaster_udf.mbo_columns import MboColumns

RUNS = 3  # what else a machine does disturbs a run of half a second
DEFAULT_MESSAGES = ["1000000", "10000000", "30000000"]
DAY_NS = 1_767_657_600_000_000_000  # 2026-01-06 00:00 UTC
MINUTES = 180
HOUR_NS = 3_600_000_000_000


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
    messages, rows, seconds, cpu = 0, 0, 0.0, 0.0
    with DbnFile(path) as file:
        for records in file.chunks(BATCH_RECORDS):
            columns = MboColumns.of_records(records.view(RECORD))
            start, cpu_start = time.perf_counter(), time.thread_time()
            rows += sum(batch.num_rows for _, batch in engine.feed(columns))
            seconds += time.perf_counter() - start
            cpu += time.thread_time() - cpu_start
            messages += len(columns)
    start, cpu_start = time.perf_counter(), time.thread_time()
    rows += sum(batch.num_rows for _, batch in engine.finish())
    seconds += time.perf_counter() - start
    cpu += time.thread_time() - cpu_start
    print(
        f"{messages:>12,} messages, {rows:,} rows in {seconds:6.2f} s: "
        f"{messages / seconds / 1e6:5.2f} M messages/s ({messages / cpu / 1e6:5.2f} of processor "
        f"time), peak memory {peak_mb():,.0f} MB",
        flush=True,
    )


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
