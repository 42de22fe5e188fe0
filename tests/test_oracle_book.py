"""Little books worked out by hand, which fix each rule of the book for the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from mbo_streams import (
    BEGINNINGS,
    ORDER_IDS,
    SECOND,
    START_NS,
    UNDEFINED_TS,
    Stream,
    random_splits,
    random_stream,
    streams,
)
from oracle_book import (
    RADAR_COLUMNS,
    SNAPSHOT_COLUMNS,
    WALL_COLUMNS,
    OracleResult,
    half_even,
    oracle_book,
)
from real_data import ES_TICK_INT, ESH4, ESH4_SNAPSHOT, ESM4, real_mbo

from spymaster_udf.mbo import (
    CANCEL,
    F_LAST,
    F_SNAPSHOT,
    FILL,
    RECORD,
    UNDEF_ORDER_SIZE,
    UNDEF_PRICE,
)

TICK = 250_000_000
T0 = 1_700_000_000  # the second in which the little books begin
MS = 1_000_000
FEW = settings(max_examples=60, deadline=None, derandomize=True, database=None)


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


# ---- fills and pulls -------------------------------------------------------------------------


def test_trade_fill_cancel_is_a_fill():
    """Fill or pull: `T F C` of the same size is all fill; F alone changes nothing."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "A", 0, 100, 2, last=False),
        rec("F", "B", 1, 100, 2, last=False),
        rec("C", "B", 1, 100, 2),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 2, 3)
    assert result.book_snapshot_1s[0]["trade_sell_qty"] == 2


def test_trade_fill_modify_is_a_fill():
    """Fill or pull: a modify down to the remaining size after a partial fill is no pull."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "A", 0, 100, 2, last=False),
        rec("F", "B", 1, 100, 2, last=False),
        rec("M", "B", 1, 100, 3),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 2, 3)


def test_sweep():
    """Events: in `T F F C M` every reduction uses what was announced for its own order."""
    result = run(
        CLEAR,
        rec("A", "A", 1, 100, 5),
        rec("A", "A", 2, 101, 9),
        rec("T", "B", 0, 100, 8, last=False),
        rec("F", "A", 1, 100, 5, last=False),
        rec("F", "A", 2, 101, 3, last=False),
        rec("C", "A", 1, 100, 5, last=False),
        rec("M", "A", 2, 101, 6),
    )
    assert flow(result, 0, "A", 100) == (5, 0, 5, 0)
    assert flow(result, 0, "A", 101) == (9, 0, 3, 6)
    assert result.book_snapshot_1s[0]["trade_buy_qty"] == 8


def test_reduction_beyond_what_was_announced_is_a_pull():
    """Fill or pull: the fill goes up to the announced quantity, the rest is a pull."""
    result = run(OPEN, BID_5, rec("F", "B", 1, 100, 2, last=False), rec("C", "B", 1, 100, 5))
    assert flow(result, 0, "B", 100) == (5, 3, 2, 0)


def test_announced_quantity_is_used_once():
    """Fill or pull: what one reduction has used is not there for the next."""
    result = run(
        CLEAR,
        BID_5,
        rec("F", "B", 1, 100, 3, last=False),
        rec("C", "B", 1, 100, 2, last=False),
        rec("C", "B", 1, 100, 2),
    )
    assert flow(result, 0, "B", 100) == (5, 1, 3, 1)


def test_fills_of_one_order_add_up():
    """Fill or pull: two F of one order in one event announce their sum."""
    result = run(
        OPEN,
        BID_5,
        rec("F", "B", 1, 100, 2, last=False),
        rec("F", "N", 1, 100, 3, last=False),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)


def test_announced_remains_lapse_at_last():
    """Fill or pull: an iceberg's refresh leaves announced quantity; it lapses at F_LAST."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "A", 0, 100, 5, last=False),
        rec("F", "B", 1, 100, 5, last=False),
        rec("M", "B", 1, 100, 5),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)


def test_announced_lapses_at_an_extra_n():
    """Events: any record may carry F_LAST, an N too; then the announcement lapses there."""
    result = run(
        OPEN, BID_5, rec("F", "B", 1, 100, 5, last=False), rec("N"), rec("C", "B", 1, 100, 5)
    )
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)


def test_announced_lives_until_last():
    """Events: without F_LAST the event goes on, even over an N."""
    result = run(
        OPEN,
        BID_5,
        rec("F", "B", 1, 100, 5, last=False),
        rec("N", last=False),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)


def test_last_on_the_fill_itself():
    """Fill or pull: an F that carries F_LAST (Nasdaq) holds until the next event's F_LAST."""
    result = run(CLEAR, BID_5, rec("F", "B", 1, 100, 2), rec("C", "B", 1, 100, 2))
    assert flow(result, 0, "B", 100) == (5, 0, 2, 3)


def test_last_on_the_fill_lapses_at_the_next_last():
    """Fill or pull: a whole event between such an F and the cancel makes the cancel a pull."""
    between = rec("A", "B", 2, 90, 1)
    result = run(CLEAR, BID_5, rec("F", "B", 1, 100, 2), between, rec("C", "B", 1, 100, 2))
    assert flow(result, 0, "B", 100) == (5, 2, 0, 3)


def test_next_fill_with_last_replaces_the_one_before():
    """Fill or pull: of two F in a row, both with F_LAST, only the second is still announced."""
    result = run(
        OPEN,
        BID_5,
        rec("A", "B", 2, 99, 5),
        rec("F", "B", 1, 100, 5),
        rec("F", "B", 2, 99, 1),
        rec("C", "B", 1, 100, 5, last=False),
        rec("C", "B", 2, 99, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert flow(result, 0, "B", 99) == (5, 4, 1, 0)


def test_orders_are_not_found_by_the_price_of_a_fill():
    """Fill or pull: an auction prints one price; the fill belongs to the order, at its own."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "N", 0, 98, 5, last=False),
        rec("F", "N", 1, 98, 5, last=False),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)
    assert wall(result, 0, "B", 98) is None
    snapshot = result.book_snapshot_1s[0]
    assert snapshot["last_trade_price_int"] == 98 * TICK
    assert snapshot["trade_other_qty"] == 5


def test_fill_printed_twice_is_not_volume():
    """Fill or pull: traded volume comes from T alone, and the order loses what it has."""
    fill = rec("F", "B", 1, 100, 5, last=False)
    trade = rec("T", "A", 0, 100, 5, last=False)
    result = run(CLEAR, BID_5, trade, fill, fill, rec("C", "B", 1, 100, 5))
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)
    assert result.book_snapshot_1s[0]["trade_sell_qty"] == 5


def test_fill_of_an_unknown_order():
    """Bad data: an F for an order that is not in the book is normal, and only counted."""
    result = run(CLEAR, rec("F", "B", 77, 100, 5), BID_5)
    assert result.unknown_fills == 1
    assert result.anomalies == {}


# ---- actions -------------------------------------------------------------------------------------


def test_partial_cancel():
    """Actions: C reduces by its size, and removes at 0."""
    result = run(OPEN, BID_5, rec("C", "B", 1, 100, 2, ms=10), rec("C", "B", 1, 100, 3, ms=1000))
    assert flow(result, 0, "B", 100) == (5, 2, 0, 3)
    assert wall(result, 0, "B", 100)["order_count_end"] == 1
    assert flow(result, 1, "B", 100) == (0, 3, 0, 0)
    assert result.orders == {}


def test_resize_keeps_age_and_counts_the_difference():
    """Actions: a size change at the same price pulls or adds the difference; the age goes on."""
    result = run(CLEAR, BID_5, rec("M", "B", 1, 100, 9, ms=900), rec("M", "B", 1, 100, 2, ms=1900))
    assert flow(result, 0, "B", 100) == (9, 0, 0, 9)
    assert wall(result, 0, "B", 100)["depth_qty_rest"] == 9
    assert flow(result, 1, "B", 100) == (0, 7, 0, 2)
    assert wall(result, 1, "B", 100)["pull_qty_rest"] == 7


def test_price_change_is_a_pull_and_an_add():
    """Walls: a price change pulls the old quantity, adds the new one, and restarts the age."""
    result = run(CLEAR, BID_5, rec("M", "B", 1, 101, 7, ms=900))
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert flow(result, 0, "B", 101) == (7, 0, 0, 7)
    assert wall(result, 0, "B", 100)["pull_qty_rest"] == 5
    assert wall(result, 0, "B", 101)["depth_qty_rest"] == 0


def test_price_change_after_a_partial_fill():
    """Fill or pull: a price change is a reduction too: first what was announced, then a pull."""
    fill = rec("F", "B", 1, 100, 2, last=False)
    result = run(CLEAR, BID_5, fill, rec("M", "B", 1, 99, 3))
    assert flow(result, 0, "B", 100) == (5, 3, 2, 0)
    assert flow(result, 0, "B", 99) == (3, 0, 0, 3)


def test_side_change_removes_and_inserts():
    """Actions: an M that changes the side removes the order and inserts it; it is no reprice."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "N", 0, 100, 1),
        rec("M", "A", 1, 101, 4, ms=1900),
    )
    assert flow(result, 1, "B", 100) == (0, 5, 0, 0)
    assert flow(result, 1, "A", 101) == (4, 0, 0, 4)
    row = radar(result, 1)
    assert (row["bid_pull_rest_qty"], row["ask_add_qty"]) == (5, 4)
    assert not any(value for name, value in row.items() if "reprice" in name)


def test_unknown_modify_is_an_add():
    """Actions: M of an unknown order is treated as A, and is no anomaly."""
    result = run(CLEAR, rec("M", "B", 9, 100, 4))
    assert flow(result, 0, "B", 100) == (4, 0, 0, 4)
    assert (result.unknown_modifies, result.anomalies) == (1, {})


def test_trade_and_none_leave_the_book():
    """Actions: T, F and N have no effect on the book."""
    result = run(CLEAR, BID_5, rec("T", "A", 1, 100, 5), rec("F", "B", 1, 100, 5), rec("N"))
    assert flow(result, 0, "B", 100) == (5, 0, 0, 5)


def test_size_zero_does_not_rest():
    """An order of quantity 0 does not rest: A inserts nothing, M to 0 removes."""
    result = run(
        OPEN, BID_5, rec("A", "B", 2, 99, 0), rec("M", "B", 3, 99, 0), rec("M", "B", 1, 100, 0)
    )
    assert result.orders == {}
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert wall(result, 0, "B", 99) is None


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


# ---- snapshots, clears, validity -----------------------------------------------------------------


def snap(action: str, side: str = "N", *args: int, recv: int, last: bool = False) -> np.ndarray:
    """A snapshot record: entered two days before, received `recv` ms after T0."""
    return rec(action, side, *args, ms=-2 * 86_400_000, recv_ms=recv, last=last, snapshot=True)


def test_snapshot_with_r():
    """Validity: after the snapshot's F_LAST the book is valid; its adds are state, not flow."""
    result = run(
        snap("R", recv=0),
        snap("A", "B", 1, 100, 5, recv=0),
        snap("A", "A", 2, 101, 4, recv=0, last=True),
        rec("N", ms=1000),
    )
    assert [row["book_valid"] for row in result.book_snapshot_1s] == [True, True]
    row = wall(result, 0, "B", 100)
    assert (row["add_qty"], row["depth_qty_end"], row["window_valid"]) == (0, 5, False)
    assert row["depth_qty_rest"] == 5  # its age counts from the time it was entered
    assert wall(result, 1, "B", 100)["window_valid"] is True
    assert radar(result, 0)["bid_add_qty"] == 0
    assert result.book_snapshot_1s[0]["message_count"] == 3


@pytest.mark.parametrize("leading_r", [False, True])
def test_snapshot_clears_the_book(leading_r: bool):
    """Validity: with or without R, a snapshot clears what rested; that is not a pull."""
    records = [snap("R", recv=1000)] if leading_r else []
    result = run(
        CLEAR, BID_5, *records, snap("A", "B", 2, 99, 4, recv=1000, last=True), rec("N", ms=2000)
    )
    assert set(result.orders) == {2}
    assert result.anomalies == {}
    assert wall(result, 1, "B", 100) is None
    assert flow(result, 1, "B", 99) == (0, 0, 0, 4)
    row = radar(result, 1)
    assert (row["bid_depth_total_start"], row["bid_pull_rest_qty"]) == (0, 0)


def test_snapshot_without_last_ends_at_the_first_other_record():
    """Validity: a snapshot without F_LAST ends at the first record without F_SNAPSHOT."""
    result = run(
        snap("A", "B", 1, 100, 5, recv=0),
        rec("A", "B", 2, 99, 1, ms=3000, last=False),
        rec("N", ms=4000),
    )
    assert [row["book_valid"] for row in result.book_snapshot_1s] == [
        False,
        False,
        False,
        True,
        True,
    ]
    assert [row["window_valid"] for row in result.wall_surface_1s] == [False, False, True, True]


def test_snapshot_crossing_a_boundary():
    """Validity: a window that begins within a snapshot, or ends in one, is not valid."""
    result = run(
        CLEAR,
        rec("T", "A", 0, 100, 1),
        snap("A", "B", 1, 100, 5, recv=1900),
        snap("A", "B", 2, 99, 4, recv=2100, last=True),
        rec("N", ms=3000),
    )
    assert [row["book_valid"] for row in result.book_snapshot_1s] == [True, False, True, True]
    assert wall(result, 1, "B", 100)["window_valid"] is False
    assert wall(result, 2, "B", 100)["window_valid"] is False
    assert wall(result, 3, "B", 100)["window_valid"] is True


def test_snapshot_after_a_snapshot():
    """Validity: after a snapshot's F_LAST the next F_SNAPSHOT record starts another."""
    result = run(
        snap("A", "B", 1, 100, 5, recv=0, last=True), snap("A", "B", 2, 99, 4, recv=0, last=True)
    )
    assert set(result.orders) == {2}


def test_snapshot_clock_is_its_arrival():
    """Clock: a snapshot record counts in the window of its ts_recv."""
    result = run(rec("N"), snap("A", "B", 1, 100, 5, recv=2500, last=True))
    assert [row["message_count"] for row in result.book_snapshot_1s] == [1, 0, 1]


def test_clear_without_snapshot():
    """Validity: R clears; the book is valid and empty from that event's F_LAST on; no pull."""
    result = run(
        CLEAR,
        BID_5,
        rec("T", "A", 0, 100, 1),
        rec("R", ms=1000, last=False),
        rec("A", "B", 2, 99, 4, ms=2000, last=False),
        rec("N", ms=3000),
        rec("N", ms=4000),
    )
    assert [row["book_valid"] for row in result.book_snapshot_1s] == [
        True,
        False,
        False,
        True,
        True,
    ]
    assert wall(result, 1, "B", 100) is None
    assert flow(result, 2, "B", 99) == (4, 0, 0, 4)  # flow it is, if not yet valid
    assert wall(result, 3, "B", 99)["window_valid"] is False
    assert wall(result, 4, "B", 99)["window_valid"] is True
    assert radar(result, 1)["bid_depth_total_start"] == 5  # the depth before the clear


def test_a_slice_is_never_valid_on_its_own():
    """Validity: without snapshot or clear only `assume_valid` makes a book valid."""
    records = [BID_5, rec("C", "B", 5, 99, 1), rec("N", ms=1000)]
    plain = run(*records)
    assert [row["book_valid"] for row in plain.book_snapshot_1s] == [False, False]
    assert plain.book_snapshot_1s[0]["best_bid_price_int"] == 100 * TICK
    assert plain.wall_surface_1s == []
    assert plain.first_anomaly == (1, T0 * SECOND, 5, "unknown_cancel")

    assumed = run(*records, assume_valid=True)
    assert [row["window_valid"] for row in assumed.wall_surface_1s] == [True, True]
    assert assumed.anomalies == {"unknown_cancel": 1}
    assert assumed.first_anomaly is None


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


# ---- bad data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("other_instrument", rec("A", "B", 9, 100, 1, instrument_id=2)),
        ("unknown_action", rec("X", "B", 9, 100, 1)),
        ("undefined_size", rec("A", "B", 9, 100, UNDEF_ORDER_SIZE)),
        ("undefined_size", rec("C", "B", 1, 100, UNDEF_ORDER_SIZE)),
        ("undefined_size", rec("F", "B", 1, 100, UNDEF_ORDER_SIZE)),
        ("undefined_price", rec("A", "B", 9, None, 1)),
        ("undefined_price", rec("M", "B", 1, None, 1)),
        ("undefined_price", rec("T", "B", 0, None, 1)),
        ("off_tick", rec("A", "B", 9, size=1, price=100 * TICK + 1)),
        ("off_tick", rec("M", "B", 1, size=1, price=-1)),
        ("off_tick", rec("T", "B", 0, size=1, price=TICK // 2)),
        ("undefined_side", rec("A", "N", 9, 100, 1)),
        ("undefined_side", rec("M", "N", 1, 100, 1)),
        ("unknown_cancel", rec("C", "B", 9, 100, 1)),
        ("undefined_size", rec("A", "N", 9, None, UNDEF_ORDER_SIZE)),  # the first that applies
    ],
)
def test_bad_record_is_counted_and_skipped(kind: str, bad: np.ndarray):
    """Bad data: a record that cannot be applied is counted by kind, named, and skipped."""
    result = run(CLEAR, BID_5, bad)
    assert result.anomalies == {kind: 1}
    assert result.first_anomaly == (2, T0 * SECOND, int(bad["order_id"][0]), kind)
    assert flow(result, 0, "B", 100) == (5, 0, 0, 5)
    assert result.book_snapshot_1s[0]["last_trade_price_int"] is None
    others = kind == "other_instrument"
    assert result.records_applied == (2 if others else 3)
    assert result.book_snapshot_1s[0]["message_count"] == (2 if others else 3)


def test_duplicate_add_replaces():
    """Bad data: a duplicate A pulls the old order, even one announced, and adds the new one."""
    fill = rec("F", "B", 1, 100, 5, last=False)
    result = run(CLEAR, BID_5, fill, rec("A", "B", 1, 100, 7))
    assert flow(result, 0, "B", 100) == (12, 5, 0, 7)
    assert result.anomalies == {"duplicate_add": 1}


def test_over_reduction_takes_what_is_left():
    """Bad data: a reduction below zero takes what is left."""
    result = run(OPEN, BID_5, rec("C", "B", 1, 100, 9))
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)
    assert result.anomalies == {"over_reduction": 1}


def test_skipped_record_still_ends_its_event():
    """Bad data: the F_LAST of a skipped record counts: announcements lapse, a clear is over."""
    bad = rec("A", "N", 9, 100, 1)
    result = run(
        rec("T", "N", 0, 100, 0),
        rec("R", last=False),
        bad,
        BID_5,
        rec("F", "B", 1, 100, 5, last=False),
        bad,
        rec("C", "B", 1, 100, 5),
    )
    assert result.book_snapshot_1s[0]["book_valid"] is True
    assert flow(result, 0, "B", 100) == (5, 5, 0, 0)


def test_other_instrument_is_ignored_wholly():
    """Bad data: another instrument's record moves neither clock nor event nor snapshot."""
    other = {"instrument_id": 2}
    result = run(
        OPEN,
        BID_5,
        rec("F", "B", 1, 100, 5, last=False),
        rec("R", ms=9000, **other),
        rec("A", "B", 1, 100, 5, snapshot=True, **other),
        rec("C", "B", 1, 100, 5),
    )
    assert flow(result, 0, "B", 100) == (5, 0, 5, 0)
    assert len(result.book_snapshot_1s) == 1
    assert result.anomalies == {"other_instrument": 2}


# ---- radar ---------------------------------------------------------------------------------------


def test_radar_zone_depths():
    """Radar: the zone is 0 <= k <= 20 on either side of the spot, in four buckets."""
    asks = [rec("A", "A", 1 + k, 100 + k, 1 << k) for k in range(22)]
    bids = [rec("A", "B", 50 + k, 100 - k, 1 << k) for k in range(22)]
    through = [rec("A", "A", 101, 99, 77), rec("A", "B", 102, 101, 77)]  # not in the zone
    result = run(CLEAR, *asks, *bids, *through, rec("T", "A", 0, 100, 1), rec("N", ms=1000))
    for second, at in ((0, "end"), (1, "start"), (1, "end")):
        row = radar(result, second)
        for side in ("ask", "bid"):
            depth = {
                b: row[f"{side}_depth_{b}_{at}"] for b in ("total", "at", "near", "mid", "far")
            }
            assert depth == {
                "total": (1 << 21) - 1,
                "at": 0b111,
                "near": 0b111_000,
                "mid": (1 << 15) - (1 << 6),
                "far": (1 << 21) - (1 << 15),
            }
            moment = sum(k << k for k in range(21))
            assert row[f"{side}_com_ticks_{at}"] == moment / ((1 << 21) - 1)
            assert row[f"{side}_bbo_ticks_end"] == 0
    assert radar(result, 0)["ask_com_ticks_start"] == 20.0


def test_radar_empty_zone():
    """Radar: an empty zone has its centre of mass and its best price at 20 ticks."""
    row = radar(run(CLEAR, rec("T", "A", 0, 100, 1), rec("A", "A", 1, 121, 5)), 0)
    assert (row["ask_com_ticks_end"], row["ask_bbo_ticks_end"]) == (20.0, 20)
    assert isinstance(row["ask_com_ticks_end"], float)
    assert row["ask_depth_total_end"] == row["ask_add_qty"] == 0


def test_radar_measures_everything_against_the_spot_at_the_end():
    """Radar: both ends and all flows use this window's spot, also what came before its trade."""
    result = run(
        CLEAR,
        rec("T", "A", 0, 100, 1),
        rec("A", "A", 1, 104, 5),
        rec("A", "A", 2, 130, 3, ms=1100),
        rec("T", "B", 0, 125, 1, ms=1900),
    )
    row = radar(result, 1)
    assert (row["ask_depth_total_start"], row["ask_depth_total_end"], row["ask_add_qty"]) == (
        0,
        3,
        3,
    )


def test_radar_reprice():
    """Radar: toward the spot is at it, through it or nearer; all else is away."""
    start = [rec("A", "A", n, 100 + n, 10**n) for n in (1, 2, 3, 4, 5)]
    result = run(
        CLEAR,
        rec("T", "A", 0, 100, 1),
        *start,
        rec("M", "A", 1, 99, 10, ms=1500),  # through the spot: toward, and out of the zone
        rec("M", "A", 2, 100, 100, ms=1500),  # to the spot: toward
        rec("M", "A", 3, 102, 1, ms=1500),  # nearer: toward, with its old quantity
        rec("M", "A", 4, 130, 10_000, ms=1500),  # out of the zone: away
        rec("M", "A", 5, 106, 100_000, ms=1500),  # farther: away
    )
    row = radar(result, 1)
    assert row["ask_reprice_toward_rest_qty"] == 1110
    assert row["ask_reprice_away_rest_qty"] == 110_000
    # negative D: order 1 (left the zone), 3 (999 less) and 4 (left it)
    assert row["ask_pull_rest_qty"] == 10 + 999 + 10_000
    assert row["ask_pull_rest_qty_at"] == 10
    assert row["ask_pull_rest_qty_near"] == 999 + 10_000
    assert row["ask_add_qty"] == 0


def test_radar_young_orders_make_no_rest_flow():
    """Radar: pulls and reprices count only for orders with age >= rest_ns, exactly included."""
    result = run(
        CLEAR,
        rec("T", "A", 0, 100, 1),
        rec("A", "B", 1, 99, 1),
        rec("A", "B", 2, 99, 10),
        rec("M", "B", 1, 98, 1, ms=499),
        rec("M", "B", 2, 98, 10, ms=500),
        rec("C", "B", 1, 98, 1, ms=998),  # 499 ms after its price changed
    )
    row = radar(result, 0)
    assert (row["bid_reprice_away_rest_qty"], row["bid_pull_rest_qty"]) == (10, 0)
    assert row["bid_add_qty"] == 11


def test_radar_pull_is_less_what_was_fill():
    """Radar: pull_rest is the negative D less the record's fill, never below 0."""
    result = run(
        CLEAR,
        rec("T", "A", 0, 100, 1),
        rec("A", "B", 1, 100, 9),
        rec("A", "B", 2, 95, 9),
        rec("F", "B", 1, 100, 4, ms=1000, last=False),
        rec("C", "B", 1, 100, 9, ms=1000),
        rec("F", "B", 2, 95, 9, ms=1000, last=False),
        rec("M", "B", 2, 96, 7, ms=1000),  # D = -2, its fill is 9
    )
    row = radar(result, 1)
    assert (row["bid_pull_rest_qty"], row["bid_pull_rest_qty_at"]) == (5, 5)
    assert row["bid_pull_rest_qty_near"] == 0


def test_radar_duplicate_add():
    """Radar: a duplicate A is one record; what grows is added, what shrinks goes nowhere."""
    result = run(
        CLEAR,
        rec("T", "A", 0, 100, 1),
        rec("A", "B", 1, 100, 9),
        rec("A", "B", 2, 99, 9),
        rec("A", "B", 1, 99, 12, ms=1000),
        rec("A", "B", 2, 99, 1, ms=1000),
    )
    row = radar(result, 1)
    assert (row["bid_add_qty"], row["bid_pull_rest_qty"]) == (3, 0)
    assert row["bid_reprice_away_rest_qty"] == 0


# ---- any stream ----------------------------------------------------------------------------------


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
    assert seen == {
        "other_instrument",
        "unknown_action",
        "undefined_size",
        "undefined_price",
        "off_tick",
        "undefined_side",
        "unknown_cancel",
        "duplicate_add",
        "over_reduction",
    }


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


# ---- real files ----------------------------------------------------------------------------------

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
