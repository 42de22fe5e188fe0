"""What market to simulate: its contract, prices, clock and activity through the New York day."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from spymaster.errors import UserError
from spymaster.products import PRICE_SCALE, Product, outright_root, product_of_root

NEW_YORK: Final = ZoneInfo("America/New_York")
DAY_SECONDS: Final = 86_400
SECOND_NS: Final = 1_000_000_000
FULL_DAY_MESSAGES: Final = 13_000_000
MIN_MESSAGES: Final = 1_000
MAX_MESSAGES: Final = 200_000_000
PRE_OPEN_SECONDS: Final = 60
SNAPSHOT_ORDERS: Final = 13_000

CLOSED: Final = 0
PRE_OPEN: Final = 1
CONTINUOUS: Final = 2

_HALT_START = time(17, 0)
_SESSION_START = time(18, 0)
_DAILY_MOVE: Final = 0.0065
_MAX_DAILY_TICKS: Final = 500.0
_MIN_PRICE_TICKS: Final = 1_000

_TYPICAL_PRICES: Final = {
    "ES": 6925.0,
    "MES": 6925.0,
    "NQ": 25600.0,
    "MNQ": 25600.0,
    "RTY": 2540.0,
    "M2K": 2540.0,
    "YM": 49100.0,
    "MYM": 49100.0,
    "CL": 57.5,
    "MCL": 57.5,
    "NG": 3.4,
    "GC": 4450.0,
    "MGC": 4450.0,
    "SI": 78.0,
}

_ACTIVITY: Final = (
    ("00:00", 0.10),
    ("02:00", 0.16),
    ("03:00", 0.38),
    ("05:00", 0.26),
    ("08:00", 0.42),
    ("08:29", 0.45),
    ("08:30", 1.30),
    ("08:40", 0.65),
    ("09:29", 0.90),
    ("09:30", 4.20),
    ("09:34", 3.20),
    ("10:00", 2.50),
    ("10:01", 3.00),
    ("10:10", 2.30),
    ("11:00", 1.80),
    ("12:15", 1.15),
    ("13:15", 1.05),
    ("14:30", 1.45),
    ("15:30", 1.75),
    ("15:50", 2.60),
    ("15:59", 4.00),
    ("16:00", 2.80),
    ("16:03", 0.70),
    ("16:59", 0.25),
    ("17:59", 0.30),
    ("18:00", 0.75),
    ("18:10", 0.28),
    ("20:00", 0.22),
    ("24:00", 0.10),
)
"""Message rate by New York time, straight lines between; 1 is usual for the regular session."""


class Form(StrEnum):
    """How an event that spans packets ends: with an extra N record (since August 2026) or not."""

    NEW = "new"
    OLD = "old"


@dataclass(frozen=True)
class MarketConfig:
    """One contract and UTC day to simulate; the same values give the same bytes.

    `start` is New York time, `minutes` the simulated time after it, `price` the first fair value in
    price units (None: typical of the product), `messages` how many to write (None: as many as such
    minutes have in a day of 13 million), `auction` whether the span opens with a minute of pre-open
    and an uncross. `full_day` takes the whole UTC day instead of `start` and `minutes`; its one
    auction is the session's, at 18:00 New York time. UserError if the values do not fit together.

    >>> MarketConfig(minutes=2).product.root
    'ES'
    """

    root: str = "ES"
    contract: str = "ESH6"
    dt: date = date(2026, 1, 6)
    seed: int = 7
    price: float | None = None
    start: time = time(9, 28)
    minutes: float = 10.0
    messages: int | None = None
    form: Form = Form.NEW
    full_day: bool = False
    auction: bool = True

    def __post_init__(self) -> None:
        if outright_root(self.contract) != self.product.root:
            raise UserError(f"contract {self.contract!r} is not an outright future of {self.root}")
        if self.dt.weekday() >= 5:
            raise UserError(f"{self.dt} is a {self.dt:%A}: give a day from Monday to Friday")
        if not self.full_day and not 0 < self.minutes <= 1440:
            raise UserError(f"minutes must be above 0 and at most 1440, not {self.minutes:g}")
        if not 0 <= self.seed < 2**63:
            raise UserError(f"seed must be at least 0 and below 2**63, not {self.seed}")
        if self.messages is not None and not MIN_MESSAGES <= self.messages <= MAX_MESSAGES:
            raise UserError(
                f"messages must be from {MIN_MESSAGES:,} to {MAX_MESSAGES:,}, not {self.messages:,}"
            )
        ticks = self.start_tick
        if not _MIN_PRICE_TICKS <= ticks <= 10**9:
            raise UserError(f"price {self.price:g} is outside what can be simulated")

    @property
    def product(self) -> Product:
        """The product table's row of `root`."""
        return product_of_root(self.root)

    @property
    def start_tick(self) -> int:
        """The first fair value, in ticks."""
        price = _TYPICAL_PRICES[self.root] if self.price is None else self.price
        if not 0 < price < 1e9:
            raise UserError(f"price must be above 0, not {price:g}")
        return round(price * PRICE_SCALE / self.product.tick_int)

    @property
    def daily_ticks(self) -> float:
        """The standard deviation of a day's price change, in ticks."""
        return min(self.start_tick * _DAILY_MOVE, _MAX_DAILY_TICKS)

    @property
    def instrument_id(self) -> int:
        """The contract's numeric id, the same in every file."""
        return 10_000 + zlib.crc32(self.contract.encode()) % 900_000

    @property
    def midnight_ns(self) -> int:
        """Midnight UTC of `dt`, in nanoseconds since 1970."""
        return int(datetime(self.dt.year, self.dt.month, self.dt.day, tzinfo=UTC).timestamp()) * (
            SECOND_NS
        )


@dataclass(frozen=True)
class Schedule:
    """Activity and trading phase of each second of the UTC day, and the simulated span.

    `activity` is relative (0 when closed or outside the span), `left[i]` its sum from second i on;
    `start` and `end` are seconds after midnight UTC; `volatility` is in ticks per square root of a
    second; `messages` is how many the span gets.
    """

    activity: npt.NDArray[np.float64]
    left: npt.NDArray[np.float64]
    phase: npt.NDArray[np.uint8]
    volatility: npt.NDArray[np.float64]
    start: int
    end: int
    messages: int


def schedule_of(config: MarketConfig) -> Schedule:
    """Lay the New York day over the UTC day and cut the span; UserError if nothing trades in it."""
    seconds = _new_york_seconds(config.dt)
    activity, phase = _activity(seconds)
    day_activity = float(activity[phase == CONTINUOUS].sum())
    volatility = config.daily_ticks * np.sqrt(activity / day_activity)
    start, end = _span(config)
    if config.auction and not config.full_day:
        opening = start + min(PRE_OPEN_SECONDS, (end - start) // 2)
        phase[start:opening] = np.where(phase[start:opening] == CLOSED, CLOSED, PRE_OPEN)
    activity[phase == CLOSED] = 0.0
    activity[phase == PRE_OPEN] *= 0.25
    activity[:start] = 0.0
    activity[end:] = 0.0
    total = float(activity.sum())
    if total == 0.0:
        raise UserError("the market is closed (17:00 to 18:00 New York time) in all these minutes")
    left = np.append(np.cumsum(activity[::-1])[::-1], 0.0)
    natural = round(FULL_DAY_MESSAGES * total / day_activity)
    messages = max(natural, MIN_MESSAGES) if config.messages is None else config.messages
    return Schedule(activity, left, phase, volatility, start, end, messages)


def _new_york_seconds(dt: date) -> npt.NDArray[np.int64]:
    """Return the New York time of day, in seconds, of each second of the UTC day `dt`."""
    hours = [
        datetime(dt.year, dt.month, dt.day, hour, tzinfo=UTC).astimezone(NEW_YORK)
        for hour in range(24)
    ]
    starts = np.array([hour.hour * 3600 for hour in hours], np.int64)
    return np.repeat(starts, 3600) + np.tile(np.arange(3600, dtype=np.int64), 24)


def _activity(
    seconds: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    knots = [60 * int(at[:2]) + int(at[3:]) for at, _ in _ACTIVITY]
    activity = np.interp(seconds / 60.0, knots, [rate for _, rate in _ACTIVITY])
    halt, session = _HALT_START.hour * 3600, _SESSION_START.hour * 3600
    phase = np.full(DAY_SECONDS, CONTINUOUS, np.uint8)
    phase[(seconds >= halt) & (seconds < session)] = CLOSED
    phase[(seconds >= session - PRE_OPEN_SECONDS) & (seconds < session)] = PRE_OPEN
    return activity, phase


def _span(config: MarketConfig) -> tuple[int, int]:
    """Return the span's seconds after midnight UTC."""
    if config.full_day:
        return 0, DAY_SECONDS
    midnight = datetime(config.dt.year, config.dt.month, config.dt.day, tzinfo=UTC)
    local = datetime.combine(config.dt, config.start, tzinfo=NEW_YORK)
    if local.astimezone(UTC).date() > config.dt:
        local = datetime.combine(config.dt - timedelta(days=1), config.start, tzinfo=NEW_YORK)
    start = int((local.astimezone(UTC) - midnight).total_seconds())
    end = start + max(1, round(config.minutes * 60))
    if end > DAY_SECONDS:
        raise UserError(
            f"the file holds one UTC day: {config.start:%H:%M} New York time leaves at most "
            f"{(DAY_SECONDS - start) // 60} minutes, not {config.minutes:g}"
        )
    return start, end
