"""Which options the sample market lists on its future: expiries, strikes, names, open interest."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import numpy as np

from ingest.sample.market import NEW_YORK, SECOND_NS, MarketConfig, Schedule
from ingest.sample.smile import YEAR_NS, smile_volatility
from spymaster.errors import UserError
from spymaster.products import PRICE_SCALE

MAX_OPTIONS: Final = 8_192
MAX_ORDERS: Final = 1 << 20
MAX_DEPTH: Final = 128
OPTION_TICK_INT: Final = PRICE_SCALE // 20
CALL: Final = "C"
PUT: Final = "P"

_MONTHS: Final = "FGHJKMNQUVXZ"
_WEEKLY_CLOSE: Final = time(16, 0)
_QUARTERLY_CLOSE: Final = time(9, 30)
_NEW_STRIKES: Final = 2
_OTHERS: Final = 4
_NEXT_QUARTER: Final = {"H": "M", "M": "U", "U": "Z", "Z": "H"}
_FIRST_ID: Final = 42_000_000
_IDS: Final = 90_001
_ID_STRIDE: Final = 7_919
_SHIFT_A_DAY: Final = 37


@dataclass(frozen=True)
class OptionProduct:
    """How a future's options are named and sized; prices in 1e-9 units.

    `weekly` is the root of the options that end on the n-th weekday of a month, `friday` the
    Fridays', `month_end` the last business day's. `multiplier` is dollars a point.
    """

    group: str
    weekly: str
    friday: str
    month_end: str
    multiplier: int
    strike_step_int: int


OPTION_PRODUCTS: Final = {
    "ES": OptionProduct("EW", "E{week}{day}", "EW{week}", "EW", 50, 5 * PRICE_SCALE),
    "NQ": OptionProduct("QN", "Q{week}{day}", "QN{week}", "QNE", 20, 10 * PRICE_SCALE),
}


@dataclass(frozen=True)
class OptionConfig:
    """How large an option market to simulate on a future.

    `strikes` an expiry (a call and a put at each), `expiries` from the one on the file's day on
    (the last of two or more is the quarterly), `depth` orders a side of each book at most,
    `messages` in the option file (None: as many as such minutes have in a day of 13 million for
    the usual 61 strikes and 3 expiries). UserError if it is too small or too large.

    >>> OptionConfig().strikes
    61
    """

    strikes: int = 61
    expiries: int = 3
    depth: int = 4
    messages: int | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("strikes", 3, 4_000),
            ("expiries", 1, 250),
            ("depth", 1, MAX_DEPTH),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise UserError(f"option {name} must be from {least} to {most:,}, not {value:,}")
        if self.options > MAX_OPTIONS:
            raise UserError(
                f"{self.strikes:,} strikes in {self.expiries} expiries are {self.options:,} "
                f"options; at most {MAX_OPTIONS:,} can be simulated"
            )
        if self.options * 2 * self.depth > MAX_ORDERS:
            raise UserError(
                f"{self.options:,} options with {self.depth} orders a side are more than the "
                f"{MAX_ORDERS:,} orders that can be simulated"
            )

    @property
    def options(self) -> int:
        """How many instruments the file has, intraday additions and spreads included."""
        return 2 * self.strikes * self.expiries + 2 * _NEW_STRIKES + SPREADS


SPREADS: Final = 2
"""User-defined spreads, which trade in the same file and belong to no surface."""


@dataclass(frozen=True)
class Expiry:
    """One expiration: its symbol's first half, product code and last trading time (UTC ns)."""

    name: str
    asset: str
    expiration_ns: int
    day: date
    week: int | None
    american: bool
    underlying: str

    def years(self, time_ns: int) -> float:
        """Return the years of 365 days left at a time (UTC ns)."""
        return (self.expiration_ns - time_ns) / YEAR_NS


@dataclass(frozen=True)
class Option:
    """One listed option. `listed_ns` is None if it was listed before the day.

    `volatility` is annual; `open_interest` is the day before's in contracts, None where nothing
    was published.
    """

    symbol: str
    instrument_id: int
    expiry: Expiry
    right: str
    strike_int: int
    volatility: float
    open_interest: int | None
    listed_ns: int | None


@dataclass(frozen=True)
class Spread:
    """A user-defined vertical spread: long the first leg, short the second; value in ticks."""

    symbol: str
    instrument_id: int
    legs: tuple[Option, Option]
    value_ticks: int


@dataclass(frozen=True)
class Chain:
    """All that trades in the option file; `forward_int` is what the surface was drawn around.

    `others` are options on the next future, which are defined but do not trade.
    """

    product: OptionProduct
    forward_int: int
    options: tuple[Option, ...]
    spreads: tuple[Spread, ...]
    others: tuple[Option, ...]
    start_ns: int
    end_ns: int

    @property
    def forward(self) -> float:
        """The forward that the surface was drawn around, in price units."""
        return self.forward_int / PRICE_SCALE

    @property
    def symbols(self) -> dict[str, int]:
        """The instrument ids of the option file by raw symbol."""
        options = {option.symbol: option.instrument_id for option in self.options}
        return options | {spread.symbol: spread.instrument_id for spread in self.spreads}


def new_chain(market: MarketConfig, config: OptionConfig, schedule: Schedule) -> Chain:
    """Return the options on a market's future, in order of instrument id.

    UserError if no options on its product are known.
    """
    product = OPTION_PRODUCTS.get(market.root)
    if product is None:
        known = " and ".join(OPTION_PRODUCTS)
        raise UserError(f"options can be simulated on {known}, not on {market.root}")
    start = market.midnight_ns + schedule.start * SECOND_NS
    end = market.midnight_ns + schedule.end * SECOND_NS
    forward_int = market.start_tick * market.product.tick_int
    ids = _instrument_ids(market, config.options + _OTHERS)
    options = [
        option
        for listing in _listed(market, product, config, forward_int, (start, end))
        for option in _pair(market, listing, forward_int, start, ids)
    ]
    options.sort(key=lambda option: option.instrument_id)
    spreads = tuple(_spreads(market, options, ids, forward_int))
    others = tuple(_others(market, product, forward_int, start, ids))
    return Chain(product, forward_int, tuple(options), spreads, others, start, end)


def _pair(
    market: MarketConfig,
    listing: tuple[Expiry, int, int | None],
    forward_int: int,
    start: int,
    ids: Iterator[int],
) -> Iterator[Option]:
    """Yield the call and the put of a listing."""
    expiry, strike_int, listed = listing
    surface_at = min(start, expiry.expiration_ns - 3_600 * SECOND_NS)
    strike, forward = strike_int / PRICE_SCALE, forward_int / PRICE_SCALE
    volatility = smile_volatility(strike, forward, expiry.years(surface_at))
    for right in (CALL, PUT):
        symbol = f"{expiry.name} {right}{strike:g}"
        interest = None if listed else _open_interest(market, expiry, right, strike_int, forward)
        yield Option(symbol, next(ids), expiry, right, strike_int, volatility, interest, listed)


def _others(
    market: MarketConfig, product: OptionProduct, forward_int: int, start: int, ids: Iterator[int]
) -> Iterator[Option]:
    """Yield options on the next future: the same strikes, another underlying."""
    expiry = quarterly_expiry(market, next_contract(market.contract))
    nearest = round(forward_int / product.strike_step_int) * product.strike_step_int
    for place in range(_OTHERS // 2):
        strike_int = nearest + place * product.strike_step_int
        yield from _pair(market, (expiry, strike_int, None), forward_int, start, ids)


def _listed(
    market: MarketConfig,
    product: OptionProduct,
    config: OptionConfig,
    forward_int: int,
    span: tuple[int, int],
) -> Iterator[tuple[Expiry, int, int | None]]:
    """Yield expiry, strike and, for strikes added during the day, when they are listed."""
    step = product.strike_step_int
    lowest = (round(forward_int / step) - config.strikes // 2) * step
    if lowest <= step:
        raise UserError(f"{config.strikes:,} strikes {step // PRICE_SCALE} apart reach below 0")
    expiries = option_expiries(market, product, config.expiries)
    for expiry in expiries:
        for place in range(config.strikes):
            yield expiry, lowest + place * step, None
    start, end = span
    highest = lowest + (config.strikes - 1) * step
    for place, strike_int in enumerate((highest + step, lowest - step)):
        yield expiries[0], strike_int, start + (end - start) * (3 + place) // 10


def option_expiries(market: MarketConfig, product: OptionProduct, count: int) -> list[Expiry]:
    """Return the expiry on the market's day, then the next business days', then the quarterly.

    >>> names = option_expiries(MarketConfig(), OPTION_PRODUCTS["ES"], 5)
    >>> [expiry.name for expiry in names]
    ['E1BF6', 'E1CF6', 'E2DF6', 'EW2F6', 'ESH6']
    """
    expiries = []
    day = market.dt
    for _ in range(max(count - 1, 1)):
        expiries.append(_weekly(market, product, day))
        day += timedelta(days=1)
        while day.weekday() >= 5:
            day += timedelta(days=1)
    if count > 1:
        expiries.append(quarterly_expiry(market, market.contract))
    return expiries


def _weekly(market: MarketConfig, product: OptionProduct, day: date) -> Expiry:
    week = (day.day + 6) // 7
    last = calendar.monthrange(day.year, day.month)[1]
    business_days_left = [d for d in range(day.day + 1, last + 1) if _weekday(day, d) < 5]
    if not business_days_left:
        asset = product.month_end
    elif day.weekday() == 4:
        asset = product.friday.format(week=week)
    else:
        asset = product.weekly.format(week=week, day="ABCD"[day.weekday()])
    name = f"{asset}{_MONTHS[day.month - 1]}{day.year % 10}"
    close = _close_ns(day, _WEEKLY_CLOSE)
    return Expiry(name, asset, close, day, week, american=False, underlying=market.contract)


def _weekday(month: date, day: int) -> int:
    return month.replace(day=day).weekday()


def next_contract(contract: str) -> str:
    """Return the contract of the quarter after; UserError if it is not a quarter's.

    >>> next_contract("ESH6"), next_contract("ESZ9")
    ('ESM6', 'ESH0')
    """
    root, month, digit = contract[:-2], contract[-2], contract[-1]
    if month not in _NEXT_QUARTER:
        raise UserError(f"options need a quarter's contract such as ESH6, not {contract}")
    after = _NEXT_QUARTER[month]
    return f"{root}{after}{(int(digit) + (after == 'H')) % 10}"


def quarterly_expiry(market: MarketConfig, contract: str) -> Expiry:
    """Return the American option that ends with a future: the third Friday of its month."""
    month, digit = _MONTHS.index(contract[-2]) + 1, int(contract[-1])
    year = market.dt.year // 10 * 10 + digit
    if (year, month) < (market.dt.year, market.dt.month):
        year += 10
    first = date(year, month, 1)
    day = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    close = _close_ns(day, _QUARTERLY_CLOSE)
    if close <= market.midnight_ns:
        raise UserError(f"{contract} expired on {day}, before {market.dt}")
    return Expiry(contract, market.root, close, day, None, american=True, underlying=contract)


def _close_ns(day: date, close: time) -> int:
    return int(datetime.combine(day, close, tzinfo=NEW_YORK).timestamp()) * SECOND_NS


def _instrument_ids(market: MarketConfig, count: int) -> Iterator[int]:
    """Yield ids in no order of strike; the next day most of them belong to other options."""
    for place in range(count):
        shifted = place + _SHIFT_A_DAY * market.dt.toordinal()
        yield _FIRST_ID + shifted * _ID_STRIDE % _IDS


def chance(*what: object) -> float:
    """Return a number in [0, 1) that depends on the arguments alone.

    >>> chance(7, "open interest") == chance(7, "open interest") != chance(8, "open interest")
    True
    """
    mixed = 0
    for byte in repr(what).encode():
        mixed = (mixed ^ byte) * 0x100000001B3 % 2**64
        mixed ^= mixed >> 29
    return (mixed * 0xBF58476D1CE4E5B9 % 2**64 >> 11) * 2.0**-53


def _open_interest(
    market: MarketConfig, expiry: Expiry, right: str, strike_int: int, forward: float
) -> int | None:
    """Return contracts: most out of the money and at round strikes, and at two strikes unknown."""
    strike = strike_int / PRICE_SCALE
    if strike_int % (35 * PRICE_SCALE) == 0 and right == PUT and not expiry.american:
        return None
    away = (strike - forward) / forward * (1.0 if right == CALL else -1.0)
    scale = 0.012 if not expiry.american else 0.05
    size = 1_800.0 * np.exp(-((away - 0.4 * scale) ** 2) / (2.0 * scale * scale))
    for step, factor in ((25, 1.8), (50, 1.6), (100, 1.7)):
        size *= factor if strike % step == 0 else 1.0
    luck = chance(market.seed, expiry.name, right, strike_int)
    return int(size * (0.3 + 2.0 * luck * luck))


def _spreads(
    market: MarketConfig, options: list[Option], ids: Iterator[int], forward_int: int
) -> Iterator[Spread]:
    """Yield vertical spreads of the first expiry's calls nearest the forward."""
    first = min(option.expiry.expiration_ns for option in options)
    calls = [o for o in options if o.right == CALL and o.expiry.expiration_ns == first]
    calls.sort(key=lambda option: abs(option.strike_int - forward_int))
    for place in range(SPREADS):
        legs = sorted(calls[place : place + 2], key=lambda option: option.strike_int)
        symbol = f"UD:1V: VT {market.dt:%m%d}9{place + 17:05d}"
        yield Spread(symbol, next(ids), (legs[0], legs[1]), 40 + 7 * place)
