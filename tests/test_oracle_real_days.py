"""The oracle on real files: what is known of them, and what a broken rule would show."""

from __future__ import annotations

from little_books import SECOND
from oracle_book import oracle_book
from real_data import ES_TICK_INT, ESH4, ESH4_SNAPSHOT, ESM4, real_mbo

from spymaster_udf.mbo import CANCEL, F_LAST, F_SNAPSHOT, FILL

ESH4_OPEN = 1_703_541_600  # 2023-12-25 22:00:00 UTC
ESM4_START = 1_715_126_400  # 2024-05-08 00:00:00 UTC


def test_esh4_snapshot():
    """Real data: the snapshot of the day before, without R, leaves 8,725 orders."""
    start = 1_703_376_000
    result = oracle_book(
        real_mbo(ESH4_SNAPSHOT),
        tick_int=ES_TICK_INT,
        session_start_ns=start * SECOND,
        session_end_ns=(start + 86_400) * SECOND,
    )
    assert len(result.orders) == result.records_applied == 8725
    assert result.anomalies == {}
    assert [row["book_valid"] for row in result.book_snapshot_1s] == [True]


def test_esh4_day(esh4_oracle):
    """Real data: pre-open, uncross and one hour of trading, without one anomaly."""
    records = real_mbo(ESH4)
    assert int((records["flags"] & F_LAST != 0).sum()) == 47_022
    result = esh4_oracle
    assert result.records_applied == len(records) == 68_792
    assert result.anomalies == {}
    assert result.first_anomaly is None
    assert (result.unknown_modifies, result.unknown_fills) == (0, 7)
    assert len(result.orders) == 11_217

    rows = result.book_snapshot_1s
    assert len(rows) == len(result.radar_zone_flow_1s) == 7200
    assert sum(row["message_count"] for row in rows) == 68_792 - 8725
    assert (rows[-1]["best_bid_price_int"], rows[-1]["best_ask_price_int"]) == (
        4_810_000_000_000,
        4_810_250_000_000,
    )
    uncross = (ESH4_OPEN + 3600) * SECOND
    crossed = [
        row["window_start_ts_ns"]
        for row in rows
        if row["best_bid_price_int"] >= row["best_ask_price_int"]
    ]
    assert crossed
    assert max(crossed) < uncross
    trades = records[records["action"] == ord("T")]
    traded = sum(row[f"trade_{name}_qty"] for row in rows for name in ("buy", "sell", "other"))
    assert traded == int(trades["size"].sum())

    flows = 0
    for row in result.wall_surface_1s:
        change = row["add_qty"] - row["pull_qty_total"] - row["fill_qty"]
        assert row["depth_qty_end"] == row["depth_qty_start"] + change
        flows += row["fill_qty"]
    assert flows > 0
    valid = {row["window_start_ts_ns"] for row in result.wall_surface_1s if row["window_valid"]}
    assert len(valid) == sum(row["book_valid"] for row in rows) - 1


def test_esh4_with_fills_that_reduce():
    """Real data, mutated: if F reduced the book, 5,329 cancels would find no order."""
    records = real_mbo(ESH4).copy()
    records["action"][records["action"] == FILL] = CANCEL
    start = ESH4_OPEN + 7199
    result = oracle_book(
        records,
        tick_int=ES_TICK_INT,
        session_start_ns=start * SECOND,
        session_end_ns=(start + 1) * SECOND,
    )
    # the 7 are F records of orders that are not in the book, cancels only by this mutation
    assert result.anomalies["unknown_cancel"] == 5329 + 7


def test_esm4():
    """Real data: R and 13,600 adds of a snapshot, then two seconds of trading."""
    records = real_mbo(ESM4)
    arguments = {
        "tick_int": ES_TICK_INT,
        "session_start_ns": ESM4_START * SECOND,
        "session_end_ns": (ESM4_START + 2) * SECOND,
        "check_depth": True,
    }
    snapshot = records[records["flags"] & F_SNAPSHOT != 0]
    assert len(oracle_book(snapshot, **arguments).orders) == 13_600
    result = oracle_book(records, **arguments)
    assert result.anomalies == {}
    assert result.records_applied == 13_796
    assert len(result.orders) == 13_598
    first, second = result.book_snapshot_1s
    assert (first["book_valid"], second["book_valid"]) == (True, True)
    assert (second["best_bid_price_int"], second["best_ask_price_int"]) == (
        5_214_000_000_000,
        5_214_250_000_000,
    )
    assert first["best_bid_price_int"] < first["best_ask_price_int"]
    valid = {(r["window_start_ts_ns"], r["window_valid"]) for r in result.wall_surface_1s}
    assert valid == {(ESM4_START * SECOND, False), ((ESM4_START + 1) * SECOND, True)}
