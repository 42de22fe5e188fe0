"""The orders behind the levels: the kernel against its oracle, the walls, and real icebergs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from engine_runs import engine_tables, run_engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mbo_streams import Stream, random_splits, streams
from oracle_level_orders import oracle_level_orders
from real_data import ES_TICK_INT, ESH4, ESH4_SESSION, ESM4, real_mbo

from spymaster_udf import level_orders
from spymaster_udf.anomalies import BadParamsError
from spymaster_udf.level_orders import LevelOrders
from spymaster_udf.mbo import (
    ADD,
    ASK,
    BID,
    CANCEL,
    CLEAR,
    F_LAST,
    FILL,
    MODIFY,
    NO_SIDE,
    RECORD,
    TRADE,
    UNDEF_PRICE,
)
from spymaster_udf.mbo_columns import MboColumns

SECOND = 1_000_000_000
Rows = list[dict[str, Any]]


def run(
    records: np.ndarray,
    windows: list[tuple[int, int | None]],
    tick_int: int = ES_TICK_INT,
    reach: int = 200,
    splits: list[slice] | None = None,
) -> Rows:
    engine = LevelOrders(windows, tick_int, reach)
    rows: Rows = []
    for part in splits or [slice(None)]:
        for batch in engine.feed(MboColumns.of_records(records[part])):
            rows += batch.to_pylist()
    for batch in engine.finish():
        rows += batch.to_pylist()
    return rows


def windows_of(book: Rows) -> list[tuple[int, int | None]]:
    return [(row["window_start_ts_ns"], row["spot_ref_price_int"]) for row in book]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=streams(), split_seed=st.integers(0, 2**32 - 1))
def test_the_rows_are_the_oracles_in_any_split(stream: Stream, split_seed: int):
    """Hostile or not, in one batch or in many: the same rows."""
    records, given_settings = stream.records, stream.settings
    tables, _ = run_engine(records, **given_settings)
    windows = windows_of(tables["book_snapshot_1s"])
    reach = given_settings.get("hud_max_ticks", 200)
    tick = given_settings["tick_int"]
    expected = oracle_level_orders(records, windows, tick, reach)
    splits = random_splits(np.random.default_rng(split_seed), len(records))
    assert run(records, windows, tick, reach, splits) == expected


def _disagreements(wall: pa.Table, orders: pa.Table) -> int:
    """Levels whose orders do not fit their sums; the rule is the check `orders_fit_the_walls`."""
    from duckdb import connect

    from spymaster.checks.check import checks_in

    check = next(c for c in checks_in("data") if c.name == "orders_fit_the_walls")
    with connect() as connection:
        connection.register("wall_surface_1s", wall)
        connection.register("level_orders_1s", orders)
        return len(connection.sql(check.query).fetchall())


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=streams(hostile=(0.0,)))
def test_orders_fit_the_walls(stream: Stream):
    """Same levels; the largest order fits depth and count; what traded is fills and hidden quantity."""
    tables, _ = run_engine(stream.records, **stream.settings)
    rows = run(
        stream.records, windows_of(tables["book_snapshot_1s"]), stream.settings["tick_int"],
        stream.settings.get("hud_max_ticks", 200),
    )  # fmt: skip
    if rows:
        wall, orders = pa.Table.from_pylist(tables["wall_surface_1s"]), pa.Table.from_pylist(rows)
        assert _disagreements(wall, orders) == 0


PRICE = 100 * ES_TICK_INT
FIRST = {"action": ADD, "order_id": 1, "size": 9}


def filled_first(*changes: tuple[int, int], order_id: int = 2) -> list[dict[str, int]]:
    """A trade of 3 and its F, then changes (action, size) of the order that it named."""
    trade = {"action": TRADE, "side": ASK, "size": 3}
    kinds = ((FILL, 3), *changes)
    return [trade, *({"action": kind, "order_id": order_id, "size": size} for kind, size in kinds)]


CLEARED = [{"action": CLEAR, "side": NO_SIDE, "price": UNDEF_PRICE}]


@pytest.mark.parametrize(
    ("events", "fills", "executed"),
    [
        ([filled_first((ADD, 5), (MODIFY, 2))], 3, 3),
        ([filled_first((ADD, 5), (CANCEL, 5))], 3, 3),
        ([filled_first((MODIFY, 5), (MODIFY, 2))], 3, 3),
        ([filled_first((ADD, 5), (MODIFY, 2), order_id=1)], 3, 3),
        ([filled_first((ADD, 5))], 0, 0),
        ([filled_first(), filled_first((ADD, 5), (MODIFY, 2))[2:]], 3, 3),
        ([filled_first((MODIFY, 9), order_id=1), CLEARED], 0, 3),
    ],
    ids=["then reduced", "then cancelled", "entered by M", "entered twice", "not reduced",
         "F ends its event", "hidden only, then cleared"],
)  # fmt: skip
def test_an_order_filled_before_it_is_entered(events: list[Any], fills: int, executed: int):
    """An F before its order is a fill of what the event enters and takes again: to walls and orders."""
    session = {"tick_int": ES_TICK_INT, "session_start_ns": 0, "session_end_ns": SECOND}
    records = records_of(event(FIRST), *(event(*one) for one in events))
    tables, _ = run_engine(records, **session, assume_valid=True, max_anomaly_share=1.0)
    found = run(records, windows_of(tables["book_snapshot_1s"]))
    wall = tables["wall_surface_1s"]
    assert sum(row["fill_qty"] for row in wall) == fills
    assert sum(row["executed_qty"] for row in found) == executed
    if wall:
        assert _disagreements(pa.Table.from_pylist(wall), pa.Table.from_pylist(found)) == 0


def test_real_icebergs_are_found():
    """ESH4's first two hours: 85 refreshes brought 503 contracts that no level had shown.

    In each second what the orders of a side traded is what aggressors took, the auction's apart.
    """
    records = real_mbo(ESH4)
    tables = engine_tables(records, **ESH4_SESSION)
    book = tables["book_snapshot_1s"].to_pylist()
    rows = run(records, windows_of(book), reach=ESH4_SESSION["hud_max_ticks"])
    assert sum(row["refresh_count"] for row in rows) == 85
    assert sum(row["refreshed_qty"] for row in rows) == 503
    taken: dict[tuple[int, str], int] = defaultdict(int)
    for row in rows:
        taken[row["window_start_ts_ns"], row["side"]] += row["executed_qty"]
    auctions = [row for row in book if row["trade_other_qty"]]
    assert len(auctions) == 1
    for row in book:
        asks, bids = (taken[row["window_start_ts_ns"], side] for side in "AB")
        assert row in auctions or (asks, bids) == (row["trade_buy_qty"], row["trade_sell_qty"])
    assert _disagreements(tables["wall_surface_1s"], pa.Table.from_pylist(rows)) == 0


def test_real_esm4_is_the_oracles_and_fits_the_walls():
    """From the snapshot on, in batches of 1,000, at 600 ticks: orders that rested before the file too."""
    records = real_mbo(ESM4)
    start, reach = 1_715_126_400 * SECOND, 600
    tables = engine_tables(
        records, tick_int=ES_TICK_INT, session_start_ns=start, session_end_ns=start + 2 * SECOND,
        hud_max_ticks=reach,
    )  # fmt: skip
    windows = windows_of(tables["book_snapshot_1s"].to_pylist())
    splits = [slice(i, i + 1000) for i in range(0, len(records), 1000)]
    rows = run(records, windows, reach=reach, splits=splits)
    assert rows == oracle_level_orders(records, windows, ES_TICK_INT, reach)
    assert sum(row["executed_qty"] for row in rows) > 0
    assert _disagreements(tables["wall_surface_1s"], pa.Table.from_pylist(rows)) == 0


def event(*records: dict[str, int]) -> list[dict[str, int]]:
    """Records of one event: the last one ends it."""
    return [{"flags": 0, **r} for r in records[:-1]] + [{"flags": int(F_LAST), **records[-1]}]


def records_of(*events: list[dict[str, int]]) -> np.ndarray:
    """Events of one second, of bids at 100 ticks where nothing else is said."""
    rows = [row for one in events for row in one]
    records = np.zeros(len(rows), RECORD)
    records["instrument_id"], records["side"], records["price"] = 1, BID, PRICE
    records["ts_event"] = np.arange(len(rows))
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return records


def level(*events: list[dict[str, int]]) -> dict[str, Any]:
    """The row of the bid at 100 ticks after some events of one second."""
    found = run(records_of(*events), [(0, PRICE)])
    return next(row for row in found if row["side"] == "B" and row["rel_ticks"] == 0)


def add(order_id: int, size: int) -> list[dict[str, int]]:
    return event({"action": ADD, "order_id": order_id, "size": size})


def traded(fills: dict[int, int], *changes: tuple[int, int, int]) -> list[dict[str, int]]:
    """An aggressor: T, an F an order, then the book changes (action, order, size)."""
    trade = {"action": TRADE, "side": ASK, "size": sum(fills.values())}
    announced = [{"action": FILL, "order_id": o, "size": q} for o, q in fills.items()]
    after = [{"action": kind, "order_id": o, "size": q} for kind, o, q in changes]
    return event(trade, *announced, *after)


def test_an_aggressor_from_the_book_trades_at_no_level_of_its_own():
    """A bid that is moved through the asks and filled: its old level traded nothing, and is gone."""
    own = {"order_id": 1, "size": 4}
    moved = [
        {"action": TRADE, **own}, {"action": FILL, **own},
        {"action": FILL, "side": ASK, "order_id": 2, "size": 4, "price": PRICE + ES_TICK_INT},
        {"action": CANCEL, **own}, {"action": CANCEL, "side": ASK, "order_id": 2, "size": 4},
    ]  # fmt: skip
    ask = [{"action": ADD, "side": ASK, "order_id": 2, "size": 9, "price": PRICE + ES_TICK_INT}]
    [row] = run(records_of(add(1, 4), event(*ask), event(*moved)), [(0, PRICE)])
    assert (row["side"], row["executed_qty"], row["largest_order_qty"]) == ("A", 4, 5)
    # The next event's F of the same order is an F like any other.
    again = traded({1: 2}, (MODIFY, 1, 2))
    assert level(add(1, 4), event({"action": TRADE, **own}), again)["executed_qty"] == 2


@pytest.mark.parametrize(
    ("events", "refreshed"),
    [
        ([add(1, 2), traded({1: 2}, (MODIFY, 1, 4))], 4),
        ([add(1, 2), traded({1: 2}, (MODIFY, 1, 2))], 2),
        ([add(1, 3), traded({1: 13}, (MODIFY, 1, 2))], 12),
        ([add(1, 3), add(2, 1), traded({1: 13}, (CANCEL, 1, 3))], 10),
        ([add(1, 9), traded({1: 4}, (MODIFY, 1, 5))], 0),
        ([add(1, 9), add(2, 1), traded({1: 9}, (CANCEL, 1, 9))], 0),
        ([add(1, 9), traded({1: 4})], 0),
        ([add(1, 9), event({"action": MODIFY, "order_id": 1, "size": 20})], 0),
    ],
    ids=["larger", "equal", "several times in one event", "used up", "usual fill", "filled whole",
         "no book change", "raised by its owner"],
)  # fmt: skip
def test_a_refresh_is_more_than_the_fill_left(events: list[Any], refreshed: int):
    """Shown after the event, and filled in it, less shown before: what came from the reserve."""
    row = level(*events)
    assert row["refreshed_qty"] == refreshed
    assert row["refresh_count"] == int(refreshed > 0)


def test_absorbed_counts_from_the_last_time_a_level_gave_way():
    """A trade that empties the level takes back what it had absorbed; what follows counts anew."""
    held = [add(1, 10), traded({1: 4}, (MODIFY, 1, 6))]
    gone = traded({1: 6}, (CANCEL, 1, 6))
    assert level(*held)["absorbed_qty"] == 4
    assert level(*held, gone)["absorbed_qty"] == 0
    row = level(*held, gone, add(2, 5), traded({2: 3}, (MODIFY, 2, 2)))
    assert (row["absorbed_qty"], row["executed_qty"], row["largest_order_qty"]) == (3, 13, 2)


def test_the_largest_order_is_of_the_windows_end():
    """Not the largest that was there, nor the sum."""
    cancelled = event({"action": CANCEL, "order_id": 2, "size": 40})
    assert level(add(1, 7), add(2, 40), add(3, 9), cancelled)["largest_order_qty"] == 9


def test_tables_grow_and_change_nothing(monkeypatch: pytest.MonkeyPatch):
    """From tables of a few places: the same rows, and empty levels are let go."""
    draw = np.random.default_rng(5)
    records = np.zeros(6_000, RECORD)
    records["instrument_id"], records["action"], records["flags"] = 1, ADD, F_LAST
    records["order_id"] = np.arange(6_000)
    records["side"] = np.where(draw.random(6_000) < 0.5, BID, ASK)
    records["price"] = draw.integers(-900, 900, 6_000) * ES_TICK_INT
    records["size"] = draw.integers(1, 500, 6_000)
    records["ts_event"] = np.arange(6_000) * SECOND // 1_000
    records["action"][3_000:] = np.where(draw.random(3_000) < 0.7, CANCEL, ADD)
    records["order_id"][3_000:] = draw.permutation(3_000)
    windows: list[tuple[int, int | None]] = [(i * SECOND, 0) for i in range(6)]
    usual = run(records, windows)
    for name in ("ORDER_SLOTS", "TRADED_PLACES", "FLOW_PLACES", "LEVEL_PLACES"):
        monkeypatch.setattr(level_orders, name, 16)
    assert run(records, windows) == usual
    assert len(usual) > 1_000


def test_windows_must_follow_each_other():
    with pytest.raises(BadParamsError):
        LevelOrders([(0, None), (2 * SECOND, None)], ES_TICK_INT, 10)
