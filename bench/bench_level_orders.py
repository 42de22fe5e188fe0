"""Prints how fast the order kernel follows a day beside the book engine: bench_level_orders.py [messages]

A sample market of three busy hours (default 10 million messages), rows within 200 ticks, one thread;
decoding is not counted. Both take the same batches in one run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from replays import DAY_NS, HOUR_NS

from ingest.dbn_file import DbnFile
from ingest.sample import MarketConfig, write_day
from spymaster_udf.book_engine import BookEngine, BookParams
from spymaster_udf.book_stream import BATCH_RECORDS
from spymaster_udf.book_tables import BOOK_SNAPSHOT
from spymaster_udf.level_orders import LevelOrders
from spymaster_udf.mbo import RECORD
from spymaster_udf.mbo_columns import NO_RECORDS, MboColumns

SESSION = (DAY_NS + 14 * HOUR_NS + 28 * HOUR_NS // 60, DAY_NS + 18 * HOUR_NS)
TICK_INT, REACH = 250_000_000, 200


def main() -> None:
    messages = int(sys.argv[1]) if sys.argv[1:] else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.dbn.zst"
        write_day(path, MarketConfig(messages=messages, minutes=180))
        with DbnFile(path) as file:
            batches = [
                MboColumns.of_records(chunk.view(RECORD)) for chunk in file.chunks(BATCH_RECORDS)
            ]
    book = BookEngine(BookParams(TICK_INT, *SESSION))
    book.compile()
    windows: list[tuple[int, int | None]] = []
    began = time.thread_time()
    for source in (*map(book.feed, batches), book.finish()):
        for name, rows in source:
            if name == BOOK_SNAPSHOT:
                starts, spots = rows["window_start_ts_ns"], rows["spot_ref_price_int"]
                windows += zip(starts.to_pylist(), spots.to_pylist(), strict=True)
    _tell("book engine", messages, time.thread_time() - began)
    list(LevelOrders(windows, TICK_INT, REACH).feed(NO_RECORDS))
    _follow(batches[:1], windows)
    began = time.thread_time()
    rows_out = _follow(batches, windows)
    _tell("orders of levels", messages, time.thread_time() - began)
    print(f"{rows_out:,} rows of {len(windows):,} windows")


def _follow(batches: list[MboColumns], windows: list[tuple[int, int | None]]) -> int:
    orders = LevelOrders(windows, TICK_INT, REACH)
    fed = sum(rows.num_rows for batch in batches for rows in orders.feed(batch))
    return fed + sum(rows.num_rows for rows in orders.finish())


def _tell(what: str, messages: int, seconds: float) -> None:
    print(f"{what}: {messages / seconds / 1e6:.1f} M messages/s of processor time", flush=True)


if __name__ == "__main__":
    main()
