"""Several days of two contracts around a roll, each day's files as Databento would deliver them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from ingest.sample.day import SampleSummary, write_day
from ingest.sample.dbn_file import file_name
from ingest.sample.market import MIN_MESSAGES, MarketConfig, schedule_of
from ingest.sample.option_chain import OptionConfig, new_chain, next_contract
from ingest.sample.option_definitions import write_definitions
from spymaster.errors import UserError
from spymaster.products import PRICE_SCALE

MAX_DAYS: Final = 250
_CARRY: Final = 0.009
"""How much higher the next quarter trades: a quarter's interest less dividends."""
_SHARE_STEP: Final = 0.15
_LEAST_SHARE: Final = 0.1


@dataclass(frozen=True)
class RollConfig:
    """`days` weekdays from the market's date on; `next_contract` has more volume from `roll_date` on.

    UserError if they do not fit together.

    >>> len(RollConfig(3).dates(MarketConfig()))
    3
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
        """Return the days to write, weekends left out; UserError if the roll is not among them."""
        if self.next_contract not in (None, next_contract(market.contract)):
            raise UserError(
                f"--next-contract {self.next_contract!r} is not {next_contract(market.contract)}, "
                f"the one after {market.contract}"
            )
        days = [market.dt]
        while len(days) < self.days:
            step = 3 if days[-1].weekday() == 4 else 1
            days.append(days[-1] + timedelta(days=step))
        if self.roll_date is not None and self.roll_date not in days:
            raise UserError(
                f"--roll-date {self.roll_date} is not one of the days {days[0]} to {days[-1]}"
            )
        return days

    def messages(self, market: MarketConfig, day: date, days: list[date]) -> dict[str, int]:
        """Return by contract how many messages a day has: the next one's share grows to the roll.

        >>> roll = RollConfig(2, "ESM6", date(2026, 1, 7))
        >>> market = MarketConfig(messages=10_000)
        >>> roll.messages(market, date(2026, 1, 7), roll.dates(market))
        {'ESH6': 7000, 'ESM6': 13000}
        """
        natural = schedule_of(replace(market, dt=day)).messages
        if self.next_contract is None or self.roll_date is None:
            return {market.contract: natural}
        ahead = days.index(day) - days.index(self.roll_date)
        share = 0.5 + _SHARE_STEP * (ahead + 1 if ahead >= 0 else ahead)
        share = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)
        later = max(round(2 * natural * share), MIN_MESSAGES)
        earlier = max(round(2 * natural * (1 - share)), MIN_MESSAGES)
        return {market.contract: earlier, self.next_contract: later}


def write_days(
    folder: Path, market: MarketConfig, roll: RollConfig, advance: Callable[[int], None]
) -> list[SampleSummary]:
    """Write each day's MBO of each contract and its definitions; return a summary a file of MBO.

    A day begins at the last price of the day before, in the next contract a quarter's carry above it:
    nobody arbitrages the two during a day, so that their spread moves by some points.
    The bytes depend on `market` and `roll` alone.
    """
    days = roll.dates(market)
    price = market.start_tick * market.product.tick_int / PRICE_SCALE
    configs = {
        day: {
            # Each contract and day draws its own numbers from the one seed.
            name: replace(
                market, contract=name, dt=day, messages=count,
                seed=(market.seed + 1_000_003 * place + 7_919 * number) % 2**63,
            )
            for number, (name, count) in enumerate(roll.messages(market, day, days).items())
        }
        for place, day in enumerate(days)
    }  # fmt: skip
    summaries = []
    for of_day in configs.values():
        lead = replace(of_day[market.contract], price=price)
        for name, config in of_day.items():
            carry = 0.0 if name == market.contract else _CARRY
            priced = replace(config, price=lead.price * (1 + carry) if lead.price else None)
            summary = write_day(folder / file_name(priced), priced, advance)
            if name == market.contract and summary.last_price is not None:
                price = summary.last_price / PRICE_SCALE
            summaries.append(summary)
        chain = new_chain(lead, OptionConfig(strikes=3, expiries=1), schedule_of(lead))
        write_definitions(folder / file_name(lead, "definition"), lead, chain)
    return summaries
