"""Small cases worked out by hand, which fix each rule of the radar for its reference."""

from __future__ import annotations

from physics_reference import SECOND, Row, assert_same_rows, radar_vacuum

TICK = 250_000_000
SPOT = 20_000 * TICK  # 5000.00
T0 = 1_700_000_000
LN2 = 0.6931471805599453
LN3 = 1.0986122886681098
LN5 = 1.6094379124341003


def times(second: int) -> Row:
    start = (T0 + second) * SECOND
    return {"window_start_ts_ns": start, "window_end_ts_ns": start + SECOND}


def zone(second: int, spot: int = SPOT, **values: float) -> Row:
    """A zone row; what is not given is 0, but an empty side is 20 ticks away."""
    row: Row = {**times(second), "spot_ref_price_int": spot}
    for side in ("ask", "bid"):
        for bucket in ("total", "at", "near", "mid", "far"):
            row[f"{side}_depth_{bucket}_start"] = row[f"{side}_depth_{bucket}_end"] = 0
        row[f"{side}_com_ticks_start"] = row[f"{side}_com_ticks_end"] = 20.0
        row[f"{side}_bbo_ticks_end"] = 20
        for flow in ("add_qty", "pull_rest_qty", "pull_rest_qty_at", "pull_rest_qty_near"):
            row[f"{side}_{flow}"] = 0
        row[f"{side}_reprice_away_rest_qty"] = row[f"{side}_reprice_toward_rest_qty"] = 0
    assert values.keys() <= row.keys()
    return {**row, **values}


ASK = {
    "ask_com_ticks_start": 3.0,
    "ask_com_ticks_end": 7.0,
    "ask_depth_total_start": 9,
    "ask_depth_total_end": 19,
    "ask_depth_at_start": 4,
    "ask_depth_at_end": 2,
    "ask_depth_near_start": 2,
    "ask_depth_near_end": 5,
    "ask_depth_far_end": 11,
    "ask_bbo_ticks_end": 2,
    "ask_add_qty": 1,
    "ask_pull_rest_qty": 5,
    "ask_pull_rest_qty_at": 3,
    "ask_pull_rest_qty_near": 1,
    "ask_reprice_away_rest_qty": 3,
    "ask_reprice_toward_rest_qty": 1,
}
BID = {
    "bid_com_ticks_start": 8.0,
    "bid_com_ticks_end": 2.0,
    "bid_depth_total_start": 1,
    "bid_depth_total_end": 9,
    "bid_depth_near_end": 4,
    "bid_depth_at_end": 4,
    "bid_bbo_ticks_end": 1,
    "bid_add_qty": 8,
    "bid_pull_rest_qty": 2,
    "bid_pull_rest_qty_near": 1,
}
FEATURES = {
    "f1_ask_com_disp_log": LN2,  # 8/4
    "f1_ask_slope_convex_log": LN2,  # 12/6
    "f1_ask_slope_inner_log": LN2,  # 6/3
    "f1_ask_at_share_delta": -0.3,  # 2/20 - 4/10
    "f1_ask_near_share_delta": 0.05,  # 5/20 - 2/10
    "f1_ask_reprice_away_share_rest": 0.6,  # 3/5
    "f2_ask_pull_add_log_rest": LN3,  # 6/2
    "f2_ask_pull_intensity_log_rest": LN3 - LN2,  # 1 + 5/10
    "f2_ask_at_pull_share_rest": 0.5,  # 3/6
    "f2_ask_near_pull_share_rest": 1 / 6,
    "f3_bid_com_disp_log": -LN3,  # 3/9
    "f3_bid_slope_convex_log": -LN5,  # 1/5
    "f3_bid_slope_inner_log": 0.0,  # 5/5
    "f3_bid_at_share_delta": 0.4,  # 4/10
    "f3_bid_near_share_delta": 0.4,
    "f3_bid_reprice_away_share_rest": 0.5,  # no reprice
    "f4_bid_pull_add_log_rest": -LN3,  # 3/9
    "f4_bid_pull_intensity_log_rest": LN2,  # 1 + 2/2
    "f4_bid_at_pull_share_rest": 0.0,
    "f4_bid_near_pull_share_rest": 1 / 3,
    "f5_vacuum_expansion_log": LN2 - LN3,
    "f6_vacuum_decay_log": 0.0,
    "f7_vacuum_total_log": LN2 - LN3,
    "f8_ask_bbo_dist_ticks": 2,
    "f9_bid_bbo_dist_ticks": 1,
    "u1_ask_com_disp_log": LN2,
    "u2_ask_slope_convex_log": LN2,
    "u2_ask_slope_inner_log": LN2,
    "u3_ask_at_share_decay": 0.3,
    "u3_ask_near_share_decay": -0.05,
    "u4_ask_reprice_away_share_rest": 0.6,
    "u5_ask_pull_add_log_rest": LN3,
    "u6_ask_pull_intensity_log_rest": LN3 - LN2,
    "u7_ask_at_pull_share_rest": 0.5,
    "u7_ask_near_pull_share_rest": 1 / 6,
    "u8_bid_com_approach_log": LN3,
    "u9_bid_slope_support_log": LN5,
    "u9_bid_slope_inner_log": 0.0,
    "u10_bid_at_share_rise": 0.4,
    "u10_bid_near_share_rise": 0.4,
    "u11_bid_reprice_toward_share_rest": 0.5,
    "u12_bid_add_pull_log_rest": LN3,
    "u13_bid_add_intensity_log": LN5,  # 1 + 8/2
    "u14_bid_far_pull_share_rest": 2 / 3,
    "u15_up_expansion_log": LN2 + LN3,
    "u16_up_flow_log": 2 * LN3,
    "u17_up_total_log": LN2 + 3 * LN3,
    "u18_ask_bbo_dist_ticks": 2,
    "u19_bid_bbo_dist_ticks": 1,
}


def test_radar_features() -> None:
    """All 49, in order; the first row has no differences and no direction."""
    (found,) = radar_vacuum([zone(0, **ASK, **BID)])
    keys = {
        **times(0),
        "spot_ref_price": 5000.0,
        "spot_ref_price_int": SPOT,
        "approach_dir": "approach_none",
    }
    assert len(FEATURES) == 49
    assert list(found)[:54] == [*keys, *FEATURES]
    zeros = {f"d{n}_{name}": 0.0 for name in FEATURES for n in (1, 2, 3)}
    assert_same_rows([found], [{**keys, **FEATURES, **zeros}], list(times(0)))


def bbo_rows(*seconds_and_ticks: tuple[int, int]) -> list[tuple[float, ...]]:
    """The three differences of the ask's best distance."""
    rows = [zone(second, ask_bbo_ticks_end=ticks) for second, ticks in seconds_and_ticks]
    names = [f"d{n}_f8_ask_bbo_dist_ticks" for n in (1, 2, 3)]
    return [tuple(row[name] for name in names) for row in radar_vacuum(rows)]


def test_radar_differences() -> None:
    """1, 3, 9, 4: all 0 in the first row, so that all three are the first change in the second."""
    assert bbo_rows((0, 1), (1, 3), (2, 9), (3, 4)) == [
        (0, 0, 0),
        (2, 2, 2),
        (6, 4, 2),
        (-5, -11, -15),
    ]


def test_radar_starts_again_after_a_gap() -> None:
    """The row after a missing window has no differences, and the next only those since it."""
    assert bbo_rows((0, 1), (1, 3), (3, 9), (4, 4)) == [
        (0, 0, 0),
        (2, 2, 2),
        (0, 0, 0),
        (-5, -5, -5),
    ]


def test_approach_dir() -> None:
    """The spot against the one three windows before; no such window in the run: none."""

    def directions(*seconds_and_ticks: tuple[int, int]) -> list[str]:
        rows = [zone(second, SPOT + ticks * TICK) for second, ticks in seconds_and_ticks]
        return [row["approach_dir"].removeprefix("approach_") for row in radar_vacuum(rows)]

    assert directions((0, 0), (1, 5), (2, 9), (3, 1), (4, 4), (5, 9)) == [
        *("none", "none", "none"),
        *("up", "down", "none"),
    ]
    # window 3 after a gap at 2: window 0 has a row, but not in the same run
    assert directions((0, 0), (1, 0), (3, 1), (4, 2), (5, 3), (6, 4)) == [*["none"] * 5, "up"]
