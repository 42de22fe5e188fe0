"""Simulates one contract's day and writes it to a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ingest.sample.crowd import NEVER, follow, new_market
from ingest.sample.dbn_file import dbn_metadata, dbn_writer
from ingest.sample.exchange import CHUNK_RECORDS
from ingest.sample.labels import truth_writer
from ingest.sample.market import MarketConfig, schedule_of
from ingest.sample.opening import open_book
from ingest.sample.participants import AUCTION_ROOM, run
from spymaster.errors import UserError

MIN_CHUNK_RECORDS: Final = AUCTION_ROOM + 16_384

Watch = Callable[[npt.NDArray[Any], int], None]


@dataclass(frozen=True)
class SampleSummary:
    """What was written; prices are the first and last trades', in 1e-9 units, None without trades.

    `orders` is how many rest in the book at the end; `truth_path` the labels' file, if wanted.
    """

    path: Path
    messages: int
    first_price: int | None
    last_price: int | None
    orders: int
    truth_path: Path | None = None


def write_day(
    path: Path,
    market: MarketConfig,
    advance: Callable[[int], None] | None = None,
    chunk_records: int = CHUNK_RECORDS,
    watch: Watch | None = None,
    guide: npt.NDArray[np.float64] | None = None,
    truth: Path | None = None,
) -> SampleSummary:
    """Write a market's day to `path` and return a summary; `advance` hears of each chunk's size.

    `watch` sees how the mid moved in each chunk (records of type MID, a copy) and the time up to
    which that is all of it; the last time is past every other.

    The fair value follows `guide`, price units by second of the UTC day, instead of moving by itself.

    With `truth` the labels of the day's walls and icebergs (labels.py) are written there as parquet.

    The bytes depend on `market` and `guide` alone, not on `chunk_records`. UserError if a file
    cannot be written or the market is closed during all of the span.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_day(Path(folder) / "es.dbn.zst", MarketConfig(messages=2_000)).messages
    2000
    """
    if not MIN_CHUNK_RECORDS <= chunk_records <= CHUNK_RECORDS:
        raise ValueError(f"chunk_records must be {MIN_CHUNK_RECORDS} to {CHUNK_RECORDS}")
    if not path.parent.is_dir():
        raise UserError(f"no such folder: {path.parent}")
    schedule = schedule_of(market)
    exchange, crowd = new_market(market, schedule)
    if guide is not None:
        follow(crowd, market, guide)
    state = exchange[0]["state"][0]
    messages = 0
    with truth_writer(truth) as label, dbn_writer(path, dbn_metadata(market)) as write:
        written = open_book(exchange, crowd)
        while written:
            write(exchange[0]["out"][:written])
            label(exchange[0]["labels"][: int(state["labels"])])
            messages += written
            if advance is not None:
                advance(written)
            if watch is not None:
                watch(exchange[0]["mids"][: int(state["mids"])].copy(), int(state["now"]))
            written = run(exchange, crowd, chunk_records)
        if watch is not None:
            watch(exchange[0]["mids"][:0].copy(), NEVER)

    def price(level: int) -> int | None:
        return None if level < 0 else (int(state["origin_tick"]) + level) * int(state["tick_int"])

    first, last = int(state["first_trade"]), int(state["last_trade"])
    orders = int(exchange["roster_sizes"].sum())
    return SampleSummary(path, messages, price(first), price(last), orders, truth)
