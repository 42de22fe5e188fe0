"""Little books worked out by hand, for the oracle: clock, windows, spot, rest and differences."""

from __future__ import annotations

import pytest
from little_books import BID_5, CLEAR, OPEN, SECOND, T0, TICK, flow, rec, run, wall
from mbo_market import UNDEFINED_TS
from oracle_book import OracleResult
from oracle_rows import half_even

# ---- clock and windows ---------------------------------------------------------------------------


def test_clock_never_runs_backwards():
    """Clock: a record whose ts_event lies before the clock belongs to the clock's window."""
    result = run(CLEAR, rec("N", ms=1500), rec("A", "B", 1, 100, 5, ms=200))
    assert [row["message_count"] for row in result.book_snapshot_1s] == [1, 2]
    row = wall(result, 1, "B", 100)
    assert (row["add_qty"], row["depth_qty_rest"]) == (5, 5)  # its age counts from its ts_event


def test_age_is_measured_by_the_clock():
    """Clock: an order's age ends at the clock, not at a ts_event that lies before it."""
    result = run(OPEN, BID_5, rec("N", ms=600), rec("C", "B", 1, 100, 5, ms=100))
    row = wall(result, 0, "B", 100)
    assert (row["pull_qty_total"], row["pull_qty_rest"]) == (5, 5)


def test_boundary_belongs_to_the_next_window():
    """Windows: window w covers [w, w+1) seconds."""
    result = run(
        CLEAR, rec("A", "B", 1, 100, 5, ms=999, ns=999_999), rec("A", "B", 2, 100, 3, ms=1000)
    )
    assert flow(result, 0, "B", 100) == (5, 0, 0, 5)
    assert flow(result, 1, "B", 100) == (3, 0, 0, 8)


def test_idle_windows_are_emitted_and_only_between_first_and_last():
    """Windows: every session window between the first and last record's, busy or not."""
    result = run(rec("R", ms=2000), rec("A", "B", 1, 100, 5, ms=2000), rec("N", ms=5000))
    starts = [row["window_start_ts_ns"] // SECOND - T0 for row in result.book_snapshot_1s]
    assert starts == [2, 3, 4, 5]
    assert [row["message_count"] for row in result.book_snapshot_1s] == [2, 0, 0, 1]
    assert flow(result, 3, "B", 100) == (0, 0, 0, 5)


def test_before_the_session_is_applied_and_after_it_nothing_is():
    """Windows: records before the session build the book; at its end the reading stops."""
    early = rec("A", "B", 1, 100, 5, ms=-3_600_000)
    result = run(
        rec("R", ms=-3_600_000), early, rec("N", ms=7000), rec("A", "B", 2, 99, 1), seconds=3
    )
    assert len(result.book_snapshot_1s) == 3
    assert result.records_applied == 2
    assert flow(result, 0, "B", 100) == (0, 0, 0, 5)
    assert wall(result, 0, "B", 100)["window_valid"] is True
    assert set(result.orders) == {1}


def test_long_silence_before_the_session_keeps_the_history():
    """Windows: idle windows before the session count for the differences like all others."""
    day = 86_400_000
    records = [rec("R", ms=-day), rec("A", "B", 1, 100, 5, ms=-day), rec("C", "B", 1, 100, 2)]
    result = run(*records)
    row = wall(result, 0, "B", 100)
    assert (row["depth_qty_start"], row["depth_qty_end"]) == (5, 3)
    assert [row[f"d{j}_depth_qty"] for j in (1, 2, 3)] == [-2, -2, -2]


def test_undefined_time_falls_back():
    """Clock: an undefined ts_event gives way to ts_recv."""
    result = run(CLEAR, rec("N", ms=1200, ts_event=UNDEFINED_TS))
    assert [row["message_count"] for row in result.book_snapshot_1s] == [1, 1]


def test_no_records():
    """Windows: without a record in the session there is no window."""
    assert run().book_snapshot_1s == []
    assert run(rec("R", ms=60_000)).book_snapshot_1s == []
    assert run(rec("R", ms=-60_000)).book_snapshot_1s == []


# ---- spot and prices -----------------------------------------------------------------------------


def test_spot_ref():
    """Spot: the last trade so far; before one the best bid of a valid book; else NULL."""
    result = run(
        rec("A", "B", 1, 100, 5),
        rec("R", ms=1000),
        rec("A", "B", 1, 100, 5, ms=2000),
        rec("T", "A", 0, 90, 1, ms=3000),
        rec("R", ms=4000, last=False),
    )
    spots = [row["spot_ref_price_int"] for row in result.book_snapshot_1s]
    assert spots == [None, None, 100 * TICK, 90 * TICK, 90 * TICK]
    assert wall(result, 0, "B", 100) is None  # no rows while it is NULL
    assert result.book_snapshot_1s[0]["best_bid_price_int"] == 100 * TICK
    assert len(result.radar_zone_flow_1s) == 3


def test_only_the_past_is_used():
    """Spot: a trade on the boundary is of the next window."""
    result = run(CLEAR, BID_5, rec("T", "A", 0, 90, 1, ms=1000))
    assert result.book_snapshot_1s[0]["spot_ref_price_int"] == 100 * TICK


@pytest.mark.parametrize(
    ("total", "half"), [(4, 2), (5, 2), (7, 4), (1, 0), (3, 2), (0, 0), (-1, 0), (-3, -2), (-5, -2)]
)
def test_half_even(total: int, half: int):
    """Snapshot: mid_price_int rounds half to even, below zero too."""
    assert half_even(total) == half == round(total / 2)


def test_mid_price():
    """Snapshot: mid_price is in price units, mid_price_int half of the sum; NULL on one side."""
    result = run(
        CLEAR,
        rec("A", "B", 1, price=4, size=2),
        rec("A", "A", 2, price=9, size=3, ms=1000),
        tick_int=1,
    )
    first, second = result.book_snapshot_1s
    assert (first["mid_price"], first["mid_price_int"]) == (None, None)
    assert (first["best_ask_price_int"], first["best_ask_qty"], first["best_ask_orders"]) == (
        None,
        0,
        0,
    )
    assert (second["mid_price"], second["mid_price_int"]) == (13 / 2e9, 6)


def test_zero_and_negative_prices():
    """Bad data: prices can be zero or negative; "no price" is NULL, never 0."""
    result = run(
        CLEAR,
        rec("A", "B", 1, -3, 5),
        rec("A", "A", 2, 0, 4),
        rec("A", "A", 3, 2, 4),
        rec("T", "B", 0, -1, 1),
    )
    row = result.book_snapshot_1s[0]
    assert (row["best_bid_price_int"], row["best_ask_price_int"]) == (-3 * TICK, 0)
    assert row["mid_price_int"] == -375_000_000
    assert row["mid_price"] == -0.375
    assert [wall["rel_ticks"] for wall in result.wall_surface_1s] == [1, 3, -2]
    assert result.anomalies == {}


def test_best_quantities():
    """Snapshot: quantity and number of orders at the best prices."""
    result = run(CLEAR, BID_5, rec("A", "B", 2, 100, 3), rec("A", "B", 3, 99, 9))
    row = result.book_snapshot_1s[0]
    assert (row["best_bid_qty"], row["best_bid_orders"]) == (8, 2)


def test_rows_within_the_hud():
    """Walls: rows lie within hud_max_ticks of the spot, at most that far included, in order."""
    result = run(
        CLEAR,
        *(
            rec("A", side, i + 1, t, 1)
            for i, (side, t) in enumerate(
                [("A", 203), ("A", 202), ("A", -2), ("B", 199), ("B", 198), ("B", 197), ("A", -3)]
            )
        ),
        rec("T", "A", 0, 200, 1),
        hud_max_ticks=2,
    )
    keys = [(row["side"], row["price_int"] // TICK) for row in result.wall_surface_1s]
    assert keys == [("A", 202), ("B", 198), ("B", 199)]


def test_level_with_flow_only_has_a_row():
    """Walls: a level that is empty at the end has a row when something moved in the window."""
    result = run(CLEAR, BID_5, rec("A", "B", 2, 90, 1), rec("C", "B", 1, 100, 5), rec("N", ms=1000))
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert wall(result, 1, "B", 100) is None


# ---- rest ----------------------------------------------------------------------------------------


def test_depth_rest_at_the_edge():
    """Walls: depth_qty_rest is depth whose age at the end is at least rest_ns, exactly included."""
    result = run(
        CLEAR,
        rec("A", "B", 1, 100, 5, ms=500),
        rec("A", "B", 2, 100, 3, ms=500, ns=1),
        rec("N", ms=1000),
    )
    assert wall(result, 0, "B", 100)["depth_qty_rest"] == 5
    assert wall(result, 1, "B", 100)["depth_qty_rest"] == 8


def test_pull_rest_at_the_edge():
    """Walls: pull_qty_rest is what was pulled from orders with age >= rest_ns when pulled."""
    adds = [rec("A", "B", n, 100, 10**n) for n in range(4)]
    result = run(
        CLEAR,
        *adds,
        rec("C", "B", 0, 100, 1, ms=499, ns=999_999),
        rec("C", "B", 1, 100, 10, ms=500),
        rec("F", "B", 2, 100, 60, ms=600, last=False),
        rec("C", "B", 2, 100, 100, ms=600),
    )
    row = wall(result, 0, "B", 100)
    assert (row["pull_qty_total"], row["pull_qty_rest"], row["fill_qty"]) == (51, 50, 60)


# ---- differences ---------------------------------------------------------------------------------


def differences(result: OracleResult, side: str, ticks: int) -> list[tuple[int, ...]]:
    return [
        tuple(row[f"d{j}_depth_qty"] for j in (1, 2, 3))
        for row in result.wall_surface_1s
        if (row["side"], row["price_int"]) == (side, ticks * TICK)
    ]


def test_differences_and_their_restart():
    """Walls: 0 from a clear through the first valid window, where D1=D2=D3=D0 starts anew."""
    adds = [rec("A", "B", n, 100, 10**n, ms=1000 * n) for n in range(1, 5)]
    again = [
        rec("R", ms=5000),
        rec("A", "B", 1, 100, 7, ms=5000),
        rec("A", "B", 2, 100, 1, ms=6500),
    ]
    after = rec("A", "B", 3, 100, 2, ms=7500)
    result = run(CLEAR, rec("A", "B", 0, 100, 1), *adds, *again, after)
    assert differences(result, "B", 100) == [
        (0, 0, 0),  # D = 1; the window of the clear
        (0, 0, 0),  # 11, the first valid one: the history starts
        (100, 100, 100),  # 111
        (1000, 900, 800),  # 1111; D3 = D2 = 11
        (10_000, 9000, 8100),  # 11111
        (0, 0, 0),  # 7, cleared
        (0, 0, 0),  # 8, valid
        (2, 2, 2),  # 10
    ]


def test_differences_of_a_level_that_was_empty():
    """Walls: where the level was empty its depth was 0, whether or not it had a row."""
    result = run(CLEAR, BID_5, rec("A", "B", 2, 90, 3, ms=4000), rec("C", "B", 2, 90, 3, ms=5000))
    assert differences(result, "B", 90) == [(3, 3, 3), (-3, -6, -9)]


def test_differences_start_with_the_file():
    """Walls: the file's start is a clear: 0 through the first valid window."""
    result = run(BID_5, rec("A", "B", 2, 100, 2, ms=1000), assume_valid=True)
    assert differences(result, "B", 100) == [(0, 0, 0), (2, 2, 2)]
