"""The compiled book engine against the oracle, row for row, and against what is known of real files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from engine_runs import TABLES, engine_tables, run_engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mbo_streams import Stream, random_splits, streams
from oracle_book import oracle_book
from real_data import ES_TICK_INT, ESH4, ESH4_SESSION, ESM4, real_mbo

from spymaster_udf import book_engine, book_kernel
from spymaster_udf.anomalies import BadDataError, BadParamsError
from spymaster_udf.book_engine import BookEngine, BookParams
from spymaster_udf.mbo import ADD, ASK, BID, CANCEL, F_LAST, FILL, RECORD, TRADE

SECOND = 1_000_000_000


def records_of(rows: list[dict[str, int]]) -> np.ndarray:
    """Make RECORD rows; what is not given is a one-lot bid at 100 ticks of one instrument."""
    records = np.zeros(len(rows), RECORD)
    records["instrument_id"] = 1
    records["size"] = 1
    records["flags"] = F_LAST
    records["action"] = ADD
    records["side"] = BID
    records["price"] = 100 * ES_TICK_INT
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    return records


def assert_same_as_oracle(records: np.ndarray, splits: list[slice] | None = None, **params) -> None:
    """Every row, count and left-over order of the engine is the oracle's."""
    expected = oracle_book(records, **params)
    rows, engine = run_engine(records, splits, **params)
    for name in TABLES:
        assert rows[name] == getattr(expected, name), name
    report = engine.report
    assert {kind: n for kind, n in report.anomalies.items() if n} == expected.anomalies
    assert report.records_applied == expected.records_applied
    assert report.unknown_modifies == expected.unknown_modifies
    assert report.unknown_fills == expected.unknown_fills
    assert engine.live_orders == len(expected.orders)
    if expected.first_anomaly is None:
        assert report.first_anomaly is None
    else:
        first = report.first_anomaly
        index, _, order_id, kind = expected.first_anomaly
        assert (first.record_index, first.order_id, first.kind) == (index, order_id, kind)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=streams(), split_seed=st.integers(0, 2**32 - 1))
def test_engine_is_the_oracle_in_any_split(stream: Stream, split_seed: int):
    """Sections 1-5 and 7: old and new form, any split into batches, hostile or not, same rows."""
    splits = random_splits(np.random.default_rng(split_seed), len(stream.records))
    assert_same_as_oracle(stream.records, splits, **stream.settings)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=streams(hostile=(0.0,)))
def test_old_and_new_form_give_the_same_surfaces(stream: Stream):
    """Section 1: the extra N of the form since August 2026 changes message_count and nothing else."""
    old, _ = run_engine(stream.in_form("old"), **stream.settings)
    new, _ = run_engine(stream.in_form("new"), **stream.settings)
    for rows in (old, new):
        for row in rows["book_snapshot_1s"]:
            del row["message_count"]
    assert old == new


def test_real_esh4_is_the_oracles(esh4_oracle):
    """Real data, two hours: the compiled engine and the oracle agree on every row of every table."""
    tables = engine_tables(real_mbo(ESH4), **ESH4_SESSION)
    for name in TABLES:
        rows = getattr(esh4_oracle, name)
        assert tables[name].num_rows == len(rows)
        for column in tables[name].schema.names:
            got = tables[name][column].to_pylist()
            assert got == [row[column] for row in rows], column


def test_real_esm4_is_the_oracles():
    """Real data with a leading R: every row agrees at 600 ticks, in batches of 1,000."""
    records = real_mbo(ESM4)
    start = 1_715_126_400 * SECOND
    splits = [slice(i, i + 1000) for i in range(0, len(records), 1000)]
    assert_same_as_oracle(
        records, splits, tick_int=ES_TICK_INT, session_start_ns=start,
        session_end_ns=start + 2 * SECOND, hud_max_ticks=600,
    )  # fmt: skip


def test_real_esh4_conserves_on_every_row():
    """Section 1: depth_end = depth_start + add - pull - fill, without exception in the session."""
    wall = engine_tables(real_mbo(ESH4), **(ESH4_SESSION | {"hud_max_ticks": 200}))[
        "wall_surface_1s"
    ]
    column = {name: wall[name].to_numpy() for name in wall.schema.names if name != "side"}
    flow = column["add_qty"] - column["pull_qty_total"] - column["fill_qty"]
    assert wall.num_rows == 2_892_452
    assert (column["depth_qty_end"] == column["depth_qty_start"] + flow).all()


def test_a_kernel_in_which_f_reduces_the_book_is_caught(tmp_path: Path, monkeypatch):
    """Section 1, F has no effect: the mutated kernel loses 5,329 of ESH4's 17,999 cancels."""
    source = Path(book_kernel.__file__).read_text()
    mutated = source.replace("elif kind == CANCEL:", "elif kind == CANCEL or kind == FILL:")
    assert mutated != source
    path = tmp_path / "mutated_book_kernel.py"
    path.write_text(mutated)
    spec = importlib.util.spec_from_file_location("mutated_book_kernel", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    records = real_mbo(ESH4)
    _, sound = run_engine(records, **ESH4_SESSION)
    monkeypatch.setattr(book_engine, "replay", module.replay)
    _, broken = run_engine(records, **ESH4_SESSION)
    assert sound.report.anomalies["unknown_cancel"] == 0
    # The fills of seven orders that are not in the book become unknown cancels too.
    assert broken.report.anomalies["unknown_cancel"] == 5329 + 7


def test_orders_beyond_every_first_size_are_kept():
    """Section 1: hundreds of thousands of live orders at scattered prices, all there at the end."""
    count = 300_000
    records = np.zeros(count + 1, RECORD)
    records["instrument_id"] = 1
    records["action"] = ADD
    records["size"] = 2
    records["flags"] = F_LAST
    records["order_id"] = np.arange(count + 1) * 2**41 + 1
    rng = np.random.default_rng(1)
    records["price"] = rng.integers(-(10**9), 10**9, count + 1) * 1_000
    records["side"] = np.where(records["price"] > 0, ASK, BID)
    records["ts_event"] = np.arange(count + 1) * 1_000 + SECOND
    rows, engine = run_engine(
        records, tick_int=1_000, session_start_ns=0, session_end_ns=10 * SECOND, assume_valid=True
    )
    last = rows["book_snapshot_1s"][-1]
    asks = records["price"][records["side"] == ASK]
    bids = records["price"][records["side"] == BID]
    assert engine.live_orders == count + 1
    assert (last["best_bid_price_int"], last["best_ask_price_int"]) == (bids.max(), asks.min())


def test_announced_quantity_is_exact_beyond_32_bits():
    """Section 1, fill or pull: two fills of four thousand million are all there when used."""
    huge = 4_000_000_000
    order = {"order_id": 9, "size": huge, "ts_event": SECOND}
    fill = {**order, "action": FILL, "flags": 0}
    gone = {**order, "action": CANCEL, "flags": 0}
    records = records_of(
        [order, fill, fill, gone, {**order, "flags": 0}, {**gone, "flags": F_LAST}]
    )
    assert_same_as_oracle(
        records, tick_int=ES_TICK_INT, session_start_ns=0, session_end_ns=9 * SECOND,
        assume_valid=True,
    )  # fmt: skip


def test_levels_move_under_live_orders():
    """Section 1, any price: orders find their level after the pool was compacted and grown."""
    count = 30_000
    there = [
        {
            "order_id": n,
            "price": (n % 20_011 - 9_000) * ES_TICK_INT,
            "ts_event": SECOND * (1 + n // 3_000),
        }
        for n in range(count)
    ]
    gone = [{**row, "action": CANCEL, "ts_event": 15 * SECOND} for row in there[::2]]
    assert_same_as_oracle(
        records_of(there + gone), tick_int=ES_TICK_INT, session_start_ns=14 * SECOND,
        session_end_ns=20 * SECOND, assume_valid=True,
    )  # fmt: skip


def test_far_prices_come_and_go_without_growing_the_pool():
    """Section 1, any price: levels that were left long ago are forgotten, the others are not."""
    rows = []
    for number in range(40_000):
        price = (number + 1) * 50_000 * ES_TICK_INT // 100
        times = {"ts_event": SECOND + number * 10_000_000}
        rows.append({"order_id": number, "price": price, **times})
        rows.append({"order_id": number, "price": price, "action": CANCEL, **times})
    records = records_of([{"order_id": 10**6, "ts_event": SECOND}, *rows])
    tables, engine = run_engine(
        records, tick_int=ES_TICK_INT, session_start_ns=0, session_end_ns=500 * SECOND,
        assume_valid=True,
    )  # fmt: skip
    assert {row["best_bid_price_int"] for row in tables["book_snapshot_1s"]} == {100 * ES_TICK_INT}
    assert engine._levels.size == BookEngine(engine.params)._levels.size


def test_too_many_bad_records_name_the_first():
    """Section 1, bad data: beyond max_anomaly_share the message has index, ts_event and order_id."""
    good = [{"order_id": n, "ts_event": SECOND} for n in range(998)]
    bad = [{"order_id": 7_000, "price": 1, "ts_event": SECOND + 5, "action": TRADE}]
    params = {"tick_int": ES_TICK_INT, "session_start_ns": 0, "session_end_ns": 9 * SECOND}
    run_engine(records_of(good + bad), max_anomaly_share=0.002, **params)
    with pytest.raises(BadDataError) as caught:
        run_engine(records_of(good + bad), max_anomaly_share=0.001, **params)
    text = str(caught.value)
    assert "1 off_tick" in text
    assert "record 998, ts_event 1000000005, order_id 7000" in text


def test_assume_valid_excuses_unknown_cancels():
    """Section 1: a slice's unknown cancels are counted but do not count against the limit."""
    records = records_of([{"order_id": 5, "ts_event": SECOND, "action": CANCEL}])
    params = {
        "tick_int": ES_TICK_INT, "session_start_ns": 0, "session_end_ns": 9 * SECOND,
        "max_anomaly_share": 0.0,
    }  # fmt: skip
    with pytest.raises(BadDataError):
        run_engine(records, **params)
    _, engine = run_engine(records, assume_valid=True, **params)
    assert engine.report.anomalies["unknown_cancel"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"tick_int": 1},
        {"session_start_ns": 5},
        {"session_end_ns": 0},
        {"hud_max_ticks": -1},
        {"hud_max_ticks": 10**9},
        {"rest_ns": -1},
        {"rest_ns": 10**15},
        {"max_anomaly_share": 1.5},
    ],
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, float]):
    """A parameter the kernel cannot work with never reaches it."""
    sound = {"tick_int": ES_TICK_INT, "session_start_ns": 0, "session_end_ns": SECOND}
    with pytest.raises(BadParamsError, match=r"\d|session"):
        BookParams(**(sound | wrong))
