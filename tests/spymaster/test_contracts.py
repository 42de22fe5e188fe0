"""Contracts: what a schema may say, what comes of it, and which files keep it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster import contracts
from spymaster.contracts import (
    Contract,
    ContractError,
    all_contracts,
    check_parquet,
    load_contract,
)
from spymaster.errors import UserError

KEY = "silver.future_mbo.example"
FIELDS: list[Any] = [
    {"name": "i", "doc": "an int", "type": "int"},
    {"name": "n", "type": ["null", "long"], "minimum": 0},
    {"name": "u", "type": {"type": "long", "logicalType": "uint64"}},
    {"name": "d", "type": ["double", "null"]},
    {"name": "b", "type": "boolean"},
    {"name": "s", "type": "string"},
    {"name": "e", "type": {"type": "enum", "name": "letters", "symbols": ["A", "B"]}},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(contracts, "contracts_dir", lambda: tmp_path / "contracts")
    (tmp_path / "contracts/silver/future_mbo").mkdir(parents=True)
    return tmp_path


def write(folder: Path, fields: Any, **named: Any) -> None:
    schema = {"type": "record", "namespace": "silver.future_mbo", "name": "example"}
    text = json.dumps({**schema, "fields": fields, **named})
    (folder / "contracts/silver/future_mbo/example.avsc").write_text(text)


@pytest.fixture
def contract(folder: Path) -> Contract:
    write(folder, FIELDS, doc="An example.", unique_key=["i"])
    return load_contract(KEY)


def rows() -> dict[str, list[Any]]:
    return {
        "i": [1, 2],
        "n": [None, 2],
        "u": [2**64 - 1, 0],
        "d": [0.5, None],
        "b": [True, False],
        "s": ["x", "y"],
        "e": ["A", "B"],
    }


def test_every_type(contract: Contract) -> None:
    """Names, order, types and nullability follow the schema; the extras are kept."""
    assert contract.arrow_schema == pa.schema(
        [
            pa.field("i", pa.int32(), nullable=False),
            pa.field("n", pa.int64()),
            pa.field("u", pa.uint64(), nullable=False),
            pa.field("d", pa.float64()),
            pa.field("b", pa.bool_(), nullable=False),
            pa.field("s", pa.string(), nullable=False),
            pa.field("e", pa.string(), nullable=False),
        ]
    )
    types = [field.duckdb_type for field in contract.fields]
    assert types == ["INTEGER", "BIGINT", "UBIGINT", "DOUBLE", "BOOLEAN", "VARCHAR", "VARCHAR"]
    assert contract.fields[0].doc == "an int"
    assert contract.fields[1].properties == {"minimum": 0}
    assert contract.fields[6].properties == {"accepted_values": ["A", "B"]}
    assert contract.properties == {"unique_key": ["i"]}
    assert contract.doc == "An example."
    assert contract.path == "dbt_project/contracts/silver/future_mbo/example.avsc"


def test_all_of_ours() -> None:
    """Every contract of the project loads, and each field of it says what it means."""
    found = all_contracts()
    assert [contract.key for contract in found] == sorted(contract.key for contract in found)
    assert "bronze.future_mbo.mbo" in [contract.key for contract in found]
    for contract in found:
        assert contract.doc, contract.key
        assert [f.name for f in contract.fields if not f.doc] == [], contract.key


def test_unknown_key(contract: Contract) -> None:
    """A key without a contract is the user's error, which names the keys there are."""
    for key in ("silver.future_mbo.nothing", "../../etc.passwd.x", ""):
        with pytest.raises(UserError, match=f"known are {KEY}"):
            load_contract(key)


@pytest.mark.parametrize(
    "avro_type",
    [
        "float",
        "bytes",
        "nothing",
        ["null", "int", "long"],
        ["int"],
        ["int", "long"],
        {"type": "long", "logicalType": "timestamp-micros"},
        {"type": "array", "items": "int"},
        {"type": "record", "name": "r", "fields": []},
        7,
        None,
    ],
)
def test_unsupported_type(folder: Path, avro_type: Any) -> None:
    """A type without a column is an error that names file and field."""
    write(folder, [FIELDS[0], {"name": "price", "type": avro_type}])
    with pytest.raises(ContractError, match=r"future_mbo/example.avsc: field price"):
        load_contract(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"type": "record", "name": "example"}',
        '{"type": "record", "name": "other", "fields": [{"name": "a", "type": "int"}]}',
        json.dumps({"type": "record", "name": "example", "fields": [FIELDS[0], FIELDS[0]]}),
        json.dumps({"type": "record", "name": "example", "fields": [{"name": "a b"}]}),
        json.dumps({"type": "record", "name": "example", "fields": ["a"]}),
    ],
)
def test_damaged_schema(folder: Path, text: str) -> None:
    """A schema that is none is an error that names the file."""
    (folder / "contracts/silver/future_mbo/example.avsc").write_text(text)
    with pytest.raises(ContractError, match=r"future_mbo/example.avsc: "):
        load_contract(KEY)


def test_changed_file_is_seen(folder: Path, contract: Contract) -> None:
    """A contract is what its file says now."""
    write(folder, FIELDS[:1])
    assert load_contract(KEY).arrow_schema.names == ["i"]
    assert load_contract(KEY).sha256 != contract.sha256


def test_file_that_keeps_it(folder: Path, contract: Contract) -> None:
    """Also when its writer made all columns nullable, as DuckDB does."""
    path = folder / "x.parquet"
    loose = pa.schema([pa.field(f.name, f.type) for f in contract.arrow_schema])
    for schema in (contract.arrow_schema, loose):
        for statistics in (True, False):
            table = pa.table(rows(), schema=schema)
            pq.write_table(table, path, write_statistics=statistics)
            assert check_parquet(path, contract) == 2


@pytest.mark.parametrize("statistics", [True, False])
def test_null_where_none_may_be(folder: Path, contract: Contract, statistics: bool) -> None:
    """A null in a column that must not be null is found, with statistics and without."""
    loose = pa.schema([pa.field(f.name, f.type) for f in contract.arrow_schema])
    path = folder / "x.parquet"
    for name in ("i", "u", "b", "s", "e"):
        table = pa.table({**rows(), name: [rows()[name][0], None]}, schema=loose)
        pq.write_table(table, path, write_statistics=statistics, row_group_size=1)
        with pytest.raises(ContractError, match=f"column {name} .* must not be null, 1 rows"):
            check_parquet(path, contract)


def test_file_that_breaks_it(folder: Path, contract: Contract) -> None:
    """A column missing, added, out of order or of another type is named."""
    path = folder / "x.parquet"
    table = pa.table(rows(), schema=contract.arrow_schema)
    for broken, message in (
        (table.drop_columns(["d"]), r"missing \['d'\], unexpected \[\]"),
        (table.append_column("z", table["i"]), r"missing \[\], unexpected \['z'\]"),
        (table.select(table.column_names[::-1]), "in another order"),
        (table.set_column(0, "i", table["i"].cast(pa.int64())), "column i .* is int64"),
    ):
        pq.write_table(broken, path)
        with pytest.raises(ContractError, match=message):
            check_parquet(path, contract)
    path.write_bytes(b"no parquet")
    with pytest.raises(ContractError, match="not a parquet file"):
        check_parquet(path, contract)
