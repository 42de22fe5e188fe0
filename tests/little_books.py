"""Little books written by hand: records, the oracle that runs them, and a look at its rows."""

from __future__ import annotations

import numpy as np
from oracle_book import OracleResult, oracle_book

from spymaster_udf.mbo import F_LAST, F_SNAPSHOT, RECORD, UNDEF_PRICE

SECOND = 1_000_000_000
TICK = 250_000_000
T0 = 1_700_000_000  # the second in which the little books begin
MS = 1_000_000


def rec(
    action: str,
    side: str = "N",
    order_id: int = 0,
    ticks: int | None = None,
    size: int = 0,
    *,
    ms: int = 0,
    ns: int = 0,
    last: bool = True,
    snapshot: bool = False,
    recv_ms: int | None = None,
    **fields: int,
) -> np.ndarray:
    """One record `ms` (and `ns`) after T0; its price is a number of ticks."""
    record = np.zeros(1, dtype=RECORD)
    values = {
        "instrument_id": 1,
        "action": ord(action),
        "side": ord(side),
        "order_id": order_id,
        "price": UNDEF_PRICE if ticks is None else ticks * TICK,
        "size": size,
        "flags": (F_LAST if last else 0) | (F_SNAPSHOT if snapshot else 0),
        "ts_event": T0 * SECOND + ms * MS + ns,
        "ts_recv": T0 * SECOND + (ms if recv_ms is None else recv_ms) * MS + ns,
        **fields,
    }
    for name, value in values.items():
        record[name] = value
    return record


def run(*records: np.ndarray, seconds: int = 20, **arguments: object) -> OracleResult:
    arguments = {
        "tick_int": TICK,
        "session_start_ns": T0 * SECOND,
        "session_end_ns": (T0 + seconds) * SECOND,
        "check_depth": True,
        **arguments,
    }
    array = np.concatenate(records) if records else np.zeros(0, dtype=RECORD)
    return oracle_book(array, **arguments)


def wall(result: OracleResult, second: int, side: str, ticks: int) -> dict | None:
    rows = [
        row
        for row in result.wall_surface_1s
        if row["window_start_ts_ns"] == (T0 + second) * SECOND
        and (row["side"], row["price_int"]) == (side, ticks * TICK)
    ]
    assert len(rows) <= 1
    return rows[0] if rows else None


def flow(result: OracleResult, second: int, side: str, ticks: int) -> tuple[int, int, int, int]:
    """add, pull, fill and depth at the end."""
    row = wall(result, second, side, ticks)
    return row["add_qty"], row["pull_qty_total"], row["fill_qty"], row["depth_qty_end"]


def radar(result: OracleResult, second: int) -> dict:
    (row,) = (
        row
        for row in result.radar_zone_flow_1s
        if row["window_start_ts_ns"] == (T0 + second) * SECOND
    )
    return row


CLEAR = rec("R")  # an empty, valid book at T0
OPEN = np.concatenate([CLEAR, rec("T", "N", 0, 100, 0)])  # and one that has a spot
BID_5 = rec("A", "B", 1, 100, 5)
