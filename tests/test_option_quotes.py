"""The option quote kernel: each instrument's quotes are those of the oracle's book of it alone."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mbo_market import OTHER_INSTRUMENT
from mbo_streams import Stream, random_splits, streams
from oracle_book import OracleResult, oracle_book
from real_data import ES_TICK_INT, ESH4, real_mbo

from spymaster_udf.anomalies import BadDataError, BadParamsError
from spymaster_udf.mbo import ADD, ASK, BID, CANCEL, CLEAR, F_LAST, FILL, NO_SIDE, RECORD, TRADE
from spymaster_udf.mbo_columns import MboColumns
from spymaster_udf.option_quotes import OptionQuotes

SECOND = 1_000_000_000
QUOTE = (
    "best_bid_price_int", "best_bid_qty", "best_ask_price_int", "best_ask_qty", "book_valid",
)  # fmt: skip
Rows = list[dict[str, Any]]


def run_quotes(
    records: np.ndarray, ticks: dict[int, int], splits: list[slice] | None = None, **session: Any
) -> tuple[Rows, OptionQuotes]:
    """All rows after feeding the splits in turn, and the engine."""
    engine = OptionQuotes(ticks, **session)
    rows: Rows = []
    for part in splits if splits is not None else [slice(None)]:
        for batch in engine.feed(MboColumns.of_records(records[part])):
            rows += batch.to_pylist()
    with contextlib.suppress(BadDataError):  # hostile streams; it comes after the rows
        for batch in engine.finish():
            rows += batch.to_pylist()
    return rows, engine


def interleave(parts: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The records of all parts in a random order that keeps each part's own."""
    owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    rng.shuffle(owners)
    mixed = np.zeros(len(owners), RECORD)
    for number, part in enumerate(parts):
        mixed[owners == number] = part
    return mixed


def assert_quotes_are(rows: Rows, expected: OracleResult, first_window_end: int) -> None:
    """Carried forward, an instrument's rows give every window's quote, and none is told twice."""
    told = {row["window_end_ts_ns"]: tuple(row[name] for name in QUOTE) for row in rows}
    assert len(told) == len(rows)
    assert list(told) == sorted(told)
    quotes = list(told.values())
    assert all(a != b for a, b in itertools.pairwise(quotes))
    current = None
    for row in expected.book_snapshot_1s:
        current = told.pop(row["window_end_ts_ns"], current)
        assert current == tuple(row[name] for name in QUOTE), row["window_end_ts_ns"]
    # Silent since before the session: the quote it had stands from the first window on.
    assert set(told) <= (set() if expected.book_snapshot_1s else {first_window_end})


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(streams(), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_each_instruments_quotes_are_the_oracles(parts: list[Stream], seed: int):
    """Many books in one pass, any interleaving, any split: clears, partial cancels, hostile records."""
    rng = np.random.default_rng(seed)
    session = {name: parts[0].settings[name] for name in ("session_start_ns", "session_end_ns")}
    records, ticks, expected = [], {}, {}
    for number, part in enumerate(parts):
        own = part.records.copy()
        own["instrument_id"][own["instrument_id"] != OTHER_INSTRUMENT] = 100 + number
        records.append(own)
        ticks[100 + number] = part.settings["tick_int"]
        expected[100 + number] = oracle_book(
            own, tick_int=part.settings["tick_int"], instrument_id=100 + number, **session
        )
    mixed = interleave(records, rng)
    rows, engine = run_quotes(mixed, ticks, random_splits(rng, len(mixed)), **session)
    for instrument_id, oracle in expected.items():
        mine = [row for row in rows if row["instrument_id"] == instrument_id]
        assert_quotes_are(mine, oracle, session["session_start_ns"] + SECOND)
    anomalies: dict[str, int] = {}
    for oracle in expected.values():
        for kind, count in oracle.anomalies.items():
            anomalies[kind] = anomalies.get(kind, 0) + count
    found = {kind: n for kind, n in engine.report.anomalies.items() if n}
    for counts in (found, anomalies):
        counts.pop("other_instrument", None)  # the oracle stops counting at its session's end
    assert found == anomalies
    assert engine.report.records_applied == sum(o.records_applied for o in expected.values())


def test_real_esh4_as_a_file_of_one_instrument(esh4_oracle: OracleResult):
    """Real data through the option kernel: 7,200 windows of quotes."""
    records = real_mbo(ESH4)
    start = 1_703_541_600 * SECOND
    instrument_id = int(records["instrument_id"][0])
    rows, engine = run_quotes(
        records, {instrument_id: ES_TICK_INT}, session_start_ns=start,
        session_end_ns=start + 7_200 * SECOND,
    )  # fmt: skip
    assert_quotes_are(rows, esh4_oracle, start + SECOND)
    assert len(esh4_oracle.book_snapshot_1s) == 7_200
    assert sum(engine.report.anomalies.values()) == 0


def record(second: float, **named: Any) -> dict[str, Any]:
    """A one-lot bid of instrument 1 at 100, an event of its own; `named` says what differs."""
    common = {
        "instrument_id": 1,
        "size": 1,
        "flags": F_LAST,
        "action": ADD,
        "side": BID,
        "price": 100,
    }
    return {**common, "ts_event": int(second * SECOND), "ts_recv": int(second * SECOND), **named}


def quotes_of(*rows: dict[str, Any], ticks: dict[int, int] | None = None) -> Rows:
    """The rows of a session of the first ten seconds."""
    records = np.zeros(len(rows), RECORD)
    for place, row in zip(records, rows, strict=True):
        for name, value in row.items():
            place[name] = value
    return run_quotes(
        records, ticks or {1: 1, 2: 1}, session_start_ns=0, session_end_ns=10 * SECOND
    )[0]


def test_the_first_anomaly_is_the_streams_first():
    """Records are replayed instrument by instrument; the message names what comes first in the file."""
    records = np.zeros(4, RECORD)
    for place, instrument_id in enumerate((1, 2, 1, 2)):
        named = record(place, instrument_id=instrument_id, order_id=place, action=CANCEL)
        for name, value in (record(0, order_id=9) if place == 0 else named).items():
            records[place][name] = value
    _, engine = run_quotes(records, {1: 1, 2: 1}, session_start_ns=0, session_end_ns=10 * SECOND)
    first = engine.report.first_anomaly
    assert first is not None
    assert (first.record_index, first.order_id) == (1, 1)


def test_a_clear_of_one_instrument_leaves_the_others():
    """The same order id lives in both books; a clear ends it in one, and it may be added again."""
    rows = quotes_of(
        record(0.1, order_id=7),
        record(0.2, order_id=7, instrument_id=2, price=200),
        record(1.1, order_id=0, action=CLEAR, side=NO_SIDE),
        record(2.1, order_id=7, price=90),
        record(3.1, order_id=7, instrument_id=2, action=CANCEL),
    )
    names = ("window_end_ts_ns", "instrument_id", "best_bid_price_int", "book_valid")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (1 * SECOND, 1, 100, False),
        (2 * SECOND, 1, None, True),
        (1 * SECOND, 2, 200, False),
        (3 * SECOND, 1, 90, True),
        (4 * SECOND, 2, None, False),
    ]


def test_fills_and_trades_do_not_move_the_quote():
    """Only the cancel that follows a fill does, in part or whole, side N or not."""
    rows = quotes_of(
        record(0.1, order_id=7, size=5, side=ASK),
        record(1.1, action=TRADE, size=2, order_id=0, flags=0),
        record(1.1, action=FILL, size=2, order_id=7, side=NO_SIDE, flags=0),
        record(1.1, action=CANCEL, size=2, order_id=7, side=ASK),
        record(2.1, action=FILL, size=3, order_id=7, side=NO_SIDE),
    )
    assert [(r["window_end_ts_ns"] // SECOND, r["best_ask_qty"]) for r in rows] == [(1, 5), (2, 3)]


def test_many_clears_do_not_fill_the_table():
    """Orders that a clear has ended make room again: 40,000 of them in a table of 16,384 slots."""
    events = []
    for number in range(400):
        events += [record(0.5, order_id=number * 100 + k, price=100 + k) for k in range(100)]
        events.append(record(0.5, order_id=0, action=CLEAR, side=NO_SIDE))
    events.append(record(1.5, order_id=1, price=42))
    rows = quotes_of(*events)
    assert [r["best_bid_price_int"] for r in rows] == [None, 42]


def test_what_cannot_be_worked_with_is_refused():
    """Sessions off the second, ticks below 1, more bad records than the limit."""
    with pytest.raises(BadParamsError, match="whole second"):
        OptionQuotes({1: 1}, session_start_ns=1, session_end_ns=SECOND)
    with pytest.raises(BadParamsError, match="tick"):
        OptionQuotes({1: 0}, session_start_ns=0, session_end_ns=SECOND)
    engine = OptionQuotes({1: 10}, session_start_ns=0, session_end_ns=SECOND)
    records = np.zeros(1, RECORD)
    for name, value in record(0.1, order_id=9, price=101).items():
        records[name] = value
    assert list(engine.feed(MboColumns.of_records(records))) == []
    with pytest.raises(BadDataError, match=r"1 off_tick.* at record 0, .* order_id 9"):
        list(engine.finish())
