"""Partitions written from Python: whole or not at all, and only what their contract says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import spymaster
from spymaster import Lake, is_partition_complete, partition_ref, read_manifest, read_partition
from spymaster.contracts import ContractError, load_contract
from spymaster.errors import UserError
from spymaster.lake import PartitionRef, manifest_sha256
from spymaster.partition_writer import write_partition

KEY = "silver.future_mbo.physics_metric_counts"
SCHEMA = load_contract(KEY).arrow_schema


@pytest.fixture
def ref(tmp_path: Path) -> PartitionRef:
    return partition_ref(Lake(tmp_path), KEY, "ESH6", "2026-01-06")


def rows(count: int, start: int = 0) -> pa.Table:
    return pa.table(
        {
            "metric_name": ["pull"] * count,
            "metric_value": [float(i) for i in range(start, start + count)],
            "row_count": [1] * count,
        },
        schema=SCHEMA,
    )


def test_a_table_is_written_and_read_back(ref):
    assert write_partition(ref, rows(5)) == 5
    assert read_partition(ref).equals(rows(5))
    assert read_manifest(ref)["row_count"] == 5


def test_a_reader_is_written_batch_by_batch(ref):
    """The second batch is made only once the first is written."""
    alive: list[int] = []

    def batches():
        for start in range(0, 30, 10):
            batch = rows(10, start).to_batches()[0]
            alive.append(start)
            yield batch

    reader = pa.RecordBatchReader.from_batches(SCHEMA, batches())
    assert write_partition(ref, reader) == 30
    assert alive == [0, 10, 20]
    assert read_partition(ref)["metric_value"].to_pylist() == [float(i) for i in range(30)]


def test_the_manifest_names_inputs_parameters_and_maker(ref):
    write_partition(ref, rows(1))
    copy = partition_ref(ref.lake, KEY, "ESM6", ref.dt)
    write_partition(copy, rows(1), inputs=[ref], parameters={"window": 5}, made_by="my_study")
    manifest = read_manifest(copy)
    assert manifest["inputs"] == [
        {"key": KEY, "dt": ref.dt, "manifest_sha256": manifest_sha256(ref)}
    ]
    assert (manifest["parameters"], manifest["model"]["name"]) == ({"window": 5}, "my_study")


def test_order_of_columns_is_free_and_types_fit_if_nothing_is_lost(ref):
    given = pa.table(
        {
            "row_count": pa.array([3], pa.int16()),
            "metric_value": pa.array([2], pa.int64()),
            "metric_name": pa.array(["x"]).dictionary_encode(),
        }
    )
    write_partition(ref, given)
    assert read_partition(ref).to_pylist() == [
        {"metric_name": "x", "metric_value": 2.0, "row_count": 3}
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda table: table.drop_columns(["row_count"]), r"missing \['row_count'\]"),
        (lambda table: table.append_column("dt", pa.array(["x"])), r"unexpected \['dt'\]"),
        (lambda table: table.append_column("row_count", pa.array([1])), "unexpected"),
        (lambda table: table.set_column(2, "row_count", pa.array([1.5])), "row_count is double"),
        (lambda table: table.set_column(2, "row_count", pa.array(["x"])), "row_count is string"),
        (
            lambda table: table.set_column(2, "row_count", pa.array([None], pa.int64())),
            "row_count must not be null",
        ),
    ],
    ids=["missing", "unexpected", "twice", "lossy", "another type", "null"],
)
def test_what_breaks_the_contract_changes_nothing(ref, change, what):
    write_partition(ref, rows(2))
    before = manifest_sha256(ref)
    with pytest.raises(ContractError, match=what):
        write_partition(ref, change(rows(1)))
    assert manifest_sha256(ref) == before
    assert not list((ref.lake.root / "_staging").iterdir())


def test_an_error_half_way_through_the_rows_publishes_nothing(ref):
    def batches():
        yield from rows(10).to_batches()
        raise RuntimeError("the reader broke")

    with pytest.raises(RuntimeError, match="the reader broke"):
        write_partition(ref, batches())
    assert not is_partition_complete(ref)


def test_unknown_tables_and_absent_inputs_are_users_errors(ref):
    unknown = partition_ref(ref.lake, "silver.future_mbo.nothing", "ESH6", ref.dt)
    with pytest.raises(UserError, match="unknown dataset"):
        write_partition(unknown, rows(1))
    with pytest.raises(UserError, match="not in the lake"):
        write_partition(ref, rows(1), inputs=[ref])


@pytest.mark.parametrize("name", spymaster.__all__)
def test_public_names_can_be_imported_from_the_package(name):
    assert getattr(spymaster, name).__name__ == name
    assert name in dir(spymaster)


def test_an_unknown_name_is_an_attribute_error():
    name = "Pond"
    with pytest.raises(AttributeError, match="no attribute 'Pond'"):
        getattr(spymaster, name)


def test_the_package_imports_nothing_slow():
    code = (
        "import spymaster, sys; print(*({'duckdb', 'pyarrow', 'numpy', 'dbt'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == ""


def test_the_lake_without_a_root_is_the_environments_else_the_folder_lake(tmp_path, monkeypatch):
    monkeypatch.delenv("SPYMASTER_LAKE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Lake().root == tmp_path / "lake"
    monkeypatch.setenv("SPYMASTER_LAKE", str(tmp_path / "other"))
    assert Lake().root == Lake.from_option(None).root == tmp_path / "other"
