"""Prints what a view costs that shows complete partitions only: bench_warehouse.py [dates]

Partitions of 20,000 rows (default 1,000 dates of two contracts), read by a list of files, by a glob,
by a glob joined to the glob of _SUCCESS, and by the warehouse's own view, which also matches columns by
name.
"""

from __future__ import annotations

import datetime
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from spymaster.contracts import load_contract
from spymaster.lake import DATA_NAME, SUCCESS_NAME, Lake, PartitionRef, partition_ref
from spymaster.partition_writer import write_partition
from spymaster.warehouse import refresh_warehouse

KEY = "silver.future_mbo.physics_metric_counts"
ROWS = 20_000
REPEATS = 3


def fill(lake: Lake, dates: int) -> list[PartitionRef]:
    """Write one partition and copy it."""
    start = datetime.date(2020, 1, 1)
    refs = [
        partition_ref(lake, KEY, symbol, start + datetime.timedelta(i))
        for symbol in ("ESH6", "ESM6")
        for i in range(dates)
    ]
    values = np.random.default_rng(5).random(ROWS)
    columns = {"metric_name": ["x"] * ROWS, "metric_value": values, "row_count": [1] * ROWS}
    write_partition(refs[0], pa.table(columns, schema=load_contract(KEY).arrow_schema))
    for ref in refs[1:]:
        shutil.copytree(refs[0].folder, ref.folder)
    return refs


def best_ms(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        connection.execute(query).fetchall()
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-warehouse-") as folder:
        lake = Lake(Path(folder) / "lake")
        refs = fill(lake, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
        start = time.perf_counter()
        path = refresh_warehouse(lake)
        made = time.perf_counter() - start
        start = time.perf_counter()
        refresh_warehouse(lake)
        print(f"made in {made:.2f} s, found up to date in {time.perf_counter() - start:.3f} s")
        glob = f"{refs[0].folder.parent.parent.parent}/symbol=*/{refs[0].folder.parent.name}/dt=*"
        listed = [str(ref.data_path) for ref in refs]
        hive = "hive_partitioning = true, hive_types = {'symbol': varchar, 'dt': date}"
        with duckdb.connect(path, read_only=True) as connection:
            for name, files, complete in (
                ("list", repr(listed), "true"),
                ("glob", f"'{glob}/{DATA_NAME}'", "true"),
                (
                    "glob + _SUCCESS",
                    f"'{glob}/{DATA_NAME}'",
                    f"filename in (select replace(file, '{SUCCESS_NAME}', '{DATA_NAME}') "
                    f"from glob('{glob}/{SUCCESS_NAME}'))",
                ),
                ("warehouse view", "", ""),
            ):
                view = "physics_metric_counts"
                if files:
                    view = "way"
                    connection.execute(
                        f"create or replace temp view way as from read_parquet({files}, "
                        f"filename = true, {hive}) where {complete}"
                    )
                day = f"where dt = '{refs[0].dt}' and symbol = 'ESH6'"
                total = f"select sum(metric_value) from {view}"
                print(
                    f"{name:>16}: one day {best_ms(connection, f'{total} {day}'):6.0f} ms, "
                    f"all {len(refs) * ROWS:,} rows {best_ms(connection, total):6.0f} ms",
                    flush=True,
                )
        print(f"on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
