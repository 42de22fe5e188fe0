"""From a DBN file to published tables by the plain dbt command, and what happens when it cannot be."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest
from dbn_files import ESH6, databento_records, metadata, write_dbn
from engine_runs import TABLES
from oracle_book import oracle_book

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, write_day
from spymaster.dbt_code import dbt_project_dir
from spymaster.dbt_run import build_day
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_manifest, read_partition
from spymaster_udf.mbo import RECORD

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
DT, SYMBOL = "2026-01-06", "ESH6"
SESSION = {"session_start": "09:29", "session_end": "09:31"}
SESSION_START_NS = 1_767_709_740_000_000_000  # 2026-01-06 09:29 in New York
TICK_INT = 250_000_000
SILVER = [f"silver.future_mbo.{name}" for name in TABLES]


@pytest.fixture(scope="module")
def sample_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of the sample market around its opening uncross."""
    path = tmp_path_factory.mktemp("sample") / "es.dbn.zst"
    write_day(path, MarketConfig(minutes=2.5, messages=20_000))
    return path


@pytest.fixture
def lake(tmp_path: Path, sample_file: Path) -> Lake:
    """A lake with the sample's bronze partition."""
    lake = Lake(tmp_path / "lake")
    ingest_file(sample_file, lake, root="ES")
    return lake


def dbt_build(
    lake: Lake, variables: dict[str, object], project: Path | None = None, select: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the plain dbt command as somebody does who knows only dbt."""
    folder = project or dbt_project_dir()
    return subprocess.run(
        [
            BIN / "dbt", "build", "--project-dir", folder, "--profiles-dir", folder,
            "--target-path", lake.root.parent / "target", "--log-path", lake.root.parent / "logs",
            "--no-use-colors", "--vars", json.dumps(variables),
            *(["--select", select] if select else []),
        ],
        env={**os.environ, "SPYMASTER_LAKE": str(lake.root)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def silver_refs(lake: Lake):
    return [partition_ref(lake, key, SYMBOL, DT) for key in SILVER]


def assert_nothing_published(lake: Lake) -> None:
    """No silver partition, and nothing left in staging."""
    assert not (lake.root / "silver").exists()
    staging = lake.root / "_staging"
    assert not staging.exists() or not list(staging.iterdir())


def test_the_plain_dbt_command_builds_what_the_oracle_says(lake: Lake, sample_file: Path):
    """bronze → book_engine → three tables: every published row is the oracle's, and so is the order."""
    done = dbt_build(lake, {"dt": DT, "symbol": SYMBOL, "hud_max_ticks": 40, **SESSION})
    assert done.returncode == 0, done.stdout
    assert "gex_surface_1s: no options on ESH6 on 2026-01-06, skipped" in done.stdout
    records = databento_records(sample_file).view(RECORD)
    expected = oracle_book(
        records, tick_int=TICK_INT, session_start_ns=SESSION_START_NS,
        session_end_ns=SESSION_START_NS + 120 * 10**9, hud_max_ticks=40,
    )  # fmt: skip
    for ref, name in zip(silver_refs(lake), TABLES, strict=True):
        assert read_partition(ref).to_pylist() == getattr(expected, name)
        manifest = read_manifest(ref)
        assert sum(manifest["anomalies"].values()) == 0
        assert manifest["report"]["records_applied"] == expected.records_applied
        assert manifest["inputs"][0]["key"] == "bronze.future_mbo.mbo"
        assert manifest["parameters"]["hud_max_ticks"] == 40
    assert not list((lake.root / "_staging").iterdir())


def test_a_second_build_skips_and_a_changed_var_rebuilds(lake: Lake):
    """A partition that is complete and fresh is left alone; one whose var changed is built anew."""
    assert {t.outcome for t in build_day(lake, SYMBOL, DT, SESSION)} == {"built"}
    before = [ref.manifest_path.read_bytes() for ref in silver_refs(lake)]
    assert {t.outcome for t in build_day(lake, SYMBOL, DT, SESSION)} == {"fresh"}
    assert [ref.manifest_path.read_bytes() for ref in silver_refs(lake)] == before
    done = dbt_build(lake, {"dt": DT, "symbol": SYMBOL, **SESSION, "rest_ns": 250_000_000})
    assert "wall_surface_1s: stale, var rest_ns changed" in done.stdout
    assert [ref.manifest_path.read_bytes() for ref in silver_refs(lake)] != before


def test_a_changed_macro_makes_its_models_stale_and_no_others(lake: Lake, tmp_path: Path):
    """A rule that stands in a macro is code of every model that applies it."""
    build_day(lake, SYMBOL, DT, SESSION)
    project = tmp_path / "project"
    shutil.copytree(dbt_project_dir(), project)
    macros = project / "macros" / "physics.sql"
    macros.write_text(macros.read_text().replace("_span, 0), 1)", "_span, 0), 1.0)"))
    done = dbt_build(lake, {"dt": DT, "symbol": SYMBOL, **SESSION}, project)
    assert done.returncode == 0, done.stdout
    assert "vacuum_surface_1s: stale, code changed" in done.stdout
    assert "physics_bands_1s: stale, " in done.stdout
    assert published_in(done.stdout) == {"vacuum_surface_1s", "physics_bands_1s"}


def test_one_table_alone_needs_its_parents_and_no_more(lake: Lake):
    """The plain dbt command, asked for one model without its parents, says what to select."""
    asked = {"dt": DT, "symbol": SYMBOL, **SESSION}
    done = dbt_build(lake, asked, select="radar_vacuum_1s")
    assert done.returncode != 0
    assert re.search(r"radar_vacuum_1s reads radar_zone_flow_1s, .* select \+radar", done.stdout)
    assert_nothing_published(lake)
    assert dbt_build(lake, asked, select="+radar_vacuum_1s").returncode == 0
    assert {p.parent.name for p in lake.root.glob("silver/*/*/*/dt=*")} == {
        "table=radar_zone_flow_1s", "table=radar_vacuum_1s",
    }  # fmt: skip


def published_in(output: str) -> set[str]:
    """The tables that a dbt run says it published."""
    return set(re.findall(r" published (\w+)", output))


def test_a_failing_test_keeps_its_table_from_being_published(lake: Lake, tmp_path: Path):
    """The table whose test fails is not published and its first bad row is named; the others are."""
    project = tmp_path / "project"
    shutil.copytree(dbt_project_dir(), project)
    (project / "tests" / "no_depth.sql").parent.mkdir(exist_ok=True)
    (project / "tests" / "no_depth.sql").write_text(
        "select * from {{ ref('wall_surface_1s') }} where depth_qty_end > 0"
    )
    done = dbt_build(lake, {"dt": DT, "symbol": SYMBOL, **SESSION}, project)
    assert done.returncode != 0
    assert "NOT published wall_surface_1s" in done.stdout
    assert "no_depth fails first at" in done.stdout
    published = {name for name, ref in zip(TABLES, silver_refs(lake), strict=True)
                 if is_partition_complete(ref)}  # fmt: skip
    assert published == {"book_snapshot_1s", "radar_zone_flow_1s"}


@pytest.mark.parametrize(
    ("symbol", "dt", "variables", "message"),
    [
        (SYMBOL, "tuesday", {}, "'tuesday' is not a date"),
        (SYMBOL, "2026-13-06", {}, "'2026-13-06' is not a date"),
        ("../x", DT, {}, "'../x' is not a symbol"),
        ("ESM6", DT, {}, "no bronze data: bronze.future_mbo.mbo ESM6 2026-01-06"),
        (SYMBOL, DT, {"session_start": "10:00", "session_end": "09:00"}, "at or before its start"),
        (SYMBOL, DT, {"session_start": "25:00"}, "session_start is '25:00', not a time"),
        (SYMBOL, DT, {"session_tz": "Mars/Base"}, "unknown time zone 'Mars/Base'"),
        (SYMBOL, DT, {**SESSION, "hud_max_ticks": 10**9}, "hud_max_ticks must be 0..100000"),
        (SYMBOL, DT, {"hud_max_ticks": 19}, "hud_max_ticks is 19, not a whole number >= 20"),
        (SYMBOL, DT, {"calibration_mode": "future"}, "not one of same_day, prior"),
        (SYMBOL, DT, {"calibration_lookback_sessions": 0}, "from 1 to 1000"),
        (SYMBOL, DT, {"session_start": "15:00"}, "no record of the session"),
    ],
)
def test_a_users_mistake_is_one_line_and_publishes_nothing(
    lake: Lake, symbol: str, dt: str, variables: dict[str, object], message: str
):
    """dt, symbol, bronze, session and vars that do not do: a UserError that says so."""
    with pytest.raises(UserError) as caught:
        build_day(lake, symbol, dt, variables)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert_nothing_published(lake)


def test_off_tick_prices_beyond_the_limit_fail_the_build(tmp_path: Path, sample_file: Path):
    """Bad data beyond max_anomaly_share: a line with kind, index, ts_event, order_id; nothing stays."""
    raw = databento_records(sample_file).view(RECORD).copy()
    adds = np.flatnonzero((raw["action"] == ord("A")) & (raw["flags"] & 32 == 0))
    raw["price"][adds[:500]] += 1
    raw["instrument_id"] = ESH6
    path = tmp_path / "off-tick.dbn.zst"
    write_dbn(path, raw, metadata({SYMBOL: ESH6}))
    lake = Lake(tmp_path / "lake")
    ingest_file(path, lake, root="ES")
    with pytest.raises(UserError) as caught:
        build_day(lake, SYMBOL, DT, SESSION)
    first = raw[adds[0]]
    assert f"the first is off_tick at record {adds[0]}" in str(caught.value)
    assert f"ts_event {first['ts_event']}, order_id {first['order_id']}" in str(caught.value)
    assert_nothing_published(lake)
    assert build_day(lake, SYMBOL, DT, {**SESSION, "max_anomaly_share": 1.0})


def test_the_command_ends_with_one_line_and_exit_code_1(lake: Lake):
    """A user sees `spymaster: error: …` and no traceback."""
    done = subprocess.run(
        [BIN / "spymaster", "build", "--dt", DT, "--symbol", "NQH6", "--lake", lake.root],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("spymaster: error: no bronze data")
    assert done.stderr.count("\n") == 1


def test_kill_9_during_a_build_leaves_nothing_and_the_next_succeeds(lake: Lake):
    """A killed build publishes nothing; the next one removes what it left and completes."""
    command = [BIN / "spymaster", "build", "--dt", DT, "--symbol", SYMBOL, "--lake", lake.root]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 120
    while not list((lake.root / "_staging").glob("*/book_engine/*")):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (lake.root / "silver").exists()
    assert list((lake.root / "_staging").iterdir())
    assert {t.outcome for t in build_day(lake, SYMBOL, DT, SESSION)} == {"built"}
    assert not list((lake.root / "_staging").iterdir())


def test_the_real_esh4_session_builds(esh4_lake: Lake):
    """Real data: 7,200 windows, 4810.00/4810.25, no anomaly, never crossed while valid from 23:00."""
    book, wall = (
        partition_ref(esh4_lake, f"silver.future_mbo.{name}", "ESH4", "2023-12-25").data_path
        for name in ("book_snapshot_1s", "wall_surface_1s")
    )
    assert sum(read_manifest(partition_ref(
        esh4_lake, SILVER[0], "ESH4", "2023-12-25"))["anomalies"].values()) == 0  # fmt: skip
    last, windows, crossed = duckdb.sql(f"""
        select
            last([best_bid_price_int, best_ask_price_int] order by window_start_ts_ns),
            count(*),
            count(*) filter (
                best_bid_price_int >= best_ask_price_int and book_valid
                and window_start_ts_ns >= 1703545200000000000
            )
        from '{book}'
    """).fetchone()
    assert (last, windows, crossed) == ([4810000000000, 4810250000000], 7200, 0)
    assert duckdb.sql(f"""
        select count(*) from '{wall}'
        where depth_qty_end != depth_qty_start + add_qty - pull_qty_total - fill_qty
    """).fetchone() == (0,)
