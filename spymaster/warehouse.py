"""`warehouse.duckdb`: every table of the lake as a view with comments, for any DuckDB that opens it.

The file holds no data. Its views read the lake's complete partitions at each query, so that a new day,
or a replaced one, is seen by whoever has the file open. What the file does depend on (contracts, the
lake's path, which tables there are) makes its fingerprint; another fingerprint means another file, built
aside and moved into place. Why it is so: docs/sql.md.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import duckdb

import spymaster
from spymaster.contracts import Contract, Field, all_contracts
from spymaster.errors import UserError
from spymaster.lake import DATA_NAME, LAYERS, MANIFEST_NAME, SUCCESS_NAME, Lake

WAREHOUSE_NAME: Final = "warehouse.duckdb"
_PARTITION_DOCS: Final = {
    "symbol": "Contract (ESH6) or root (ES) of the partition.",
    "dt": "UTC date of the daily file. Give it in a query: other days are then not even opened.",
}
_INSTANTS_BY_ANOTHER_NAME: Final = {
    "expiration": "expiration_at",
    "open_interest_ts_ref": "open_interest_ref_at",
}
"""Nanoseconds since 1970 in columns that do not end with _ns."""


def warehouse_path(lake: Lake) -> Path:
    """Return where a lake's warehouse file is: in its root, or in the user's cache if it is read-only."""
    if os.access(lake.root, os.W_OK):
        return lake.root / WAREHOUSE_NAME
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spymaster"
    name = hashlib.sha256(str(lake.root).encode()).hexdigest()[:16]
    return cache / f"warehouse-{name}" / WAREHOUSE_NAME


def refresh_warehouse(lake: Lake, always: bool = False) -> Path:
    """Make the warehouse file if it is not there or not of this lake's state; return its path.

    Readers of the old file keep it, whole, until they close it. UserError if there is no lake.
    """
    lake.check_exists()
    path = warehouse_path(lake)
    statements = list(_statements(lake))
    fingerprint = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    if not always and _fingerprint_of(path) == fingerprint:
        return path
    statements.append(
        "create view warehouse_info as select "
        f"{_text(str(lake.root))} as lake, {_text(spymaster.__version__)} as spymaster_version, "
        f"{_text(fingerprint)} as fingerprint"
    )
    try:
        _write_file(path, statements)
    except (OSError, duckdb.IOException) as error:
        raise UserError(f"cannot write {path}: {error}") from error
    except duckdb.InvalidInputException as error:
        cause = str(error).partition("\n")[0]
        raise UserError(
            f"cannot make {path}: {cause}; spymaster status names what is damaged"
        ) from error
    return path


def _write_file(path: Path, statements: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with Lake(path.parent).staging() as folder:
        with closing(duckdb.connect(folder / WAREHOUSE_NAME)) as connection:
            connection.execute("begin;\n" + ";\n".join(statements) + ";\ncommit")
        (folder / WAREHOUSE_NAME).replace(path)
        # Left by someone who opened the old file for writing; it is of no use to the new one.
        path.with_name(f"{WAREHOUSE_NAME}.wal").unlink(missing_ok=True)


def connect(lake: Lake) -> duckdb.DuckDBPyConnection:
    """Return a connection with the lake's views and the compiled Black-76 functions.

    It reads the warehouse file, up to date, as `spymaster sql` does; temporary tables can be made, others
    not. UserError if there is no lake, or its file cannot be written.
    """
    from spymaster_udf.sql_functions import FUNCTIONS, register

    path = refresh_warehouse(lake)
    connection = duckdb.connect()
    register(connection)
    connection.execute(f"attach {_text(str(path))} as warehouse (read_only); use warehouse")
    arguments = 'forward, strike, years, value, rate, "right"'
    for (
        name
    ) in FUNCTIONS:  # else the file's macro of this name, which is slower, would be found first
        connection.execute(
            f"create temp macro {name}({arguments}) as system.main.{name}({arguments})"
        )
    return connection


def _fingerprint_of(path: Path) -> str | None:
    """Return what the file was made of; None if it is not there, not ours, or held by a writer."""
    if not path.is_file():
        return None
    with suppress(duckdb.Error), closing(duckdb.connect()) as connection:
        connection.execute(f"attach {_text(str(path))} as warehouse (read_only)")
        found = connection.execute("select fingerprint from warehouse.warehouse_info").fetchone()
        return str(found[0]) if found else None
    return None


# -- what is in the file --------------------------------------------------------------------------


def _statements(lake: Lake) -> Iterator[str]:
    """Yield the SQL that makes the file, in order; equal as long as the lake's tables are."""
    from spymaster_udf.black76_macros import black76_macros

    yield black76_macros().rstrip().rstrip(";")
    contracts = all_contracts()
    times_named = Counter(_table(contract) for contract in contracts)
    for schema in sorted({_schema(contract) for contract in contracts}):
        yield f"create schema {schema}"
    for contract in contracts:
        columns = dict(_columns(contract))
        qualified = f"{_schema(contract)}.{_table(contract)}"
        yield f"create view {qualified} as {_query(lake, contract, columns)}"
        yield from _comments(qualified, contract, columns)
        if times_named[_table(contract)] == 1:
            yield f"create view main.{_table(contract)} as from {qualified}"
            yield from _comments(f"main.{_table(contract)}", contract, columns)
    yield from _partitions_view(lake)


def _schema(contract: Contract) -> str:
    """Return the schema of a table, the same that dbt gives it: SQL of one works in the other."""
    return "_".join(contract.key.split(".")[:2])


def _table(contract: Contract) -> str:
    return contract.key.split(".")[2]


def _columns(contract: Contract) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield a view's columns, name to (expression, comment): keys, the contract's, and readable ones."""
    names = {field.name for field in contract.fields}
    for name, doc in _PARTITION_DOCS.items():
        yield name, (name, doc)
    for field in contract.fields:
        yield field.name, (f'"{field.name}"', field.doc)
        readable = _readable(field)
        if readable and readable[0] not in names:
            yield readable[0], readable[1:]


def _readable(field: Field) -> tuple[str, str, str] | None:
    """Return (name, expression, comment) of the column that shows an integer as people read it."""
    name = field.name
    if field.duckdb_type != "BIGINT":
        return None
    if name.endswith("_int"):
        return name.removesuffix("_int"), f'"{name}" / 1e9', f"{name} / 1e9, for reading."
    instant = _INSTANTS_BY_ANOTHER_NAME.get(name)
    if name.endswith("_ns"):
        instant = name.removesuffix("_ns").removesuffix("_ts").removeprefix("ts_") + "_at"
    if instant is None:
        return None
    return instant, f'make_timestamp_ns("{name}")', f"{name} as a timestamp, UTC."


def _query(lake: Lake, contract: Contract, columns: dict[str, tuple[str, str]]) -> str:
    selected = ", ".join(
        name if name == expression else f'{expression} as "{name}"'
        for name, (expression, _) in columns.items()
    )
    typed = ", ".join(f'null::{field.duckdb_type} as "{field.name}"' for field in contract.fields)
    # Partitions of before a column was added have no such column: here it is NULL.
    empty = f"select null::varchar as symbol, null::date as dt, {typed} where false"
    layer, product_type, table = contract.key.split(".")
    source = "source=databento/" if layer == "bronze" else ""
    folders = f"{source}product_type={product_type}/symbol=*/table={table}/dt=*"
    if next((lake.root / layer).glob(f"{folders}/{DATA_NAME}"), None) is None:
        return f"select {selected} from ({empty})"
    prefix = f"{glob.escape(str(lake.root))}/{layer}/{folders}"
    return (
        f"select {selected} from (from read_parquet({_text(f'{prefix}/{DATA_NAME}')}, "
        "filename = true, union_by_name = true, hive_partitioning = true, "
        "hive_types = {'symbol': varchar, 'dt': date}) "
        f"union all by name {empty}) where filename in ({_complete(prefix, DATA_NAME)})"
    )


def _complete(prefix: str, name: str) -> str:
    """Return the query of the complete partitions' files of a name, at the time of the query."""
    success = _text(f"{prefix}/{SUCCESS_NAME}")
    return f"select replace(file, '/{SUCCESS_NAME}', '/{name}') from glob({success})"


def _comments(view: str, contract: Contract, columns: dict[str, tuple[str, str]]) -> Iterator[str]:
    yield f"comment on view {view} is {_text(contract.doc)}"
    for name, (_, doc) in columns.items():
        yield f'comment on column {view}."{name}" is {_text(doc)}'


def _partitions_view(lake: Lake) -> Iterator[str]:
    """Yield the view of what the lake has, by the manifests of its complete partitions."""
    columns = (
        "{dataset_key: 'varchar', symbol: 'varchar', dt: 'date', row_count: 'bigint', "
        "data_file: 'struct(bytes bigint)', seconds: 'double'}"
    )
    selected = "dataset_key, symbol, dt, row_count, data_file.bytes as byte_count, seconds"
    parts = []
    for layer in LAYERS:
        source = "source=databento/" if layer == "bronze" else ""
        folders = f"{source}product_type=*/symbol=*/table=*/dt=*"
        if next((lake.root / layer).glob(f"{folders}/{MANIFEST_NAME}"), None) is not None:
            prefix = f"{glob.escape(str(lake.root))}/{layer}/{folders}"
            parts.append(
                f"select {selected} from read_json({_text(f'{prefix}/{MANIFEST_NAME}')}, "
                f"columns = {columns}, filename = true) "
                f"where filename in ({_complete(prefix, MANIFEST_NAME)})"
            )
    empty = (
        "select null::varchar as dataset_key, null::varchar as symbol, null::date as dt, "
        "null::bigint as row_count, null::bigint as byte_count, null::double as seconds where false"
    )
    yield "create view lake_partitions as " + " union all by name ".join([*parts, empty])
    yield (
        "comment on view lake_partitions is "
        "'The complete partitions of the lake: rows, bytes and the seconds it took to make each.'"
    )


def _text(value: str) -> str:
    """Return an SQL literal.

    >>> _text("o'clock")
    "'o''clock'"
    """
    return "'" + value.replace("'", "''") + "'"
