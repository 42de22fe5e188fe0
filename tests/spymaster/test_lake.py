"""The lake: names that cannot escape it, and partitions that are whole, old or not there at all."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster.contracts import Contract, ContractError, Field
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    is_partition_complete,
    iter_batches,
    manifest_sha256,
    partition_ref,
    publish,
    read_manifest,
    read_partition,
)

KEY = "silver.future_mbo.example"
CONTRACT = Contract(
    key=KEY,
    path="dbt_project/contracts/silver/future_mbo/example.avsc",
    sha256="1" * 64,
    doc="",
    fields=(Field("version", "", "BIGINT", False, {}),),
    arrow_schema=pa.schema([pa.field("version", pa.int64(), nullable=False)]),
    properties={},
)
ROWS = 5000


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def ref(lake: Lake) -> PartitionRef:
    return partition_ref(lake, KEY, "ESH6", "2026-01-06")


def publish_version(ref: PartitionRef, version: int, rows: int = ROWS) -> None:
    with ref.lake.staging() as staging:
        file = staging / "example.parquet"
        table = pa.table({"version": [version] * rows}, schema=CONTRACT.arrow_schema)
        pq.write_table(table, file)
        publish(ref, file, {"parameters": {"version": version}, "seconds": 0.5}, CONTRACT)


def version_of(ref: PartitionRef) -> int:
    """The version of a partition, all rows of which must be of it."""
    table = read_partition(ref)
    (version,) = set(table["version"].to_pylist())
    assert table.num_rows == ROWS
    assert isinstance(version, int)
    return version


def test_folders(lake: Lake) -> None:
    """Keys become the folders that every other tool expects."""
    bronze = partition_ref(lake, "bronze.future_mbo.mbo", "ESH6", datetime.date(2026, 1, 6))
    assert bronze.data_path.relative_to(lake.root).as_posix() == (
        "bronze/source=databento/product_type=future_mbo/symbol=ESH6/table=mbo/dt=2026-01-06/"
        "part-0.parquet"
    )
    gold = partition_ref(lake, "gold.shared.contract_day_selection", "ES", "2026-01-06")
    assert gold.success_path.relative_to(lake.root).as_posix() == (
        "gold/product_type=shared/symbol=ES/table=contract_day_selection/dt=2026-01-06/_SUCCESS"
    )


@pytest.mark.parametrize(
    "key",
    [
        "",
        "silver",
        "silver.a",
        "silver.a.b.c",
        "raw.a.b",
        "silver.../.b",
        "silver.a.b\n",
        "Silver.a.b",
    ],
)
def test_hostile_keys(lake: Lake, key: str) -> None:
    """Only three words make a key."""
    with pytest.raises(UserError, match="dataset key"):
        partition_ref(lake, key, "ESH6", "2026-01-06")


@pytest.mark.parametrize("symbol", ["", "..", "es", "ES/H6", "ESH6\n", "A" * 13, "ES H6", "ÉS"])
def test_hostile_symbols(lake: Lake, symbol: str) -> None:
    """Only capital letters and digits make a symbol."""
    with pytest.raises(UserError, match="not a symbol"):
        partition_ref(lake, KEY, symbol, "2026-01-06")


@pytest.mark.parametrize(
    "dt",
    ["", "2026-02-30", "20260106", "2026-W01-1", "2026-01-06/..", "2026-01-06\n", "٢٠٢٦-01-06"],
)
def test_hostile_dates(lake: Lake, dt: str) -> None:
    """Only a date that exists, written the one way, is a date."""
    with pytest.raises(UserError, match="not a date"):
        partition_ref(lake, KEY, "ESH6", dt)


def test_option_variable_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option goes before the variable, and that before ./lake."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPYMASTER_LAKE", raising=False)
    assert Lake.from_option(None).root == tmp_path / "lake"
    monkeypatch.setenv("SPYMASTER_LAKE", str(tmp_path / "other"))
    assert Lake.from_option(None).root == tmp_path / "other"
    assert Lake.from_option("mine").root == tmp_path / "mine"
    Path("mine").write_text("")
    with pytest.raises(UserError, match="not a directory"):
        Lake.from_option("mine")


def test_published_is_read(ref: PartitionRef) -> None:
    """What was published is what is read, whole and in batches, with its manifest."""
    assert not is_partition_complete(ref)
    publish_version(ref, 1)
    assert is_partition_complete(ref)
    assert version_of(ref) == 1
    batches = list(iter_batches(ref, batch_rows=1000))
    assert [len(batch) for batch in batches] == [1000] * 5
    manifest = read_manifest(ref)
    assert manifest["row_count"] == ROWS
    assert manifest["data_file"]["bytes"] == ref.data_path.stat().st_size
    assert manifest["parameters"] == {"version": 1}
    assert {"spymaster", "pyarrow", "duckdb"} <= set(manifest["versions"])
    assert sorted(path.name for path in ref.folder.iterdir()) == [
        "_MANIFEST.json",
        "_SUCCESS",
        "part-0.parquet",
    ]
    assert list((ref.lake.root / "_staging").iterdir()) == []


def test_manifest_is_deterministic(ref: PartitionRef) -> None:
    """The same data and facts give the same manifest; other data another."""
    publish_version(ref, 1)
    first, text = manifest_sha256(ref), ref.manifest_path.read_text()
    publish_version(ref, 1)
    assert manifest_sha256(ref) == first
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=1) + "\n"
    publish_version(ref, 2)
    assert manifest_sha256(ref) != first


def test_broken_contract_changes_nothing(ref: PartitionRef) -> None:
    """A file that breaks its contract is not published, and the old partition stays."""
    publish_version(ref, 1)
    with ref.lake.staging() as staging:
        pq.write_table(pa.table({"version": ["x"]}), staging / "x.parquet")
        with pytest.raises(ContractError):
            publish(ref, staging / "x.parquet", {}, CONTRACT)
        with pytest.raises(ValueError, match="computed by publish"):
            publish(ref, staging / "x.parquet", {"row_count": 3}, CONTRACT)
    assert version_of(ref) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"dataset_key": 1}',
        "[" * 100_000,
        '{"dataset_key":"a","symbol":"b","dt":"c","row_count":1,"data_file":{"bytes":1}}',
    ],
)
def test_damaged_manifest(ref: PartitionRef, text: str) -> None:
    """A damaged manifest is one line that names it."""
    publish_version(ref, 1)
    ref.manifest_path.write_text(text)
    for read in (read_manifest, read_partition):
        with pytest.raises(UserError, match="manifest"):
            read(ref)


def test_damaged_data(ref: PartitionRef) -> None:
    """So is a data file that is not the manifest's."""
    publish_version(ref, 1)
    size = ref.data_path.stat().st_size
    ref.data_path.write_bytes(b"x" * size)
    with pytest.raises(UserError, match="cannot read"):
        read_partition(ref)
    ref.data_path.write_bytes(b"x" * (size - 1))
    with pytest.raises(UserError, match="bytes, its manifest says"):
        read_partition(ref)
    ref.manifest_path.unlink()
    with pytest.raises(UserError, match=r"no _MANIFEST\.json"):
        read_manifest(ref)


def test_absent(ref: PartitionRef) -> None:
    """A partition that is not there is told at once."""
    start = time.monotonic()
    for read in (read_manifest, read_partition, manifest_sha256):
        with pytest.raises(UserError, match="not in the lake"):
            read(ref)
    assert time.monotonic() - start < 0.5


def test_reader_beside_publishers(ref: PartitionRef) -> None:
    """While two publishers replace a partition without pause, a reader never sees a mixture."""
    publish_version(ref, 0)
    stop = threading.Event()

    def republish(version: int) -> None:
        while not stop.is_set():
            publish_version(ref, version)

    publishers = [threading.Thread(target=republish, args=(version,)) for version in (1, 2)]
    for thread in publishers:
        thread.start()
    try:
        seen = {version_of(ref) for _ in range(100)}
    finally:
        stop.set()
        for thread in publishers:
            thread.join()
    assert seen <= {0, 1, 2}
    assert version_of(ref) in (1, 2)


# Each step of publishing is a call of one of these; a child is killed before the first, before the
# second, and so on, until one gets through.
CRASHES = """
import os, signal, sys
from pathlib import Path
import test_lake
from spymaster.errors import UserError
from spymaster.lake import Lake, partition_ref, is_partition_complete

def die_before(call, counter, at):
    def counted(*args, **named):
        counter[0] += 1
        if counter[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **named)
    return counted

replacing = sys.argv[2] == "replace"
for at in range(1, 100):
    lake = Lake(Path(sys.argv[1]) / str(at))
    ref = partition_ref(lake, test_lake.KEY, "ESH6", "2026-01-06")
    if replacing:
        test_lake.publish_version(ref, 1)
    child = os.fork()
    if child == 0:
        counter = [0]
        for name in ("replace", "unlink", "fsync", "rename", "mkdir"):
            setattr(os, name, die_before(getattr(os, name), counter, at))
        test_lake.publish_version(ref, 2)
        os._exit(0)
    killed = os.waitpid(child, 0)[1] == signal.SIGKILL
    state = test_lake.version_of(ref) if is_partition_complete(ref) else None
    test_lake.publish_version(ref, 3)
    assert test_lake.version_of(ref) == 3
    swept = len(lake.sweep_staging())
    print(at, killed, state, swept, flush=True)
    if not killed:
        break
"""


@pytest.mark.parametrize("kind", ["new", "replace"])
def test_killed_at_every_step(tmp_path: Path, kind: str) -> None:
    """Killed before any step of publishing: the whole old partition, the whole new one or none."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", CRASHES, str(tmp_path), kind],
        env={**os.environ, "PYTHONPATH": f"{here.parents[1]}{os.pathsep}{here}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = [line.split() for line in done.stdout.splitlines()]
    assert len(outcomes) > 10
    assert [killed for _, killed, _, _ in outcomes[:-1]] == ["True"] * (len(outcomes) - 1)
    assert outcomes[-1][1:3] == ["False", "2"]
    states = [state for _, _, state, _ in outcomes]
    order = ["1", "None", "2"] if kind == "replace" else ["None", "2"]
    assert list(dict.fromkeys(states)) == order
    assert states == sorted(states, key=order.index)


def test_full_disk_while_publishing(ref: PartitionRef, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error before the first step leaves the old partition; in the middle, none that is read."""
    publish_version(ref, 1)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            publish_version(ref, 2)
    assert version_of(ref) == 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            publish_version(ref, 2)
    assert not is_partition_complete(ref)
    publish_version(ref, 3)
    assert version_of(ref) == 3


def test_sweeping(lake: Lake) -> None:
    """Only staging that no living process holds is removed, and only what staging made."""
    assert lake.sweep_staging() == []
    home = lake.root / "_staging"
    with lake.staging() as mine:
        (mine / "folder").mkdir()
        (mine / "folder" / "file").write_text("x")
        dead = home / ("0" * 32)
        dead.mkdir()
        (dead / ".lock").write_text("")
        (dead / "part.parquet").write_text("x")
        young, old = home / f".new-{'1' * 32}", home / f".new-{'2' * 32}"
        unlocked, foreign = home / ("3" * 32), home / "notes"
        for folder in (young, old, unlocked, foreign):
            folder.mkdir()
        past = time.time() - 7200
        for folder in (old, unlocked, foreign):
            os.utime(folder, (past, past))
        assert lake.sweep_staging() == [old, dead, unlocked]
        assert mine.is_dir()
        assert young.is_dir()
        assert foreign.is_dir()
    assert not mine.exists()


def test_staging_is_removed_after_an_error(lake: Lake) -> None:
    """Nothing stays when the work inside fails."""
    with contextlib.suppress(RuntimeError), lake.staging() as staging:
        (staging / "x").write_text("x")
        raise RuntimeError
    assert list((lake.root / "_staging").iterdir()) == []
