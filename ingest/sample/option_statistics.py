"""The statistics file of the sample market: open interest, settlements, and what looks like them.

What is known at a session's start is the open interest of the day before, the latest row of the
latest `ts_ref`. Around it lie older days' rows that arrive later, a first count that is corrected,
undefined quantities, volumes, opening prices with a quantity, and what is published in the evening.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from databento_dbn import (
    UNDEF_PRICE,
    UNDEF_STAT_QUANTITY,
    UNDEF_TIMESTAMP,
    RType,
    Schema,
    StatMsg,
    StatType,
    StatUpdateAction,
)

from ingest.sample.dbn_file import dbn_writer
from ingest.sample.market import SECOND_NS, MarketConfig
from ingest.sample.option_chain import CALL, OPTION_TICK_INT, Chain, Option, chance
from ingest.sample.option_definitions import definition_header
from ingest.sample.smile import value_of
from spymaster.products import PRICE_SCALE

STATISTIC: Final = np.dtype(StatMsg._dtypes)
"""One statistics record of DBN version 3."""

FINAL: Final = 1
ACTUAL: Final = 2
"""Bits of a settlement's `stat_flags`: final (else preliminary), actual (else theoretical)."""

_HOUR: Final = 3_600
_PRELIMINARY: Final = 120
_SETTLED: Final = _HOUR // 2
_FIRST_COUNT: Final = 1 * _HOUR
_COUNTED: Final = 5 * _HOUR
_OLD_COUNT: Final = 6 * _HOUR
_EVENING: Final = 21 * _HOUR + 900
_COUNTED_TODAY: Final = 23 * _HOUR
"""Seconds after midnight UTC at which each kind of statistic arrives."""


class Statistic(NamedTuple):
    """One row; times in UTC ns, price in 1e-9 units, None where the exchange gives none."""

    ts_recv: int
    instrument_id: int
    kind: StatType
    ts_ref: int | None = None
    price: int | None = None
    quantity: int | None = None
    flags: int = 255


def write_statistics(path: Path, market: MarketConfig, chain: Chain) -> None:
    """Write the day's statistics in order of ts_recv."""
    rows = sorted(_rows(market, chain), key=lambda row: row.ts_recv)
    records = np.zeros(len(rows), STATISTIC)
    records["length"] = STATISTIC.itemsize // 4
    records["rtype"] = int(RType.STATISTICS)
    records["publisher_id"] = 1
    records["ts_in_delta"] = 20_000
    records["update_action"] = int(StatUpdateAction.NEW)
    for number, (record, row) in enumerate(zip(records, rows, strict=True)):
        record["ts_recv"], record["ts_event"] = row.ts_recv, row.ts_recv - 240_000
        record["instrument_id"] = row.instrument_id
        record["stat_type"], record["stat_flags"] = int(row.kind), row.flags
        record["ts_ref"] = UNDEF_TIMESTAMP if row.ts_ref is None else row.ts_ref
        record["price"] = UNDEF_PRICE if row.price is None else row.price
        record["quantity"] = UNDEF_STAT_QUANTITY if row.quantity is None else row.quantity
        record["sequence"] = 50_000 + number
    with dbn_writer(path, definition_header(market, chain, Schema.STATISTICS)) as write:
        write(records)


def settlement_int(chain: Chain, option: Option) -> int:
    """Return the final settlement price of the day before, in 1e-9 units and whole ticks."""
    years = option.expiry.years(chain.start_ns - 17 * _HOUR * SECOND_NS)
    strike = option.strike_int / PRICE_SCALE
    value = value_of(chain.forward, strike, option.volatility, years, option.right == CALL)
    return max(round(value * PRICE_SCALE / OPTION_TICK_INT), 1) * OPTION_TICK_INT


def _rows(market: MarketConfig, chain: Chain) -> Iterator[Statistic]:
    yield from _future_rows(market)
    for place, option in enumerate((*chain.options, *chain.others)):
        if option.listed_ns is None:
            yield from _settlements(market, chain, option, place)
            yield from _interest(market, option, place)
        yield from _session(market, chain, option, place)
    for spread in chain.spreads:
        at = market.midnight_ns + _COUNTED * SECOND_NS
        ref = _day_ns(_business_day_before(market.dt))
        yield Statistic(at, spread.instrument_id, StatType.OPEN_INTEREST, ref, None, 77)


def _future_rows(market: MarketConfig) -> Iterator[Statistic]:
    number, price = market.instrument_id, market.start_tick * market.product.tick_int
    ref = _day_ns(_business_day_before(market.dt))
    at = market.midnight_ns
    settlement, interest = StatType.SETTLEMENT_PRICE, StatType.OPEN_INTEREST
    yield Statistic(at + _SETTLED * SECOND_NS, number, settlement, ref, price, None, FINAL | ACTUAL)
    yield Statistic(at + _COUNTED * SECOND_NS, number, interest, ref, None, 2_113_408)


def _settlements(
    market: MarketConfig, chain: Chain, option: Option, place: int
) -> Iterator[Statistic]:
    """Yield the preliminary and the final settlement of the day before; some come once more."""
    number, kind = option.instrument_id, StatType.SETTLEMENT_PRICE
    ref = _day_ns(_business_day_before(market.dt))
    final = settlement_int(chain, option)
    first = final + 3 * OPTION_TICK_INT
    at = market.midnight_ns + place * 1_000_000
    yield Statistic(at + _PRELIMINARY * SECOND_NS, number, kind, ref, first, None, ACTUAL)
    yield Statistic(at + _SETTLED * SECOND_NS, number, kind, ref, final, None, FINAL | ACTUAL)
    if place % 11 == 0:
        yield Statistic(at + _COUNTED * SECOND_NS, number, kind, ref, first, None, ACTUAL)


def _interest(market: MarketConfig, option: Option, place: int) -> Iterator[Statistic]:
    """Yield the open interest of the day before and, around it, rows that are not it."""
    number, kind = option.instrument_id, StatType.OPEN_INTEREST
    yesterday = _business_day_before(market.dt)
    ref, old = _day_ns(yesterday), _day_ns(_business_day_before(yesterday))
    at = market.midnight_ns + place * 1_000_000
    interest = option.open_interest
    if interest is None:
        yield Statistic(at + _COUNTED * SECOND_NS, number, kind, ref)
        return
    earlier = interest * 3 // 4 + 11
    if place % 5 == 0:
        yield Statistic(at + _FIRST_COUNT * SECOND_NS, number, kind, ref, None, interest + 29)
    yield Statistic(at + _COUNTED * SECOND_NS, number, kind, ref, None, interest)
    old_at = _OLD_COUNT if place % 7 == 0 else _PRELIMINARY
    yield Statistic(at + old_at * SECOND_NS, number, kind, old, None, earlier)
    if place % 13 == 0:
        yield Statistic(at + _OLD_COUNT * SECOND_NS, number, kind, ref)
    if place % 3 == 0:
        today = _day_ns(market.dt)
        late = at + _COUNTED_TODAY * SECOND_NS
        yield Statistic(late, number, kind, today, None, interest + 1_003)


def _session(market: MarketConfig, chain: Chain, option: Option, place: int) -> Iterator[Statistic]:
    """Yield the opening price, the cleared volume and the evening's settlement."""
    number = option.instrument_id
    opened = max(chain.start_ns, option.listed_ns or 0) + (2 + place % 50) * SECOND_NS
    price = settlement_int(chain, option)
    quantity = 1 + int(40 * chance(market.seed, "open", number)) if place % 2 else None
    yield Statistic(opened, number, StatType.OPENING_PRICE, None, price, quantity)
    if option.listed_ns is not None:
        return
    at = market.midnight_ns + place * 1_000_000
    volume = 300 + int(9_000 * chance(market.seed, "volume", number))
    ref = _day_ns(_business_day_before(market.dt))
    yield Statistic(at + _COUNTED * SECOND_NS, number, StatType.CLEARED_VOLUME, ref, None, volume)
    evening = at + _EVENING * SECOND_NS
    settled = price + 5 * OPTION_TICK_INT
    today = _day_ns(market.dt)
    yield Statistic(evening, number, StatType.SETTLEMENT_PRICE, today, settled, None, ACTUAL)


def _business_day_before(day: date) -> date:
    day -= timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day


def _day_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND_NS
