"""Runs over a range: what is fresh costs no dbt, what is not is built and says why, damage is a line."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from kills import check_whole, children, wait_for_end

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, write_day
from spymaster.dbt_code import dbt_project_dir
from spymaster.dbt_run import build_day
from spymaster.errors import UserError
from spymaster.lake import Lake, PartitionRef, partition_ref, read_manifest, read_partition
from spymaster.runs.day import DayResult, DayTask, run_day
from spymaster.runs.graph_cache import project_graph
from spymaster.runs.plan import PlannedDay, Scope, plan_day
from spymaster.runs.ranges import RangeRequest, _Run, build_range

BIN = Path(sys.executable).parent
SESSION = {"session_start": "09:29", "session_end": "09:31"}
VARS = [part for name, value in SESSION.items() for part in ("--var", f"{name}={value}")]
SYMBOLS = ["ESH6", "ESM6"]
FRIDAY, MONDAY = date(2026, 1, 2), date(2026, 1, 5)
SYMBOL, DT = "ESH6", "2026-01-05"
TABLES = 10
WALL = "silver.future_mbo.wall_surface_1s"
MBO = "bronze.future_mbo.mbo"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list, list[str]]:
    """A lake over a weekend: Friday of ESH6, Monday of both; what two workers built of it and said."""
    folder = tmp_path_factory.mktemp("runs")
    lake = Lake(folder / "lake")
    for symbol, day in (("ESH6", FRIDAY), ("ESH6", MONDAY), ("ESM6", MONDAY)):
        path = folder / f"{symbol}.{day}.dbn.zst"
        write_day(path, MarketConfig(contract=symbol, dt=day, minutes=2.5, messages=10_000))
        ingest_file(path, lake, root="ES")
    said: list[str] = []
    results = build_range(request(lake, workers=2), said.append)
    return lake, results, said


@pytest.fixture
def lake(built: tuple[Lake, list, list[str]], tmp_path: Path) -> Lake:
    """A copy of the built lake, to be spoilt."""
    shutil.copytree(built[0].root, tmp_path / "lake", copy_function=shutil.copy2)
    return Lake(tmp_path / "lake")


def request(lake: Lake, **changed) -> RangeRequest:
    dates = [date(2026, 1, day) for day in range(2, 7)]
    whole = {"lake": lake, "symbols": SYMBOLS, "dates": dates, "variables": SESSION}
    return RangeRequest(**{**whole, **changed})


def ref(lake: Lake, key: str = WALL) -> PartitionRef:
    return partition_ref(lake, key, SYMBOL, DT)


def spymaster(lake: Lake, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "spymaster", *arguments, "--lake", lake.root],
        capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def outcomes(results) -> dict[tuple[str, str], str]:
    return {(r.asked, r.dt): r.outcome if r.outcome != "skipped" else r.why for r in results}


@pytest.fixture
def no_dbt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No worker may start: whatever is done is done without dbt."""
    monkeypatch.setattr("spymaster.runs.workers.WorkerPool.submit", None)
    yield


def test_a_range_is_built_and_what_is_not_there_is_said(built):
    _, results, said = built
    assert outcomes(results) == {
        ("ESH6", "2026-01-02"): "built", ("ESH6", "2026-01-05"): "built",
        ("ESM6", "2026-01-05"): "built", ("ESM6", "2026-01-02"): "no data",
        **{(s, f"2026-01-0{d}"): "weekend" for s in SYMBOLS for d in (3, 4)},
        **{(s, "2026-01-06"): "no data" for s in SYMBOLS},
    }  # fmt: skip
    assert {r.built for r in results if r.outcome == "built"} == {TABLES}
    assert f"ESH6 2026-01-05: {TABLES} tables missing" in said


def test_a_second_run_starts_no_worker_and_touches_nothing(built, no_dbt):
    lake = built[0]
    before = {path: path.stat().st_mtime_ns for path in lake.root.rglob("*")}
    results = build_range(request(lake), print)
    assert {r.outcome for r in results} == {"fresh", "skipped"}
    assert {path: path.stat().st_mtime_ns for path in lake.root.rglob("*")} == before


def test_the_command_plans_without_importing_dbt(built):
    """What `spymaster build` of a fresh range imports: neither dbt nor duckdb nor numba."""
    code = (
        "import sys; sys.argv = ['spymaster', *sys.argv[1:]]\n"
        "from spymaster.cli import cli\n"
        "cli.main(prog_name='spymaster', standalone_mode=False)\n"
        "slow = {'dbt', 'duckdb', 'numba', 'pandas'}.intersection(sys.modules)\n"
        "sys.exit(f'imported {slow}' if slow else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "build", "--symbol", "ESH6,ESM6", "--dates",
         "2026-01-02:2026-01-06", "--lake", built[0].root, *VARS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fresh") == 4  # three days and the column's name


def test_bytes_do_not_depend_on_workers(built, tmp_path: Path):
    """One worker with all cores makes the data files that two with half of them made."""
    theirs = built[0]
    mine = Lake(tmp_path / "lake")
    shutil.copytree(theirs.root / "bronze", mine.root / "bronze", copy_function=shutil.copy2)
    build_range(request(mine, dates=[MONDAY], workers=1), print)
    for symbol in SYMBOLS:
        for key in ("silver.future_mbo.wall_surface_1s", "gold.hud.physics_norm_calibration"):
            digests = [
                read_manifest(partition_ref(lake, key, symbol, DT))["data_file"]["sha256"]
                for lake in (mine, theirs)
            ]
            assert digests[0] == digests[1]


def test_a_plan_says_why_and_takes_only_what_depends(lake: Lake):
    """A changed var of the norms: the tables that read it, and those after them; the book stays."""
    graph = project_graph({**SESSION, "rest_ns": 250_000_000})
    plan = plan_day(graph, lake, SYMBOL, DT, Scope())
    assert plan.reasons["wall_surface_1s"] == "stale, var rest_ns changed"
    graph = project_graph(SESSION)
    assert plan_day(graph, lake, SYMBOL, DT, Scope()).reasons == {}
    manifest = read_manifest(ref(lake, MBO))
    ref(lake, MBO).manifest_path.write_text(json.dumps({**manifest, "seconds": -1}))
    plan = plan_day(graph, lake, SYMBOL, DT, Scope())
    assert plan.reasons["wall_surface_1s"] == f"stale, input {MBO} changed"
    assert plan.reasons["vacuum_surface_1s"] == f"stale, input {WALL} is rebuilt"
    assert len(plan.reasons) == TABLES


def test_a_changed_model_makes_it_and_its_dependants_stale(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project = tmp_path / "project"
    shutil.copytree(dbt_project_dir(), project)
    model = project / "models" / "silver" / "future_mbo" / "vacuum_surface_1s.sql"
    model.write_text(model.read_text() + "\n-- another thought\n")
    monkeypatch.setattr("spymaster.dbt_code.dbt_project_dir", lambda: project)
    plan = plan_day(project_graph(SESSION), lake, SYMBOL, DT, Scope())
    assert plan.reasons == {
        "vacuum_surface_1s": "stale, code changed",
        "physics_bands_1s": "stale, input silver.future_mbo.vacuum_surface_1s is rebuilt",
    }


def test_a_selection_brings_the_parents_it_needs(lake: Lake):
    """--select of one table: its parents too where they are missing, and no others."""
    shutil.rmtree(ref(lake, "silver.future_mbo.radar_zone_flow_1s").folder)
    graph = project_graph(SESSION)
    only = Scope(select="radar_vacuum_1s")
    assert set(plan_day(graph, lake, SYMBOL, DT, only).reasons) == {
        "radar_zone_flow_1s", "radar_vacuum_1s",
    }  # fmt: skip
    shutil.rmtree(ref(lake, "silver.future_mbo.radar_vacuum_1s").folder)
    tables = build_day(lake, SYMBOL, DT, SESSION, "radar_vacuum_1s")
    assert {t.key.split(".")[2] for t in tables if t.outcome == "built"} == {
        "radar_zone_flow_1s", "radar_vacuum_1s",
    }  # fmt: skip


def test_scopes_name_layers_types_and_tables(lake: Lake):
    graph = project_graph(SESSION)

    def names(**scope) -> set[str]:
        return set(plan_day(graph, lake, SYMBOL, DT, Scope(**scope)).reasons)

    assert names(layers=("gold",), overwrite=True) == {"physics_norm_calibration"}
    assert names(product_types=("future_option_mbo",), overwrite=True) == set()
    assert names(rerun=("vacuum_surface_1s",)) == {"vacuum_surface_1s", "physics_bands_1s"}
    assert len(names(overwrite=True)) == TABLES
    for scope in (
        {"layers": ("bronze",)}, {"product_types": ("x",)}, {"rerun": ("x",)}, {"select": "x"},
    ):  # fmt: skip
        with pytest.raises(UserError):
            names(**scope)


def spoil_manifest(partition: PartitionRef) -> None:
    partition.manifest_path.write_text("{")


def spoil_away(partition: PartitionRef) -> None:
    partition.data_path.unlink()


def spoil_newer(partition: PartitionRef) -> None:
    data = bytearray(partition.data_path.read_bytes())
    data[100] ^= 1
    partition.data_path.write_bytes(data)


def spoil_size(partition: PartitionRef) -> None:
    partition.data_path.write_bytes(partition.data_path.read_bytes()[:-1])


@pytest.mark.parametrize("spoil", [spoil_manifest, spoil_away, spoil_newer, spoil_size])
def test_damage_is_one_line_and_overwrite_repairs(lake: Lake, no_dbt, spoil):
    spoil(ref(lake))
    day = request(lake, symbols=[SYMBOL], dates=[MONDAY])
    result = build_range(day, print)[0]
    assert result.outcome == "failed"
    assert result.why.startswith(f"{WALL} {SYMBOL} {DT} is damaged: ")
    assert result.why.endswith("add --select wall_surface_1s --overwrite")
    scope = Scope(select="wall_surface_1s", overwrite=True)
    plan = plan_day(project_graph(SESSION), lake, SYMBOL, DT, scope)
    assert plan.reasons == {"wall_surface_1s": "overwrite"}
    spoil(ref(lake, MBO))
    assert build_range(day, print)[0].why.endswith("ingest its file again")


def test_a_rerun_builds_a_damaged_parent_too(lake: Lake):
    whole = ref(lake).data_path.read_bytes()
    spoil_size(ref(lake))
    done = spymaster(lake, "rerun", "vacuum_surface_1s", "--symbol", SYMBOL, "--dt", DT, *VARS)
    assert done.returncode == 0, done.stderr
    assert ref(lake).data_path.read_bytes() == whole


def test_a_copied_lake_is_not_damaged(lake: Lake, no_dbt):
    """A copy's data may be newer than its manifest: equal bytes are no damage."""
    ref(lake).data_path.touch()
    assert build_range(request(lake, dates=[MONDAY]), print)[0].outcome == "fresh"


def test_status_and_sweep(lake: Lake):
    """status names what is damaged, stale, missing and left over; sweep removes the last alone."""
    spoil_manifest(ref(lake))
    shutil.rmtree(ref(lake, "silver.future_mbo.radar_vacuum_1s").folder)
    left = lake.root / "_staging" / ("0" * 32)
    left.mkdir(parents=True)
    (left / ".lock").write_text(f"{SYMBOL} {DT}")
    (left / "rest.parquet").write_bytes(b"12345")
    before = sorted(lake.root.rglob("part-0.parquet"))
    shown = spymaster(lake, "status", *VARS)
    assert shown.returncode == 0, shown.stderr
    text = re.sub(r"[│\s]+", " ", shown.stdout)
    assert "missing: radar_vacuum_1s; damaged: wall_surface_1s" in text
    assert f"staging left over: {left}, {SYMBOL} {DT}, " in shown.stdout
    shown = spymaster(lake, "status", "--symbol", SYMBOL, "--dates", DT, "--why", *VARS)
    assert re.search(rf"{WALL} +│ damaged +│ damaged manifest", shown.stdout)
    assert f"input {WALL} is rebuilt" in re.sub(r"[│\s]+", " ", shown.stdout)
    swept = spymaster(lake, "sweep")
    assert "1 left-overs removed" in swept.stdout
    assert not left.exists()
    assert sorted(lake.root.rglob("part-0.parquet")) == before


def test_one_of_two_builders_waits_and_then_finds_it_fresh(lake: Lake, tmp_path: Path):
    """While another process builds the day, a build waits with a word; it builds nothing twice."""
    radar = ref(lake, "silver.future_mbo.radar_vacuum_1s").folder
    shutil.move(radar, tmp_path / "radar")
    command = [
        BIN / "spymaster",
        "build",
        "--symbol",
        SYMBOL,
        "--dt",
        DT,
        "--lake",
        lake.root,
        *VARS,
    ]
    with lake.build_lock(SYMBOL, DT):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line.startswith("waiting"):
                break
        assert line == f"waiting for another build of {SYMBOL} {DT}, pid {os.getpid()}\n"
        assert process.poll() is None
        shutil.move(tmp_path / "radar", radar)
    output = process.stdout.read()
    process.stdout.close()
    assert process.wait() == 0
    assert output.count("│ fresh ") == TABLES


def start(lake: Lake) -> subprocess.Popen[str]:
    """Overwrite both contracts' Monday; returns when a worker has begun to write."""
    process = subprocess.Popen(
        [BIN / "spymaster", "build", "--symbol", ",".join(SYMBOLS), "--dt", DT, "--overwrite",
         "--workers", "2", "--lake", lake.root, *VARS],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((lake.root / "_staging").glob("*/book_engine/*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_a_killed_worker_is_replaced_and_its_day_built(lake: Lake):
    process = start(lake)
    victim = children(process.pid)[0]
    os.kill(victim, signal.SIGKILL)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert "the worker was killed by signal 9; once more" in output
    assert check_whole(lake) == 3 * (TABLES + 1)


def test_workers_die_with_a_killed_parent(lake: Lake):
    process = start(lake)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    wait_for_end(workers)
    check_whole(lake)


def test_ctrl_c_ends_workers_and_leaves_no_staging(lake: Lake):
    process = start(lake)
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate()[0]
    assert process.returncode == 130
    assert output.strip().splitlines()[-1].startswith("spymaster: interrupted")
    wait_for_end(workers)
    assert not list((lake.root / "_staging").iterdir())
    check_whole(lake)


def test_one_failing_date_does_not_stop_the_others(lake: Lake):
    spoil_manifest(partition_ref(lake, MBO, "ESH6", "2026-01-02"))
    done = spymaster(
        lake, "build", "--symbol", "ESH6,ESM6", "--dates", "2026-01-02:2026-01-05", *VARS
    )
    assert done.returncode == 1
    assert "1 of 8 failed:\n  ESH6 2026-01-02: bronze.future_mbo.mbo" in done.stderr
    assert done.stdout.count("fresh") == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes, if this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mount.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_and_a_read_only_disk_are_one_line_each(built, small_disk: Path):
    source = partition_ref(built[0], MBO, SYMBOL, DT)
    lake = Lake(small_disk)
    target = ref(lake, MBO)
    shutil.copytree(source.folder, target.folder, copy_function=shutil.copy2)
    with pytest.raises(UserError, match="the disk is full"):
        (small_disk / "ballast").write_bytes(b"")
        free = shutil.disk_usage(small_disk).free
        (small_disk / "ballast").write_bytes(bytes(max(free - 300_000, 0)))
        build_day(lake, SYMBOL, DT, SESSION)
    assert not (lake.root / "silver").exists()
    assert not list((lake.root / "_staging").iterdir())
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = build_range(request(lake, symbols=[SYMBOL], dates=[MONDAY]), print)[0]
    assert result.why == f"the lake {small_disk} is read-only for this user"
    assert read_partition(target).num_rows > 0


class FakePool:
    """Takes tasks and says they are built, the latest first; remembers which ran side by side."""

    def __init__(self) -> None:
        self.running, self.begun, self.together = [], [], []

    has_room = True

    def submit(self, task: DayTask) -> None:
        self.running.append(task)
        self.begun.append(str(task))

    def wait(self) -> list[DayResult]:
        self.together.append([task.symbol for task in self.running])
        task = self.running.pop()
        return [DayResult(task.asked, task.symbol, task.dt, "built")]


def test_with_prior_sessions_the_dates_of_a_contract_come_one_after_the_other(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
):
    variables = {**SESSION, "calibration_mode": "prior", "calibration_lookback_sessions": 1}
    pool = FakePool()
    monkeypatch.setattr("spymaster.runs.ranges.plan_day", lambda *_: PlannedDay({}, ["a_model"]))
    tasks = [
        DayTask(lake, symbol, f"2026-01-0{day}", variables, asked=symbol)
        for day in (5, 6, 7)
        for symbol in SYMBOLS
    ]
    run = _Run(request(lake, variables=variables), project_graph(variables), tasks, lambda _: None)
    assert len(list(run.results(pool))) == 6
    assert all(len(set(symbols)) == len(symbols) for symbols in pool.together)
    assert any(len(symbols) == 2 for symbols in pool.together)
    for symbol in SYMBOLS:
        dates = [task for task in pool.begun if task.startswith(symbol)]
        assert dates == sorted(dates)


def test_tasks_and_results_can_be_pickled(lake: Lake):
    task = pickle.loads(pickle.dumps(DayTask(lake, SYMBOL, DT, SESSION, Scope(layers=("gold",)))))
    result = pickle.loads(pickle.dumps(run_day(task)))
    assert (result.outcome, len(result.tables)) == ("fresh", TABLES)
