"""What is done to a sound day's tables so that one check must notice: one line a damage.

A damage of a table is the query that takes its place, with `{t}` for the table as it was; a damage of the
manifests is a statement. W is a window in the middle of the day of `es_option_day`.
"""

from __future__ import annotations

from typing import NamedTuple

W = 1_767_709_800_000_000_000  # 2026-01-06 14:30:00 UTC
HERE = f"window_start_ts_ns = {W}"


class Damage(NamedTuple):
    """`check` of `suite` must fire once `table` is `query`; without a table `query` is run as it is."""

    suite: str
    check: str
    table: str | None
    query: str


def changed(column: str, value: str, where: str = HERE) -> str:
    """The query of a table with one column changed in some rows."""
    return f"select * replace (if({where}, {value}, {column}) as {column}) from {{t}}"


def without(where: str) -> str:
    """The query of a table without some rows."""
    return f"from {{t}} where not ({where})"


BOOK, WALL = "book_snapshot_1s", "wall_surface_1s"
ORDERS = "level_orders_1s"
ZONE, RADAR = "radar_zone_flow_1s", "radar_vacuum_1s"
CALIBRATION, VACUUM = "physics_norm_calibration", "vacuum_surface_1s"
BANDS, SURFACE = "physics_bands_1s", "physics_surface_1s"
STATISTICS, QUOTE = "statistics_clean", "option_quote_1s"
GEX, LEVELS = "gex_surface_1s", "gex_levels_1s"
KNOWN = f"{HERE} and gex_abs > 0"

_DATA = [
    ("contract_book_snapshot_1s", BOOK, changed("best_bid_qty", "-1")),
    ("contract_book_snapshot_1s", BOOK, "from {t} order by window_start_ts_ns desc"),
    ("contract_wall_surface_1s", WALL, changed("depth_qty_end", "depth_qty_end + 1")),
    ("contract_wall_surface_1s", WALL, changed("depth_qty_rest", "depth_qty_end + 1")),
    ("contract_wall_surface_1s", WALL, changed("pull_qty_rest", "pull_qty_total + 1")),
    ("contract_wall_surface_1s", WALL, changed("rel_ticks", "201 * sign(rel_ticks)::bigint")),
    ("contract_radar_zone_flow_1s", ZONE, changed("ask_depth_total_end", "1 + ask_depth_total_end")),
    ("contract_radar_vacuum_1s", RADAR, changed("f8_ask_bbo_dist_ticks", "21")),
    ("contract_level_orders_1s", ORDERS, changed("absorbed_qty", "executed_qty + 1")),
    ("orders_fit_the_walls", ORDERS, changed("largest_order_qty", "largest_order_qty + 1000")),
    ("orders_fit_the_walls", ORDERS, changed("executed_qty", "executed_qty + 1000")),
    ("orders_fit_the_walls", ORDERS, without(HERE)),
    ("orders_met_the_aggressors", ORDERS, "select * replace (0 as executed_qty) from {t}"),
    ("windows_are_contiguous", BOOK, without(HERE)),
    ("windows_are_contiguous", BOOK,
     "select * replace (window_start_ts_ns - 3600000000000 as window_start_ts_ns) from {t}"),
    ("windows_are_aligned", ZONE, without(HERE)),
    ("windows_are_aligned", RADAR, without(HERE)),
    ("windows_are_aligned", WALL, without(HERE)),
    ("windows_are_aligned", BOOK, without(HERE)),
    ("windows_are_aligned", ZONE, changed("spot_ref_price_int", "spot_ref_price_int + 250000000")),
    ("windows_are_aligned", WALL,
     changed("spot_ref_price_int", "spot_ref_price_int + 250000000", f"{HERE} and rel_ticks = 3")),
    ("book_becomes_valid", BOOK, "select * replace (false as book_valid) from {t}"),
    ("book_is_valid", BOOK, f"select * replace (window_start_ts_ns > {W} as book_valid) from {{t}}"),
    ("validity_ends_by_a_clear", BOOK, changed("book_valid", "false")),
    ("best_bid_below_best_ask", BOOK,
     f"select * replace (if({HERE}, best_ask_price_int, best_bid_price_int) as best_bid_price_int, "
     "1 as trade_buy_qty) from {t}"),
    ("crossed_only_before_the_open", BOOK, changed("best_bid_price_int", "best_ask_price_int")),
    ("best_prices_are_the_walls", BOOK, changed("best_bid_qty", "best_bid_qty + 1")),
    ("best_prices_are_the_walls", BOOK, changed("best_ask_orders", "best_ask_orders + 1")),
    ("best_prices_are_the_walls", BOOK,
     changed("best_ask_price_int", "best_ask_price_int + 250000000")),
    ("best_prices_are_the_walls", BOOK, changed("best_bid_price_int", "null")),
    ("rel_ticks_from_price", WALL, changed("rel_ticks", "rel_ticks + 1")),
    ("rel_ticks_from_price", WALL, changed("price_int", "price_int + 1")),
    ("depth_carries_over", WALL, changed("depth_qty_start", "depth_qty_start + 1")),
    ("standing_levels_stay", WALL, without(f"{HERE} and depth_qty_start > 0 and side = 'A'")),
    *(("depth_differences", WALL, changed(f"d{n}_depth_qty", f"d{n}_depth_qty + 1"))
      for n in (1, 2, 3)),
    ("records_are_counted", BOOK, changed("message_count", "message_count + 1")),
    *(("records_are_counted", BOOK, changed(f"trade_{by}_qty", f"trade_{by}_qty + 1"))
      for by in ("buy", "sell", "other")),
    ("records_are_counted", "future_mbo__mbo",
     f"from {{t}} where row(ts_event_ns, order_id) != (select row(ts_event_ns, order_id) from {{t}} "
     f"where ts_event_ns >= {W} and action = 'T' limit 1)"),
    ("fills_are_traded", WALL, "select * replace (3 * fill_qty as fill_qty) from {t}"),
    ("fills_are_traded", WALL, "select * replace (0 as fill_qty) from {t}"),
    ("radar_zones_from_walls", ZONE, changed("ask_depth_at_end", "ask_depth_at_end + 1")),
    ("radar_zones_from_walls", ZONE, changed("bid_depth_far_start", "bid_depth_far_start + 1")),
    ("radar_zones_from_walls", ZONE, changed("bid_com_ticks_end", "bid_com_ticks_end + 0.01")),
    ("radar_zones_from_walls", ZONE, changed("ask_bbo_ticks_end", "19")),
    *(("radar_differences", RADAR, changed(name, f"{name} + 0.01"))
      for name in ("d1_f1_ask_com_disp_log", "d2_u16_up_flow_log", "d3_f4_bid_pull_add_log_rest")),
    *(("radar_features_from_zones", RADAR, changed(name, f"{name} + 0.01"))
      for name in ("f1_ask_com_disp_log", "f2_ask_near_pull_share_rest",
                   "f3_bid_at_share_delta", "f4_bid_pull_intensity_log_rest")),
]  # fmt: skip
_PHYSICS = [
    ("contract_physics_norm_calibration", CALIBRATION, changed("q05", "q95 + 1", "true")),
    ("contract_vacuum_surface_1s", VACUUM, changed("wall_strength_log", "-1")),
    ("contract_physics_bands_1s", BANDS, changed("above_score", "2")),
    ("contract_physics_surface_1s", SURFACE, changed("add_intensity", "-1")),
    ("normalised_0_to_1", VACUUM, changed("vacuum_score", "1.5")),
    ("normalised_0_to_1", VACUUM, changed("vacuum_score", "'nan'::double")),
    ("normalised_0_to_1", BANDS, changed("below_mid_vacuum_norm", "-0.01")),
    ("normalised_0_to_1", BANDS, changed("below_mid_vacuum_norm", "null")),
    ("calibration_is_whole", CALIBRATION, without("metric_name = 'gex_abs'")),
    ("calibration_is_whole", CALIBRATION, "from {t} union all from {t}"),
    ("calibration_is_whole", CALIBRATION, changed("q95", "'inf'::double", "true")),
    ("calibration_is_whole", CALIBRATION, changed("q95", "q05 - 1", "true")),
    ("calibration_is_whole", CALIBRATION, changed("asof_dt", "'2026-01-05'", "true")),
    ("calibration_from_surfaces", CALIBRATION,
     changed("q95", "q95 * 1.01", "metric_name = 'pull_add_log'")),
    ("calibration_from_surfaces", CALIBRATION,
     changed("sample_count", "sample_count + 1", "metric_name = 'wall_strength_log'")),
    ("rows_are_those_of_the_walls", VACUUM, without(f"{HERE} and rel_ticks = 3")),
    ("rows_are_those_of_the_walls", SURFACE, without(HERE)),
    ("rows_are_those_of_the_walls", WALL, without(HERE)),
    ("rows_are_those_of_the_walls", SURFACE, changed("rel_ticks", "rel_ticks + 1")),
    ("rows_are_those_of_the_walls", VACUUM, changed("window_valid", "not window_valid")),
    ("bands_are_those_of_the_book", BANDS, without(HERE)),
    ("bands_are_those_of_the_book", BANDS, changed("mid_price_int", "mid_price_int + 1")),
    *(("vacuum_metrics_from_walls", VACUUM, changed(name, f"{name} + 1"))
      for name in ("pull_intensity_rest", "pull_add_log", "wall_strength_log", "wall_erosion")),
    *(("pull_add_differences", VACUUM,
       changed(f"d{n}_pull_add_log", f"d{n}_pull_add_log + 0.01", f"{HERE} and rel_ticks = 3"))
      for n in (1, 2, 3)),
    ("vacuum_score_from_calibration", VACUUM, changed("vacuum_score", "vacuum_score * 0.99")),
    ("vacuum_score_from_calibration", CALIBRATION,
     changed("q95", "q95 * 1.01", "metric_name = 'd2_pull_add_log'")),
    *(("bands_from_surfaces", BANDS, changed(name, f"{name} * 0.9 + 0.01"))
      for name in ("above_at_wall_strength_norm", "below_near_wall_erosion_norm",
                   "above_far_vacuum_norm")),
    ("bands_from_surfaces", BANDS, without(HERE)),
    *(("scores_from_bands", BANDS, changed(name, f"{name} + 0.001"))
      for name in ("above_score", "below_score", "vacuum_total_score")),
    *(("intensities_from_walls", SURFACE, changed(name, f"{name} + 0.01"))
      for name in ("add_intensity", "pull_intensity", "fill_intensity", "liquidity_velocity")),
    ("side_ticks_from_best_price", SURFACE, changed("rel_ticks_side", "rel_ticks_side + 1")),
    ("side_ticks_from_best_price", SURFACE, changed("rel_ticks_side", "null")),
]  # fmt: skip
_GEX = [
    ("contract_statistics_clean", STATISTICS, changed('"right"', "'X'", "true")),
    ("contract_option_quote_1s", QUOTE, "select * replace (-1 as best_bid_qty) from {t}"),
    ("contract_gex_surface_1s", GEX, changed("quote_coverage", "1.1")),
    ("contract_gex_levels_1s", LEVELS, changed("abs_gex", "-1")),
    ("strikes_are_the_grid", GEX, without(f"{HERE} and gex.rel_ticks > 100").replace(
        "{t}", "{t} as gex")),
    ("strikes_are_the_grid", GEX, without(HERE)),
    ("strikes_are_the_grid", GEX, changed("strike_price_int", "strike_price_int + 5000000000")),
    ("strikes_are_the_grid", GEX, changed("window_end_ts_ns", "window_end_ts_ns + 1000000000")),
    ("spot_is_the_books", GEX, changed("rel_ticks", "rel_ticks + 1")),
    ("spot_is_the_books", GEX, changed("spot_ref_price_int", "spot_ref_price_int + 1")),
    ("spot_is_the_books", GEX, changed("underlying", "'ESM6'")),
    ("sums_of_calls_and_puts", GEX, changed("gex_abs", "gex_abs * 1.01 + 1")),
    ("sums_of_calls_and_puts", GEX, changed("gex", "gex + 1")),
    ("sums_of_calls_and_puts", GEX, changed("gex", "null")),
    ("sums_of_calls_and_puts", GEX, changed("gex_imbalance_ratio", "gex_imbalance_ratio + 0.01")),
    *(("differences_follow_the_strike", GEX, changed(name, f"{name} + 1000"))
      for name in ("d1_gex", "d2_gex_abs", "d3_gex_imbalance_ratio")),
    ("differences_follow_the_strike", GEX, changed("d1_gex", "null")),
    ("unknown_is_null", GEX, changed("quote_coverage", "0", KNOWN)),
    ("unknown_is_null", GEX, changed("gex_abs", "null", f"{HERE} and quote_coverage = 1")),
    ("open_interest_from_statistics", GEX, changed("open_interest_call", "open_interest_call + 1")),
    ("open_interest_from_statistics", STATISTICS,
     "select * replace (open_interest + 1 as open_interest) from {t}"),
    ("volatility_in_range", GEX, "select * replace (1000 * iv as iv) from {t}"),
    ("volatility_in_range", GEX, "select * replace (null as gamma) from {t}"),
    ("coverage_is_high", LEVELS, "select * replace (0.1 as quote_coverage) from {t}"),
    ("quotes_are_not_crossed", QUOTE,
     "select * replace (best_ask_price_int + 1 as best_bid_price_int) from {t}"),
    ("quotes_are_of_listed_options", QUOTE, "select * replace (1 as instrument_id) from {t}"),
    ("quotes_are_of_listed_options", QUOTE,
     "from {t} union all select * replace (window_end_ts_ns + 600000000000 as window_end_ts_ns) "
     "from (from {t} qualify row_number() over (partition by instrument_id "
     "order by window_end_ts_ns desc) = 1)"),
    ("levels_are_those_of_the_book", LEVELS, without(HERE)),
    ("levels_from_surface", LEVELS, changed("abs_gex", "0.001 * abs_gex")),
    ("levels_from_surface", LEVELS, changed("net_gex", "2 * abs_gex")),
    ("levels_from_surface", LEVELS, changed("call_wall", "null")),
    ("levels_from_surface", GEX, changed("gex_call_abs", "1e15 + rel_ticks", KNOWN)),
    ("walls_are_strikes", LEVELS, changed("call_wall", "call_wall + 0.01")),
    ("walls_are_strikes", LEVELS, changed("zero_gamma_price", "8000")),
]  # fmt: skip
_PARTITIONS = [
    ("row_counts", "update partitions set file_rows = file_rows - 1"),
    ("data_files", "update partitions set file_sha256 = 'other'"),
    ("data_files", "update partitions set file_bytes = file_bytes + 1"),
    ("contract_columns", "update partitions set contract_problem = 'column x is missing'"),
    ("inputs", "update partition_inputs set published_manifest_sha256 = null"),
]

DAMAGES = [
    *(Damage("data", *one) for one in _DATA),
    *(Damage("physics", *one) for one in _PHYSICS),
    *(Damage("gex", *one) for one in _GEX),
    *(Damage(suite, check, None, statement)
      for suite in ("data", "physics", "gex") for check, statement in _PARTITIONS),
]  # fmt: skip
