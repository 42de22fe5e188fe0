"""Contracts: one Avro schema a table, from which every column's name, order and type is taken."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro.schema
import pyarrow as pa
import pyarrow.parquet as pq

import spymaster
from spymaster.errors import UserError

_ARROW_TYPES: dict[str, pa.DataType] = {
    "INTEGER": pa.int32(),
    "DATE": pa.date32(),
    "BIGINT": pa.int64(),
    "UBIGINT": pa.uint64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
}
_DUCKDB_TYPES = {
    "int": "INTEGER",
    "long": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
}
_AVRO_RECORD_KEYS = {"type", "name", "namespace", "doc", "fields", "aliases"}
_AVRO_FIELD_KEYS = {"type", "name", "doc", "default", "order", "aliases"}


class ContractError(Exception):
    """A contract that cannot be used, or data that breaks one; names file and column."""


@dataclass(frozen=True)
class Field:
    """One column. `properties`: the schema's own extras (minimum, accepted_values, …)."""

    name: str
    doc: str
    duckdb_type: str
    nullable: bool
    properties: dict[str, Any]


@dataclass(frozen=True)
class Contract:
    """One table's contract; `path` is relative to the project and posix, `sha256` of the file."""

    key: str
    path: str
    sha256: str
    doc: str
    fields: tuple[Field, ...]
    arrow_schema: pa.Schema
    properties: dict[str, Any]

    @property
    def of_root(self) -> bool:
        """Whether a partition's symbol is a root (ES) and not a contract (ESH6)."""
        return self.properties.get("partition_symbol") == "root"


def contracts_dir() -> Path:
    """Return the folder of the contracts: next to the package, in a checkout and in a wheel.

    >>> contracts_dir().name
    'contracts'
    """
    return Path(spymaster.__file__).resolve().parent.parent / "dbt_project" / "contracts"


def known_keys() -> list[str]:
    """Return the keys of all tables that have a contract, sorted.

    >>> "bronze.future_mbo.mbo" in known_keys()
    True
    """
    root = contracts_dir()
    return sorted(
        ".".join(path.relative_to(root).with_suffix("").parts) for path in root.glob("*/*/*.avsc")
    )


def load_contract(key: str) -> Contract:
    """Return the contract of a table `layer.product_type.table`.

    Raises UserError, naming the known keys, if there is none; ContractError if it is not valid.

    >>> load_contract("bronze.future_mbo.mbo").fields[0].name
    'ts_recv_ns'
    """
    if key not in known_keys():
        raise UserError(f"unknown dataset {key!r}: known are {', '.join(known_keys())}")
    path = contracts_dir().joinpath(*key.split(".")).with_suffix(".avsc")
    return _contract_of_text(key, path.read_bytes())


def all_contracts() -> list[Contract]:
    """Return the contracts of all tables, sorted by key."""
    return [load_contract(key) for key in known_keys()]


@functools.lru_cache(maxsize=128)
def _contract_of_text(key: str, text: bytes) -> Contract:
    path = f"dbt_project/contracts/{key.replace('.', '/')}.avsc"
    contract = parse_contract(path, text)
    if contract.key != key:
        raise ContractError(f"{path}: namespace and name must be those of {key}")
    return contract


def parse_contract(path: str, text: bytes) -> Contract:
    """Return the contract in the text of an .avsc file; ContractError names `path` if it is none.

    >>> parse_contract("a.avsc", b"[]")
    Traceback (most recent call last):
    spymaster.contracts.ContractError: a.avsc: the schema must be one Avro record
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise ContractError(f"{path}: not JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("type") != "record":
        raise ContractError(f"{path}: the schema must be one Avro record")
    if not isinstance(raw.get("fields", []), list):
        raise ContractError(f"{path}: its fields are not a list")
    fields = tuple(_field(path, field) for field in raw.get("fields", []))
    if not fields or len({field.name for field in fields}) != len(fields):
        raise ContractError(f"{path}: needs at least one field, each name once")
    try:
        parsed = fastavro.schema.parse_schema(json.loads(text))
    except Exception as error:  # fastavro raises several kinds
        raise ContractError(f"{path}: not an Avro schema: {error}") from error
    return Contract(
        key=parsed["name"] if isinstance(parsed, dict) else "",
        path=path,
        sha256=hashlib.sha256(text).hexdigest(),
        doc=raw.get("doc", ""),
        fields=fields,
        arrow_schema=pa.schema(
            [pa.field(f.name, _ARROW_TYPES[f.duckdb_type], nullable=f.nullable) for f in fields]
        ),
        properties={name: raw[name] for name in raw if name not in _AVRO_RECORD_KEYS},
    )


def _field(path: str, raw: Any) -> Field:
    name = raw.get("name") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(name, str) or not name.isidentifier():
        raise ContractError(f"{path}: field {raw!r}: needs a name that is an identifier")
    avro_type = raw.get("type")
    nullable = False
    if isinstance(avro_type, list):
        others = [member for member in avro_type if member != "null"]
        if len(others) != 1 or len(avro_type) != 2:
            raise ContractError(f"{path}: field {name}: a union must be null and one type")
        nullable, avro_type = True, others[0]
    properties = {key: raw[key] for key in raw if key not in _AVRO_FIELD_KEYS}
    if isinstance(avro_type, dict) and avro_type.get("type") == "enum":
        properties.setdefault("accepted_values", list(avro_type.get("symbols", [])))
    duckdb_type = _duckdb_type(avro_type)
    if duckdb_type is None:
        raise ContractError(f"{path}: field {name}: type {avro_type!r} is not supported")
    return Field(name, raw.get("doc", ""), duckdb_type, nullable, properties)


def _duckdb_type(avro_type: Any) -> str | None:
    if isinstance(avro_type, str):
        return _DUCKDB_TYPES.get(avro_type)
    if not isinstance(avro_type, dict):
        return None
    if avro_type.get("type") == "enum":
        return "VARCHAR"
    if avro_type.get("type") == "long" and avro_type.get("logicalType") == "uint64":
        return "UBIGINT"
    if avro_type.get("type") == "int" and avro_type.get("logicalType") == "date":
        return "DATE"
    if "logicalType" in avro_type or not isinstance(avro_type.get("type"), str):
        return None
    return _DUCKDB_TYPES.get(avro_type["type"])


def check_parquet(path: Path, contract: Contract) -> int:
    """Check a parquet file against its contract and return its number of rows.

    Names, order and types must be equal, and columns that are not nullable must hold no nulls;
    these are counted by the row groups' statistics, so that no data is read where there are any.
    Raises ContractError that names the file and the column.
    """
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow, contract)
            for index, field in enumerate(contract.fields):
                nulls = 0 if field.nullable else _null_count(file, index, field.name)
                if nulls:
                    raise ContractError(
                        f"{path}: column {field.name} of {contract.key} must not be null, "
                        f"{nulls} rows are"
                    )
            return int(file.metadata.num_rows)
    except pa.ArrowInvalid as error:
        raise ContractError(f"{path}: not a parquet file: {error}") from error


def _check_columns(path: Path, schema: pa.Schema, contract: Contract) -> None:
    wanted = contract.arrow_schema
    if schema.names != wanted.names:
        missing = [name for name in wanted.names if name not in schema.names]
        extra = [name for name in schema.names if name not in wanted.names]
        what = f"missing {missing}, unexpected {extra}" if missing or extra else "in another order"
        raise ContractError(f"{path}: columns differ from {contract.path}: {what}")
    for found, field in zip(schema, wanted, strict=True):
        if found.type != field.type:
            raise ContractError(
                f"{path}: column {field.name} of {contract.key} is {found.type}, "
                f"its contract says {field.type}"
            )


def _null_count(file: pq.ParquetFile, index: int, name: str) -> int:
    if file.schema.column(index).max_definition_level == 0:
        return 0
    nulls = 0
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(index).statistics
        if statistics is None or not statistics.has_null_count:
            batches = file.iter_batches(columns=[name], row_groups=[group])
            nulls += sum(batch.column(0).null_count for batch in batches)
        else:
            nulls += statistics.null_count
    return nulls
