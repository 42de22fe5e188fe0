"""The sample options' definitions and statistics: what a vendor delivers, traps included."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from databento_dbn import UNDEF_PRICE, UNDEF_STAT_QUANTITY, StatType
from option_market import MARKET, NS, SESSION_START, TICK, Files, fields

from ingest.sample import (
    MarketConfig,
    OptionConfig,
)
from ingest.sample.market import schedule_of
from ingest.sample.option_chain import OPTION_PRODUCTS, new_chain, option_expiries
from ingest.sample.option_statistics import ACTUAL, FINAL


def latest(rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {row["raw_symbol"].decode(): row for row in rows}


def test_definitions_of_options(files: Files) -> None:
    rows = latest(files.definitions)
    for name, right, close, style in (
        ("E1BF6 C6925", b"C", datetime(2026, 1, 6, 21, tzinfo=UTC), b"E"),
        ("E1CF6 P6900", b"P", datetime(2026, 1, 7, 21, tzinfo=UTC), b"E"),
        ("ESH6 C6950", b"C", datetime(2026, 3, 20, 13, 30, tzinfo=UTC), b"A"),
    ):
        row = rows[name]
        assert fields(row, "instrument_class", "security_type", "underlying") == (
            right,
            b"OOF",
            b"ESH6",
        )
        assert row["cfi"] == b"O" + right + style + b"FPS"
        assert row["strike_price"] == int(name[-4:]) * NS
        assert row["expiration"] == int(close.timestamp()) * NS
        assert row["unit_of_measure_qty"] == 50 * NS
        assert row["min_price_increment"] == TICK
        assert row["contract_multiplier"] == 2**31 - 1
        assert row["underlying_id"] == MARKET.instrument_id
        assert row["asset"].decode() == (name[:3] if style == b"E" else "ES")


def test_definitions_of_futures_and_spreads(files: Files) -> None:
    rows = latest(files.definitions)
    future = rows["ESH6"]
    assert fields(future, "instrument_class", "security_type") == (b"F", b"FUT")
    assert future["instrument_id"] == MARKET.instrument_id
    assert future["min_price_increment"] == 250_000_000
    assert rows["ESH6-ESM6"]["instrument_class"] == b"S"
    user_defined = [name for name in rows if name.startswith("UD:")]
    assert len(user_defined) == 2
    for name in user_defined:
        legs = files.definitions[files.definitions["raw_symbol"] == name.encode()]
        assert legs["instrument_class"].tolist() == [b"T", b"T"]
        assert legs["user_defined_instrument"].tolist() == [b"Y", b"Y"]
        assert legs["leg_index"].tolist() == [0, 1]
        assert set(legs["leg_count"].tolist()) == {2}
        assert {leg.decode() for leg in legs["leg_raw_symbol"].tolist()} <= set(rows)
        assert (legs["strike_price"] == UNDEF_PRICE).all()
    others = [row for row in rows.values() if row["underlying"] == b"ESM6"]
    assert len(others) == 4


def test_definitions_repeat_and_grow_during_the_day(files: Files) -> None:
    received = files.definitions["ts_recv"].astype("i8")
    assert (np.diff(received) >= 0).all()
    is_option = np.isin(files.definitions["instrument_class"], [b"C", b"P"])
    count = Counter(files.definitions["instrument_id"][is_option].tolist())
    assert set(count.values()) == {1, 2}
    at_midnight = set(files.definitions["instrument_id"][received == MARKET.midnight_ns].tolist())
    added = set(files.definitions["instrument_id"].tolist()) - at_midnight
    assert added == {
        row[f"instrument_id_{right}"]
        for row in files.truth
        if row["listed_ns"] is not None
        for right in ("call", "put")
    }
    assert len(added) == 4


@pytest.mark.parametrize(
    ("market", "names"),
    [
        (MarketConfig(dt=date(2026, 1, 5)), ["E1AF6", "E1BF6", "ESH6"]),
        (MarketConfig(dt=date(2026, 1, 8)), ["E2DF6", "EW2F6", "ESH6"]),
        (MarketConfig(dt=date(2026, 1, 9)), ["EW2F6", "E2AF6", "ESH6"]),
        (MarketConfig(dt=date(2026, 1, 30)), ["EWF6", "E1AG6", "ESH6"]),
        (MarketConfig(dt=date(2026, 3, 31), contract="ESM6"), ["EWH6", "E1CJ6", "ESM6"]),
        (MarketConfig(root="NQ", contract="NQH6"), ["Q1BF6", "Q1CF6", "NQH6"]),
    ],
)
def test_names_of_expiries(market: MarketConfig, names: list[str]) -> None:
    expiries = option_expiries(market, OPTION_PRODUCTS[market.root], 3)
    assert [expiry.name for expiry in expiries] == names


def test_instrument_ids_are_reused_on_another_day() -> None:
    names: dict[int, set[str]] = defaultdict(set)
    for day in (6, 7):
        market = MarketConfig(dt=date(2026, 1, day))
        chain = new_chain(market, OptionConfig(strikes=1_000), schedule_of(market))
        assert len({option.instrument_id for option in chain.options}) == len(chain.options)
        for option in chain.options:
            names[option.instrument_id].add(option.symbol)
    assert any(len(symbols) > 1 for symbols in names.values())


# ---- statistics ----------------------------------------------------------------------------------


def known_at(files: Files, kind: StatType, instant: int) -> dict[int, list[Any]]:
    rows = files.statistics[
        (files.statistics["stat_type"] == int(kind)) & (files.statistics["ts_recv"] <= instant)
    ]
    of: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        of[int(row["instrument_id"])].append(row)
    return of


def test_open_interest_is_the_latest_known_at_the_session_start(files: Files) -> None:
    """By (ts_ref, ts_recv), undefined quantities removed, it is the truth's; nothing else is."""
    received = files.statistics["ts_recv"].astype("i8")
    assert (np.diff(received) >= 0).all()
    published = known_at(files, StatType.OPEN_INTEREST, SESSION_START)
    last_received_differs = undefined = 0
    for row in files.truth:
        for right in ("call", "put"):
            rows = published[row[f"instrument_id_{right}"]]
            defined = [r for r in rows if r["quantity"] != UNDEF_STAT_QUANTITY]
            undefined += len(rows) - len(defined)
            interest = row[f"open_interest_{right}"]
            if interest is None:
                assert not defined
                continue
            best = max(defined, key=lambda r: (r["ts_ref"], r["ts_recv"]))
            assert best["quantity"] == interest
            last_received_differs += rows[-1]["quantity"] != interest
    assert last_received_differs > 5
    assert undefined > 5
    evening = known_at(files, StatType.OPEN_INTEREST, MARKET.midnight_ns + 86_400 * NS)
    assert sum(map(len, evening.values())) > sum(map(len, published.values())) + 20


def test_opening_prices_carry_quantities_that_are_no_open_interest(files: Files) -> None:
    opening = files.statistics[files.statistics["stat_type"] == int(StatType.OPENING_PRICE)]
    assert len(opening) == files.summary.options + 4
    assert (opening["price"] % TICK == 0).all()
    has_quantity = opening["quantity"] != UNDEF_STAT_QUANTITY
    assert 0 < has_quantity.sum() < len(opening)


def test_final_settlement_is_the_truth(files: Files) -> None:
    settled = known_at(files, StatType.SETTLEMENT_PRICE, SESSION_START)
    later_preliminary = 0
    for row in files.truth:
        for right in ("call", "put"):
            rows = settled[row[f"instrument_id_{right}"]]
            assert bool(rows) == (row["listed_ns"] is None)
            final = [r["price"] for r in rows if r["stat_flags"] == FINAL | ACTUAL]
            assert final == [row[f"settlement_price_int_{right}"]] * bool(rows)
            later_preliminary += bool(rows) and rows[-1]["price"] != final[0]
    assert later_preliminary > 5
