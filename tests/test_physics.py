"""Whole days of physics equal the formulas in plain Python; prior calibration sees no future."""

from __future__ import annotations

import shutil
from datetime import date, time
from pathlib import Path

import databento
import numpy as np
import pytest
from dbn_files import ESH6, metadata, write_dbn
from physics_reference import calibration_of_sessions
from physics_tables import (
    CALIBRATION,
    SILVER,
    assert_calibration_is,
    assert_physics_is_right,
    rows_of,
)
from real_data import ESH4, real_path

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, write_day
from spymaster.dbt_run import build_day
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref

SYMBOL = "ESH6"
SESSION = {"session_start": "09:29", "session_end": "09:31"}
DAYS = ("2026-01-02", "2026-01-05", "2026-01-06")  # Friday, Monday, Tuesday
PRIOR = {
    "session_start": "09:29", "session_end": "09:30", "hud_max_ticks": 30,
    "calibration_mode": "prior", "calibration_lookback_sessions": 2,
}  # fmt: skip
TABLES = [CALIBRATION] + [
    SILVER + name
    for name in ("vacuum_surface_1s", "physics_bands_1s", "physics_surface_1s", "radar_vacuum_1s")
]


def test_the_sample_market(tmp_path: Path):
    """Two minutes around the uncross: pre-open with a crossed book, first trade, trading."""
    path = tmp_path / "es.dbn.zst"
    write_day(path, MarketConfig(minutes=2.5, messages=30_000))
    lake = Lake(tmp_path / "lake")
    ingest_file(path, lake, root="ES")
    build_day(lake, SYMBOL, "2026-01-06", {**SESSION, "hud_max_ticks": 60})
    assert_physics_is_right(lake, SYMBOL, "2026-01-06")


def test_the_real_esh4_session(tmp_path: Path):
    """The hour of real trading from 23:00 UTC: every formula, to 1e-9 relative."""
    lake = Lake(tmp_path / "lake")
    ingest_file(real_path(ESH4), lake, root="ES")
    session = {"session_start": "23:00", "session_end": "24:00", "session_tz": "UTC"}
    build_day(lake, "ESH4", "2023-12-25", {**session, "hud_max_ticks": 60})
    assert_physics_is_right(lake, "ESH4", "2023-12-25")


@pytest.fixture(scope="module")
def prior_days(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three sessions of one minute in a lake; the first two were tried with calibration_mode prior."""
    folder = tmp_path_factory.mktemp("prior")
    lake = Lake(folder / "lake")
    for number, day in enumerate(DAYS):
        path = folder / f"{day}.dbn.zst"
        market = MarketConfig(
            dt=date.fromisoformat(day), seed=number, start=time(9, 28, 30), minutes=1.5,
            messages=15_000,
        )  # fmt: skip
        write_day(path, market)
        ingest_file(path, lake, root="ES")
    return lake


def build_error(lake: Lake, day: str, variables: dict[str, object]) -> str:
    """What a build that must fail says."""
    with pytest.raises(UserError) as caught:
        build_day(lake, SYMBOL, day, variables)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_too_few_prior_sessions_is_an_error_that_names_the_missing_dates(prior_days: Lake):
    """Walls and counts of such a day are published all the same: later days need them."""
    first = build_error(prior_days, DAYS[0], PRIOR)
    assert "needs 2 sessions of ESH6 before 2026-01-02" in first
    assert "the lake has 0; missing: 2026-01-01, 2025-12-31;" in first
    second = build_error(prior_days, DAYS[1], PRIOR)
    assert "the lake has 1; missing: 2026-01-01;" in second
    for day in DAYS[:2]:
        for key, there in (
            (SILVER + "physics_metric_counts", True),
            (SILVER + "wall_surface_1s", True),
            (CALIBRATION, False),
            (SILVER + "vacuum_surface_1s", False),
        ):
            assert is_partition_complete(partition_ref(prior_days, key, SYMBOL, day)) is there, key
    other = build_error(prior_days, DAYS[2], {**PRIOR, "hud_max_ticks": 31})
    assert "the lake has 0" in other, "sessions built with other vars do not count"


def test_prior_calibration_is_that_of_the_sessions_before(prior_days: Lake):
    """Quantiles over the pooled rows of both sessions; differences never cross from one to the next."""
    build_day(prior_days, SYMBOL, DAYS[2], PRIOR)
    walls = [rows_of(prior_days, SILVER + "wall_surface_1s", SYMBOL, day) for day in DAYS[:2]]
    found = rows_of(prior_days, CALIBRATION, SYMBOL, DAYS[2])
    assert_calibration_is(found, calibration_of_sessions(walls))
    assert {(row["mode"], row["lookback_sessions"], row["asof_dt"]) for row in found} == {
        ("prior", 2, DAYS[2])
    }


@pytest.mark.parametrize("mode", ["prior", "same_day"])
def test_the_past_does_not_change_with_the_future(prior_days: Lake, tmp_path: Path, mode: str):
    """With another second half of the day, prior gives the same first half; same_day does not."""
    lake = Lake(tmp_path / "lake")
    shutil.copytree(prior_days.root, lake.root)
    variables = {**PRIOR, "calibration_mode": mode}
    build_day(lake, SYMBOL, DAYS[2], variables)
    records = databento.DBNStore.from_bytes(
        (prior_days.root.parent / f"{DAYS[2]}.dbn.zst").read_bytes()
    ).to_ndarray()
    middle_ns = rows_of(lake, SILVER + "book_snapshot_1s", SYMBOL, DAYS[2])[30][
        "window_start_ts_ns"
    ]
    before = {key: past_rows(lake, key, middle_ns) for key in TABLES}
    # From the middle on all sizes are others: another market.
    perturbed = records.copy()
    future = perturbed["ts_event"] >= middle_ns
    perturbed["size"][future] = np.minimum(
        perturbed["size"][future].astype(np.int64) * 7 + 1, 10**6
    )
    perturbed["instrument_id"] = ESH6
    path = tmp_path / "other-future.dbn.zst"
    write_dbn(path, perturbed, metadata({SYMBOL: ESH6}))
    ingest_file(path, lake, root="ES", overwrite=True)
    build_day(lake, SYMBOL, DAYS[2], {**variables, "max_anomaly_share": 1.0})
    after = {key: past_rows(lake, key, middle_ns) for key in TABLES}
    assert all(before[key] for key in TABLES)
    changed = {key for key in TABLES if before[key] != after[key]}
    assert changed == (
        set()
        if mode == "prior"
        else {CALIBRATION, SILVER + "vacuum_surface_1s", SILVER + "physics_bands_1s"}
    )


def past_rows(lake: Lake, key: str, until_ns: int) -> list[dict[str, object]]:
    """The rows that speak of the time before `until_ns`."""
    rows = rows_of(lake, key, SYMBOL, DAYS[2])
    return [row for row in rows if row.get("window_end_ts_ns", until_ns) <= until_ns]
