"""From DBN files to bronze partitions: rows are the records, errors leave nothing behind."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from databento_dbn import UNDEF_ORDER_SIZE, UNDEF_PRICE, Action, Schema, Side, SType
from dbn_files import (
    DAY_NS,
    ESH6,
    ESM6,
    MIDNIGHT_NS,
    NOON_NS,
    NQH6,
    SPREAD,
    mbo_records,
    metadata,
    write_dbn,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_data import ESH4, ESH4_SNAPSHOT, ESM4, real_data_folder, real_mbo, real_path

import ingest.bronze_writer
from ingest.command import ingest as ingest_command
from ingest.file_ingest import IngestedFile, ingest_file
from ingest.mbo_columns import MBO_KEY
from ingest.run_ahead import run_ahead
from spymaster.contracts import check_parquet, load_contract
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    is_partition_complete,
    partition_ref,
    read_manifest,
    read_partition,
)

MANY = (ESH6, ESM6, NQH6, SPREAD)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(ingest_command, [str(argument) for argument in arguments])


def assert_rows_are(lake: Lake, symbol: str, dt: str, records: np.ndarray) -> None:
    """Each column of the partition equals the records' field, NULL where it is undefined."""
    table = read_partition(partition_ref(lake, MBO_KEY, symbol, dt))
    assert table.num_rows == len(records)
    expected = {
        "ts_recv_ns": records["ts_recv"].tolist(),
        "ts_event_ns": [None if t >= 2**63 else t for t in records["ts_event"].tolist()],
        "order_id": records["order_id"].tolist(),
        "action": [chr(a) for a in records["action"].tolist()],
        "side": [chr(s) for s in records["side"].tolist()],
        "price_int": [None if p == UNDEF_PRICE else p for p in records["price"].tolist()],
        "size_qty": [None if q == UNDEF_ORDER_SIZE else q for q in records["size"].tolist()],
        "flags": records["flags"].tolist(),
        "sequence": records["sequence"].tolist(),
        "ts_in_delta_ns": records["ts_in_delta"].tolist(),
        "channel_id": records["channel_id"].tolist(),
        "publisher_id": records["publisher_id"].tolist(),
        "instrument_id": records["instrument_id"].tolist(),
    }
    assert table.column_names == list(expected)
    for name, values in expected.items():
        assert table.column(name).to_pylist() == values, name


def partitions(lake: Lake) -> set[tuple[str, str]]:
    found = set()
    for path in lake.root.glob("bronze/**/_SUCCESS"):
        parts = dict(part.split("=") for part in path.parts if "=" in part)
        found.add((parts["symbol"], parts["dt"]))
    return found


def assert_nothing_left(lake: Lake) -> None:
    assert partitions(lake) == set()
    assert list(lake.root.glob("_staging/*")) == []


def test_letters_are_databentos() -> None:
    """The contract accepts exactly the actions and sides that Databento's package knows."""
    fields = {field.name: field for field in load_contract(MBO_KEY).fields}
    for name, enum in (("action", Action), ("side", Side)):
        accepted = fields[name].properties["accepted_values"]
        assert sorted(accepted) == sorted(str(value) for value in enum.variants())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(1, 400),
    chunk_records=st.integers(1, 410),
    row_group=st.integers(1, 200),
    ts_out=st.booleans(),
    seed=st.integers(0, 999),
)
def test_rows_are_the_records(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    chunk_records: int,
    row_group: int,
    ts_out: bool,
    seed: int,
) -> None:
    """For any chunk and row group size: each contract and date holds its records, in file order."""
    folder = tmp_path_factory.mktemp("rows")
    lake = Lake(folder / "lake")
    start = MIDNIGHT_NS + DAY_NS - 10**9
    records = mbo_records(
        count, instruments=MANY, start_ns=start, span_ns=2 * 10**9, seed=seed, ts_out=ts_out
    )
    records["instrument_id"][0] = ESH6
    path = write_dbn(folder / "es.dbn.zst", records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest.bronze_writer, "ROW_GROUP_ROWS", row_group)
        patch.setattr(ingest.bronze_writer, "MAX_BUFFERED_ROWS", row_group * 2)
        patch.setattr(ingest.bronze_writer, "MAX_BATCHES", 5)
        result = ingest_file(path, lake, chunk_records=chunk_records)
    expected = set()
    for symbol, number in (("ESH6", ESH6), ("ESM6", ESM6), ("NQH6", NQH6)):
        for dt, first in (("2026-01-06", 0), ("2026-01-07", MIDNIGHT_NS + DAY_NS)):
            day = (records["ts_recv"] >= first) & (records["ts_recv"] < first + DAY_NS)
            if first == 0:
                day = records["ts_recv"] < MIDNIGHT_NS + DAY_NS
            mine = records[day & (records["instrument_id"] == number)]
            if len(mine):
                expected.add((symbol, dt))
                assert_rows_are(lake, symbol, dt, mine)
    assert partitions(lake) == expected
    assert result.messages == count
    assert {(part.ref.symbol, part.ref.dt) for part in result.partitions} == expected


def test_published_file_keeps_the_contract(tmp_path: Path, lake: Lake) -> None:
    """Not-null columns are required in the file, and the manifest tells its source."""
    path = write_dbn(tmp_path / "es.dbn", mbo_records(300, instruments=MANY), frames=0)
    result = ingest_file(path, lake)
    ref = partition_ref(lake, MBO_KEY, "ESH6", "2026-01-06")
    contract = load_contract(MBO_KEY)
    assert check_parquet(ref.data_path, contract) == result.partitions[0].messages
    schema = pq.read_schema(ref.data_path)
    assert [f.nullable for f in schema] == [f.nullable for f in contract.fields]
    manifest = read_manifest(ref)
    assert manifest["sources"] == [dataclasses.asdict(result.source)]
    assert manifest["source_records"] == 300
    assert manifest["contract"] == {"path": contract.path, "sha256": contract.sha256}
    assert manifest["source_records_skipped"] == 300 - sum(p.messages for p in result.partitions)


def test_root_limits_to_one_product(tmp_path: Path, lake: Lake) -> None:
    """With --root only its contracts are taken, and the summary says what was left out."""
    path = write_dbn(tmp_path / "es.dbn", mbo_records(400, instruments=MANY))
    result = ingest_file(path, lake, "ES")
    assert partitions(lake) == {("ESH6", "2026-01-06"), ("ESM6", "2026-01-06")}
    assert "NQ (" in result.skipped
    assert "spreads, options and others (" in result.skipped


def test_parent_download(tmp_path: Path, lake: Lake) -> None:
    """A file downloaded by parent symbol names its contracts in the mapping."""
    header = metadata(stype_in=SType.PARENT)
    path = write_dbn(tmp_path / "es.dbn", mbo_records(50, instruments=MANY), header)
    ingest_file(path, lake, "ES")
    assert ("ESM6", "2026-01-06") in partitions(lake)


def test_instrument_id_download(tmp_path: Path, lake: Lake) -> None:
    """A file downloaded by instrument number works if the mapping gives raw symbols."""
    mapping = {str(ESH6): "ESH6"}
    header = metadata(
        mapping,
        stype_in=SType.INSTRUMENT_ID,
        stype_out=SType.RAW_SYMBOL,
    )
    ingest_file(write_dbn(tmp_path / "es.dbn", mbo_records(50), header), lake)
    assert partitions(lake) == {("ESH6", "2026-01-06")}


def with_value(column: str, index: int, value: int) -> np.ndarray:
    records = mbo_records(400)
    records[column][index] = value
    return records


LIVE = metadata({}, schema=None, stype_in=None)
BAD_FILES = {
    "no records": (mbo_records(0), metadata(), "has no records"),
    "schema": (mbo_records(9), metadata(schema=Schema.TRADES), "schema is trades"),
    "live, no mapping": (mbo_records(9), LIVE, "without a symbol on 2026-01-06"),
    "live, no records": (mbo_records(0), LIVE, "a live recording without a record of"),
    "continuous": (
        mbo_records(9),
        metadata({"ES.c.0": ESH6}, stype_in=SType.CONTINUOUS),
        "stype_in raw_symbol",
    ),
    "other root": (mbo_records(9, instruments=(NQH6,)), metadata(), "it holds NQ (9 records)"),
    "only spreads": (mbo_records(9, instruments=(SPREAD,)), metadata(), "it holds spreads"),
    "no mapping": (mbo_records(9), metadata({}), "without a symbol on 2026-01-06"),
    "wrong days": (mbo_records(9, start_ns=NOON_NS + 9 * DAY_NS), metadata(), "2026-01-15"),
    "number twice": (mbo_records(9), metadata({"ESH6": "x"}), "mapping"),
    "action": (with_value("action", 321, ord("Z")), metadata(), "record 321: unknown action b'Z'"),
    "side": (with_value("side", 399, 0), metadata(), "record 399: unknown side b'\\x00'"),
    "time back": (with_value("ts_recv", 200, 5), metadata(), "record 200: ts_recv goes back"),
    "no time": (with_value("ts_recv", 399, 2**64 - 1), metadata(), "record 399 has no ts_recv"),
    "foreign record": (with_value("rtype", 7, 1), metadata(), "record 7 is not an MBO record"),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("chunk_records", [100, 131_072])
def test_bad_file_leaves_nothing(tmp_path: Path, lake: Lake, name: str, chunk_records: int) -> None:
    """Whatever is wrong with a file is one line that names it, and nothing of it is published."""
    records, header, expected = BAD_FILES[name]
    path = write_dbn(tmp_path / "es.dbn.zst", records, header)
    with pytest.raises(UserError) as caught:
        ingest_file(path, lake, "ES", chunk_records=chunk_records)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert_nothing_left(lake)


@pytest.mark.parametrize("frames", [0, 1])
def test_truncated_file_leaves_nothing(tmp_path: Path, lake: Lake, frames: int) -> None:
    """Nor does a file whose end is missing, however much of it was already written."""
    path = write_dbn(tmp_path / "es.dbn", mbo_records(5000), frames=frames)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="truncated"):
        ingest_file(path, lake, chunk_records=500)
    assert_nothing_left(lake)


def test_damaged_headers_never_escape(tmp_path: Path) -> None:
    """Random damage to the header ends in success or in a UserError, never in a traceback."""
    random = np.random.default_rng(1)
    whole = metadata() + mbo_records(20, instruments=MANY).tobytes()
    path = tmp_path / "es.dbn"
    for case in range(300):
        damaged = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            damaged[random.integers(4, len(metadata()))] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            ingest_file(path, Lake(tmp_path / f"lake{case}"))
        except UserError as error:
            assert str(path) in str(error)


def test_same_file_again_is_skipped(tmp_path: Path, lake: Lake) -> None:
    """A second run over the same file changes nothing and says so."""
    path = write_dbn(tmp_path / "es.dbn.zst", mbo_records(100))
    ref = partition_ref(lake, MBO_KEY, "ESH6", "2026-01-06")
    assert ingest_file(path, lake).partitions[0].published
    before = ref.manifest_path.stat()
    assert not ingest_file(path, lake).partitions[0].published
    assert ref.manifest_path.stat() == before
    assert ingest_file(path, lake, overwrite=True).partitions[0].published
    assert ref.manifest_path.stat().st_ino != before.st_ino


def test_another_file_needs_overwrite(tmp_path: Path, lake: Lake) -> None:
    """A partition made of another file stays, unless it is to be replaced; equal sizes included."""
    first, second = mbo_records(100), mbo_records(100, seed=2)
    ingest_file(write_dbn(tmp_path / "a.dbn", first, frames=0), lake)
    same_size = write_dbn(tmp_path / "b.dbn", second, frames=0)
    other_size = write_dbn(tmp_path / "c.dbn", mbo_records(101, instruments=MANY), frames=0)
    for path in (same_size, other_size):
        with pytest.raises(UserError, match=r"made of another file \(a.dbn\); --overwrite"):
            ingest_file(path, lake)
        assert partitions(lake) == {("ESH6", "2026-01-06")}
        assert_rows_are(lake, "ESH6", "2026-01-06", first)
    ingest_file(same_size, lake, overwrite=True)
    assert_rows_are(lake, "ESH6", "2026-01-06", second)


def test_changed_contract_publishes_again(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition of the same file but an older contract is replaced without being asked."""
    path = write_dbn(tmp_path / "es.dbn", mbo_records(100))
    older = dataclasses.replace(load_contract(MBO_KEY), sha256="0" * 64)
    with monkeypatch.context() as patch:
        patch.setattr("ingest.file_ingest.load_contract", lambda _key: older)
        ingest_file(path, lake)
    assert ingest_file(path, lake).partitions[0].published


def test_full_disk(tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is one line, and the staging is gone."""
    path = write_dbn(tmp_path / "es.dbn", mbo_records(1000))
    real_writer = pq.ParquetWriter
    monkeypatch.setattr(
        pq, "ParquetWriter", lambda _path, *rest, **named: real_writer("/dev/full", *rest, **named)
    )
    with pytest.raises(UserError, match="No space left"):
        ingest_file(path, lake)
    assert_nothing_left(lake)


def test_lake_cannot_be_written(tmp_path: Path) -> None:
    """A lake path below a file is the user's error."""
    path = write_dbn(tmp_path / "es.dbn", mbo_records(10))
    with pytest.raises(UserError, match="cannot write to the lake"):
        ingest_file(path, Lake(path / "lake"))


def test_command_over_a_folder(tmp_path: Path, lake: Lake) -> None:
    """A folder means its files of the known schemas; others are passed over with a word."""
    folder = tmp_path / "files"
    folder.mkdir()
    write_dbn(folder / "b.dbn", mbo_records(10, instruments=(ESM6,)), frames=0)
    write_dbn(folder / "a.dbn.zst", mbo_records(20))
    write_dbn(folder / "spreads.dbn.zst", mbo_records(20, instruments=(SPREAD,)))
    write_dbn(folder / "trades.dbn.zst", mbo_records(2), metadata(schema=Schema.TRADES))
    (folder / "notes.txt").write_text("mine")
    result = run(folder, folder / "b.dbn", "--lake", lake.root, "--root", "ES")
    assert result.exception is None, result.output
    assert partitions(lake) == {("ESH6", "2026-01-06"), ("ESM6", "2026-01-06")}
    assert "trades.dbn.zst: its schema is trades, not definition, statistics, mbo" in result.output
    assert "spreads.dbn.zst: no records of ES; it holds spreads" in result.output
    assert "published" in result.output
    again = run(folder, "--lake", lake.root)
    assert again.output.count("already ingested") == 2


def test_command_errors(tmp_path: Path, lake: Lake) -> None:
    """Each mistake is a UserError, which the command line prints as one line with exit code 1."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no DBN files" in str(run(empty, "--lake", lake.root).exception)
    write_dbn(empty / "d.dbn", mbo_records(2), metadata(schema=Schema.TRADES))
    assert "none of its 1 DBN files" in str(run(empty, "--lake", lake.root).exception)
    write_dbn(empty / "s.dbn", mbo_records(2, instruments=(SPREAD,)))
    assert "none of 1 files holds wanted" in str(run(empty, "--lake", lake.root).exception)
    assert "unknown product" in str(run(empty, "--root", "XX").exception)
    assert "no such file" in str(run(tmp_path / "x", "--lake", lake.root).exception)
    file = write_dbn(tmp_path / "a.dbn", mbo_records(2))
    assert "not a directory" in str(run(file, "--lake", file).exception)
    for path in (empty, tmp_path / "x", file):
        error = run(path, "--lake", file).exception
        assert isinstance(error, UserError)
    assert_nothing_left(lake)


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, lake: Lake) -> None:
    """The good files are published; two files for one partition are an error of the second."""
    good = write_dbn(tmp_path / "a.dbn", mbo_records(20))
    twin = write_dbn(tmp_path / "b.dbn", mbo_records(20, seed=2))
    result = run(tmp_path / "none", good, twin, "--lake", lake.root)
    assert str(result.exception) == "2 of 3 files failed"
    assert "none: no such file" in result.output
    assert f"comes from {good} already" in result.output
    assert partitions(lake) == {("ESH6", "2026-01-06")}


CHILD = """
import sys
from pathlib import Path
import ingest.file_ingest as flow
from spymaster.lake import Lake
def stop(_done, _total):
    print("reading", flush=True)
    sys.stdin.read()
flow.ingest_file(Path(sys.argv[1]), Lake(Path(sys.argv[2])), on_progress=stop, chunk_records=500)
"""


def test_killed_while_reading(tmp_path: Path, lake: Lake) -> None:
    """After kill -9 the next run clears what was left, but not what a living run is using."""
    path = write_dbn(tmp_path / "es.dbn.zst", mbo_records(5000))
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(lake.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert child.stdout and child.stdin
    with child.stdout, child.stdin:
        assert child.stdout.readline() == b"reading\n"
        assert lake.sweep_staging() == []
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert len(list(lake.root.glob("_staging/*"))) == 1
    assert partitions(lake) == set()
    result = run(path, "--lake", lake.root)
    assert "killed run" in result.output
    assert list(lake.root.glob("_staging/*")) == []
    assert partitions(lake) == {("ESH6", "2026-01-06")}


def test_run_ahead_stops_with_its_consumer() -> None:
    """Closing the consumer's end closes the source; its errors come after the items before."""
    closed = []

    def numbers(last: int) -> object:
        try:
            yield from range(last)
            raise UserError("the end")
        finally:
            closed.append(last)

    ahead = run_ahead(numbers(10**9), 2)
    assert next(ahead) == 0
    ahead.close()
    deadline = time.monotonic() + 5
    while not closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert closed == [10**9]
    found = []
    with pytest.raises(UserError, match="the end"):
        found.extend(n for n in run_ahead(numbers(3), 2))
    assert closed[-1] == 3


REAL = [(ESH4_SNAPSHOT, "ESH4", "2023-12-24"), (ESH4, "ESH4", "2023-12-25")]
REAL.append((ESM4, "ESM4", "2024-05-08"))


@pytest.mark.parametrize(("name", "symbol", "dt"), REAL)
def test_real_files(lake: Lake, name: str, symbol: str, dt: str) -> None:
    """A real file becomes one partition whose rows are its records."""
    result = ingest_file(real_path(name), lake, "ES")
    assert isinstance(result, IngestedFile)
    assert_rows_are(lake, symbol, dt, real_mbo(name))
    assert partitions(lake) == {(symbol, dt)}


def test_real_folder(lake: Lake) -> None:
    """A folder of real files gives all their partitions; two files for one of them are an error."""
    real_path(ESH4)
    result = run(real_data_folder(), "--lake", lake.root)
    assert "instrument_definitions ES 2026-01-09 comes from" in str(result.exception)
    for _, symbol, dt in REAL:
        assert is_partition_complete(partition_ref(lake, MBO_KEY, symbol, dt))
