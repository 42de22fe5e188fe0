"""Small cases worked out by hand, which fix each rule of the physics layer for its reference."""

from __future__ import annotations

import random

import pytest
from physics_reference import (
    BAND_COLUMNS,
    METRICS,
    SCORE_COLUMNS,
    SECOND,
    Row,
    assert_same_rows,
    calibration,
    calibration_of_sessions,
    physics_bands,
    physics_surface,
    quantile,
    vacuum_surface,
)

TICK = 250_000_000
SPOT = 20_000 * TICK  # 5000.00
T0 = 1_700_000_000
LN2 = 0.6931471805599453
LN3 = 1.0986122886681098
LN5 = 1.6094379124341003
UNIT = dict.fromkeys(METRICS, (0.0, 1.0))
WIDE = {  # neutral values lie inside, as in a real calibration
    "pull_add_log": (-2.0, 2.0),
    "log1p_pull_intensity_rest": (0.0, 1.0),
    "log1p_erosion_norm": (0.0, 2.0),
    "d2_pull_add_log": (-1.0, 3.0),
    "wall_strength_log": (0.0, 4.0),
}
EMPTY_SCORE = 0.1875  # with WIDE: (0.5 + 0 + 0 + 0.25) / 4


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def times(second: int) -> Row:
    start = (T0 + second) * SECOND
    return {"window_start_ts_ns": start, "window_end_ts_ns": start + SECOND}


def wall(second: int, side: str, ticks: int, **values: object) -> Row:
    """A wall row `ticks` from the spot; what is not given is 0."""
    return {
        **times(second),
        "price_int": SPOT + ticks * TICK,
        "side": side,
        "spot_ref_price_int": SPOT,
        "rel_ticks": ticks,
        "depth_qty_start": 0,
        "depth_qty_end": 0,
        "add_qty": 0,
        "pull_qty_total": 0,
        "depth_qty_rest": 0,
        "pull_qty_rest": 0,
        "fill_qty": 0,
        "d1_depth_qty": 0,
        "window_valid": True,
        **values,
    }


def book(second: int, bid: int | None = -1, ask: int | None = 1, spot: int | None = SPOT) -> Row:
    """A book row whose best prices are ticks from 5000.00."""
    both = bid is not None and ask is not None
    return {
        **times(second),
        "best_bid_price_int": None if bid is None else SPOT + bid * TICK,
        "best_ask_price_int": None if ask is None else SPOT + ask * TICK,
        "mid_price": 5000 + 0.125 * (bid + ask) if both else None,
        "mid_price_int": SPOT + (bid + ask) * TICK // 2 if both else None,
        "spot_ref_price_int": spot,
    }


# vacuum_surface


def test_vacuum_of_one_row() -> None:
    """Every formula once, with eps = 1, on a level that lost 4 of 9 contracts."""
    row = wall(
        0,
        "A",
        3,
        depth_qty_start=9,
        depth_qty_end=5,
        pull_qty_total=6,
        pull_qty_rest=5,
        add_qty=2,
        depth_qty_rest=4,
        d1_depth_qty=-4,
        window_valid=False,
    )
    (found,) = vacuum_surface([row], WIDE)
    assert found == {
        **times(0),
        "price_int": SPOT + 3 * TICK,
        "side": "A",
        "spot_ref_price_int": SPOT,
        "rel_ticks": 3,
        "pull_intensity_rest": 0.5,  # 5/10
        "pull_add_log": near(LN2),  # ln(6/3)
        "d1_pull_add_log": near(LN2),
        "d2_pull_add_log": near(LN2),
        "d3_pull_add_log": near(LN2),
        "wall_strength_log": near(LN5),
        "wall_erosion": 4,
        # 0.673286795… = (ln 2 + 2)/4, ln 1.5, ln 1.4 / 2, 0.423286795… = (ln 2 + 1)/4
        "vacuum_score": near(
            (0.6732867951399863 + 0.4054651081081644 + 0.1682361183106064 + 0.4232867951399863) / 4
        ),
        "window_valid": False,
    }


def test_growing_level_does_not_erode() -> None:
    """wall_erosion is max(-d1_depth_qty, 0)."""
    (found,) = vacuum_surface([wall(0, "A", 0, d1_depth_qty=7)], WIDE)
    assert found["wall_erosion"] == 0


def test_differences_of_the_first_windows() -> None:
    """Windows before the first count as no flow: 0, 0, 0, then ln 2, 0, -ln 2, ln 3."""
    flows = [{"pull_qty_rest": 1}, {}, {"add_qty": 1}, {"pull_qty_rest": 2}]
    found = vacuum_surface([wall(n, "B", -2, **flow) for n, flow in enumerate(flows)], WIDE)
    assert [row["pull_add_log"] for row in found] == [near(LN2), 0, near(-LN2), near(LN3)]
    assert [row["d1_pull_add_log"] for row in found] == [
        near(LN2),
        near(-LN2),
        near(-LN2),
        near(LN3 + LN2),
    ]
    assert [row["d2_pull_add_log"] for row in found] == [
        near(LN2),
        near(-2 * LN2),
        near(0),
        near(LN3 + 2 * LN2),
    ]
    assert [row["d3_pull_add_log"] for row in found] == [
        near(LN2),
        near(-3 * LN2),
        near(2 * LN2),
        near(LN3 + 2 * LN2),
    ]


def test_differences_over_missing_rows() -> None:
    """A window without a row of the same side and price is no flow; other levels do not count."""
    rows = [
        wall(0, "A", 1, pull_qty_rest=1),
        wall(2, "A", 2, pull_qty_rest=8),
        wall(2, "B", 1, pull_qty_rest=8),
        wall(3, "A", 1, pull_qty_rest=2),
    ]
    found = vacuum_surface(rows, WIDE)[-1]
    assert found["d1_pull_add_log"] == near(LN3)
    assert found["d2_pull_add_log"] == near(LN3)
    assert found["d3_pull_add_log"] == near(LN3 - LN2)


def test_same_price_with_another_spot_is_the_same_level() -> None:
    """Differences go by price, not by the distance from the spot."""
    moved = wall(1, "A", 1, pull_qty_rest=1)
    moved.update(rel_ticks=5, spot_ref_price_int=SPOT - 4 * TICK)
    found = vacuum_surface([wall(0, "A", 1, pull_qty_rest=1), moved], WIDE)
    assert found[1]["d1_pull_add_log"] == near(0)


def test_norm_clips() -> None:
    """All four values above q95 give 1, all four below q05 give 0."""
    row = wall(0, "A", 0, pull_qty_rest=99, d1_depth_qty=-99)
    assert vacuum_surface([row], UNIT)[0]["vacuum_score"] == 1
    high = dict.fromkeys(METRICS, (50.0, 60.0))
    assert vacuum_surface([row], high)[0]["vacuum_score"] == 0


def test_equal_quantiles_normalise_over_one() -> None:
    """q95 = q05 = 0.25 normalises with 0.25..1.25; ln 2 lies at 0.443147…"""
    equal = {**UNIT, "pull_add_log": (0.25, 0.25), "d2_pull_add_log": (5.0, 6.0)}
    row = wall(0, "A", 0, pull_qty_rest=1, depth_qty_start=9)
    assert vacuum_surface([row], equal)[0]["vacuum_score"] == near(
        (0.4431471805599453 + 0.0953101798043249) / 4  # ln 2 - 0.25, ln 1.1
    )


@pytest.mark.parametrize(
    "bounds", [(float("nan"), 1.0), (0.0, float("inf")), (float("-inf"), 0.0), (1.0, 0.5)]
)
def test_bad_bounds_are_an_error(bounds: tuple[float, float]) -> None:
    """NaN, infinite or inverted bounds."""
    with pytest.raises(ValueError, match="d2_pull_add_log"):
        vacuum_surface([], {**UNIT, "d2_pull_add_log": bounds})


# calibration


def test_quantiles_interpolate() -> None:
    """q of n sorted values lies at q·(n - 1): 0.05·4 = 0.2 and 0.95·4 = 3.8."""
    assert quantile([0.0, 10.0, 20.0, 30.0, 50.0], 5) == near(2.0)
    assert quantile([0.0, 10.0, 20.0, 30.0, 50.0], 95) == near(46.0)
    assert quantile([float(n) for n in range(101)], 5) == 5.0
    assert quantile([7.0], 95) == 7.0


def test_calibration_without_rows() -> None:
    """No row that says anything: 0, 1 and no sample."""
    nothing = dict.fromkeys(METRICS, (0.0, 1.0, 0))
    assert calibration([]) == nothing
    assert calibration([wall(0, "A", 1)]) == nothing
    busy = wall(0, "A", 1, add_qty=1, pull_qty_total=1, pull_qty_rest=1, d1_depth_qty=-1)
    assert calibration([{**busy, "window_valid": False}]) == nothing


def test_calibration_takes_rows_that_say_something() -> None:
    """Each metric has rows of its own; a fill alone is flow, with a pull_add_log of 0."""
    rows = [
        wall(0, "A", 1, fill_qty=1),
        wall(0, "A", 2, add_qty=1),
        wall(0, "A", 3, pull_qty_total=3, pull_qty_rest=1, depth_qty_start=9),
        wall(0, "A", 4, pull_qty_total=3),  # of young orders only
        wall(0, "A", 5, d1_depth_qty=-1, depth_qty_start=3),
        wall(0, "A", 6, depth_qty_rest=1),
    ]
    found = calibration(rows)
    # of -ln 2, 0, 0, ln 2: at 0.15 and 2.85 of 0..3
    flow = (near(-0.85 * LN2), near(0.85 * LN2), 4)
    assert found["pull_add_log"] == flow
    assert found["d2_pull_add_log"] == flow
    assert found["log1p_pull_intensity_rest"] == (near(0.0953101798043249),) * 2 + (1,)
    assert found["log1p_erosion_norm"] == (near(0.22314355131420976),) * 2 + (1,)  # ln 1.25
    assert found["wall_strength_log"] == (near(LN2), near(LN2), 1)
    assert found["gex_abs"] == (0.0, 1.0, 0)


def test_invalid_windows_are_history_but_no_sample() -> None:
    """d2 of the valid window, ln 2 - 2 ln 2, looks back at the invalid one."""
    rows = [
        wall(0, "A", 1, pull_qty_total=1, pull_qty_rest=1, window_valid=False),
        wall(1, "A", 1, pull_qty_total=1, pull_qty_rest=1),
    ]
    assert calibration(rows)["d2_pull_add_log"] == (near(-LN2), near(-LN2), 1)


def test_calibration_of_sessions_pools_rows() -> None:
    """Quantiles over the rows of both; the second session's differences start from no flow."""
    first = [wall(0, "A", 1, pull_qty_total=1, pull_qty_rest=1)]
    second = [wall(1, "A", 1, pull_qty_total=1, pull_qty_rest=2)]
    found = calibration_of_sessions([first, second])
    expected = (near(0.95 * LN2 + 0.05 * LN3), near(0.05 * LN2 + 0.95 * LN3), 2)
    assert found["pull_add_log"] == expected
    assert found["d2_pull_add_log"] == expected  # not ln 3 - 2 ln 2
    assert calibration(first + second)["d2_pull_add_log"][0] != expected[0]


# physics_bands


def test_bands_without_levels() -> None:
    """Empty bands: no strength, no erosion, the vacuum of an empty level; easy to cross."""
    (found,) = physics_bands([book(0)], [], WIDE)
    assert found.keys() == {
        *times(0),
        "spot_ref_price_int",
        "mid_price",
        "mid_price_int",
        *BAND_COLUMNS,
        *SCORE_COLUMNS,
    }
    for band in ("above_at", "above_far", "below_near", "below_mid"):
        assert found[f"{band}_wall_strength_norm"] == 0
        assert found[f"{band}_wall_erosion_norm"] == 0
        assert found[f"{band}_vacuum_norm"] == near(EMPTY_SCORE)
    assert found["above_score"] == near(0.24375)  # 0.5 · 0.1875 + 0.15
    assert found["vacuum_total_score"] == near(0.24375)
    assert (found["mid_price"], found["mid_price_int"]) == (5000.0, SPOT)


def test_bands_average_over_all_their_ticks() -> None:
    """One level with one band: the other ticks are empty, and each side counts on its own."""
    level = {"depth_qty_rest": 4, "depth_qty_start": 9, "d1_depth_qty": -4}
    rows = [
        wall(0, "A", 2, **level),
        wall(0, "A", 20, **level),
        wall(0, "A", 21, depth_qty_rest=10**6),  # beyond the bands
        wall(0, "A", -1, depth_qty_rest=10**6),  # an ask below the spot
        wall(0, "B", -5, **level),
        wall(0, "B", 3, depth_qty_rest=10**6),  # a bid above the spot
        wall(1, "A", 6, depth_qty_rest=10**6),  # another window
    ]
    (found,) = physics_bands([book(0)], rows, WIDE)
    ln_1_4 = 0.3364722366212129
    score = EMPTY_SCORE + ln_1_4 / 8
    for band, ticks in (("above_at", 3), ("above_far", 6), ("below_near", 3)):
        assert found[f"{band}_wall_strength_norm"] == near(LN5 / ticks / 4)
        assert found[f"{band}_wall_erosion_norm"] == near(ln_1_4 / ticks / 2)
        assert found[f"{band}_vacuum_norm"] == near(((ticks - 1) * EMPTY_SCORE + score) / ticks)
    for band in ("above_near", "above_mid", "below_at", "below_mid", "below_far"):
        assert found[f"{band}_wall_strength_norm"] == 0
        assert found[f"{band}_vacuum_norm"] == near(EMPTY_SCORE)
    # what the level changes: 0.5 · ln 1.4/24 + 0.35 · ln 1.4/6 - 0.15 · ln 5/12
    change = 0.5 * ln_1_4 / 24 + 0.35 * ln_1_4 / 6 - 0.15 * LN5 / 12
    assert found["above_score"] == near(0.24375 + 0.6 * change)
    assert found["below_score"] == near(0.24375 + 0.4 * change)
    assert found["vacuum_total_score"] == near(0.24375 + 0.5 * change)


def test_spot_tick_belongs_to_both_at_bands() -> None:
    """rel_ticks 0 is above for an ask and below for a bid."""
    for side, band, other in (("A", "above_at", "below_at"), ("B", "below_at", "above_at")):
        (found,) = physics_bands([book(0)], [wall(0, side, 0, depth_qty_rest=1)], WIDE)
        assert found[f"{band}_wall_strength_norm"] == near(LN2 / 12)
        assert found[f"{other}_wall_strength_norm"] == 0


def test_absent_level_has_no_history() -> None:
    """A tick without a row is an empty level, whatever flowed there in the window before."""
    rows = [wall(0, "A", 0, pull_qty_rest=9)]
    found = physics_bands([book(0), book(1)], rows, WIDE)
    assert found[0]["above_at_vacuum_norm"] > EMPTY_SCORE
    assert found[1]["above_at_vacuum_norm"] == near(EMPTY_SCORE)


def test_bands_without_spot() -> None:
    """No spot: every band and score is None, and the row is there."""
    (found,) = physics_bands([book(0, bid=None, spot=None)], [], WIDE)
    assert all(found[name] is None for name in (*BAND_COLUMNS, *SCORE_COLUMNS))
    assert found["mid_price"] is None
    assert found["window_start_ts_ns"] == T0 * SECOND


def test_scores_stay_within_0_and_1() -> None:
    """Whatever the rows and their own calibration."""
    rng = random.Random(7)
    rows = [
        wall(second, side, ticks, **{name: rng.randint(0, 9) for name in names}, d1_depth_qty=d1)
        for second in range(20)
        for side in "AB"
        for ticks in range(-22, 23)
        for names in [("depth_qty_start", "add_qty", "pull_qty_rest", "depth_qty_rest")]
        for d1 in [rng.randint(-9, 9)]
        if rng.random() < 0.6
    ]
    statistics = calibration(rows)
    assert all(0 <= row["vacuum_score"] <= 1 for row in vacuum_surface(rows, statistics))
    for row in physics_bands([book(n) for n in range(20)], rows, statistics):
        assert all(0 <= row[name] <= 1 for name in (*BAND_COLUMNS, *SCORE_COLUMNS))


# physics_surface


def test_physics_of_one_row() -> None:
    """Intensities over depth_qty_start + 1, velocity = add - pull - fill."""
    row = wall(0, "A", 3, depth_qty_start=9, add_qty=7, pull_qty_total=2, fill_qty=1)
    (found,) = physics_surface([book(0)], [row], TICK)
    assert found == {
        **times(0),
        "price_int": SPOT + 3 * TICK,
        "side": "A",
        "spot_ref_price_int": SPOT,
        "rel_ticks": 3,
        "rel_ticks_side": 0,
        "add_intensity": 0.7,
        "pull_intensity": 0.2,
        "fill_intensity": 0.1,
        "liquidity_velocity": near(0.4),
        "window_valid": True,
    }


def test_side_distance_in_the_first_window() -> None:
    """The first row's best prices are of the levels with depth at its start, not at its end."""
    rows = [
        wall(0, "A", 1, add_qty=5),  # came within the window
        wall(0, "A", 2, depth_qty_start=1),
        wall(0, "A", 4, depth_qty_start=1),
        wall(0, "B", -4, depth_qty_start=1),
        wall(0, "B", -3, depth_qty_start=1),
    ]
    found = physics_surface([book(0)], rows, TICK)
    assert [row["rel_ticks_side"] for row in found] == [-1, 0, 2, -1, 0]
    found = physics_surface([book(0)], rows[:1], TICK)
    assert found[0]["rel_ticks_side"] is None


def test_side_distance_in_later_windows() -> None:
    """The best price at a window's start is the one at the end of the window before."""
    books = [book(0, bid=-2, ask=None), book(1, bid=5, ask=6)]
    rows = [wall(1, "A", 6, depth_qty_start=4), wall(1, "B", -5), wall(1, "B", 5)]
    found = physics_surface(books, rows, TICK)
    assert [row["rel_ticks_side"] for row in found] == [None, -3, 7]


# comparison


def test_same_rows() -> None:
    """Floats may differ a little, nothing else may; columns come in any order."""
    expected = [{"k": 1, "x": 1.0, "n": 2, "b": True, "s": "A", "o": None}]
    assert_same_rows(
        [{"x": 1.0 + 5e-10, "k": 1, "n": 2, "b": True, "s": "A", "o": None}], expected, ["k"]
    )
    assert_same_rows([{"x": 5e-13}], [{"x": 0.0}], [])
    assert_same_rows([], [], ["k"])


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([{"k": 1, "x": 1.0}, {"k": 2, "x": 0.5 + 1e-9}], r"^row 1 \(k=2\): column x: found 0.5"),
        ([{"k": 1, "x": 1.0}, {"k": 3, "x": 9.0}], r"^row 1 \(k=2\): column k: found 3"),
        ([{"k": True, "x": 1.0}], r"^row 0 \(k=1\): column k: found True"),
        ([{"k": 1, "x": None}], "column x: found None, expected 1.0"),
        ([{"k": 1, "x": float("nan")}], "column x: found nan"),
        ([{"k": 1}], r"row 0 \(k=1\): column x is missing"),
        ([{"k": 1, "x": 1.0, "y": 1}], r"row 0 \(k=1\): column y is not expected"),
        ([{"k": 1, "x": 1.0}], r"row 1 \(k=2\) is missing: found 1 rows, expected 2"),
        ([{"k": 1, "x": 1.0}, {"k": 2, "x": 0.5}, {"k": 3}], r"row 2 \(k=3\) is not expected"),
    ],
)
def test_different_rows(found: list[Row], message: str) -> None:
    """The first row that differs is named with its key and column."""
    with pytest.raises(AssertionError, match=message):
        assert_same_rows(found, [{"k": 1, "x": 1.0}, {"k": 2, "x": 0.5}], ["k"])


def test_a_large_integer_is_exact() -> None:
    """Prices are integers: one unit off is another price, also where it comes as a float."""
    for found in (SPOT + 1, float(SPOT + 1)):
        with pytest.raises(AssertionError):
            assert_same_rows([{"p": found}], [{"p": SPOT}], ["p"])
