"""`spymaster book` against the oracle at any moment, its times, and what it refuses."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from dbn_files import ESH6, ESM6, mbo_records, metadata, write_dbn
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from mbo_streams import Stream, streams
from oracle_book import OracleBook
from real_data import ESH4, real_mbo, real_path

from ingest.inspect.book_command import book_at
from ingest.inspect.ladder_view import price_text
from ingest.inspect.moment import EventsUntil, moment_ns
from ingest.inspect.source import Batch, Source, open_source
from spymaster.cli import cli
from spymaster.errors import UserError
from spymaster_udf.book_engine import BookEngine, BookParams
from spymaster_udf.book_ladder import Ladder, LadderSide
from spymaster_udf.mbo import F_LAST, F_SNAPSHOT
from spymaster_udf.mbo_columns import MboColumns

DAY = date(2026, 1, 6)
MIDNIGHT = 1_767_657_600_000_000_000
FAR = 9_000_000_000 * 10**9
Levels = list[tuple[int, int, int, int]]


def oracle_at(records: np.ndarray, at_ns: int, **settings: Any) -> tuple[OracleBook, int]:
    """The slow book after the last event that ended at or before a moment, and how many records that is.

    Written record by record, apart from the engine's batches: the clock, then the events.
    """
    instrument = int(records["instrument_id"][0])
    clock, taken, whole = None, [], 0
    for record in records:
        if int(record["instrument_id"]) != instrument:
            continue
        time = MboColumns.of_records(np.array([record]))
        now = int(time.ts_recv[0] if record["flags"] & F_SNAPSHOT else time.ts_event[0])
        clock = now if clock is None else max(clock, now)
        if clock > at_ns:
            break
        taken.append(record)
        if record["flags"] & F_LAST:
            whole = len(taken)
    book = OracleBook(
        session_start_ns=FAR, session_end_ns=FAR + 10**9, hud_max_ticks=0, instrument_id=None,
        check_depth=False, **settings,
    )  # fmt: skip
    for index, record in enumerate(taken[:whole]):
        book.record(index, {name: int(record[name]) for name in record.dtype.names})
    return book, whole


def oracle_levels(book: OracleBook, side: str, at_ns: int) -> Levels:
    """(price, contracts, orders, rested contracts), best first, from nothing but the orders."""
    levels: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for order in book.orders.values():
        if order.side == side:
            level = levels[order.price]
            level[0] += order.qty
            level[1] += 1
            level[2] += order.qty * (at_ns - order.ts_enter >= book.rest_ns)
    return [(price, *levels[price]) for price in sorted(levels, reverse=side == "B")]


def levels_of(side: LadderSide) -> Levels:
    columns = side.price_int, side.depth_qty, side.order_count, side.rest_qty
    return list(zip(*(column.tolist() for column in columns), strict=True))


def assert_is_the_oracles(ladder: Ladder, book: OracleBook, at_ns: int) -> None:
    assert levels_of(ladder.bids) == oracle_levels(book, "B", at_ns)
    assert levels_of(ladder.asks) == oracle_levels(book, "A", at_ns)
    assert ladder.last_trade_price_int == book.last_trade
    assert ladder.book_valid == book.valid


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=streams(max_events=60), data=st.data())
def test_the_ladder_is_the_oracles_at_any_moment(stream: Stream, data: st.DataObject):
    """Any market, hostile or not, any batches: the state after the last whole event by the moment."""
    assume(len(stream.records))
    records = stream.records[stream.records["instrument_id"] == stream.records["instrument_id"][0]]
    times = np.unique(np.concatenate([records["ts_event"], records["ts_recv"]]))
    near = data.draw(st.sampled_from(times[times < 1 << 62].tolist() or [0]))
    at_ns = near + data.draw(st.sampled_from([-1, 0, 0, 1, 10**6]))
    options = {name: stream.settings[name] for name in ("tick_int", "rest_ns", "assume_valid")}
    book, whole = oracle_at(records, at_ns, **options)
    engine = BookEngine(
        BookParams(
            session_start_ns=FAR, session_end_ns=FAR + 10**9, hud_max_ticks=0,
            max_anomaly_share=1.0, **options,
        )
    )  # fmt: skip
    size = data.draw(st.sampled_from([1, 3, 1000]))
    batches = [
        MboColumns.of_records(records[at : at + size]) for at in range(0, len(records), size)
    ]
    for columns in EventsUntil(at_ns).cut(batches):
        assert list(engine.feed(columns)) == []
    assert engine.report.records_applied == whole
    assert_is_the_oracles(engine.ladder(at_ns), book, at_ns)


def test_the_real_esh4_file_at_its_end_and_on_the_way():
    """4810.00/4810.25 at the end; the oracle's book at moments before and after the open."""
    with open_source(real_path(ESH4), "ESH4", None, None) as source:
        view = book_at(source, "end")
    assert (view.name, view.ladder.book_valid, view.records) == ("ESH4", True, 68_792)
    best = [int(side.price_int[0]) for side in (view.ladder.bids, view.ladder.asks)]
    assert best == [4_810_000_000_000, 4_810_250_000_000]
    records = real_mbo(ESH4)
    for text in ("22:45:00.5Z", "23:00:00Z", "2023-12-25T23:17:05.123456789Z", "18:59:59"):
        at_ns = moment_ns(text, date(2023, 12, 25))
        with open_source(real_path(ESH4), None, None, None) as source:
            ladder = book_at(source, text).ladder
        book, _ = oracle_at(
            records, at_ns, tick_int=250_000_000, rest_ns=500_000_000, assume_valid=False
        )
        assert_is_the_oracles(ladder, book, at_ns)


@pytest.mark.parametrize(
    ("text", "ns_after_midnight"),
    [
        ("14:30:05.25Z", 52_205_250_000_000),
        ("09:30:05.25", 52_205_250_000_000),
        ("2026-01-06T09:30:05.25", 52_205_250_000_000),
        ("2026-01-06 15:30:05.25+01:00", 52_205_250_000_000),
        ("19:00", 0),  # the evening before in New York is this UTC day
        ("18:59:59.999999999", 86_399_999_999_999),
        ("1767657600000000123", 123),
    ],
)
def test_times(text: str, ns_after_midnight: int):
    assert moment_ns(text, DAY) - MIDNIGHT == ns_after_midnight


@pytest.mark.parametrize(
    "text",
    [
        "",
        "noon",
        "25:00",
        "09:60",
        "9",
        "2026-13-01T10:00",
        "10:00X",
        "9" * 19,
        "0001-01-01T00:00+14:00",
    ],
)
def test_what_is_no_time(text: str):
    with pytest.raises(UserError, match="is not a time"):
        moment_ns(text, DAY)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["book", *map(str, arguments)])


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A file of one instrument and one of two, records of one second from noon UTC."""
    folder = tmp_path_factory.mktemp("book")
    one, two = mbo_records(500), mbo_records(500, instruments=(ESH6, ESM6))
    return (
        write_dbn(folder / "one.dbn.zst", one),
        write_dbn(folder / "two.dbn", two, frames=0),
    )


def test_mistakes_are_one_line(one_and_two: tuple[Path, Path], tmp_path: Path):
    """No such time, instrument, file: what is wrong and what there is."""
    one, two = one_and_two
    cut = tmp_path / "cut.dbn.zst"
    cut.write_bytes(one.read_bytes()[:-100])
    for arguments, message in [
        ((one, "--at", "11:00Z"), r"one.dbn.zst: begins at 2026-01-06 12:00:00.* UTC, after"),
        ((one, "--at", "13:00Z"), r"ends at 2026-01-06 12:00:0.* UTC, before .* --at end"),
        ((one, "--at", "yesterday"), "is not a time"),
        ((one, "--at", "end", "--symbol", "NQH6"), r"no records of NQH6; it has ESH6 \(5602\)"),
        ((one, "--at", "end", "--instrument", 1), r"no records of 1; it has ESH6 \(5602\)"),
        ((two, "--at", "end"), r"several instruments; choose one .*ESH6 \(5602\), ESM6 \(5603\)"),
        ((cut, "--at", "end"), "truncated|damaged"),
        ((tmp_path / "no.dbn", "--at", "end"), "no such file"),
        (("--at", "end", "--symbol", "ESH6"), "give a DBN file, or --symbol and --dt"),
        (("--at", "end", "--symbol", "ESH6", "--dt", "2026-01-06", "--lake", tmp_path),
         "no bronze data"),
        ((one, "--at", "end", "--dt", "2026-01-06"), "not both"),
    ]:  # fmt: skip
        result = run(*arguments)
        assert isinstance(result.exception, UserError), (arguments, result)
        assert "\n" not in str(result.exception)
        with pytest.raises(UserError, match=message):
            raise result.exception


def test_one_of_several_instruments(one_and_two: tuple[Path, Path]):
    """By symbol or by id: the same book, and another than the other's."""
    two = one_and_two[1]
    by_symbol, by_id, other = (
        run(two, "--at", "end", "--levels", 3, *choice).stdout
        for choice in (("--symbol", "ESH6"), ("--instrument", ESH6), ("--symbol", "ESM6"))
    )
    assert by_symbol == by_id
    assert by_symbol.startswith("ESH6  2026-01-06 07:00:0")
    assert other.startswith("ESM6")
    assert by_symbol.splitlines()[1:] != other.splitlines()[1:]


def test_file_and_lake_show_the_same(es_option_day: Any):
    """The DBN file and its bronze partition; a slice of the ladder as a trader reads it."""
    (path,) = (es_option_day.lake.root.parent / "files").glob("*mbo.ESH6*")
    from_lake = run("--symbol", "ESH6", "--dt", "2026-01-06", "--at", "09:30:05.25",
                    "--lake", es_option_day.lake.root)  # fmt: skip
    from_file = run(path, "--at", "09:30:05.25")
    assert from_lake.exit_code == from_file.exit_code == 0
    assert from_lake.stdout == from_file.stdout
    lines = from_file.stdout.splitlines()
    assert lines[0] == "ESH6  2026-01-06 09:30:05.25 EST  (2026-01-06 14:30:05.25 UTC)  valid"
    assert [line.split()[0] for line in lines[3:] if line[:3] in ("ask", "bid")] == (
        ["ask"] * 10 + ["bid"] * 10
    )
    assert "spread 0.25 (1 tick)" in from_file.stdout


class _Endless(Source):
    """A stream in which no event ever ends."""

    name = "endless"

    def batches(self) -> Iterator[Batch]:
        records = mbo_records(100_000)
        records["flags"] = 0
        columns = MboColumns.of_records(records)
        while True:
            yield Batch(columns, None)

    def symbol_of(self, _instrument_id: int, _at_ns: int) -> str | None:
        return "ESH6"


def test_a_stream_without_ends_does_not_fill_the_memory():
    with pytest.raises(UserError, match="no record has F_LAST"):
        book_at(_Endless(), "end")


def test_an_empty_file(tmp_path: Path):
    path = write_dbn(tmp_path / "empty.dbn", mbo_records(0), metadata(), frames=0)
    with pytest.raises(UserError, match="has no records"), contextlib.ExitStack() as stack:
        book_at(stack.enter_context(open_source(path, None, None, None)), "end")


def test_prices_have_their_ticks_decimals():
    assert price_text(-37_630_000_000, 10_000_000) == "-37.63"
    assert price_text(17_000_000_000_000, 10**9) == "17,000"
    assert price_text(50_000_000, None) == "0.05"
