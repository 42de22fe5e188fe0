"""Little books worked out by hand, for the oracle: snapshots, clears, validity and bad data."""

from __future__ import annotations

import numpy as np
import pytest
from little_books import BID_5, CLEAR, OPEN, SECOND, T0, TICK, flow, radar, rec, run, wall

from spymaster_udf.mbo import UNDEF_ORDER_SIZE

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
