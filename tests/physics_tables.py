"""A built day's physics tables, and what plain Python says they must be."""

from __future__ import annotations

from typing import Any

import physics_reference as reference
from physics_reference import assert_same_rows

from spymaster.lake import Lake, partition_ref, read_manifest, read_partition

Rows = list[dict[str, Any]]
LEVEL_KEY = ["window_start_ts_ns", "side", "price_int"]
WINDOW_KEY = ["window_start_ts_ns"]
SILVER = "silver.future_mbo."
CALIBRATION = "gold.hud.physics_norm_calibration"


def rows_of(lake: Lake, key: str, symbol: str, dt: str) -> Rows:
    """A partition's rows in their order."""
    return read_partition(partition_ref(lake, key, symbol, dt)).to_pylist()


def calibration_of(rows: Rows) -> dict[str, tuple[float, float]]:
    """The published calibration as the reference takes it."""
    return {row["metric_name"]: (row["q05"], row["q95"]) for row in rows}


def assert_physics_is_right(lake: Lake, symbol: str, dt: str) -> None:
    """Every column of the five physics tables is what plain Python computes from the engine's tables.

    The calibration is compared with the walls of the same day, and every other table is computed with
    the published one, so that one error is told once.
    """
    walls = rows_of(lake, SILVER + "wall_surface_1s", symbol, dt)
    book = rows_of(lake, SILVER + "book_snapshot_1s", symbol, dt)
    calibration = rows_of(lake, CALIBRATION, symbol, dt)
    assert_calibration_is(calibration, reference.calibration(walls))
    bounds = calibration_of(calibration)
    tick_int = read_manifest(partition_ref(lake, SILVER + "physics_surface_1s", symbol, dt))[
        "parameters"
    ]["tick_int"]
    for table, expected, key in (
        ("vacuum_surface_1s", lambda: reference.vacuum_surface(walls, bounds), LEVEL_KEY),
        ("physics_surface_1s", lambda: reference.physics_surface(book, walls, tick_int), LEVEL_KEY),
        ("physics_bands_1s", lambda: reference.physics_bands(book, walls, bounds), WINDOW_KEY),
        (
            "radar_vacuum_1s",
            lambda: reference.radar_vacuum(
                rows_of(lake, SILVER + "radar_zone_flow_1s", symbol, dt)
            ),
            WINDOW_KEY,
        ),
    ):
        found = rows_of(lake, SILVER + table, symbol, dt)
        assert found, table
        assert_same_rows(found, expected(), key)


def assert_calibration_is(found: Rows, expected: dict[str, tuple[float, float, int]]) -> None:
    """Metric by metric: bounds to 1e-9, and how many rows they are taken over."""
    assert_same_rows(
        [
            {name: row[name] for name in ("metric_name", "q05", "q95", "sample_count")}
            for row in found
        ],
        [
            {"metric_name": name, "q05": q05, "q95": q95, "sample_count": count}
            for name, (q05, q95, count) in sorted(expected.items())
        ],
        ["metric_name"],
    )
