"""What is true of every stream that the oracle runs, and of the streams themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from little_books import SECOND, TICK, run
from mbo_market import BEGINNINGS, ORDER_IDS, START_NS
from mbo_streams import Stream, random_splits, random_stream, streams
from oracle_book import ANOMALY_KINDS, OracleResult, oracle_book
from oracle_rows import RADAR_COLUMNS, SNAPSHOT_COLUMNS, WALL_COLUMNS

from spymaster_udf.mbo import F_SNAPSHOT

FEW = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def without_messages(result: OracleResult) -> list[dict]:
    return [{**row, "message_count": None} for row in result.book_snapshot_1s]


@FEW
@given(streams())
def test_old_and_new_form_give_the_same_surfaces(stream: Stream):
    """Events: with an extra N at the end of an event or without, only message_count differs."""
    old = oracle_book(stream.in_form("old"), **stream.settings)
    new = oracle_book(stream.in_form("new"), **stream.settings)
    assert without_messages(old) == without_messages(new)
    assert old.wall_surface_1s == new.wall_surface_1s
    assert old.radar_zone_flow_1s == new.radar_zone_flow_1s
    assert old.anomalies == new.anomalies
    assert old.orders == new.orders


def windows_with_state(records: np.ndarray) -> set[int]:
    """The windows (their starts) with a clear or a snapshot record: not all in them is flow."""
    windows = set()
    clock = 0
    for record in records[records["instrument_id"] == records["instrument_id"][:1]]:
        snapshot = bool(record["flags"] & F_SNAPSHOT)
        times = (record["ts_recv"],) if snapshot else (record["ts_event"], record["ts_recv"])
        clock = max(clock, next((int(time) for time in times if time < 1 << 63), 0))
        if snapshot or record["action"] == ord("R"):
            windows.add(clock // SECOND * SECOND)
    return windows


@FEW
@given(streams())
def test_conservation(stream: Stream):
    """Conservation: start + add - pull - fill = end for each row of a window without a clear."""
    cleared = windows_with_state(stream.records)
    result = oracle_book(stream.records, check_depth=True, **stream.settings)
    for row in result.wall_surface_1s:
        assert 0 <= row["pull_qty_rest"] <= row["pull_qty_total"]
        assert 0 <= row["depth_qty_rest"] <= row["depth_qty_end"]
        assert row["add_qty"] >= 0 <= row["fill_qty"]
        if row["window_start_ts_ns"] not in cleared:
            assert row["depth_qty_end"] == (
                row["depth_qty_start"] + row["add_qty"] - row["pull_qty_total"] - row["fill_qty"]
            ), row


@FEW
@given(streams())
def test_surfaces_agree_with_each_other(stream: Stream):
    """Rows have the columns in order, depths chain, and radar depth is the walls' depth."""
    result = oracle_book(stream.records, **{**stream.settings, "hud_max_ticks": 20})
    for rows, columns in (
        (result.book_snapshot_1s, SNAPSHOT_COLUMNS),
        (result.wall_surface_1s, WALL_COLUMNS),
        (result.radar_zone_flow_1s, RADAR_COLUMNS),
    ):
        assert all(tuple(row) == columns for row in rows)
    keys = [(r["window_start_ts_ns"], r["side"], r["price_int"]) for r in result.wall_surface_1s]
    assert keys == sorted(set(keys))
    starts = [row["window_start_ts_ns"] for row in result.book_snapshot_1s]
    assert starts == [*range(starts[0], starts[-1] + 1, SECOND)] if starts else True
    depth = {
        key: row["depth_qty_end"] for key, row in zip(keys, result.wall_surface_1s, strict=True)
    }
    for window, side, price in keys:
        if (window + SECOND, side, price) in depth:
            (row,) = (
                r
                for r, key in zip(result.wall_surface_1s, keys, strict=True)
                if key == (window + SECOND, side, price)
            )
            assert row["depth_qty_start"] == depth[window, side, price]
    for row in result.radar_zone_flow_1s:
        window, spot = row["window_start_ts_ns"], row["spot_ref_price_int"]
        asks = [q for (w, s, p), q in depth.items() if w == window and s == "A" and p >= spot]
        bids = [q for (w, s, p), q in depth.items() if w == window and s == "B" and p <= spot]
        assert row["ask_depth_total_end"] == sum(asks)
        assert row["bid_depth_total_end"] == sum(bids)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_streams_without_hostility_are_clean(beginning: str):
    """A well-formed stream has no anomaly, and shows all a market does."""
    seen: set[str] = set()
    for seed in range(8):
        records = random_stream(np.random.default_rng(seed), 150, tick_int=TICK, snapshot=beginning)
        result = oracle_book(
            records,
            tick_int=TICK,
            session_start_ns=START_NS,
            session_end_ns=START_NS + 600 * SECOND,
        )
        assert result.anomalies == {}
        for rows in (result.wall_surface_1s, result.radar_zone_flow_1s):
            for row in rows:
                seen.update(name for name, value in row.items() if value)
    assert seen >= {*WALL_COLUMNS, *RADAR_COLUMNS}


def test_streams_with_hostility_show_every_anomaly():
    """A hostile stream shows each kind of anomaly."""
    seen: set[str] = set()
    for seed in range(8):
        records = random_stream(np.random.default_rng(seed), 150, tick_int=TICK, hostile=0.5)
        assert set(records["order_id"].tolist()) <= set(ORDER_IDS)
        seen |= run(
            records, session_start_ns=START_NS, session_end_ns=START_NS + 600 * SECOND
        ).anomalies.keys()
    assert seen == set(ANOMALY_KINDS)


def test_streams_are_reproducible():
    """The same generator state gives the same stream."""
    one, two = (
        random_stream(np.random.default_rng(5), 100, tick_int=TICK, hostile=0.3) for _ in range(2)
    )
    assert one.tobytes() == two.tobytes()


def test_splits_cover_everything():
    """Splits: in order, without gap or overlap; some empty, some of one record."""
    lengths: set[int] = set()
    for seed in range(50):
        slices = random_splits(np.random.default_rng(seed), 77)
        assert [i for part in slices for i in range(part.start, part.stop)] == list(range(77))
        lengths.update(part.stop - part.start for part in slices)
    assert {0, 1} <= lengths
    assert random_splits(np.random.default_rng(0), 0) in ([], [slice(0, 0)])
