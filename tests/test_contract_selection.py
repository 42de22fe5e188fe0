"""contract_day_selection over a lake: by volume, around a roll, and what is said when it cannot be."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from selection_lake import (
    EXPIRATIONS_NS,
    VOLUMES,
    day_ns,
    ingest_definitions,
    ingest_volume,
    make_lake,
)

from spymaster import root_days
from spymaster.contract_selection import KEY, contract_for, read_selection, select_contract
from spymaster.dbt_code import dbt_project_dir
from spymaster.dbt_run import build_day
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, publish, read_manifest
from spymaster.root_days import trading_dates
from spymaster.runs.graph_cache import project_graph
from spymaster.runs.plan import Scope, day_states, plan_day

BIN = Path(sys.executable).parent
DATES = list(VOLUMES)
SUNDAY = "2026-03-15"
MBO, DEFINITIONS = root_days.MBO, root_days.DEFINITIONS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Every date selected, the last one first: what a date says does not depend on another's table."""
    lake = make_lake(tmp_path_factory.mktemp("selection"))
    for dt in reversed(DATES):
        select_contract(lake, "ES", dt)
    return lake


@pytest.fixture
def lake(built: Lake, tmp_path: Path) -> Lake:
    """A copy of the built lake, to be changed."""
    shutil.copytree(built.root, tmp_path / "lake", copy_function=shutil.copy2)
    return Lake(tmp_path / "lake")


def front(dt: str) -> tuple[str, str | None]:
    """The rule once more, in Python: the front of a date and the trading date that says so."""
    earlier = [day for day in DATES if day < dt and day != SUNDAY]
    known = VOLUMES[earlier[-1]] if earlier else dict.fromkeys(VOLUMES[dt], 0)
    alive = [name for name in known if EXPIRATIONS_NS[name] > day_ns(dt)]
    ranked = sorted(alive, key=lambda name: (-known[name], EXPIRATIONS_NS[name]))
    return ranked[0], earlier[-1] if earlier else None


def why_stale(lake: Lake, dt: str) -> str | None:
    return day_states(project_graph({}), lake, "ES", dt)[KEY]


def test_every_date_has_the_front_that_the_rule_says(built: Lake):
    for dt in DATES:
        symbol, before = front(dt)
        row = read_selection(built, "ES", dt)
        volumes = sorted(VOLUMES[before].values(), reverse=True) if before else [None, None]
        rolled = front(before)[0] != symbol if before else None
        assert row.selected_symbol == contract_for(built, "ES", dt) == symbol
        assert (str(row.session_date), row.roll_flag) == (dt, rolled)
        assert (str(row.prev_trading_date) if before else row.prev_trading_date) == before
        assert [row.prev_volume_selected, row.prev_volume_rank2] == volumes
    assert {read_selection(built, "ES", dt).selected_symbol for dt in DATES} == {"ESH6", "ESM6"}


def test_a_sunday_evening_is_no_trading_date(built: Lake):
    assert SUNDAY not in trading_dates(built, "ES")
    assert str(read_selection(built, "ES", "2026-03-16").prev_trading_date) == "2026-03-13"


def test_the_manifest_names_every_partition_that_was_read(built: Lake):
    manifest = read_manifest(partition_ref(built, KEY, "ES", "2026-03-17"))
    read = [(i["key"], i["symbol"], i["dt"]) for i in manifest["inputs"]]
    dates = ("2026-03-13", "2026-03-16", "2026-03-17")
    records = [(MBO, symbol, dt) for dt in dates for symbol in ("ESH6", "ESM6")]
    assert sorted(read) == sorted([*records, (DEFINITIONS, "ES", "2026-03-12")])
    assert manifest["parameters"] == {}


def test_what_is_fresh_is_not_selected_again(built: Lake, monkeypatch: pytest.MonkeyPatch):
    """Without dbt, and whatever the session's vars are."""
    monkeypatch.setattr("spymaster.dbt_run._run_dbt", None)
    assert select_contract(built, "ES", "2026-03-17", {"session_start": "09:30"}) == "ESM6"


def test_other_volumes_before_make_it_stale_and_select_another(lake: Lake):
    ingest_volume(lake, "ESH6", "2026-03-16", 7)
    assert why_stale(lake, "2026-03-17") == f"stale, input {MBO} changed"
    assert why_stale(lake, "2026-03-13") is None
    assert select_contract(lake, "ES", "2026-03-17") == "ESH6"


def test_another_date_between_and_later_definitions_make_it_stale(lake: Lake):
    shutil.rmtree(partition_ref(lake, MBO, "ESM6", "2026-03-13").folder)
    shutil.rmtree(partition_ref(lake, MBO, "ESH6", "2026-03-13").folder)
    assert "changed" in why_stale(lake, "2026-03-16")
    ingest_definitions(lake, "2026-03-17", ["ESH6", "ESM6"])
    assert why_stale(lake, "2026-03-17") == f"stale, input {DEFINITIONS}, input {MBO} changed"


def test_definitions_that_no_longer_have_an_expired_contract_do(lake: Lake):
    """The Monday after an expiration: H is in Friday's definitions alone, and is the front no more."""
    for dt, symbols in (("2026-03-20", ["ESH6", "ESM6"]), ("2026-03-23", ["ESM6"])):
        for symbol in symbols:
            ingest_volume(lake, symbol, dt, 20 if symbol == "ESH6" else 2)
        ingest_definitions(lake, dt, symbols)
    assert select_contract(lake, "ES", "2026-03-23") == "ESM6"
    row = read_selection(lake, "ES", "2026-03-23")
    assert (row.prev_volume_selected, row.prev_volume_rank2) == (2, None)


@pytest.mark.parametrize("spoil", ["definitions", "definition", "expired", "records"])
def test_what_cannot_be_selected_is_one_line_that_says_what_to_get(tmp_path: Path, spoil: str):
    lake = Lake(tmp_path / "lake")
    dt = "2026-03-23" if spoil == "expired" else "2026-03-17"
    if spoil != "records":
        ingest_volume(lake, "ESH6", "2026-03-17", 1)
        ingest_volume(lake, "ESM6" if spoil == "definition" else "ESH6", "2026-03-16", 1)
    if spoil != "definitions":
        ingest_definitions(lake, "2026-03-16", ["ESH6"])
    messages = {
        "definitions": "instrument_definitions of ES on 2026-03-17 or before is not in the lake .*; "
        "download the day's schema definition and run: spymaster ingest PATH",
        "definition": "the expiration of ESM6 is not in .* ES 2026-03-16; download schema definition",
        "expired": r"every contract of ES in the lake \(ESH6\) has expired by 2026-03-23; download",
        "records": "of no contract of ES on 2026-03-17 or before .*; download the day's schema mbo",
    }
    with pytest.raises(UserError, match=messages[spoil]):
        select_contract(lake, "ES", dt)
    assert not (lake.root / "gold").exists()


def test_a_symbol_means_a_contract_or_says_why_not(built: Lake):
    assert contract_for(built, "ESM6", "2026-03-12") == "ESM6"
    for symbol, dt, message in (
        ("ES", "2026-03-18", "has not been selected; run: spymaster build --symbol ES --dt 2026-03-18"),
        ("XX", "2026-03-17", "'XX' is not an outright futures contract"),
        ("XXH6", "2026-03-17", "unknown product 'XX'"),
        ("../ES", "2026-03-17", "is not a symbol"),
        ("ESH6", "yesterday", "is not a date"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            contract_for(built, symbol, dt)


def test_a_table_without_its_row_is_an_error(lake: Lake):
    """Such as another program might have written."""
    import pyarrow.parquet as pq

    from spymaster.contracts import load_contract

    ref, contract = partition_ref(lake, KEY, "ES", "2026-03-17"), load_contract(KEY)
    with lake.staging() as folder:
        pq.write_table(contract.arrow_schema.empty_table(), folder / "empty.parquet")
        publish(ref, folder / "empty.parquet", {}, contract)
    with pytest.raises(UserError, match="has 0 rows, not 1; run: spymaster rerun"):
        contract_for(lake, "ES", "2026-03-17")


def test_tables_of_contracts_and_of_roots_do_not_mix(built: Lake):
    graph = project_graph({})
    for symbol, select, message in (
        ("ES", "wall_surface_1s", "of contracts, not of ES; give a contract such as ESH6"),
        ("ESH6", "contract_day_selection", "of roots, not of ESH6; give the root ES"),
    ):
        with pytest.raises(UserError, match=message):
            plan_day(graph, built, symbol, "2026-03-17", Scope(select=select))
        with pytest.raises(UserError, match=message):
            build_day(built, symbol, "2026-03-17", {}, select, show=False)
    assert list(day_states(graph, built, "ES", "2026-03-17")) == [KEY]
    assert KEY not in day_states(graph, built, "ESH6", "2026-03-17")


def dbt(lake: Lake, command: str, variables: dict[str, str], *options: str) -> str:
    """Run plain dbt and return what it says."""
    folder = dbt_project_dir()
    return subprocess.run(
        [
            BIN / "dbt", command, "--project-dir", folder, "--profiles-dir", folder,
            "--target-path", lake.root.parent / "target", "--log-path", lake.root.parent / "logs",
            "--no-use-colors", "--vars", json.dumps(variables), *options,
        ],
        env={**os.environ, "SPYMASTER_LAKE": str(lake.root)}, capture_output=True, text=True,
        check=False,
    ).stdout  # fmt: skip


def test_plain_dbt_selects_a_root_and_skips_the_tables_of_contracts_with_a_word(lake: Lake):
    shutil.rmtree(lake.root / "gold")
    names = ("contract_day_selection", "wall_surface_1s")
    said = dbt(lake, "build", {"dt": "2026-03-17", "symbol": "ES"}, "--select", *names)
    assert "contract_day_selection: missing" in said
    assert "wall_surface_1s: a table of contracts, not of ES, skipped" in said
    assert "ERROR=0" in said
    assert contract_for(lake, "ES", "2026-03-17") == "ESM6"
    assert not (lake.root / "silver").exists()


def test_reading_a_selection_imports_neither_dbt_nor_numba(built: Lake):
    code = (
        "import sys, pickle\n"
        "from spymaster.contract_selection import contract_for, select_contract\n"
        "from spymaster.lake import Lake\n"
        "print(pickle.loads(pickle.dumps(contract_for))(Lake.from_option(sys.argv[1]), 'ES',"
        " '2026-03-17'))\n"
        "slow = {'dbt', 'duckdb', 'numba'}.intersection(sys.modules)\n"
        "sys.exit(f'imported {slow}' if slow else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, built.root], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ESM6\n"), done.stderr
    assert pickle.loads(pickle.dumps(select_contract)) is select_contract


def test_contracts_of_another_root_and_folders_of_no_contract_do_not_count(lake: Lake):
    for name in ("NQH6", "ESX", "XXH6"):
        folder = partition_ref(lake, MBO, name, "2026-03-16").folder
        shutil.copytree(partition_ref(lake, MBO, "ESM6", "2026-03-16").folder, folder)
    assert root_days.contracts_in(lake, "ES") == ["ESH6", "ESM6"]
    assert root_days.contracts_in(lake) == ["ESH6", "ESM6", "NQH6"]
    assert is_partition_complete(partition_ref(lake, KEY, "ES", "2026-03-17"))
    assert why_stale(lake, "2026-03-17") is None
