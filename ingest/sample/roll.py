"""Several days, and two contracts around a roll: each day's files as Databento would deliver them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ingest.sample.day import SampleSummary, Watch, write_day
from ingest.sample.dbn_file import file_name
from ingest.sample.labels import truth_name
from ingest.sample.market import (
    DAY_SECONDS,
    MIN_MESSAGES,
    NEW_YORK,
    SECOND_NS,
    MarketConfig,
    schedule_of,
)
from ingest.sample.option_chain import (
    OPTION_PRODUCTS,
    OptionConfig,
    new_chain,
    next_contract,
    quarterly_expiry,
)
from ingest.sample.option_day import OptionSummary, option_messages, write_day_with_options
from ingest.sample.option_definitions import write_definitions
from spymaster.errors import UserError
from spymaster.products import PRICE_SCALE
from spymaster.runs.dates import closed

MAX_DAYS: Final = 250
_CARRY: Final = 0.009
"""How much higher the next quarter trades: a quarter's interest less dividends."""
_SHARE_AT_ROLL: Final = 0.7
"""Far enough from a half that few messages, whose trades are a matter of luck, cross on that day too."""
_SHARE_STEP: Final = 0.1
_LEAST_SHARE: Final = 0.1
_DEFINED_OPTIONS: Final = OptionConfig(strikes=3, expiries=1)
"""What the definition file lists beside the futures where no options are simulated."""


@dataclass(frozen=True)
class RollConfig:
    """`days` trading days from the market's date on; `next_contract` trades more from `roll_date` on.

    UserError if they do not fit together.

    >>> RollConfig(3).dates(MarketConfig())[-1]
    datetime.date(2026, 1, 8)
    """

    days: int = 1
    next_contract: str | None = None
    roll_date: date | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.days <= MAX_DAYS:
            raise UserError(f"days must be from 1 to {MAX_DAYS}, not {self.days}")
        if (self.next_contract is None) != (self.roll_date is None):
            raise UserError("--next-contract and --roll-date go together")

    def dates(self, market: MarketConfig) -> list[date]:
        """Return the days to write: weekends and CME's holidays are left out."""
        days, day = [market.dt], market.dt
        while len(days) < self.days:
            day += timedelta(days=1)
            if not closed(day):
                days.append(day)
        return days

    def share(self, ahead: int) -> float:
        """Return the next contract's share of the messages, `ahead` trading days after the roll.

        >>> [round(RollConfig().share(ahead), 2) for ahead in (-9, -1, 0, 1, 9)]
        [0.1, 0.3, 0.7, 0.8, 0.9]
        """
        share = _SHARE_AT_ROLL + _SHARE_STEP * (ahead if ahead >= 0 else -ahead - 1)
        share = min(share, 1 - _LEAST_SHARE)
        return share if ahead >= 0 else 1 - share


@dataclass(frozen=True)
class RollDay:
    """A day's contracts, the one that trades most first; `defined` are the futures still to expire."""

    markets: tuple[MarketConfig, ...]
    defined: tuple[str, ...]

    @property
    def front(self) -> MarketConfig:
        """The contract that trades most; options are on it."""
        return self.markets[0]


@dataclass(frozen=True)
class WrittenDay:
    """What was written of a day: each future's file, the front contract's first; the options'."""

    dt: date
    futures: list[SampleSummary]
    options: OptionSummary | None


class RollPlan:
    """The days to write, before their prices are known; UserError if they cannot be simulated.

    >>> roll = RollConfig(2, "ESM6", date(2026, 1, 7))
    >>> days = RollPlan(MarketConfig(messages=10_000), roll).days
    >>> [{m.contract: m.messages for m in day.markets} for day in days]
    [{'ESH6': 14000, 'ESM6': 6000}, {'ESM6': 14000, 'ESH6': 6000}]
    """

    def __init__(self, market: MarketConfig, roll: RollConfig) -> None:
        self.market, self.roll = market, roll
        self.dates = roll.dates(market)
        self.knows_expirations = market.root in OPTION_PRODUCTS
        if roll.next_contract is not None:
            self._require_roll(roll.next_contract)
        last = self.dates[-1]
        if roll.next_contract is None and self._expires_ns < _midnight_ns(last):
            raise UserError(
                f"{market.contract} expires before {last}; give fewer days, or --next-contract and "
                "--roll-date"
            )

    def _require_roll(self, later: str) -> None:
        market, roll_date = self.market, self.roll.roll_date
        if not self.knows_expirations:
            known = " and ".join(OPTION_PRODUCTS)
            raise UserError(f"a roll can be simulated on {known}, not on {market.root}")
        if later != next_contract(market.contract):
            raise UserError(
                f"--next-contract {later!r} is not {next_contract(market.contract)}, the one after "
                f"{market.contract}"
            )
        if roll_date not in self.dates:
            raise UserError(
                f"--roll-date {roll_date} is not one of the trading days {self.dates[0]} to "
                f"{self.dates[-1]}"
            )
        if roll_date and _midnight_ns(roll_date) > self._expires_ns:
            raise UserError(f"--roll-date {roll_date}: {market.contract} has expired by then")

    @cached_property
    def _expires_ns(self) -> int:
        """When the first contract stops trading, UTC ns; never where that is not known."""
        if not self.knows_expirations:
            return 2**63 - 1
        return quarterly_expiry(self.market, self.market.contract).expiration_ns

    @property
    def spread(self) -> float:
        """How far the next contract trades above the first, in price units."""
        return self.market.start_tick * self.market.product.tick_int / PRICE_SCALE * _CARRY

    @cached_property
    def days(self) -> list[RollDay]:
        """The days; a contract's last one ends with it."""
        return [self._day(place, day) for place, day in enumerate(self.dates)]

    def _day(self, place: int, day: date) -> RollDay:
        first, later = self.market.contract, self.roll.next_contract
        whole = replace(self.market, dt=day, seed=self._seed(place, 0))
        share, natural = 0.0, schedule_of(whole).messages
        if later is not None and self.roll.roll_date is not None:
            share = self.roll.share(place - self.dates.index(self.roll.roll_date))
            natural *= 2
        markets = []
        earlier = self._until_expiry(whole)
        if earlier is not None:
            count = max(round(natural * (1 - share)), MIN_MESSAGES)
            # As they are given where nothing is shared: a single day is the same with --days 1.
            markets.append(replace(earlier, messages=count if later else earlier.messages))
        if later is not None:
            count = max(round(natural * share), MIN_MESSAGES)
            markets.append(
                replace(whole, contract=later, messages=count, seed=self._seed(place, 1))
            )
        markets.sort(key=lambda config: -(config.messages or 0))
        listed = [] if _midnight_ns(day) >= self._expires_ns else [first]
        return RollDay(tuple(markets), (*listed, *([later] if later else [])))

    def _seed(self, place: int, contract: int) -> int:
        """Each contract and day draws its own numbers from the one seed."""
        return (self.market.seed + 1_000_003 * place + 7_919 * contract) % 2**63

    def _until_expiry(self, market: MarketConfig) -> MarketConfig | None:
        """Return a first contract's day cut off at its expiration; None if nothing is left of it."""
        left = self._expires_ns - market.midnight_ns
        if left >= DAY_SECONDS * SECOND_NS:
            return market
        if market.full_day:
            opening = datetime.fromtimestamp(market.midnight_ns // SECOND_NS, UTC)
            start = opening.astimezone(NEW_YORK).time()
            market = replace(market, full_day=False, auction=False, start=start, minutes=1440)
            begins = 0
        else:
            begins = schedule_of(market).start
        minutes = min(market.minutes, left / SECOND_NS / 60 - begins / 60)
        return replace(market, minutes=minutes) if minutes > 0 else None


def write_days(
    folder: Path,
    market: MarketConfig,
    roll: RollConfig,
    advance: Callable[[int], None],
    options: OptionConfig | None = None,
    with_truth: bool = False,
) -> list[WrittenDay]:
    """Write each day's MBO of each contract and, of ES and NQ, the definitions of both.

    A day begins at the price at which the day before ended. The contract that trades less follows
    the other one's price at a constant distance, a quarter's carry, so that the spread between them
    moves by a few points. `options` are on the contract that trades most. `with_truth` writes the
    labels (labels.py) of each contract's day too. The bytes depend on `market`, `roll` and `options`
    alone. UserError if that cannot be simulated or a file not be written.
    """
    plan = RollPlan(market, roll)
    tick = market.product.tick_int / PRICE_SCALE
    base = market.start_tick * tick
    spread = round(plan.spread / tick) * tick
    written = []
    for day in plan.days:
        above = {config.contract: 0.0 for config in day.markets}
        if roll.next_contract is not None:
            above[roll.next_contract] = spread
        front, *others = (
            replace(config, price=base + above[config.contract]) for config in day.markets
        )
        path = _MidPath(front)
        summary, of_options = _write_front(
            folder, front, day, plan, options, advance, path, with_truth
        )
        summaries = [summary]
        for other in others:
            guide = path.by_second() + above[other.contract] - above[front.contract]
            file = folder / file_name(other)
            truth = folder / truth_name(other) if with_truth else None
            summaries.append(write_day(file, other, advance, guide=guide, truth=truth))
        base = path.last - above[front.contract]
        written.append(WrittenDay(front.dt, summaries, of_options))
    return written


def expected_messages(plan: RollPlan, options: OptionConfig | None) -> int:
    """Return how many messages all files will have."""
    futures = sum(schedule_of(m).messages for day in plan.days for m in day.markets)
    if options is None:
        return futures
    return futures + sum(option_messages(day.front, options) for day in plan.days)


def _write_front(
    folder: Path,
    front: MarketConfig,
    day: RollDay,
    plan: RollPlan,
    options: OptionConfig | None,
    advance: Callable[[int], None],
    watch: Watch,
    with_truth: bool,
) -> tuple[SampleSummary, OptionSummary | None]:
    """Write the contract that trades most, and the definition file."""
    truth = folder / truth_name(front) if with_truth else None
    if options is not None:
        return write_day_with_options(
            folder, front, options, advance, watch=watch, defined=day.defined, truth_path=truth
        )
    if plan.knows_expirations:
        chain = new_chain(front, _DEFINED_OPTIONS, schedule_of(front))
        path = folder / file_name(front, "definition")
        write_definitions(path, front, chain, day.defined)
    return write_day(folder / file_name(front), front, advance, watch=watch, truth=truth), None


class _MidPath:
    """Watches a contract's mid through its day, in price units."""

    def __init__(self, market: MarketConfig) -> None:
        self._midnight_ns = market.midnight_ns
        start = market.start_tick * market.product.tick_int
        self._times, self._mids = [np.zeros(1, np.int64)], [np.full(1, start, np.int64)]

    def __call__(self, mids: npt.NDArray[Any], known: int) -> None:
        self._times.append(mids["time"].copy())
        self._mids.append(mids["mid_int"].copy())

    def by_second(self) -> npt.NDArray[np.float64]:
        """Return the mid at the start of each second of the UTC day."""
        seconds = self._midnight_ns + np.arange(DAY_SECONDS, dtype=np.int64) * SECOND_NS
        place = np.searchsorted(np.concatenate(self._times), seconds, side="right") - 1
        return np.concatenate(self._mids)[place] / PRICE_SCALE

    @property
    def last(self) -> float:
        """The mid at the end."""
        return float(np.concatenate(self._mids)[-1]) / PRICE_SCALE


def _midnight_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND_NS
