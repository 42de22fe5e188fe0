"""A day with options, from DBN files to gamma exposure, against the sample market's known truth."""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import nbformat
import pytest
from nbclient import NotebookClient
from option_days import DT, SESSION, OptionDay, Rows

from spymaster.dbt_run import build_day
from spymaster.errors import UserError
from spymaster.lake import Lake, partition_ref, read_manifest

NOTEBOOK = Path(__file__).resolve().parent.parent / "docs" / "first-look.ipynb"
RATE = 0.04
YEAR_NS = 365 * 86_400 * 10**9
NEW_YORK_MIDNIGHT_NS = 1_767_762_000_000_000_000  # the end of 2026-01-06 there
SURFACE = "silver.future_option_mbo.gex_surface_1s"
LEVELS = "gold.hud.gex_levels_1s"
BOOK = "silver.future_mbo.book_snapshot_1s"


@pytest.fixture(params=["ES", "NQ"])
def day(request: pytest.FixtureRequest) -> OptionDay:
    """ES with its multiplier of 50 and NQ with 20: the same code, by parameter alone."""
    return request.getfixturevalue(f"{request.param.lower()}_option_day")


def true_exposures(truth: dict[str, Any], forward: float, end_ns: int) -> tuple[float, float]:
    """Dollars per 1 % of a strike's calls and puts, by Black-76 and the volatility that was quoted."""
    years = (truth["expiration_ns"] - end_ns) / YEAR_NS
    strike = truth["strike_price_int"] / 1e9
    s = truth["volatility"] * math.sqrt(years)
    d1 = (math.log(forward / strike) + s * s / 2) / s
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    gamma = math.exp(-truth["risk_free_rate"] * years) * density / (forward * s)
    unit = gamma * truth["multiplier"] * forward**2 * 0.01
    return tuple(unit * (truth[f"open_interest_{right}"] or 0) for right in ("call", "put"))


def by_window(rows: Rows) -> dict[int, Rows]:
    """Rows by their window's start."""
    windows: dict[int, Rows] = defaultdict(list)
    for row in rows:
        windows[row["window_start_ts_ns"]].append(row)
    return windows


def test_exposure_is_the_truth_where_everything_is_known(day: OptionDay):
    """Section 5: within 1 % over the strikes of full coverage, in every window, calls and puts apart."""
    truth = {
        row["strike_price_int"]: row
        for row in day.truth
        if row["expiration_ns"] < NEW_YORK_MIDNIGHT_NS
    }
    forwards = {
        row["window_start_ts_ns"]: (row["mid_price_int"] or row["spot_ref_price_int"])
        for row in day.rows(BOOK)
    }
    compared = 0
    for start, rows in by_window(day.rows(SURFACE)).items():
        known = [
            row
            for row in rows
            if row["quote_coverage"] == 1 and row["strike_price_int"] in truth and row["gex_abs"]
        ]
        expected = [
            true_exposures(
                truth[row["strike_price_int"]], forwards[start] / 1e9, row["window_end_ts_ns"]
            )
            for row in known
        ]
        for place, column in enumerate(("gex_call_abs", "gex_put_abs")):
            found = sum(row[column] for row in known)
            assert found == pytest.approx(sum(pair[place] for pair in expected), rel=0.01), start
        compared += len(known)
    assert compared > 1_000


def test_every_window_with_a_forward_has_its_grid(day: OptionDay):
    """Section 5: 25 strikes around F, listed or not; future and options at the same window's end."""
    book = day.rows(BOOK)
    windows = by_window(day.rows(SURFACE))
    listed = {row["strike_price_int"] for row in day.truth}
    known_start = {
        row["window_start_ts_ns"]: row
        for row in book
        if row["mid_price_int"] is not None or row["spot_ref_price_int"] is not None
    }
    assert set(windows) == set(known_start)
    step = 5 * 10**9
    for start, rows in windows.items():
        forward = known_start[start]["mid_price_int"] or known_start[start]["spot_ref_price_int"]
        middle = rows[12]["strike_price_int"]
        assert [row["strike_price_int"] for row in rows] == [
            middle + k * step for k in range(-12, 13)
        ]
        assert abs(middle - forward) <= step / 2
        assert {row["window_end_ts_ns"] for row in rows} == {known_start[start]["window_end_ts_ns"]}
        for row in rows:
            if row["strike_price_int"] not in listed:
                assert (row["gex_abs"], row["quote_coverage"]) == (0, 1)
            if row["quote_coverage"] == 0:
                assert row["gex_abs"] is None, "unknown is NULL, not 0"


def test_differences_follow_the_strike(day: OptionDay):
    """d1 to d3: change of the one before since the window before, 0 where that has no value."""
    rows = {(r["window_start_ts_ns"], r["strike_price_int"]): r for r in day.rows(SURFACE)}
    for (start, strike), row in rows.items():
        before = rows.get((start - 10**9, strike), {})
        for measure in ("gex_abs", "gex", "gex_imbalance_ratio"):
            for order in (1, 2, 3):
                of = measure if order == 1 else f"d{order - 1}_{measure}"
                expected = 0 if before.get(of) is None else row[measure] and row[of] - before[of]
                if row[measure] is None:
                    expected = None
                assert row[f"d{order}_{measure}"] == expected, (start, strike, measure, order)


def test_statistics_are_the_truth(day: OptionDay):
    """Section 2: the open interest and settlement that were known, NULL where none was, no spreads."""
    found = {row["option_symbol"]: row for row in day.rows("silver.future_option.statistics_clean")}
    expected = {
        row[f"option_symbol_{right}"]: (row, right)
        for row in day.truth
        for right in ("call", "put")
        if row[f"option_symbol_{right}"]
    }
    assert set(found) == set(expected)
    assert any(row["open_interest"] is None for row in found.values())
    for symbol, (truth, right) in expected.items():
        row = found[symbol]
        assert row["right"] == right[0].upper()
        assert (row["strike_price_int"], row["expiration"], row["underlying"]) == (
            truth["strike_price_int"], truth["expiration_ns"], day.symbol,
        )  # fmt: skip
        assert row["open_interest"] == truth[f"open_interest_{right}"], symbol
        assert row["settlement_price_int"] == truth[f"settlement_price_int_{right}"], symbol


def test_levels_are_those_of_the_surface_and_the_chain(day: OptionDay):
    """Section 6: one row a window; walls are strikes of the chain; the flip is within 5 % of F."""
    levels = day.rows(LEVELS)
    book = {row["window_start_ts_ns"]: row for row in day.rows(BOOK)}
    assert [row["window_start_ts_ns"] for row in levels] == sorted(book)
    strikes = {row["strike_price_int"] / 1e9 for row in day.truth}
    flips = 0
    for row in levels:
        if row["abs_gex"] is None:
            continue
        assert abs(row["net_gex"]) <= row["abs_gex"] * (1 + 1e-12)
        assert {row["call_wall"], row["put_wall"], row["abs_wall"]} <= strikes
        if row["zero_gamma_price"] is not None:
            flips += 1
            forward = book[row["window_start_ts_ns"]]["mid_price_int"]
            assert abs(row["zero_gamma_price"] * 1e9 / forward - 1) <= 0.05
    assert flips > 0
    manifest = read_manifest(partition_ref(day.lake, LEVELS, day.symbol, DT))
    assert manifest["parameters"]["risk_free_rate"] == RATE
    assert manifest["report"]["options_in_scope"] > 0


def test_gex_abs_is_calibrated_with_the_rest(day: OptionDay):
    """physics.md: exact quantiles of gex_abs above 0 in the valid windows of the session."""
    (row,) = [
        row
        for row in day.rows("gold.hud.physics_norm_calibration")
        if row["metric_name"] == "gex_abs"
    ]
    surface, wall = (
        partition_ref(day.lake, key, day.symbol, DT).data_path
        for key in (SURFACE, "silver.future_mbo.wall_surface_1s")
    )
    expected = duckdb.sql(f"""
        select quantile_cont(gex_abs, 0.05), quantile_cont(gex_abs, 0.95), count(*)
        from '{surface}'
        where gex_abs > 0
            and window_start_ts_ns in (select window_start_ts_ns from '{wall}' where window_valid)
    """).fetchone()
    assert (row["q05"], row["q95"]) == pytest.approx(expected[:2], rel=1e-9)
    assert row["sample_count"] == expected[2] > 0


def test_missing_statistics_name_the_file_to_get(day: OptionDay, tmp_path: Path):
    """Options without their statistics: one line that says what to download; nothing is built."""
    lake = Lake(tmp_path / "lake")
    shutil.copytree(day.lake.root, lake.root)
    root = day.symbol[:2]
    shutil.rmtree(partition_ref(lake, "bronze.future_option.statistics", root, DT).folder)
    with pytest.raises(UserError, match=rf"statistics {root} {DT} is not .* schema statistics"):
        build_day(lake, day.symbol, DT, {**SESSION, "overwrite": True})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("gex_max_dte", -2, "from -1 to 10000"),
        ("gex_strike_step", 0, "not above 0"),
        ("gex_strike_step", "five", "not a number"),
        ("gex_strike_count", 1.5, "not a whole number"),
        ("risk_free_rate", 4, "up to 1"),
    ],
)
def test_vars_that_make_no_sense(day: OptionDay, name: str, value: object, message: str):
    with pytest.raises(UserError, match=f"the var {name} is .*{message}"):
        build_day(day.lake, day.symbol, DT, {**SESSION, name: value})


def test_the_notebook_runs_on_a_built_day(day: OptionDay, monkeypatch: pytest.MonkeyPatch):
    """docs/first-look.ipynb for either product: no cell fails or warns, four plots are drawn."""
    monkeypatch.setenv("SPYMASTER_LAKE", str(day.lake.root))
    monkeypatch.setenv("NOTEBOOK_SYMBOL", day.symbol)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "committed without outputs"
    NotebookClient(notebook, timeout=60).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {output.output_type for output in outputs} <= {"display_data", "execute_result"}
    kinds = [kind for output in outputs for kind in output.data]
    assert kinds.count("image/png") == 4
    tables = [output.data["text/plain"] for output in outputs if "image/png" not in output.data]
    assert LEVELS in tables[0]
    assert "depth_qty_rest" in tables[1]
