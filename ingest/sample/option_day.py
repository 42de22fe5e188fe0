"""Simulates the options of a day beside their future and writes Databento's files of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from databento_dbn import Schema

from ingest.sample.day import SampleSummary, Watch, write_day
from ingest.sample.dbn_file import Write, dbn_metadata, dbn_writer, file_name
from ingest.sample.exchange import CHUNK_RECORDS, NOTHING
from ingest.sample.market import CONTINUOUS, Form, MarketConfig, Schedule, schedule_of
from ingest.sample.option_book import new_option_market
from ingest.sample.option_chain import (
    CALL,
    OPTION_TICK_INT,
    Chain,
    OptionConfig,
    new_chain,
)
from ingest.sample.option_definitions import option_parents, write_definitions
from ingest.sample.option_makers import STEP_ROOM, run
from ingest.sample.option_statistics import write_statistics
from ingest.sample.option_truth import write_truth
from spymaster.errors import UserError
from spymaster.products import PRICE_SCALE

FULL_DAY_OPTION_MESSAGES: Final = 13_000_000
MIN_OPTION_CHUNK_RECORDS: Final = 4 * STEP_ROOM
_USUAL_OPTIONS: Final = OptionConfig().options
_SEED_OF_OPTIONS: Final = 0x5851F42D4C957F2D


@dataclass(frozen=True)
class OptionSummary:
    """What was written beside the future. `orders` is how many rest in all books at the end."""

    definition_path: Path
    statistics_path: Path
    mbo_path: Path
    truth_path: Path
    options: int
    messages: int
    orders: int


def option_messages(market: MarketConfig, config: OptionConfig) -> int:
    """Return how many messages the option file will have; UserError if it needs more.

    >>> option_messages(MarketConfig(), OptionConfig(messages=400_000))
    400000
    """
    snapshot = config.options * (1 + 2 * config.depth)
    if config.messages is not None:
        if config.messages < 2 * snapshot:
            raise UserError(
                f"{config.options:,} options need at least {2 * snapshot:,} option messages, not "
                f"{config.messages:,}"
            )
        return config.messages
    schedule = schedule_of(market)
    day = schedule_of(MarketConfig(dt=market.dt, full_day=True))
    share = float(schedule.left[0] / day.activity[day.phase == CONTINUOUS].sum())
    natural = FULL_DAY_OPTION_MESSAGES * share * config.options / _USUAL_OPTIONS
    return 2 * snapshot + round(natural)


def write_day_with_options(
    folder: Path,
    market: MarketConfig,
    config: OptionConfig,
    advance: Callable[[int], None] | None = None,
    chunk_records: int = CHUNK_RECORDS,
    option_chunk_records: int = CHUNK_RECORDS,
    watch: Watch | None = None,
    defined: tuple[str, ...] = (),
    truth_path: Path | None = None,
) -> tuple[SampleSummary, OptionSummary]:
    """Write a future's day and its options' into `folder`; return a summary of each.

    The future's file is the one that `write_day` writes, its labels go to `truth_path`, and `watch`
    sees what it does there; `defined` are futures that the definition file has beside the market's
    and the next. The bytes depend on `market`, `config` and `defined` alone. UserError if a file
    cannot be written or no options on such a future can be simulated.
    """
    if not MIN_OPTION_CHUNK_RECORDS <= option_chunk_records <= CHUNK_RECORDS:
        raise ValueError(
            f"option_chunk_records must be {MIN_OPTION_CHUNK_RECORDS} to {CHUNK_RECORDS}"
        )
    schedule = schedule_of(market)
    chain = new_chain(market, config, schedule)
    options = _new_market(market, config, chain, schedule)
    definitions = folder / file_name(market, "definition")
    statistics = folder / file_name(market, "statistics")
    mbo = folder / file_name(market, "mbo", f"{market.root}.OPT")
    truth = folder / file_name(market, "truth", suffix="parquet")
    write_definitions(definitions, market, chain, defined)
    write_statistics(statistics, market, chain)
    write_truth(truth, market, chain)
    header = dbn_metadata(market, Schema.MBO, chain.symbols, option_parents(chain))
    with dbn_writer(mbo, header) as write:
        follow = _follow(options, write, advance, option_chunk_records, watch)
        path = folder / file_name(market)
        summary = write_day(path, market, advance, chunk_records, follow, truth=truth_path)
    state = options["state"][0, 0]
    written = int(state["messages"] - state["budget"])
    return summary, OptionSummary(
        definitions, statistics, mbo, truth, len(chain.options), written, int(state["live"])
    )


def _new_market(
    market: MarketConfig, config: OptionConfig, chain: Chain, schedule: Schedule
) -> npt.NDArray[Any]:
    """Return the option market before its snapshot."""
    options = new_option_market()
    state = options["state"]
    state["rng"] = market.seed ^ _SEED_OF_OPTIONS
    state["next_order_id"] = 7_413_238_000_000 + market.dt.toordinal() * 1_000
    state["budget"] = state["messages"] = option_messages(market, config)
    state["tick_int"] = OPTION_TICK_INT
    state["span_record"] = market.form is Form.NEW
    state["depth"] = config.depth
    state["midnight"] = market.midnight_ns
    state["start"] = state["step_end"] = state["incident_at"] = chain.start_ns
    state["end"] = chain.end_ns
    state["phase"] = state["task"] = 0
    state["patience"] = 1.0
    state["incident"] = NOTHING
    options["left"] = schedule.left
    options["phases"] = schedule.phase
    _list_options(options, market, chain)
    return options


def _list_options(options: npt.NDArray[Any], market: MarketConfig, chain: Chain) -> None:
    """Fill in the instruments; a spread is one of fixed value that ends with its legs."""
    listings = [(option, option.instrument_id, 0) for option in chain.options]
    listings += [(s.legs[0], s.instrument_id, s.value_ticks) for s in chain.spreads]
    options["state"]["options"] = len(listings)
    rows = options[0]["options"]
    for row, (option, instrument_id, fixed) in zip(rows, listings, strict=False):
        row["instrument_id"] = instrument_id
        row["expiration"] = option.expiry.expiration_ns
        row["listed"] = option.listed_ns or market.midnight_ns
        row["strike"] = option.strike_int / PRICE_SCALE
        row["volatility"] = option.volatility
        row["call"] = option.right == CALL
        row["fixed"] = fixed
        if option.listed_ns is not None:
            row["low"], row["high"], row["until"] = -np.inf, np.inf, option.listed_ns


def _follow(
    options: npt.NDArray[Any],
    write: Write,
    advance: Callable[[int], None] | None,
    chunk_records: int,
    watch: Watch | None,
) -> Watch:
    """Return what lets the options trade as far as the future's mid is known."""

    def follow(mids: npt.NDArray[Any], known: int) -> None:
        if watch is not None:
            watch(mids, known)
        _extend_path(options, mids)
        while written := run(options, chunk_records, known):
            write(options[0]["out"][:written])
            if advance is not None:
                advance(written)

    return follow


def _extend_path(options: npt.NDArray[Any], mids: npt.NDArray[Any]) -> None:
    """Put new mids behind those that the options have not reached yet."""
    state, path = options["state"], options[0]["path"]
    ahead = path[int(state["path_at"][0, 0]) : int(state["path_end"][0, 0])].copy()
    path[: len(ahead)] = ahead
    path[len(ahead) : len(ahead) + len(mids)] = mids
    state["path_at"], state["path_end"] = 0, len(ahead) + len(mids)
