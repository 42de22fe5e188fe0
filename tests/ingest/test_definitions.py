"""Definition files: every record of the wanted root is a row, of any DBN version."""

from __future__ import annotations

from pathlib import Path

import databento
import numpy as np
import pyarrow as pa
import pytest
from databento_dbn import Schema
from dbn_files import DAY_NS, MIDNIGHT_NS, definition, metadata, option, rows_of, write_dbn
from dbn_files import write_definitions as write
from real_data import real_path

import ingest.file_ingest
from ingest.definitions import _COLUMNS
from ingest.file_ingest import ingest_file
from ingest.instruments import DEFINITIONS_KEY, LakeDefinitions
from ingest.record_layouts import DEFINITION
from ingest.routing import NothingWantedError
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_manifest, read_partition

DEFAULTS = (
    definition(5602, "ESH6", asset="ES", unit_of_measure_qty=50 * 10**9),
    option(77, "EW2F6 C7000", "ESH6", strike_price=7_000 * 10**9, asset="EW2"),
    option(78, "ESH6 P6900", "ESM6"),
    definition(79, "ESH6-ESM6", instrument_class="S", asset="ES"),
    definition(80, "UD:1V: VT 2311", instrument_class="T", asset="EW2", underlying="ESH6"),
)
DROPPED = (
    option(90, "ESH6 C7000", "NQH6"),
    option(91, "E1AF6 C7000", ""),
    option(92, "WA C-5", "CLG6-CLH6"),
    definition(93, "UD:1V: VT 9999", instrument_class="T", asset="EW2"),
    definition(94, "NQH6", asset="ES"),
    definition(95, "ZZH6", asset="ZZ"),
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def rows(lake: Lake, dt: str = "2026-01-06", root: str = "ES") -> pa.Table:
    return read_partition(partition_ref(lake, DEFINITIONS_KEY, root, dt))


def expected_of(message: object, field: str) -> object:
    """What Databento's own package says of a field, undefined as None."""
    value = getattr(message, field)
    kind = DEFINITION.by_version[3][field]
    if kind.kind == "S" or isinstance(value, str):
        return str(value).strip() or None
    value = getattr(value, "value", value)
    if isinstance(value, str):
        return value.strip() or None
    undefined = np.iinfo(kind).max if kind.kind in "iu" else None
    if field in ("underlying_id", "raw_instrument_id") or field.endswith("instrument_id"):
        undefined = 0
    if field in ("publisher_id", "leg_count"):
        undefined = None
    return None if value is None or value == undefined else value


def assert_rows_are_databentos(table: pa.Table, path: Path) -> None:
    messages = list(databento.DBNStore.from_bytes(path.read_bytes()))
    assert table.num_rows == len(messages)
    for column in _COLUMNS:
        expected = [
            None if column.of_leg and not message.leg_count else expected_of(message, column.field)
            for message in messages
        ]
        assert table.column(column.name).to_pylist() == expected, column.name


@pytest.mark.parametrize(
    ("name", "dt"),
    [
        ("es-opt-202308.definition.dbn.zst", "2023-08-01"),
        ("esh6-20260109.definition.dbn.zst", "2026-01-09"),
        ("esm4-options-20240509.definition.dbn.zst", "2024-05-09"),
        ("ew2f6-c7000-20260109.definition.dbn.zst", "2026-01-09"),
    ],
)
def test_real_files_are_as_databento_reads_them(lake: Lake, name: str, dt: str) -> None:
    """Every column of a real file equals what Databento's package decodes."""
    path = real_path(name)
    ingest_file(path, lake, "ES")
    table = rows(lake, dt)
    assert_rows_are_databentos(table, path)
    assert set(table.column("unit_of_measure_qty_int").to_pylist()) == {50 * 10**9}


def test_a_weekly_is_on_its_underlying(lake: Lake) -> None:
    """The real EW2F6 C7000 has the asset EW2, and is found as an option on ESH6."""
    ingest_file(real_path("ew2f6-c7000-20260109.definition.dbn.zst"), lake, "ES")
    found = LakeDefinitions(lake, "ES").find(42780620, 1767916800 // 86_400)
    assert found and found.is_option and found.underlying == "ESH6"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version(tmp_path: Path, lake: Lake, version: int) -> None:
    """Records of every DBN version become the same columns, as Databento's upgrade has them."""
    legs = [
        definition(81, "UD:X", instrument_class="T", underlying="ESH6", leg_count=2, leg_index=n)
        for n in (0, 1)
    ]
    kept = [*DEFAULTS, *legs]
    path = write(tmp_path / "d.dbn.zst", kept, version)
    ingest_file(path, lake, "ES")
    table = rows(lake)
    assert table.column("leg_index").to_pylist()[-2:] == ([0, 1] if version == 3 else [None] * 2)
    if version < 3:  # in version 3 these records have values that no leg has
        assert_rows_are_databentos(table, path)


def test_undefined_is_null(tmp_path: Path, lake: Lake) -> None:
    """A record of which hardly anything is defined has NULL, never a sentinel."""
    ingest_file(write(tmp_path / "d.dbn", [definition(5602, "ESH6")]), lake, "ES")
    row = rows(lake).to_pylist()[0]
    given = {name: value for name, value in row.items() if value is not None}
    assert given == {
        "ts_recv_ns": MIDNIGHT_NS,
        "publisher_id": 1,
        "instrument_id": 5602,
        "raw_symbol": "ESH6",
        "security_update_action": "A",
        "instrument_class": "F",
        "user_defined_instrument": "N",
        "leg_count": 0,
    }


def test_root_decides(tmp_path: Path, lake: Lake) -> None:
    """Options go by their underlying, strategies by underlying or asset; the rest is counted."""
    path = write(tmp_path / "d.dbn", [*DEFAULTS, *DROPPED])
    result = ingest_file(path, lake, "ES")
    assert rows(lake).column("instrument_id").to_pylist() == [5602, 77, 78, 79, 80]
    for label in (
        "NQ (2 records)",
        "options on no outright future (2 records)",
        "unknown product EW2 (1 records)",
        "unknown product ZZ (1 records)",
    ):
        assert label in result.skipped
    manifest = read_manifest(partition_ref(lake, DEFINITIONS_KEY, "ES", "2026-01-06"))
    assert (manifest["source_records"], manifest["source_records_skipped"]) == (11, 6)
    with pytest.raises(NothingWantedError, match="no records of CL; it holds ES"):
        ingest_file(path, lake, "CL")


def test_all_products_without_root(tmp_path: Path, lake: Lake) -> None:
    """Without --root each known product has its partition."""
    ingest_file(write(tmp_path / "d.dbn", [*DEFAULTS, *DROPPED]), lake)
    assert rows(lake, root="NQ").column("instrument_id").to_pylist() == [90, 94]


@pytest.mark.parametrize("chunk_records", [1, 2, 1000])
def test_duplicates_and_additions_stay(tmp_path: Path, lake: Lake, chunk_records: int) -> None:
    """Each record is a row, in file order, on its own date; the latest is the one that counts."""
    later = MIDNIGHT_NS + DAY_NS // 2
    records = [
        option(77, "ESH6 C7000", "ESH6"),
        option(77, "ESH6 C7000", "ESH6"),
        option(77, "ESH6 C7000", "ESM6", ts_recv=later, security_update_action="M"),
        option(99, "ESH6 C7005", "ESH6", ts_recv=later),
        option(99, "ESH6 C7005", "ESU6", ts_recv=MIDNIGHT_NS + DAY_NS),
    ]
    ingest_file(write(tmp_path / "d.dbn", records), lake, chunk_records=chunk_records)
    assert rows(lake).column("underlying").to_pylist() == ["ESH6", "ESH6", "ESM6", "ESH6"]
    assert rows(lake).column("security_update_action").to_pylist() == ["A", "A", "M", "A"]
    assert rows(lake, "2026-01-07").column("underlying").to_pylist() == ["ESU6"]
    definitions, day = LakeDefinitions(lake, None), MIDNIGHT_NS // DAY_NS
    underlyings = [
        definitions.find(number, on_day).underlying
        for number, on_day in ((77, day), (99, day), (99, day + 1))
    ]
    assert underlyings == ["ESM6", "ESH6", "ESU6"]
    assert definitions.find(77, day + 1) is None


def test_again_another_and_truncated(tmp_path: Path, lake: Lake) -> None:
    """The same file is skipped, another one is a conflict, a cut one leaves nothing."""
    path = write(tmp_path / "a.dbn", list(DEFAULTS))
    assert ingest_file(path, lake, "ES").partitions[0].published
    assert not ingest_file(path, lake, "ES").partitions[0].published
    other = write(tmp_path / "b.dbn", list(DEFAULTS[:2]))
    with pytest.raises(UserError, match=r"made of another file \(a.dbn\)"):
        ingest_file(other, lake, "ES")
    assert rows(lake).num_rows == 5
    ingest_file(other, lake, "ES", overwrite=True)
    assert rows(lake).num_rows == 2
    plain = metadata({}, schema=Schema.DEFINITION)
    cut = write_dbn(tmp_path / "c.dbn", rows_of(DEFINITION, 3, list(DEFAULTS)), plain, frames=0)
    cut.write_bytes(cut.read_bytes()[:-3])
    empty = Lake(tmp_path / "empty")
    with pytest.raises(UserError, match="truncated"):
        ingest_file(cut, empty, "ES")
    assert not is_partition_complete(partition_ref(empty, DEFINITIONS_KEY, "ES", "2026-01-06"))


def test_bad_definition_files(tmp_path: Path, lake: Lake) -> None:
    """Damage is one line that names the file: another record, time going back, broken text."""
    back = [definition(1, "ESH6"), definition(1, "ESH6", ts_recv=MIDNIGHT_NS - 1)]
    broken = [definition(1, "ESH6", currency=b"\xff\xfe")]
    for records, expected in ((back, "record 1: ts_recv goes back"), (broken, "is damaged")):
        with pytest.raises(UserError, match=expected):
            ingest_file(write(tmp_path / "d.dbn", records), lake)
    header = metadata({}, version=2, schema=Schema.DEFINITION)
    path = write_dbn(tmp_path / "d.dbn", rows_of(DEFINITION, 3, [definition(1, "ESH6")]), header)
    with pytest.raises(UserError, match=r"truncated|not a definition record"):
        ingest_file(path, lake)


def test_checksum_covers_every_module() -> None:
    """What decides the rows is in the checksum: all of ingest but commands and threads."""
    folder = Path(ingest.file_ingest.__file__).parent
    modules = {path.name for path in folder.glob("*.py")}
    assert modules - {"__init__.py", "command.py", "run_ahead.py"} == set(
        ingest.file_ingest._MODULES
    )
