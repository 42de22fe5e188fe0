"""`spymaster flags`: what a stream of MBO records is made of, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from ingest.inspect.book_command import replay_engine
from ingest.inspect.flags_view import FlagsView, print_flags
from ingest.inspect.source import Chosen, Source, open_source
from spymaster.contract_selection import contract_for
from spymaster.lake import Lake
from spymaster.progress import progress
from spymaster.terminal import console
from spymaster_udf.anomalies import BookReport
from spymaster_udf.book_engine import BookEngine
from spymaster_udf.mbo_columns import MboColumns
from spymaster_udf.record_census import RecordCensus

_DEFAULT_TOP: Final = 15


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--symbol", help="Contract, such as ESH6; with --dt, of the lake, a root does too.")
@click.option("--instrument", type=int, help="Instrument id: only its records.")
@click.option("--dt", metavar="DATE", help="UTC date of a bronze partition, instead of FILE.")
@click.option(
    "--top",
    default=_DEFAULT_TOP,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Rows of each long table.",
)
@click.option(
    "--book/--no-book",
    default=True,
    help="Replay the book too, for the anomalies that only it can see (one instrument).",
)
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
def flags(
    file: Path | None, symbol: str | None, instrument: int | None, dt: str | None, top: int,
    book: bool, lake_path: str | None,
) -> None:  # fmt: skip
    """Say what records are made of: actions, flag bits, event shapes, snapshots, anomalies.

    FILE is a DBN file of schema mbo of any size; without it the records are those of bronze
    (--symbol, --dt).

    \b
    Example:
      spymaster flags glbx-mdp3-20260106.mbo.ESH6.dbn.zst
      spymaster flags --symbol ESH6 --dt 2026-01-06 --top 5
    """
    lake = Lake.from_option(lake_path)
    if file is None and symbol and dt:
        symbol = contract_for(lake, symbol, dt)
    with open_source(file, symbol, dt, lake) as source:
        view = flags_of(source, symbol, instrument, with_book=book)
    print_flags(view, top, console(110))


class _Book:
    """The anomalies that a replay meets: of one instrument; of several there is no one book."""

    def __init__(self) -> None:
        self._engine: BookEngine | None = None
        self._given_up = False

    def feed(self, columns: MboColumns, chosen: Chosen) -> None:
        if self._given_up or (len(chosen.instruments) > 1 and not chosen.is_asked_for):
            self._given_up = True
            return
        if self._engine is None:
            self._engine = replay_engine(chosen.symbol)
        for _ in self._engine.feed(columns):
            raise AssertionError("no window lies in the session")

    @property
    def report(self) -> BookReport | None:
        return None if self._given_up or self._engine is None else self._engine.report


def flags_of(
    source: Source, symbol: str | None = None, instrument: int | None = None, *, with_book: bool
) -> FlagsView:
    """Return the census of a source's records, all of them or of one instrument.

    Raises UserError for a damaged source, or for an instrument that is not in it.
    """
    census, replay = RecordCensus(), _Book()
    chosen = Chosen(source, symbol, instrument)
    with progress(f"reading {source.name}", None, "messages") as advance:
        for batch in source.batches():
            columns = batch.columns
            chosen.look_at(columns)
            if chosen.is_asked_for:
                columns = chosen.take(columns)
            census.feed(columns)
            if with_book:
                replay.feed(columns, chosen)
            advance(len(batch.columns), batch.total)
    chosen.require_found()
    census.finish()
    name = source.name + (f"  {chosen.symbol or instrument}" if chosen.is_asked_for else "")
    return FlagsView(name, census, chosen.instruments, replay.report)
