"""The definition file of the sample market: the future, its options, spreads and next contract."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from databento_dbn import (
    UNDEF_PRICE,
    InstrumentDefMsg,
    RType,
    Schema,
)

from ingest.sample.dbn_file import dbn_metadata, dbn_writer
from ingest.sample.market import SECOND_NS, MarketConfig
from ingest.sample.option_chain import (
    CALL,
    OPTION_TICK_INT,
    Chain,
    Option,
    Spread,
    next_contract,
    quarterly_expiry,
)
from spymaster.products import PRICE_SCALE

DEFINITION: Final = np.dtype(InstrumentDefMsg._dtypes)
"""One instrument definition of DBN version 3."""

_UNDEF_I32: Final = 2**31 - 1
_UNDEF_U16: Final = 2**16 - 1
_UNDEF_U8: Final = 2**8 - 1
_UNDEF_I8: Final = 2**7 - 1
_UNDEFINED_PRICES: Final = (
    "max_price_variation",
    "price_ratio",
    "strike_price",
    "leg_price",
    "leg_delta",
    "min_price_increment_amount",
)
_DUPLICATE_EVERY: Final = 9
_SENT_ON: Final = time(11, 1)

Fields = dict[str, Any]


def write_definitions(
    path: Path, market: MarketConfig, chain: Chain, defined: tuple[str, ...] = ()
) -> None:
    """Write the day's definitions in order of ts_recv, of the futures `defined` too.

    Most are as of midnight UTC. Some come a second time during the day, with changed price limits;
    the strikes added during the day come when they are listed.
    """
    rows = sorted(_rows(market, chain, defined), key=lambda row: int(row["ts_recv"]))
    records = np.zeros(len(rows), DEFINITION)
    for record, row in zip(records, rows, strict=True):
        for name, value in row.items():
            record[name] = value
    header = definition_header(market, chain, Schema.DEFINITION, defined)
    with dbn_writer(path, header) as write:
        write(records)


def definition_header(
    market: MarketConfig, chain: Chain, schema: Schema, defined: tuple[str, ...] = ()
) -> bytes:
    """Return the header of a file that has all instruments: futures, options and spreads."""
    later = next_contract(market.contract)
    instruments = {
        **{name: future_id(name) for name in defined},
        market.contract: market.instrument_id,
        later: future_id(later),
        f"{market.contract}-{later}": future_id(f"{market.contract}-{later}"),
        **chain.symbols,
        **{option.symbol: option.instrument_id for option in chain.others},
    }
    return dbn_metadata(market, schema, instruments, [f"{market.root}.FUT", *option_parents(chain)])


def option_parents(chain: Chain) -> list[str]:
    """Return the parent symbols of a chain's options, such as E1B.OPT and ES.OPT."""
    return sorted({f"{option.expiry.asset}.OPT" for option in chain.options})


def future_id(symbol: str) -> int:
    """Return the id of a future or of a spread of futures, the same in every file.

    >>> future_id("ESH6") == MarketConfig().instrument_id
    True
    """
    return 10_000 + zlib.crc32(symbol.encode()) % 900_000


def _rows(market: MarketConfig, chain: Chain, defined: tuple[str, ...]) -> Iterator[Fields]:
    later = next_contract(market.contract)
    for contract in dict.fromkeys((market.contract, later, *defined)):
        yield _future(market, chain, contract)
    yield from _calendar_spread(market, chain, later)
    for place, option in enumerate((*chain.options, *chain.others)):
        row = _option(market, chain, option)
        yield row
        if place % _DUPLICATE_EVERY == 0 and option.listed_ns is None:
            again = market.midnight_ns + (3_600 + 7 * place) * SECOND_NS
            limits = {"high_limit_price": 100_000 * PRICE_SCALE}
            yield row | _times(market, again) | limits | {"security_update_action": b"M"}
    for spread in chain.spreads:
        yield from _option_spread(market, chain, spread)


def _times(market: MarketConfig, ts_recv: int | None = None) -> Fields:
    """Return when a definition was sent: the Sunday before, or at its own time during the day."""
    if ts_recv is not None:
        return {"ts_recv": ts_recv, "ts_event": ts_recv - 240_000}
    sunday = market.dt - timedelta(days=market.dt.weekday() + 1)
    sent = int(datetime.combine(sunday, _SENT_ON, tzinfo=UTC).timestamp()) * SECOND_NS
    return {"ts_recv": market.midnight_ns, "ts_event": sent}


def _common(market: MarketConfig, chain: Chain, symbol: str, instrument_id: int) -> Fields:
    """Return what all definitions of the exchange share, undefined values included."""
    return {
        "length": DEFINITION.itemsize // 4,
        "rtype": int(RType.INSTRUMENT_DEF),
        "publisher_id": 1,
        "instrument_id": instrument_id,
        "raw_instrument_id": instrument_id,
        "raw_symbol": symbol.encode(),
        **_times(market),
        **dict.fromkeys(_UNDEFINED_PRICES, int(UNDEF_PRICE)),
        "display_factor": PRICE_SCALE // 100,
        "activation": market.midnight_ns - 200 * 86_400 * SECOND_NS,
        "high_limit_price": 99_999 * PRICE_SCALE,
        "low_limit_price": OPTION_TICK_INT,
        "unit_of_measure_qty": chain.product.multiplier * PRICE_SCALE,
        "unit_of_measure": b"IPNT",
        "market_depth": 3,
        "market_segment_id": 54,
        "max_trade_vol": 3_000,
        "min_trade_vol": 1,
        **dict.fromkeys(
            ("contract_multiplier", "decay_quantity", "original_contract_size"), _UNDEF_I32
        ),
        "decay_start_date": _UNDEF_U16,
        "appl_id": 311,
        "channel_id": 1,
        "currency": b"USD",
        "exchange": b"XCME",
        "group": chain.product.group.encode(),
        "asset": market.root.encode(),
        "security_update_action": b"A",
        "match_algorithm": b"F",
        **dict.fromkeys(
            ("main_fraction", "price_display_format", "sub_fraction", "maturity_day"), _UNDEF_U8
        ),
        "maturity_week": _UNDEF_U8,
        "underlying_product": 5,
        "user_defined_instrument": b"N",
        "contract_multiplier_unit": _UNDEF_I8,
        "flow_schedule_type": _UNDEF_I8,
        "tick_rule": _UNDEF_U8,
        "leg_side": b"N",
        "leg_instrument_class": b" ",
    }


def _maturity(day: date) -> Fields:
    return {"maturity_year": day.year, "maturity_month": day.month}


def _future(market: MarketConfig, chain: Chain, contract: str) -> Fields:
    expiry = quarterly_expiry(market, contract)
    tick = market.product.tick_int
    limit = chain.forward_int * 7 // 100 // tick * tick
    return {
        **_common(market, chain, contract, future_id(contract)),
        "instrument_class": b"F",
        "security_type": b"FUT",
        "cfi": b"FFIXSX",
        "group": market.root.encode(),
        "min_price_increment": tick,
        "min_price_increment_amount": tick * chain.product.multiplier // 100,
        "max_price_variation": 40 * tick,
        "high_limit_price": chain.forward_int + limit,
        "low_limit_price": chain.forward_int - limit,
        "expiration": expiry.expiration_ns,
        "market_depth": 10,
        "market_segment_id": 64,
        "channel_id": 0,
        "appl_id": 310,
        **_maturity(expiry.day),
    }


def _calendar_spread(market: MarketConfig, chain: Chain, later: str) -> Iterator[Fields]:
    """Yield the exchange's spread of the two futures, a row a leg."""
    symbol = f"{market.contract}-{later}"
    legs = ((market.contract, b"B"), (later, b"A"))
    for place, (contract, side) in enumerate(legs):
        yield {
            **_future(market, chain, market.contract),
            **_common(market, chain, symbol, future_id(symbol)),
            "instrument_class": b"S",
            "security_type": b"FUT",
            "group": market.root.encode(),
            "min_price_increment": PRICE_SCALE // 20,
            "expiration": quarterly_expiry(market, market.contract).expiration_ns,
            **_leg(place, contract, future_id(contract), b"F", side, 0),
        }


def _leg(
    place: int, symbol: str, instrument_id: int, kind: bytes, side: bytes, underlying_id: int
) -> Fields:
    return {
        "leg_count": 2,
        "leg_index": place,
        "leg_instrument_id": instrument_id,
        "leg_raw_symbol": symbol.encode(),
        "leg_instrument_class": kind,
        "leg_side": side,
        "leg_ratio_qty_numerator": 1,
        "leg_ratio_qty_denominator": 1,
        "leg_underlying_id": underlying_id,
    }


def _option(market: MarketConfig, chain: Chain, option: Option) -> Fields:
    expiry = option.expiry
    style = b"A" if expiry.american else b"E"
    return {
        **_common(market, chain, option.symbol, option.instrument_id),
        **_times(market, option.listed_ns),
        "instrument_class": option.right.encode(),
        "security_type": b"OOF",
        "cfi": b"O" + option.right.encode() + style + b"FPS",
        "asset": expiry.asset.encode(),
        "min_price_increment": OPTION_TICK_INT,
        "strike_price": option.strike_int,
        "strike_price_currency": b"USD",
        "underlying": expiry.underlying.encode(),
        "underlying_id": future_id(expiry.underlying),
        "expiration": expiry.expiration_ns,
        **_maturity(expiry.day),
        "maturity_week": _UNDEF_U8 if expiry.week is None else expiry.week,
    }


def _option_spread(market: MarketConfig, chain: Chain, spread: Spread) -> Iterator[Fields]:
    """Yield a user-defined spread, a row a leg; it came into being during the day before."""
    for place, (leg, side) in enumerate(zip(spread.legs, (b"B", b"A"), strict=True)):
        kind = b"C" if leg.right == CALL else b"P"
        underlying_id = future_id(leg.expiry.underlying)
        yield {
            **_common(market, chain, spread.symbol, spread.instrument_id),
            "instrument_class": b"T",
            "security_type": b"OOF",
            "cfi": b"OMXXXN",
            "secsubtype": b"VT",
            "user_defined_instrument": b"Y",
            "min_price_increment": OPTION_TICK_INT,
            "expiration": leg.expiry.expiration_ns,
            **_maturity(leg.expiry.day),
            **_leg(place, leg.symbol, leg.instrument_id, kind, side, underlying_id),
        }
