"""Vacuum, physics bands, calibration and radar, written the slow and obvious way.

This is the yardstick for the SQL models of the physics layer: one function a table, rows in and
rows out as dicts (what `pyarrow.Table.to_pylist` gives), every formula once and as the
specification writes it. Input rows are those of one session, in the order of their table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias

Row: TypeAlias = dict[str, Any]
Limits: TypeAlias = dict[str, tuple[float, float]]

SECOND = 1_000_000_000
BANDS = {"at": range(0, 3), "near": range(3, 6), "mid": range(6, 15), "far": range(15, 21)}
ZONE_TICKS = 20
DIRECTIONS = {"above": "A", "below": "B"}
BAND_COLUMNS = tuple(
    f"{direction}_{band}_{value}"
    for direction in DIRECTIONS
    for band in BANDS
    for value in ("wall_strength_norm", "wall_erosion_norm", "vacuum_norm")
)
SCORE_COLUMNS = ("above_score", "below_score", "vacuum_total_score")
WALL_METRICS = (
    "pull_add_log",
    "log1p_pull_intensity_rest",
    "log1p_erosion_norm",
    "d2_pull_add_log",
    "wall_strength_log",
)
METRICS = (*WALL_METRICS, "gex_abs")
MISSING = object()


# One level in one window


class Level(NamedTuple):
    """What one wall row says, before anything is normalised."""

    pull_intensity_rest: float
    pull_add_log: float
    d1_pull_add_log: float
    d2_pull_add_log: float
    d3_pull_add_log: float
    wall_strength_log: float
    wall_erosion: int
    log1p_pull_intensity_rest: float
    log1p_erosion_norm: float


EMPTY_LEVEL = Level(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0)


def levels(wall_rows: Sequence[Row]) -> Iterator[Level]:
    """One level per wall row; a window in which its side and price has no row had no flow."""
    flows: dict[int, dict[tuple[str, int], float]] = {}  # pull_add_log by window, then level
    for row in wall_rows:
        ratio = (row["pull_qty_rest"] + 1) / (row["add_qty"] + 1)
        window = flows.setdefault(row["window_start_ts_ns"], {})
        window[row["side"], row["price_int"]] = math.log(ratio)

    nothing: dict[tuple[str, int], float] = {}
    for row in wall_rows:
        start = row["window_start_ts_ns"]
        place = row["side"], row["price_int"]
        x0, x1, x2, x3 = (
            flows.get(start - back * SECOND, nothing).get(place, 0.0) for back in (0, 1, 2, 3)
        )
        depth_start = row["depth_qty_start"]
        pull_intensity = row["pull_qty_rest"] / (depth_start + 1)
        erosion = max(-row["d1_depth_qty"], 0)
        yield Level(
            pull_intensity_rest=pull_intensity,
            pull_add_log=x0,
            d1_pull_add_log=x0 - x1,
            d2_pull_add_log=x0 - 2 * x1 + x2,
            d3_pull_add_log=x0 - 3 * x1 + 3 * x2 - x3,
            wall_strength_log=math.log(row["depth_qty_rest"] + 1),
            wall_erosion=erosion,
            log1p_pull_intensity_rest=math.log(1 + pull_intensity),
            log1p_erosion_norm=math.log(1 + erosion / (depth_start + 1)),
        )


# Calibration


def quantile(ordered: Sequence[float], percent: int) -> float:
    """The exact linear quantile of sorted values: percent of the way from the first to the last."""
    index, hundredths = divmod(percent * (len(ordered) - 1), 100)
    low = ordered[index]
    if hundredths == 0:
        return low
    return low + (ordered[index + 1] - low) * hundredths / 100


def metric_samples(wall_rows: Sequence[Row]) -> dict[str, list[float]]:
    """The values of each wall metric in valid windows, where the metric says something."""
    samples: dict[str, list[float]] = {metric: [] for metric in WALL_METRICS}
    for row, level in zip(wall_rows, levels(wall_rows), strict=True):
        if not row["window_valid"]:
            continue
        if row["add_qty"] > 0 or row["pull_qty_total"] > 0 or row["fill_qty"] > 0:
            samples["pull_add_log"].append(level.pull_add_log)
            samples["d2_pull_add_log"].append(level.d2_pull_add_log)
        if row["pull_qty_rest"] > 0:
            samples["log1p_pull_intensity_rest"].append(level.log1p_pull_intensity_rest)
        if level.wall_erosion > 0:
            samples["log1p_erosion_norm"].append(level.log1p_erosion_norm)
        if row["depth_qty_rest"] > 0:
            samples["wall_strength_log"].append(level.wall_strength_log)
    return samples


def calibration_of_sessions(
    sessions: Iterable[Sequence[Row]],
) -> dict[str, tuple[float, float, int]]:
    """(q05, q95, sample_count) of each metric over all sessions; differences stay within one."""
    pooled: dict[str, list[float]] = {metric: [] for metric in METRICS}
    for wall_rows in sessions:
        for metric, values in metric_samples(wall_rows).items():
            pooled[metric] += values
    statistics: dict[str, tuple[float, float, int]] = {}
    for metric, values in pooled.items():
        values.sort()
        if values:
            statistics[metric] = quantile(values, 5), quantile(values, 95), len(values)
        else:
            statistics[metric] = 0.0, 1.0, 0
    return statistics


def calibration(wall_rows: Sequence[Row]) -> dict[str, tuple[float, float, int]]:
    """(q05, q95, sample_count) of each metric over one session."""
    return calibration_of_sessions([wall_rows])


def limits(statistics: dict[str, tuple[float, ...]]) -> Limits:
    """The bounds that each wall metric is normalised with; bad statistics are an error."""
    bounds: Limits = {}
    for metric in WALL_METRICS:
        q05, q95 = statistics[metric][:2]
        if not (math.isfinite(q05) and math.isfinite(q95) and q05 <= q95):
            raise ValueError(f"calibration of {metric}: q05 = {q05}, q95 = {q95}")
        bounds[metric] = (q05, q05 + 1 if q95 == q05 else q95)
    return bounds


def norm(value: float, bounds: tuple[float, float]) -> float:
    """Where the value lies between its bounds: 0 at or below the lower, 1 at or above the upper."""
    q05, q95 = bounds
    return min(max((value - q05) / (q95 - q05), 0.0), 1.0)


# Vacuum and physics


def vacuum_score(level: Level, bounds: Limits) -> float:
    """How easily the level gives way, 0..1."""
    return (
        norm(level.pull_add_log, bounds["pull_add_log"])
        + norm(level.log1p_pull_intensity_rest, bounds["log1p_pull_intensity_rest"])
        + norm(level.log1p_erosion_norm, bounds["log1p_erosion_norm"])
        + norm(level.d2_pull_add_log, bounds["d2_pull_add_log"])
    ) / 4


def vacuum_surface(
    wall_rows: Sequence[Row], calibration: dict[str, tuple[float, ...]]
) -> list[Row]:
    """The rows of vacuum_surface_1s, one per wall row."""
    bounds = limits(calibration)
    return [
        {
            "window_start_ts_ns": row["window_start_ts_ns"],
            "window_end_ts_ns": row["window_end_ts_ns"],
            "price_int": row["price_int"],
            "side": row["side"],
            "spot_ref_price_int": row["spot_ref_price_int"],
            "rel_ticks": row["rel_ticks"],
            "pull_intensity_rest": level.pull_intensity_rest,
            "pull_add_log": level.pull_add_log,
            "d1_pull_add_log": level.d1_pull_add_log,
            "d2_pull_add_log": level.d2_pull_add_log,
            "d3_pull_add_log": level.d3_pull_add_log,
            "wall_strength_log": level.wall_strength_log,
            "wall_erosion": level.wall_erosion,
            "vacuum_score": vacuum_score(level, bounds),
            "window_valid": row["window_valid"],
        }
        for row, level in zip(wall_rows, levels(wall_rows), strict=True)
    ]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def physics_bands(
    book_rows: Sequence[Row],
    wall_rows: Sequence[Row],
    calibration: dict[str, tuple[float, ...]],
) -> list[Row]:
    """The rows of physics_bands_1s, one per book row; without a spot no band has a value."""
    bounds = limits(calibration)
    zones: dict[int, dict[tuple[str, int], Level]] = {}  # by window, then side and rel_ticks
    for row, level in zip(wall_rows, levels(wall_rows), strict=True):
        if abs(row["rel_ticks"]) <= ZONE_TICKS:
            zone = zones.setdefault(row["window_start_ts_ns"], {})
            zone[row["side"], row["rel_ticks"]] = level

    result = []
    for book_row in book_rows:
        row = {
            name: book_row[name]
            for name in (
                "window_start_ts_ns",
                "window_end_ts_ns",
                "spot_ref_price_int",
                "mid_price",
                "mid_price_int",
            )
        }
        if book_row["spot_ref_price_int"] is None:
            row.update(dict.fromkeys((*BAND_COLUMNS, *SCORE_COLUMNS)))
        else:
            row.update(band_values(zones.get(book_row["window_start_ts_ns"], {}), bounds))
        result.append(row)
    return result


def band_values(zone: dict[tuple[str, int], Level], bounds: Limits) -> Row:
    """The band columns and scores of one window; a tick without a level is an empty one."""
    row: Row = {}
    ease: dict[str, float] = {}
    for direction, side in DIRECTIONS.items():
        away = 1 if side == "A" else -1
        for band, ticks in BANDS.items():
            found = [zone.get((side, away * k), EMPTY_LEVEL) for k in ticks]
            strength = norm(
                mean([level.wall_strength_log for level in found]), bounds["wall_strength_log"]
            )
            erosion = norm(
                mean([level.log1p_erosion_norm for level in found]), bounds["log1p_erosion_norm"]
            )
            vacuum = mean([vacuum_score(level, bounds) for level in found])
            name = f"{direction}_{band}"
            row[f"{name}_wall_strength_norm"] = strength
            row[f"{name}_wall_erosion_norm"] = erosion
            row[f"{name}_vacuum_norm"] = vacuum
            ease[name] = 0.50 * vacuum + 0.35 * erosion + 0.15 * (1 - strength)
        row[f"{direction}_score"] = (
            0.60 * ease[f"{direction}_at"] + 0.40 * ease[f"{direction}_near"]
        )
    row["vacuum_total_score"] = (row["above_score"] + row["below_score"]) / 2
    return row


def best_at_start(
    book_rows: Sequence[Row], wall_rows: Sequence[Row]
) -> dict[tuple[int, str], int | None]:
    """Each side's best price when a window starts: that of the window before, at its end.

    Before the first book row there is none: there the levels that had depth at the window's start
    say it.
    """
    best: dict[tuple[int, str], int | None] = {}
    for row in book_rows:
        best[row["window_end_ts_ns"], "A"] = row["best_ask_price_int"]
        best[row["window_end_ts_ns"], "B"] = row["best_bid_price_int"]
    ends = {row["window_end_ts_ns"] for row in book_rows}
    for row in wall_rows:
        start, side, price = row["window_start_ts_ns"], row["side"], row["price_int"]
        if start in ends or row["depth_qty_start"] <= 0:
            continue
        known = best.get((start, side))
        if known is None or (price < known if side == "A" else price > known):
            best[start, side] = price
    return best


def physics_surface(book_rows: Sequence[Row], wall_rows: Sequence[Row], tick_int: int) -> list[Row]:
    """The rows of physics_surface_1s, one per wall row."""
    best = best_at_start(book_rows, wall_rows)
    result = []
    for row in wall_rows:
        start = row["window_start_ts_ns"]
        best_price = best.get((start, row["side"]))
        size = row["depth_qty_start"] + 1
        add, pull, fill = (
            row["add_qty"] / size,
            row["pull_qty_total"] / size,
            row["fill_qty"] / size,
        )
        result.append(
            {
                "window_start_ts_ns": start,
                "window_end_ts_ns": row["window_end_ts_ns"],
                "price_int": row["price_int"],
                "side": row["side"],
                "spot_ref_price_int": row["spot_ref_price_int"],
                "rel_ticks": row["rel_ticks"],
                "rel_ticks_side": (
                    None if best_price is None else (row["price_int"] - best_price) // tick_int
                ),
                "add_intensity": add,
                "pull_intensity": pull,
                "fill_intensity": fill,
                "liquidity_velocity": add - pull - fill,
                "window_valid": row["window_valid"],
            }
        )
    return result


# Radar


def side_features(row: Row, side: str, shape: str, flow: str) -> dict[str, float]:
    """The ten features of one side; `shape` and `flow` are its prefixes, such as f1 and f2."""
    start = {name: row[f"{side}_depth_{name}_start"] for name in ("total", "at", "near", "far")}
    end = {name: row[f"{side}_depth_{name}_end"] for name in ("total", "at", "near", "far")}
    com_start, com_end = row[f"{side}_com_ticks_start"], row[f"{side}_com_ticks_end"]
    away, toward = row[f"{side}_reprice_away_rest_qty"], row[f"{side}_reprice_toward_rest_qty"]
    add, pull = row[f"{side}_add_qty"], row[f"{side}_pull_rest_qty"]
    pull_at, pull_near = row[f"{side}_pull_rest_qty_at"], row[f"{side}_pull_rest_qty_near"]
    return {
        f"{shape}_{side}_com_disp_log": math.log((com_end + 1) / (com_start + 1)),
        f"{shape}_{side}_slope_convex_log": math.log((end["far"] + 1) / (end["near"] + 1)),
        f"{shape}_{side}_slope_inner_log": math.log((end["near"] + 1) / (end["at"] + 1)),
        f"{shape}_{side}_at_share_delta": (
            end["at"] / (end["total"] + 1) - start["at"] / (start["total"] + 1)
        ),
        f"{shape}_{side}_near_share_delta": (
            end["near"] / (end["total"] + 1) - start["near"] / (start["total"] + 1)
        ),
        f"{shape}_{side}_reprice_away_share_rest": (
            0.5 if away == 0 and toward == 0 else away / (away + toward + 1)
        ),
        f"{flow}_{side}_pull_add_log_rest": math.log((pull + 1) / (add + 1)),
        f"{flow}_{side}_pull_intensity_log_rest": math.log(1 + pull / (start["total"] + 1)),
        f"{flow}_{side}_at_pull_share_rest": pull_at / (pull + 1),
        f"{flow}_{side}_near_pull_share_rest": pull_near / (pull + 1),
    }


def radar_features(row: Row) -> dict[str, float]:
    """The 49 features of one zone row, in the specification's order."""
    f = side_features(row, "ask", "f1", "f2") | side_features(row, "bid", "f3", "f4")
    f["f5_vacuum_expansion_log"] = f["f1_ask_com_disp_log"] + f["f3_bid_com_disp_log"]
    f["f6_vacuum_decay_log"] = f["f2_ask_pull_add_log_rest"] + f["f4_bid_pull_add_log_rest"]
    f["f7_vacuum_total_log"] = f["f5_vacuum_expansion_log"] + f["f6_vacuum_decay_log"]
    f["f8_ask_bbo_dist_ticks"] = row["ask_bbo_ticks_end"]
    f["f9_bid_bbo_dist_ticks"] = row["bid_bbo_ticks_end"]
    u = {
        "u1_ask_com_disp_log": f["f1_ask_com_disp_log"],
        "u2_ask_slope_convex_log": f["f1_ask_slope_convex_log"],
        "u2_ask_slope_inner_log": f["f1_ask_slope_inner_log"],
        "u3_ask_at_share_decay": -f["f1_ask_at_share_delta"],
        "u3_ask_near_share_decay": -f["f1_ask_near_share_delta"],
        "u4_ask_reprice_away_share_rest": f["f1_ask_reprice_away_share_rest"],
        "u5_ask_pull_add_log_rest": f["f2_ask_pull_add_log_rest"],
        "u6_ask_pull_intensity_log_rest": f["f2_ask_pull_intensity_log_rest"],
        "u7_ask_at_pull_share_rest": f["f2_ask_at_pull_share_rest"],
        "u7_ask_near_pull_share_rest": f["f2_ask_near_pull_share_rest"],
        "u8_bid_com_approach_log": -f["f3_bid_com_disp_log"],
        "u9_bid_slope_support_log": -f["f3_bid_slope_convex_log"],
        "u9_bid_slope_inner_log": -f["f3_bid_slope_inner_log"],
        "u10_bid_at_share_rise": f["f3_bid_at_share_delta"],
        "u10_bid_near_share_rise": f["f3_bid_near_share_delta"],
        "u11_bid_reprice_toward_share_rest": 1 - f["f3_bid_reprice_away_share_rest"],
        "u12_bid_add_pull_log_rest": -f["f4_bid_pull_add_log_rest"],
        "u13_bid_add_intensity_log": math.log(
            1 + row["bid_add_qty"] / (row["bid_depth_total_start"] + 1)
        ),
        "u14_bid_far_pull_share_rest": (
            1 - f["f4_bid_at_pull_share_rest"] - f["f4_bid_near_pull_share_rest"]
        ),
    }
    u["u15_up_expansion_log"] = u["u1_ask_com_disp_log"] + u["u8_bid_com_approach_log"]
    u["u16_up_flow_log"] = u["u5_ask_pull_add_log_rest"] + u["u12_bid_add_pull_log_rest"]
    u["u17_up_total_log"] = u["u15_up_expansion_log"] + u["u16_up_flow_log"]
    u["u18_ask_bbo_dist_ticks"] = f["f8_ask_bbo_dist_ticks"]
    u["u19_bid_bbo_dist_ticks"] = f["f9_bid_bbo_dist_ticks"]
    return f | u


def approach_dir(spots: Sequence[int]) -> str:
    """Where the spot went since three windows ago; `spots` are the unbroken run's, in order."""
    change = spots[-1] - spots[-4] if len(spots) > 3 else 0
    if change > 0:
        return "approach_up"
    if change < 0:
        return "approach_down"
    return "approach_none"


def radar_vacuum(zone_rows: Sequence[Row]) -> list[Row]:
    """The rows of radar_vacuum_1s, one per zone row; a missing window starts history again."""
    result: list[Row] = []
    spots: list[int] = []  # of the unbroken run that ends with this row
    before: Row | None = None
    for zone_row in zone_rows:
        start, spot = zone_row["window_start_ts_ns"], zone_row["spot_ref_price_int"]
        if before is not None and start != before["window_start_ts_ns"] + SECOND:
            before = None
        if before is None:
            spots = []
        spots.append(spot)
        features = radar_features(zone_row)
        row: Row = {
            "window_start_ts_ns": start,
            "window_end_ts_ns": zone_row["window_end_ts_ns"],
            "spot_ref_price": spot / 1e9,
            "spot_ref_price_int": spot,
            "approach_dir": approach_dir(spots),
            **features,
        }
        for name in features:
            if before is None:
                d1 = d2 = d3 = 0.0
            else:
                d1 = row[name] - before[name]
                d2 = d1 - before[f"d1_{name}"]
                d3 = d2 - before[f"d2_{name}"]
            row[f"d1_{name}"], row[f"d2_{name}"], row[f"d3_{name}"] = d1, d2, d3
        result.append(row)
        before = row
    return result


# Comparison


def same_value(found: object, expected: object) -> bool:
    """Equal; a float may be off by 1e-9 of its size, or by 1e-12 near zero."""
    exact = (bool, str, type(None))
    if isinstance(expected, exact) or isinstance(found, exact):
        return type(found) is type(expected) and found == expected
    if isinstance(expected, float) and isinstance(found, int | float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)
    return found == expected


def assert_same_rows(
    found_rows: Sequence[Row], expected_rows: Sequence[Row], key_columns: Sequence[str]
) -> None:
    """The same rows in the same order, with the same columns in any order.

    The message names the first row that differs, by number and key, and its first such column:
    a key column if there is one, for then it is another row.
    """
    for number, (found, expected) in enumerate(
        zip_longest(found_rows, expected_rows, fillvalue=MISSING)
    ):
        known = found if expected is MISSING else expected
        where = f"row {number} ({', '.join(f'{name}={known.get(name)!r}' for name in key_columns)})"
        if found is MISSING or expected is MISSING:
            what = "is missing" if found is MISSING else "is not expected"
            counts = f"found {len(found_rows)} rows, expected {len(expected_rows)}"
            raise AssertionError(f"{where} {what}: {counts}")
        for name in (*key_columns, *expected):
            if name not in found:
                raise AssertionError(f"{where}: column {name} is missing")
            if not same_value(found[name], expected[name]):
                raise AssertionError(
                    f"{where}: column {name}: found {found[name]!r}, expected {expected[name]!r}"
                )
        for name in found:
            if name not in expected:
                raise AssertionError(f"{where}: column {name} is not expected")
