"""A day in memory is the lake's rows, each value at its window, side and tick; unknown is null."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hud_lake import DT, FIRST_START_NS, SECOND, SYMBOL, HudDay, hud_lake, write_hud_day

from spymaster.errors import UserError
from spymaster.hud.columns import (
    BANDS,
    BOOK,
    CHAIN,
    COLUMNS,
    GEX,
    NORM_NAMES,
    ORDERS,
    PHYSICS,
    VACUUM,
    WALL,
)
from spymaster.hud.day import Day, load_day
from spymaster.hud.day_tables import day_tables
from spymaster.hud.stream_api import HudStream
from spymaster.lake import Lake, partition_ref

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def day(awkward_lake: Lake) -> Day:
    return load_day(awkward_lake, SYMBOL, DT)


@pytest.fixture(scope="module")
def rows(day: Day) -> Rows:
    return day.rows.to_pylist()


def lake_rows(lake: Lake, key: str) -> Rows:
    return pq.read_table(partition_ref(lake, key, SYMBOL, DT).data_path).to_pylist()


def levels(lake: Lake, key: str) -> dict[tuple[int, str, int], dict[str, Any]]:
    return {(r["window_end_ts_ns"], r["side"], r["rel_ticks"]): r for r in lake_rows(lake, key)}


def test_every_level_stands_at_its_place(awkward_lake: Lake, rows: Rows):
    """Slow and plain: each item of each list against the lake's rows, with the rule of nulls."""
    tables = {key: levels(awkward_lake, key) for key in (WALL, ORDERS, VACUUM, PHYSICS)}
    lists = [column for column in COLUMNS if column.shape == "ticks"]
    looked_at = {"row": 0, "zero": 0, "null": 0}
    for row in rows[:60]:
        end = row["window_end_ts_ns"]
        for column in lists:
            if row["spot_ref_price_int"] is None:
                assert row[column.name] is None
                continue
            known = {"depth": row["book_valid"], "flow": row["window_valid"], "physics": False}
            for index, value in enumerate(row[column.name]):
                level = tables[column.table].get((end, column.side, index - 20))
                if level is None:
                    assert value == (0 if known[column.group] else None), (end, column.name, index)
                    looked_at["zero" if known[column.group] else "null"] += 1
                else:
                    exact = level[column.source]
                    assert value == (np.float32(exact) if isinstance(exact, float) else exact)
                    looked_at["row"] += 1
    assert min(looked_at.values()) > 100, "each case was there"


def test_scalars_are_the_books(awkward_lake: Lake, rows: Rows):
    book = lake_rows(awkward_lake, BOOK)
    names = [c.name for c in COLUMNS if c.table == BOOK]
    assert [[r[n] for n in names] for r in rows] == [[r[n] for n in names] for r in book]


def test_window_valid_is_the_walls_and_null_without_levels(rows: Rows):
    assert [row["window_valid"] for row in rows[:21]] == [None] * 3 + [True] * 7 + [False] * 10 + [
        True
    ]


def test_bands_and_levels_are_the_lakes_doubles(awkward_lake: Lake, rows: Rows):
    for row, bands, chain in zip(
        rows, lake_rows(awkward_lake, BANDS), lake_rows(awkward_lake, CHAIN), strict=True
    ):
        assert row["band_norms"] == [bands[name] for name in NORM_NAMES]
        for name in ("above_score", "below_score", "vacuum_total_score"):
            assert row[name] == bands[name]
        for column in COLUMNS:
            if column.table == CHAIN:
                assert row[column.name] == chain[column.source]


def test_the_order_of_band_norms_is_that_of_the_docs():
    for side, side_name in enumerate(("above", "below")):
        for band, band_name in enumerate(("at", "near", "mid", "far")):
            for measure, name in enumerate(("wall_strength", "wall_erosion", "vacuum")):
                item = NORM_NAMES[12 * side + 3 * band + measure]
                assert item == f"{side_name}_{band_name}_{name}_norm"


def test_gex_is_of_the_same_window_and_null_where_there_is_none(awkward_lake: Lake, rows: Rows):
    surface: dict[int, Rows] = {}
    for level in lake_rows(awkward_lake, GEX):
        surface.setdefault(level["window_end_ts_ns"], []).append(level)
    for index, row in enumerate(rows):
        strikes = surface.get(row["window_end_ts_ns"])
        assert (strikes is None) == (index in (5, 6)) == (row["strike_gex"] is None)
        if strikes:
            assert row["strike_price_int"] == [s["strike_price_int"] for s in strikes]
            assert row["strike_gex"] == [s["gex"] for s in strikes]
            assert row["strike_quote_coverage"] == [s["quote_coverage"] for s in strikes]


def test_quantities_are_16_bits_unless_a_value_needs_more(day: Day, tmp_path: Path):
    """Nothing saturates: the awkward day has depth above 65,535, a usual one has not."""
    assert day.rows.schema.field("ask_depth_qty_end").type.value_type == pa.uint32()
    usual = load_day(hud_lake(tmp_path, HudDay(windows=5)), SYMBOL, DT)
    assert usual.rows.schema.field("ask_depth_qty_end").type.value_type == pa.uint16()


def test_a_quantity_that_fits_nowhere_is_refused(tmp_path: Path):
    lake = hud_lake(tmp_path, HudDay(windows=5, largest=2**34))
    with pytest.raises(UserError, match=r"best_bid_qty does not fit int32|no quantity can have"):
        load_day(lake, SYMBOL, DT)


@pytest.mark.parametrize("key", [WALL, VACUUM, PHYSICS, BANDS, GEX, CHAIN])
def test_a_day_without_a_table_is_null_there(tmp_path: Path, key: str):
    """A day without options, or built in part: its columns are null and the day says so."""
    day = load_day(hud_lake(tmp_path, HudDay(windows=5, without=(key,))), SYMBOL, DT)
    gone = set(day.missing)
    assert key.rsplit(".", 1)[1] in gone
    for column in COLUMNS:
        is_gone = column.table.rsplit(".", 1)[1] in gone
        array = day.rows[column.name]
        assert not is_gone or array.null_count == 5 or column.shape == "norms"
        if is_gone and column.shape == "norms":
            assert array.flatten().null_count == 5 * 24
        assert is_gone or column.shape != "ticks" or array.null_count == 0


def test_a_table_of_an_older_build_does_not_stand_beside_the_new(tmp_path: Path):
    """Walls built again, the rest not yet: what came of the old walls is missing, not mixed in."""
    lake = hud_lake(tmp_path, HudDay(windows=5))
    assert load_day(lake, SYMBOL, DT).missing == ()
    write_hud_day(lake, HudDay(windows=5, seed=2, without=(VACUUM, PHYSICS, BANDS, GEX, CHAIN)))
    day = load_day(lake, SYMBOL, DT)
    assert set(day.missing) == {
        "vacuum_surface_1s", "physics_surface_1s", "physics_bands_1s", "gex_surface_1s", "gex_levels_1s",
    }  # fmt: skip
    assert day.rows["ask_vacuum_score"].null_count == 5


def test_walls_of_another_run_than_the_book_are_missing(tmp_path: Path):
    lake = hud_lake(tmp_path, HudDay(windows=5))
    write_hud_day(
        lake, HudDay(windows=5, seed=2, without=(WALL, VACUUM, PHYSICS, BANDS, GEX, CHAIN))
    )
    assert "wall_surface_1s" in load_day(lake, SYMBOL, DT).missing


def test_the_version_changes_with_any_table(tmp_path: Path):
    lake = hud_lake(tmp_path, HudDay(windows=5))
    before = day_tables(lake, SYMBOL, DT).version
    assert day_tables(lake, SYMBOL, DT).version == before
    shutil.rmtree(partition_ref(lake, CHAIN, SYMBOL, DT).folder)
    assert day_tables(lake, SYMBOL, DT).version != before


def test_lists_reach_no_further_than_asked(awkward_lake: Lake, rows: Rows):
    near = load_day(awkward_lake, SYMBOL, DT, max_ticks=7)
    assert near.reach == 7
    for row, whole in zip(near.rows.to_pylist()[:30], rows, strict=False):
        for name in ("bid_depth_qty_end", "ask_vacuum_score"):
            assert row[name] == (whole[name] and whole[name][13:28])


def damaged_data(lake: Lake) -> None:
    partition_ref(lake, WALL, SYMBOL, DT).data_path.write_bytes(b"PAR1 but no more")


def no_parameters(lake: Lake) -> None:
    path = partition_ref(lake, BOOK, SYMBOL, DT).manifest_path
    path.write_text(json.dumps({**json.loads(path.read_text()), "parameters": None}))


def no_inputs(lake: Lake) -> None:
    path = partition_ref(lake, BOOK, SYMBOL, DT).manifest_path
    path.write_text(json.dumps({**json.loads(path.read_text()), "inputs": "?"}))


def no_book(lake: Lake) -> None:
    shutil.rmtree(partition_ref(lake, BOOK, SYMBOL, DT).folder)


@pytest.mark.parametrize("damage", [damaged_data, no_parameters, no_inputs, no_book])
def test_a_damaged_day_is_one_line_that_says_so(tmp_path: Path, damage: Any):
    lake = hud_lake(tmp_path, HudDay(windows=5))
    damage(lake)
    with pytest.raises(UserError, match=r"build|damaged|not in the lake"):
        load_day(lake, SYMBOL, DT)


def test_hud_stream_yields_every_window_once(awkward_lake: Lake, day: Day):
    """The in-process API: (window_end_ts_ns, a batch of one row), from an instant on."""
    stream = HudStream(awkward_lake)
    pairs = list(stream.iter_batches(SYMBOL, DT))
    assert [end for end, _ in pairs] == day.ends_ns.tolist()
    assert pa.Table.from_batches([batch for _, batch in pairs]).equals(
        pa.Table.from_batches([day.rows])
    )
    instant = FIRST_START_NS + 100 * SECOND
    later = [end for end, _ in stream.iter_batches(SYMBOL, DT, start_ts_ns=instant)]
    assert later == [end for end in day.ends_ns.tolist() if end > instant]
    past = stream.bootstrap(SYMBOL, DT, end_ts_ns=instant, windows=30)
    assert past["window_end_ts_ns"].to_pylist() + later == day.ends_ns.tolist()[70:]


def test_the_ring_of_hud_stream_holds_the_last_1800(tmp_path: Path):
    stream = HudStream(hud_lake(tmp_path, HudDay(windows=2_000, reach=20)))
    sizes, last = set(), None
    for end, _ in stream.iter_batches(SYMBOL, DT):
        sizes.add(len(stream._ring))
        last = end
    assert max(sizes) == 1_800
    ring = stream.ring["window_end_ts_ns"].to_pylist()
    assert (len(ring), ring[-1]) == (1_800, last)
    assert ring == sorted(ring)
