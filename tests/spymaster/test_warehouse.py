"""The warehouse file: what its views show while partitions come, go and are replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from small_lake import book_ref, book_rows

from spymaster.contracts import all_contracts, load_contract
from spymaster.dbt_code import dbt_project_dir
from spymaster.errors import UserError
from spymaster.lake import Lake, partition_ref
from spymaster.partition_writer import write_partition
from spymaster.warehouse import connect, refresh_warehouse, warehouse_path

DUCKDB_SHELL = Path(sys.executable).with_name("duckdb")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two days of ten seconds, in a folder whose name has all that SQL and globs could take amiss."""
    lake = Lake(tmp_path / "o'lake [1]*")
    for dt in ("2026-01-05", "2026-01-06"):
        write_partition(book_ref(lake, dt), book_rows(10))
    return lake


@pytest.fixture
def held(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file opened as any tool would, and kept open."""
    with duckdb.connect(refresh_warehouse(lake), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def empty_warehouse(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file of a lake without data."""
    path = refresh_warehouse(Lake(tmp_path_factory.mktemp("empty")))
    with duckdb.connect(path, read_only=True) as connection:
        yield connection


def count(connection: duckdb.DuckDBPyConnection, view: str = "book_snapshot_1s") -> int:
    found = connection.sql(f"select count(*) from {view}").fetchone()
    assert found is not None
    return int(found[0])


def test_a_view_shows_keys_integers_and_readable_columns(held):
    row = held.sql(
        "select symbol, dt, window_start_ts_ns, window_start_at, best_bid_price_int, best_bid_price, "
        "best_ask_price from book_snapshot_1s where dt = '2026-01-06' order by all limit 1"
    )
    assert dict(zip(row.columns, map(str, row.dtypes), strict=True)) == {
        "symbol": "VARCHAR",
        "dt": "DATE",
        "window_start_ts_ns": "BIGINT",
        "window_start_at": "TIMESTAMP_NS",
        "best_bid_price_int": "BIGINT",
        "best_bid_price": "DOUBLE",
        "best_ask_price": "DOUBLE",
    }
    values = [str(value) for value in row.fetchall()[0]]
    assert values[:2] == ["ESH6", "2026-01-06"]
    assert values[3:] == ["2026-01-06 14:30:00", "6925250000000", "6925.25", "None"]


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.key)
def test_every_table_is_there_with_the_contracts_columns_and_words(empty_warehouse, contract):
    """Also in a lake without data: a query then finds no rows, not no table."""
    layer, product_type, table = contract.key.split(".")
    view = f"{layer}_{product_type}.{table}"
    assert count(empty_warehouse, view) == 0
    found = empty_warehouse.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where schema_name || '.' || table_name = ?",
        [view],
    ).fetchall()
    comment = empty_warehouse.execute(
        "select comment from duckdb_views() where schema_name || '.' || view_name = ?", [view]
    ).fetchone()
    assert comment == (contract.doc,)
    names = [name for name, _, _ in found]
    assert names[:2] == ["symbol", "dt"]
    assert "table" not in names
    assert all(text for _, _, text in found)
    ours = {field.name: (field.duckdb_type, field.doc) for field in contract.fields}
    assert {name: (kind, text) for name, kind, text in found if name in ours} == ours
    readable = set(names) - set(ours) - {"symbol", "dt"}
    for name, (kind, _) in ours.items():
        if name.endswith("_int") and kind == "BIGINT":
            assert name.removesuffix("_int") in names
        if name.endswith("_ns") and kind == "BIGINT":
            assert any(shown.endswith("_at") for shown in readable), name


def test_a_name_of_one_table_needs_no_schema_and_a_name_of_two_does(held):
    assert count(held, "book_snapshot_1s") == count(held, "silver_future_mbo.book_snapshot_1s")
    with pytest.raises(duckdb.CatalogException, match=r"bronze_future_option_mbo\.mbo"):
        held.sql("from mbo")


def test_a_holder_sees_new_replaced_and_removed_partitions(lake, held):
    """Without opening the file again."""
    assert count(held) == 20
    write_partition(book_ref(lake, "2026-01-07"), book_rows(5))
    write_partition(book_ref(lake, "2026-01-06", "ESM6"), book_rows(3))
    assert count(held) == 28
    write_partition(book_ref(lake, "2026-01-07"), book_rows(7, message_count=9))
    assert held.sql(
        "select sum(message_count) from book_snapshot_1s where dt = '2026-01-07'"
    ).fetchone() == (63,)
    for file in book_ref(lake, "2026-01-05").folder.iterdir():
        file.unlink()
    assert count(held) == 20


def test_a_partition_without_success_is_not_seen(lake, held):
    """Neither its rows nor, in lake_partitions, its manifest."""
    assert count(held, "lake_partitions") == 2
    book_ref(lake, "2026-01-06").success_path.unlink()
    assert count(held) == 10
    assert held.sql("select dt::varchar, row_count from lake_partitions").fetchall() == [
        ("2026-01-05", 10)
    ]


def test_success_without_data_is_no_rows(lake, held):
    book_ref(lake, "2026-01-06").data_path.unlink()
    assert count(held) == 10


def test_only_the_asked_for_date_is_opened(held):
    plan = held.sql("explain analyze from book_snapshot_1s where dt = '2026-01-06'").fetchall()[0][
        1
    ]
    assert "Total Files Read: 1" in plan


def test_a_partition_of_before_a_column_was_added_has_null_in_it(lake, held):
    """A contract may get a column that may be NULL; old partitions stay readable."""
    old = book_ref(lake, "2026-01-05").data_path
    pq.write_table(pq.read_table(old).drop_columns(["last_trade_price_int"]), old)
    assert count(held) == 20
    assert held.sql("select count(last_trade_price) from book_snapshot_1s").fetchone() == (0,)


def test_the_file_is_made_again_only_when_what_is_in_it_changes(lake):
    path = refresh_warehouse(lake)
    made = path.stat().st_ino
    write_partition(book_ref(lake, "2026-01-08"), book_rows(1))
    assert refresh_warehouse(lake).stat().st_ino == made, (
        "a new day of a known table is seen anyway"
    )
    calibration = partition_ref(lake, "gold.hud.physics_norm_calibration", "ESH6", "2026-01-06")
    empty = load_contract(calibration.key).arrow_schema.empty_table()
    write_partition(calibration, empty)
    assert refresh_warehouse(lake).stat().st_ino != made, "the lake's first partition of a table"


def test_a_reader_keeps_the_old_file_whole(lake, held):
    refresh_warehouse(lake, always=True)
    assert count(held) == 20
    with duckdb.connect(refresh_warehouse(lake), read_only=True) as again:
        assert count(again) == 20
    assert not list((lake.root / "_staging").iterdir())


def test_a_damaged_foreign_or_locked_file_is_replaced(lake):
    path = refresh_warehouse(lake)
    path.write_bytes(b"not a database")
    with connect(lake) as connection:
        assert count(connection) == 20
    path.unlink()
    with duckdb.connect(path) as other:
        other.execute("create table warehouse_info as select 1 as x")
    with connect(lake) as connection:
        assert count(connection) == 20
    holder = subprocess.Popen(
        [DUCKDB_SHELL, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin
    assert holder.stdout
    holder.stdin.write("select 'held' as state;\n")
    holder.stdin.flush()
    while "held" not in holder.stdout.readline():
        pass
    with connect(lake) as connection:
        assert count(connection) == 20
    holder.communicate("")


def test_a_moved_lake_has_its_own_paths(lake, tmp_path):
    refresh_warehouse(lake)
    moved = Lake(tmp_path / "moved")
    lake.root.rename(moved.root)
    with connect(moved) as connection:
        assert count(connection) == 20


def test_no_lake_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="there is no lake"):
        connect(Lake(tmp_path / "absent"))


def test_a_damaged_data_file_is_a_users_error(lake):
    book_ref(lake, "2026-01-05").data_path.write_bytes(b"no parquet")
    book_ref(lake, "2026-01-06").data_path.write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"cannot make .*part-0\.parquet.*; spymaster status"):
        refresh_warehouse(lake, always=True)


def test_a_lake_that_cannot_be_written_has_its_file_in_the_cache(lake, tmp_path, monkeypatch):
    """As root everything can be written, so the answer of the system is given here."""
    monkeypatch.setattr("spymaster.warehouse.os.access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = sorted(lake.root.rglob("*"))
    with connect(lake) as connection:
        assert count(connection) == 20
    assert warehouse_path(lake).is_relative_to(tmp_path / "cache")
    assert sorted(lake.root.rglob("*")) == before


def test_a_connection_can_hold_temporary_tables_and_nothing_else(lake):
    with lake.connect() as connection:
        connection.execute("create temp table mine as select * from book_snapshot_1s")
        assert count(connection, "mine") == 20
        for statement in ("create table mine2 as select 1", "drop view book_snapshot_1s"):
            with pytest.raises(duckdb.InvalidInputException, match="read-only"):
                connection.execute(statement)


def test_the_stock_shell_reads_the_file_twice_at_once(lake, held):
    """The same answer in another process while this one holds the file; implied volatility included."""
    query = (
        "select count(*), round(black76_iv(6003.25, 6005, 0.00074, 7.6356, 0.045, 'C'), 6) "
        "from book_snapshot_1s"
    )
    shell = subprocess.run(
        [DUCKDB_SHELL, "-readonly", "-csv", "-noheader", warehouse_path(lake), "-c", query],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shell.stdout.strip() == "20,0.130176"
    assert count(held) == 20


def test_dbt_shows_the_published_lake(lake, tmp_path):
    """The target `warehouse`: ref() finds the views, without a build and without a change."""
    path = refresh_warehouse(lake)
    made = path.read_bytes()
    shown = dbt_on_warehouse(
        lake, tmp_path,
        "show", "--vars", "{dt: 2026-01-06, symbol: ESH6}", "--output", "json", "--inline",
        "select dt, count(*) as seconds, round(black76_delta(100, 100, 1, 0.2, 0, 'C'), 3) as delta "
        "from {{ ref('book_snapshot_1s') }} group by dt order by dt",
    )  # fmt: skip
    rows = json.loads(shown)["show"]
    assert [(row["seconds"], row["delta"]) for row in rows] == [(10, 0.54), (10, 0.54)]
    assert path.read_bytes() == made


def test_dbt_documents_the_published_lake(lake, tmp_path):
    """The catalogue of the target `warehouse` has the views as they are, readable columns too."""
    path = refresh_warehouse(lake)
    made = path.read_bytes()
    dbt_on_warehouse(lake, tmp_path, "docs", "generate")
    catalog = json.loads((tmp_path / "target" / "catalog.json").read_text())
    assert catalog["errors"] is None
    tables = {name.rpartition(".")[2]: node for name, node in catalog["nodes"].items()}
    assert {contract.key.rpartition(".")[2] for contract in all_contracts()} - {
        "mbo", "statistics", "instrument_definitions",
    } <= set(tables)  # fmt: skip
    assert list(tables["book_snapshot_1s"]["columns"])[:4] == [
        "symbol", "dt", "window_start_ts_ns", "window_start_at",
    ]  # fmt: skip
    assert path.read_bytes() == made


def dbt_on_warehouse(lake: Lake, folder: Path, *command: str) -> str:
    """Run dbt on the published lake and return what it says."""
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("dbt"), "--quiet", *command, "--target", "warehouse"),
            *("--project-dir", dbt_project_dir(), "--profiles-dir", dbt_project_dir()),
            *("--target-path", folder / "target", "--log-path", folder / "logs"),
        ],
        env=os.environ | {"SPYMASTER_LAKE": str(lake.root)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout
