"""Little books worked out by hand, for the oracle: the zone around spot."""

from __future__ import annotations

from little_books import CLEAR, radar, rec, run


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
