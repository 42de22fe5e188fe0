"""`spymaster flags` against counts made record by record in plain Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from dbn_files import ESH6, ESM6, NQH6, mbo_records, write_dbn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mbo_streams import Stream, random_splits, streams
from real_data import ESH4, real_path

from ingest.inspect.flags_command import flags_of
from ingest.inspect.source import open_source
from spymaster.cli import cli
from spymaster.errors import UserError
from spymaster_udf import record_census
from spymaster_udf.mbo import F_LAST, F_SNAPSHOT
from spymaster_udf.mbo_columns import MboColumns
from spymaster_udf.record_census import RecordCensus, shape_text


def plain_shape(actions: str) -> str:
    """An event's shape in words, from its actions: runs of more than three shortened, then cut."""
    marks: list[str] = []
    at = 0
    while at < len(actions):
        run = len(actions[at:]) - len(actions[at:].lstrip(actions[at]))
        letter = actions[at] if actions[at] in "ACMRTFN" else "?"
        marks += [letter] * run if run <= 3 else [letter, ".."]
        at += run
    return " ".join(marks).replace(" ..", "..")


def plain_census(records: np.ndarray) -> tuple[Counter[str], list[tuple[int, ...]]]:
    """Shapes of the events, and (instrument, first, last, orders, ended by F_LAST) of the snapshots."""
    shapes: Counter[str] = Counter()
    open_event: dict[int, str] = {}
    snapshot: dict[int, list[int]] = {}
    spans = []
    for number, record in enumerate(records):
        who, flags = int(record["instrument_id"]), int(record["flags"])
        action = chr(record["action"]) if chr(record["action"]) in "ACMRTFN" else "?"
        if flags & F_SNAPSHOT:
            span = snapshot.setdefault(who, [number, number, 0])
            span[1] = number
            span[2] += action == "A"
            if flags & F_LAST:
                spans.append((who, *snapshot.pop(who), 1))
        elif who in snapshot:
            spans.append((who, *snapshot.pop(who), 0))
            open_event[who] = ""
        open_event[who] = open_event.get(who, "") + action
        if flags & F_LAST:
            shapes[plain_shape(open_event.pop(who))] += 1
    return shapes, spans + [(who, *span, 0) for who, span in snapshot.items()]


def census_of(records: np.ndarray, splits: list[slice]) -> RecordCensus:
    census = RecordCensus()
    for part in splits:
        census.feed(MboColumns.of_records(records[part]))
    census.finish()
    return census


def assert_counts_are_plain(census: RecordCensus, records: np.ndarray) -> None:
    shapes, spans = plain_census(records)
    short = {text: n for text, n in shapes.items() if len(text.replace("..", " ..").split()) <= 15}
    found = {shape_text(shape): n for shape, n in census.shapes.items()}
    assert {text: n for text, n in found.items() if not text.endswith("…")} == short
    assert sum(found.values()) == sum(shapes.values()) == census.events
    assert sorted(
        (s.instrument_id, s.first_record, s.last_record, s.orders, int(s.ended_by_last))
        for s in census.snapshots
    ) == sorted(spans)
    pairs = Counter(zip(records["action"].tolist(), records["flags"].tolist(), strict=True))
    assert {(a, f): census.flags_of_action[a, f] for a, f in pairs} == pairs
    assert census.flags_of_action.sum() == census.sides_of_action.sum() == len(records)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=streams(), seed=st.integers(0, 2**32 - 1))
def test_any_stream_in_any_split(stream: Stream, seed: int):
    splits = random_splits(np.random.default_rng(seed), len(stream.records))
    assert_counts_are_plain(census_of(stream.records, splits), stream.records)


def test_many_instruments_have_their_own_events():
    """Interleaved records of 300 instruments: an event is one instrument's."""
    records = mbo_records(20_000, instruments=tuple(range(1, 301)))
    census = census_of(records, [slice(0, 7_001), slice(7_001, None)])
    assert_counts_are_plain(census, records)
    counts = Counter(records["instrument_id"].tolist())
    assert {number: n for number, n, _ in census.instruments} == counts


def test_times_that_go_back_are_counted_with_the_first():
    records = mbo_records(100)
    records["ts_event"] = records["ts_recv"]
    records["flags"] = F_LAST
    records["ts_recv"][40] -= 10**9
    records["ts_event"][[60, 80]] -= 10**9
    census = census_of(records, [slice(None)])
    assert (census.ts_recv_back.count, census.ts_recv_back.first_record) == (1, 40)
    assert (census.ts_event_back.count, census.ts_event_back.first_record) == (2, 60)
    assert census.unended_events == 0


def test_shapes_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record_census, "MOST_SHAPES", 3)
    monkeypatch.setattr(record_census, "MOST_SPANS", 2)
    census = census_of(mbo_records(5_000), [slice(0, 2_500), slice(2_500, None)])
    assert len(census.shapes) == 3
    assert sum(census.shapes.values()) + census.other_shapes == census.events
    assert len(census.snapshots) == 2 < census.snapshot_count


def test_the_real_esh4_file():
    """What is known of it: a snapshot of 8,725 orders without F_LAST, T F C events, no anomaly."""
    with open_source(real_path(ESH4), None, None, None) as source:
        view = flags_of(source, with_book=True)
    census = view.census
    assert (census.records, census.events) == (68_792, 47_022)
    (snapshot,) = census.snapshots
    assert (snapshot.orders, snapshot.ended_by_last) == (8_725, False)
    shapes = {shape_text(shape): n for shape, n in census.shapes.items()}
    assert (shapes["A"], shapes["T F C"], shapes["T F F C C"]) == (20_396, 1_099, 283)
    assert sum(view.report.anomalies.values()) == 0


def test_the_command_shows_all_of_it(tmp_path: Path):
    """Actions, bits, values, shapes, instruments, snapshots, anomalies, for one instrument and many."""
    path = write_dbn(tmp_path / "es.dbn.zst", mbo_records(3_000, instruments=(ESH6, ESM6, NQH6)))
    result = CliRunner().invoke(cli, ["flags", str(path), "--top", "4"])
    assert result.exit_code == 0
    for text in ("3,000 records", "A add", "F_LAST", "F_MAYBE_BAD_BOOK", "more shapes", "instruments",
                 "ESM6", "snapshots: ", "those of the book: choose one"):  # fmt: skip
        assert text in result.stdout, text
    one = CliRunner().invoke(cli, ["flags", str(path), "--symbol", "ESM6"])
    assert "unknown_cancel" in one.stdout
    assert "those of the book" not in one.stdout


def test_a_bronze_partition_is_counted_as_its_file(es_option_day):
    lake = es_option_day.lake
    (path,) = (lake.root.parent / "files").glob("*mbo.ESH6*")
    with open_source(path, None, None, None) as source:
        file = flags_of(source, with_book=True)
    with open_source(None, "ESH6", "2026-01-06", lake) as source:
        bronze = flags_of(source, with_book=True)
    assert file.census.shapes == bronze.census.shapes
    assert (file.census.flags_of_action == bronze.census.flags_of_action).all()
    assert file.report == bronze.report


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "unknown"])
def test_hostile_files_are_one_line(tmp_path: Path, damage: str):
    path = write_dbn(tmp_path / "es.dbn.zst", mbo_records(3_000))
    content = {"cut": path.read_bytes()[:-50], "empty": b"", "text": b"hello"}.get(damage)
    if content is not None:
        path.write_bytes(content)
    choice = ["--symbol", "NQH6"] if damage == "unknown" else []
    result = CliRunner().invoke(cli, ["flags", str(path), *choice])
    assert isinstance(result.exception, UserError)
    assert "es.dbn.zst" in str(result.exception)
    assert "\n" not in str(result.exception)
