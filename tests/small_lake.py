"""A table of a few rows without an engine: seconds of book_snapshot_1s."""

from __future__ import annotations

import pyarrow as pa

from spymaster.contracts import load_contract
from spymaster.lake import Lake, PartitionRef, partition_ref

BOOK = "silver.future_mbo.book_snapshot_1s"
START_NS = 1_767_709_800_000_000_000  # 2026-01-06 14:30 UTC


def book_rows(count: int, message_count: int = 1) -> pa.Table:
    """Rows of book_snapshot_1s: `count` seconds from 14:30; unknown, where it may be, else 1 or true."""
    contract = load_contract(BOOK)
    values = {pa.int64(): 1, pa.int32(): 1, pa.float64(): 1.0, pa.bool_(): True, pa.string(): "A"}
    columns = {
        field.name: [None if field.nullable else values[field.type]] * count
        for field in contract.arrow_schema
    }
    columns["window_start_ts_ns"] = [START_NS + i * 10**9 for i in range(count)]
    columns["best_bid_price_int"] = [6_925_250_000_000] * count
    columns["message_count"] = [message_count] * count
    return pa.table(columns, schema=contract.arrow_schema)


def book_ref(lake: Lake, dt: str, symbol: str = "ESH6") -> PartitionRef:
    """The partition of such rows."""
    return partition_ref(lake, BOOK, symbol, dt)
