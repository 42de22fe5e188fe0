"""`spymaster book`: one instrument's book at a moment, as a ladder in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import numpy as np

from ingest.inspect.ladder_view import LastTrade, MomentView, moment_text, print_ladder
from ingest.inspect.moment import END, LOCAL_ZONE, EventsUntil, day_of, moment_ns
from ingest.inspect.source import Chosen, Source, open_source, tick_of
from spymaster.contract_selection import contract_for
from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.progress import Advance, progress
from spymaster.terminal import console
from spymaster_udf.book_engine import BookEngine, BookParams
from spymaster_udf.mbo import TRADE
from spymaster_udf.mbo_columns import MboColumns

# No window is to be written: the session lies at the end of the clock.
_NEVER_NS: Final = (2**63 // 10**9 - 10) * 10**9
_NO_TICK: Final = 2


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--at",
    "at_text",
    required=True,
    metavar="TIME",
    help="The moment: 14:30:05.25 (New York), 19:30:05.25Z (UTC), ISO, UTC ns, or end.",
)
@click.option("--symbol", help="Contract, such as ESH6; with --dt, of the lake, a root does too.")
@click.option("--instrument", type=int, help="Instrument id, where a file has several.")
@click.option("--dt", metavar="DATE", help="UTC date of a bronze partition, instead of FILE.")
@click.option(
    "--levels", default=10, show_default=True, type=click.IntRange(1, 1000), help="Levels a side."
)
@click.option(
    "--rest-ns",
    default=500_000_000,
    show_default=True,
    type=click.IntRange(0, 3_600_000_000_000),
    help="Age from which an order counts as resting.",
)
@click.option("--assume-valid", is_flag=True, help="For a slice of a day, without its snapshot.")
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
def book(
    file: Path | None, at_text: str, symbol: str | None, instrument: int | None, dt: str | None,
    levels: int, rest_ns: int, assume_valid: bool, lake_path: str | None,
) -> None:  # fmt: skip
    """Draw the book at a moment: depth, orders, what of it rests, spread, last trade, validity.

    FILE is a DBN file of schema mbo; without it the records are those of bronze (--symbol, --dt).
    The book is that of the engine after the last event that ended at or before TIME.

    \b
    Example:
      spymaster book glbx-mdp3-20260106.mbo.ESH6.dbn.zst --at 09:30:05.25
      spymaster book --symbol ESH6 --dt 2026-01-06 --at 14:30:05Z --levels 20
    """
    lake = Lake.from_option(lake_path)
    if file is None and symbol and dt:
        symbol = contract_for(lake, symbol, dt)
    with open_source(file, symbol, dt, lake) as source:
        view = book_at(source, at_text, symbol, instrument, rest_ns, assume_valid)
    print_ladder(view, levels, console(100))


@dataclass
class _Replay:
    """The engine of the chosen instrument, made when its first record says which it is."""

    rest_ns: int
    assume_valid: bool
    engine: BookEngine | None = None
    last_trade: LastTrade | None = None

    def feed(self, columns: MboColumns, symbol: str | None) -> None:
        if self.engine is None:
            self.engine = replay_engine(symbol, self.rest_ns, self.assume_valid)
        for _ in self.engine.feed(columns):
            raise AssertionError("no window lies in the session")
        trades = np.flatnonzero(columns.action == TRADE)
        if len(trades):
            at = trades[-1]
            self.last_trade = LastTrade(
                int(columns.ts_event[at]), int(columns.price[at]), int(columns.size[at]),
                chr(columns.side[at]),
            )  # fmt: skip


def replay_engine(
    symbol: str | None, rest_ns: int = 500_000_000, assume_valid: bool = False
) -> BookEngine:
    """Return an engine that keeps the book and writes no windows; any price fits an unknown product.

    >>> replay_engine("ESH6").params.tick_int
    250000000
    """
    return BookEngine(
        BookParams(
            tick_int=tick_of(symbol) or _NO_TICK,
            session_start_ns=_NEVER_NS,
            session_end_ns=_NEVER_NS + 10**9,
            hud_max_ticks=0,
            rest_ns=rest_ns,
            assume_valid=assume_valid,
            max_anomaly_share=1.0,
        )
    )


def book_at(
    source: Source,
    at_text: str,
    symbol: str | None = None,
    instrument: int | None = None,
    rest_ns: int = 500_000_000,
    assume_valid: bool = False,
) -> MomentView:
    """Return the book of one instrument of a source at a moment (see moment_ns).

    Raises UserError for a time that is none or lies outside the source, for an instrument that is not
    there or not chosen.
    """
    chosen = Chosen(source, symbol, instrument)
    replay = _Replay(rest_ns, assume_valid)
    with progress(f"replay {source.name}", None, "messages") as advance:
        stream = _chosen_batches(source, chosen, advance)
        first = next(stream, None)
        if first is None:
            chosen.require_found()
            raise UserError(f"{source.name}: has no records")
        at_ns = moment_ns(at_text, day_of(first))
        events = EventsUntil(at_ns)
        for columns in events.cut(_again(first, stream)):
            replay.feed(columns, chosen.symbol)
    chosen.require_found()
    to_the_end = at_text == END
    _require_inside(source, events, at_ns, to_the_end)
    engine = replay.engine or replay_engine(chosen.symbol, rest_ns, assume_valid)
    moment = events.last_ns if to_the_end else at_ns
    return MomentView(
        name=chosen.symbol
        or f"instrument {chosen.instrument_id or next(iter(chosen.instruments))}",
        at_ns=moment,
        zone=LOCAL_ZONE,
        ladder=engine.ladder(moment),
        last_trade=replay.last_trade,
        tick_int=tick_of(chosen.symbol),
        orders=engine.live_orders,
        records=engine.report.records_applied,
        left_out=events.left_out,
    )


def _chosen_batches(source: Source, chosen: Chosen, advance: Advance) -> Iterator[MboColumns]:
    for batch in source.batches():
        advance(len(batch.columns), batch.total)
        mine = chosen.take(batch.columns)
        if len(mine):
            yield mine


def _again(first: MboColumns, rest: Iterator[MboColumns]) -> Iterator[MboColumns]:
    yield first
    yield from rest


def _require_inside(source: Source, events: EventsUntil, at_ns: int, to_the_end: bool) -> None:
    first, last = events.first_ns or 0, events.last_ns
    if at_ns < first:
        raise UserError(
            f"{source.name}: begins at {moment_text(first)}, after {moment_text(at_ns)}"
        )
    if not events.is_past and at_ns > last and not to_the_end:
        raise UserError(
            f"{source.name}: ends at {moment_text(last)}, before {moment_text(at_ns)}; "
            "--at end shows its last book"
        )
