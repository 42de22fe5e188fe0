"""MBO of options: each record goes to its underlying's partition, by the day's definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from dbn_files import (
    DAY_NS,
    ESH6,
    MIDNIGHT_NS,
    definition,
    mbo_records,
    metadata,
    option,
    write_dbn,
    write_definitions,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.command import ingest as ingest_command
from ingest.file_ingest import ingest_file
from ingest.instrument_table import UNKNOWN, InstrumentTable
from ingest.mbo_columns import MBO_KEY, OPTION_MBO_KEY
from ingest.routing import NothingWantedError
from spymaster.contracts import load_contract
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_manifest, read_partition

COUNT = 1200
FIRST = 42_000_000
UNDERLYINGS = ("ESH6", "ESM6", "ESU6", "NQH6", "ESH6-ESM6")
SPREAD, NO_DEFINITION = 5, 6
# What an option is called says nothing of its underlying: all have one weekly's name.
CHAIN = {f"EW2F6 {'CP'[n % 2]}{6000 + n}": FIRST + 13 * n for n in range(COUNT)}
SYMBOLS = {
    "ESH6": ESH6,
    "UD:1V: VT 1": SPREAD,
    "EW2F6 C9999": NO_DEFINITION,
    **CHAIN,
}


def underlying_of(number: int) -> str:
    return UNDERLYINGS[(number - FIRST) // 13 % len(UNDERLYINGS)]


def definitions(tmp_path: Path) -> Path:
    rows = [option(number, symbol, underlying_of(number)) for symbol, number in CHAIN.items()]
    spread = definition(SPREAD, "UD:1V: VT 1", instrument_class="T", underlying="ESH6")
    return write_definitions(tmp_path / "d.dbn.zst", [*rows, spread])


def options_file(path: Path, records: np.ndarray) -> Path:
    return write_dbn(path, records, metadata(SYMBOLS))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def order_ids(lake: Lake, key: str, symbol: str, dt: str = "2026-01-06") -> list[int]:
    rows = read_partition(partition_ref(lake, key, symbol, dt))
    found: list[int] = rows.column("order_id").to_pylist()
    return found


def test_both_tables_have_the_same_columns() -> None:
    """An engine that reads futures reads options: names, types, order and limits are the same."""
    future, options = (load_contract(key) for key in (MBO_KEY, OPTION_MBO_KEY))
    assert future.arrow_schema == options.arrow_schema
    for one, other in zip(future.fields, options.fields, strict=True):
        assert one.properties == other.properties


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(count=st.integers(1, 4000), chunk_records=st.integers(1, 4100), seed=st.integers(0, 99))
def test_split_by_underlying_in_file_order(
    tmp_path_factory: pytest.TempPathFactory, count: int, chunk_records: int, seed: int
) -> None:
    """For any chunk size the records of 1,200 options and a future are where they belong, in order."""
    folder = tmp_path_factory.mktemp("options")
    lake = Lake(folder / "lake")
    ingest_file(definitions(folder), lake)
    numbers = tuple(SYMBOLS.values())
    records = mbo_records(count, instruments=numbers, seed=seed)
    records["instrument_id"][0] = FIRST
    path = options_file(folder / "o.dbn.zst", records)
    result = ingest_file(path, lake, "ES", chunk_records=max(chunk_records, count // 50 + 1))
    of_record = records["instrument_id"]
    expected = {(MBO_KEY, "ESH6"): of_record == ESH6}
    for symbol in ("ESH6", "ESM6", "ESU6"):
        mine = [number for number in CHAIN.values() if underlying_of(number) == symbol]
        expected[OPTION_MBO_KEY, symbol] = np.isin(of_record, mine)
    found = {(part.ref.key, part.ref.symbol) for part in result.partitions}
    assert found == {target for target, mine in expected.items() if mine.any()}
    for key, symbol in found:
        mine = records[expected[key, symbol]]
        assert order_ids(lake, key, symbol) == mine["order_id"].tolist()
    kept = sum(int(mine.sum()) for mine in expected.values())
    manifest = read_manifest(result.partitions[0].ref)
    assert manifest["source_records_skipped"] == count - kept


def test_what_is_left_out_is_named(tmp_path: Path, lake: Lake) -> None:
    """Spreads, options of other roots and unknown ones are counted by what they are."""
    ingest_file(definitions(tmp_path), lake)
    numbers = (FIRST, SPREAD, NO_DEFINITION, 8, FIRST + 13 * 3, FIRST + 13 * 4)
    records = mbo_records(6)
    records["instrument_id"] = numbers
    result = ingest_file(options_file(tmp_path / "o.dbn", records), lake, "ES")
    assert [part.messages for part in result.partitions] == [1]
    for text in (
        "spreads, options and others (1 records)",
        "options without a definition on 2026-01-06 in the lake (3 records)",
        "instruments without a symbol on 2026-01-06 (1 records)",
    ):
        assert text in result.skipped
    records["instrument_id"] = SPREAD
    with pytest.raises(NothingWantedError, match="no records of ES"):
        ingest_file(options_file(tmp_path / "s.dbn", records), lake, "ES")


def test_without_definitions(tmp_path: Path, lake: Lake) -> None:
    """The error names the file to get; a day whose definitions are there does not help another."""
    ingest_file(definitions(tmp_path), lake)
    for start, date, name in (
        (MIDNIGHT_NS + DAY_NS, "2026-01-07", "glbx-mdp3-20260107.definition.dbn.zst"),
    ):
        records = mbo_records(5, instruments=(FIRST,), start_ns=start)
        path = options_file(tmp_path / "o.dbn", records)
        with pytest.raises(UserError) as caught:
            ingest_file(path, lake, "ES")
        text = str(caught.value)
        assert str(path) in text and "\n" not in text
        for part in (date, name, "schema definition", "GLBX.MDP3", "EW2F6 C6000", "of ES"):
            assert part in text
        assert not is_partition_complete(partition_ref(lake, OPTION_MBO_KEY, "ESH6", date))


def test_latest_definition_counts(tmp_path: Path, lake: Lake) -> None:
    """Of several definitions of an instrument the latest by ts_recv tells its underlying."""
    rows = [
        option(FIRST, "EW2F6 C6000", "ESH6"),
        option(FIRST, "EW2F6 C6000", "ESM6", ts_recv=MIDNIGHT_NS + 5),
    ]
    ingest_file(write_definitions(tmp_path / "d.dbn", rows), lake)
    records = mbo_records(9, instruments=(FIRST,))
    ingest_file(options_file(tmp_path / "o.dbn", records), lake, "ES")
    assert order_ids(lake, OPTION_MBO_KEY, "ESM6") == records["order_id"].tolist()


def test_again_conflict_and_changed_definitions(tmp_path: Path, lake: Lake) -> None:
    """The same file is skipped until the definitions change; another one is a conflict."""
    ingest_file(definitions(tmp_path), lake)
    path = options_file(tmp_path / "o.dbn", mbo_records(50, instruments=(FIRST, ESH6)))
    assert all(part.published for part in ingest_file(path, lake, "ES").partitions)
    assert not any(part.published for part in ingest_file(path, lake, "ES").partitions)
    ref = partition_ref(lake, OPTION_MBO_KEY, "ESH6", "2026-01-06")
    assert [source["dt"] for source in read_manifest(ref)["inputs"]] == ["2026-01-06"]
    other = options_file(tmp_path / "p.dbn", mbo_records(51, instruments=(FIRST,)))
    with pytest.raises(UserError, match=r"made of another file \(o.dbn\)"):
        ingest_file(other, lake, "ES")
    rows = [option(FIRST, "EW2F6 C6000", "ESH6"), definition(ESH6, "ESH6")]
    ingest_file(write_definitions(tmp_path / "e.dbn", rows), lake, overwrite=True)
    again = {part.ref.key: part.published for part in ingest_file(path, lake, "ES").partitions}
    assert again == {MBO_KEY: False, OPTION_MBO_KEY: True}


def test_truncated_leaves_nothing(tmp_path: Path, lake: Lake) -> None:
    """A cut file publishes neither the options nor the future in it."""
    ingest_file(definitions(tmp_path), lake)
    path = options_file(tmp_path / "o.dbn", mbo_records(500, instruments=(FIRST, ESH6)))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="truncated"):
        ingest_file(path, lake, "ES", chunk_records=100)
    for key in (MBO_KEY, OPTION_MBO_KEY):
        assert not is_partition_complete(partition_ref(lake, key, "ESH6", "2026-01-06"))


def test_command_reads_definitions_first(tmp_path: Path, lake: Lake) -> None:
    """Whatever the order of the paths, the options find the definitions of the same call."""
    records = mbo_records(50, instruments=(FIRST, ESH6))
    options = options_file(tmp_path / "a.dbn.zst", records)
    arguments = [str(options), str(definitions(tmp_path)), "--lake", str(lake.root)]
    result = CliRunner().invoke(ingest_command, arguments)
    assert result.exception is None, result.output
    assert result.output.count("published") == 4  # two roots' definitions, options, the future


@settings(max_examples=40, deadline=None)
@given(
    known=st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, 2**15 - 1), max_size=700),
    asked=st.lists(st.integers(0, 2**32 - 1), max_size=50),
    step=st.sampled_from([0, 1, 1 << 10, 1 << 22]),
)
def test_instrument_table_is_a_dict(known: dict[int, int], asked: list[int], step: int) -> None:
    """The table answers as a dict does, whatever the ids, also when they crowd one place."""
    known = {**known, **{(n * step) % 2**32: n for n in range(300 if step else 0)}}
    table = InstrumentTable()
    table.add(list(known.items())[:10])
    table.add(list(known.items())[10:])
    ids = np.array([*asked, *known], np.uint32)
    expected = [known.get(number, UNKNOWN) for number in ids.tolist()]
    assert table.lookup(ids).tolist() == expected
    assert pa.array(table.lookup(ids[:0])).to_pylist() == []
