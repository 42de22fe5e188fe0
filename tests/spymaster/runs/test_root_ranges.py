"""Days of two contracts around a roll: the root's front of each, and what a second build touches."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig
from ingest.sample.roll import RollConfig, write_days
from spymaster.contract_selection import KEY, contract_for, read_selection, select_contract
from spymaster.errors import UserError
from spymaster.lake import Lake, partition_ref
from spymaster.runs.day import DayResult
from spymaster.runs.plan import Scope
from spymaster.runs.ranges import RangeRequest, build_range
from spymaster.runs.status import lake_days

FRIDAY, MONDAY, TUESDAY = date(2026, 1, 9), date(2026, 1, 12), date(2026, 1, 13)
VARIABLES = {"session_start": "09:29", "session_end": "09:31"}
SNAPSHOT = Scope(select="book_snapshot_1s")


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[RangeRequest, list[DayResult], list[str]]:
    """Three days over a weekend, built for ES; the request, what became of it, what was said."""
    folder = tmp_path_factory.mktemp("roll")
    market = MarketConfig(dt=FRIDAY, minutes=2.5, messages=5_000)
    write_days(folder, market, RollConfig(3, "ESM6", MONDAY), lambda _: None)
    lake = Lake(folder / "lake")
    for path in sorted(folder.glob("*.definition.*")) + sorted(folder.glob("*.mbo.*")):
        ingest_file(path, lake, root="ES")
    with pytest.raises(UserError, match="run: spymaster build --symbol ES"):
        contract_for(lake, "ES", "2026-01-13")
    request = RangeRequest(
        lake, ["ES"], [FRIDAY, date(2026, 1, 10), MONDAY, TUESDAY], VARIABLES, SNAPSHOT, workers=1
    )
    said: list[str] = []
    return request, build_range(request, said.append), said


@pytest.fixture
def request_(built, tmp_path: Path) -> RangeRequest:
    """The request on a copy of the built lake, to be changed."""
    shutil.copytree(built[0].lake.root, tmp_path / "lake", copy_function=shutil.copy2)
    return replace(built[0], lake=Lake(tmp_path / "lake"))


@pytest.fixture
def no_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker may start: whatever is done is done without dbt."""
    monkeypatch.setattr("spymaster.runs.workers.WorkerPool.submit", None)


def told(results: list[DayResult]) -> list[tuple[str, str, str]]:
    return [(r.dt[-2:], r.symbol, r.why or r.outcome) for r in results]


def test_the_front_rolls_after_the_day_on_which_the_next_trades_more(built):
    request, results, said = built
    assert told(results) == [
        ("09", "ESH6", "built"), ("10", "ES", "weekend"), ("12", "ESH6", "built"),
        ("13", "ESM6", "built"),
    ]  # fmt: skip
    assert {r.asked for r in results} == {"ES"}
    tables = [table.key for table in results[0].tables]
    assert tables == [KEY, "silver.future_mbo.book_snapshot_1s"]
    rolled = read_selection(request.lake, "ES", "2026-01-13")
    assert (rolled.prev_trading_date, rolled.roll_flag) == (MONDAY, True)
    assert rolled.prev_volume_selected > rolled.prev_volume_rank2
    assert read_selection(request.lake, "ES", "2026-01-12").prev_trading_date == FRIDAY
    by_expiry = [line for line in said if "by its expiry" in line]
    assert by_expiry == [
        "ES 2026-01-09: ESH6 by its expiry; the lake has no earlier date whose volume could tell"
    ]


def test_a_second_build_starts_nothing(built, no_dbt):
    request = built[0]
    before = {path: path.stat().st_mtime_ns for path in request.lake.root.rglob("*")}
    assert {r.outcome for r in build_range(request, print)} == {"fresh", "skipped"}
    assert {path: path.stat().st_mtime_ns for path in request.lake.root.rglob("*")} == before
    assert select_contract(request.lake, "ES", "2026-01-13", VARIABLES) == "ESM6"


def test_a_contract_asked_for_twice_is_built_once(built, no_dbt):
    both = replace(built[0], symbols=["ES", "ESM6"], dates=[TUESDAY])
    assert told(build_range(both, print)) == [("13", "ESM6", "fresh"), ("13", "ESM6", "as ES")]


def test_the_selection_alone(built, no_dbt):
    """The table of roots is asked for: no contract is built, and one asked for is an error."""
    only = replace(built[0], scope=Scope(select="contract_day_selection"), dates=[TUESDAY])
    results = build_range(only, print)
    assert told(results) == [("13", "ESM6", "fresh")]
    assert [table.key for table in results[0].tables] == [KEY]
    failed = build_range(replace(only, symbols=["ESM6"]), print)
    assert "of roots, not of ESM6; give the root ES" in failed[0].why


def test_overwrite_selects_again_what_it_is_asked_for(request_, monkeypatch):
    begun: list[str] = []
    monkeypatch.setattr(
        "spymaster.runs.workers.WorkerPool.submit", lambda _, task: begun.append(str(task))
    )
    for scope, expected in (
        (Scope(layers=("gold",), overwrite=True), ["ES 2026-01-13"]),
        (Scope(rerun=("contract_day_selection",)), ["ES 2026-01-13"]),
        (Scope(select="book_snapshot_1s", overwrite=True), ["ESM6 2026-01-13"]),
    ):
        begun.clear()
        build_range(replace(request_, scope=scope, dates=[TUESDAY]), print)
        assert begun[:1] == expected


def test_a_date_that_cannot_be_selected_or_has_no_front_does_not_stop_the_others(request_, no_dbt):
    lake = request_.lake
    shutil.rmtree(partition_ref(lake, "bronze.future_mbo.mbo", "ESM6", "2026-01-13").folder)
    selection = partition_ref(lake, KEY, "ES", "2026-01-12")
    selection.data_path.write_bytes(b"")
    why = {
        dt: why
        for dt, _, why in told(build_range(replace(request_, dates=[FRIDAY, MONDAY]), print))
    }
    assert why["09"] == "fresh"
    assert "contract_day_selection ES 2026-01-12 is damaged" in why["12"]
    with pytest.raises(UserError, match="no bronze data of ES from 2026-02-02 to 2026-02-02"):
        build_range(replace(request_, dates=[date(2026, 2, 2)]), print)


def test_status_shows_roots_and_the_days_of_their_fronts(built):
    lake = built[0].lake
    days = lake_days(lake, ["ES"], [MONDAY, TUESDAY], VARIABLES)
    assert [(day.symbol, day.dt[-2:]) for day in days] == [
        ("ES", "12"), ("ESH6", "12"), ("ES", "13"), ("ESM6", "13"),
    ]  # fmt: skip
    assert days[0].tables == {KEY: ("complete", "")}
    everything = [(day.symbol, day.dt[-2:]) for day in lake_days(lake, [], None, VARIABLES)]
    assert everything == [(s, d) for s in ("ESH6", "ESM6", "ES") for d in ("09", "12", "13")]
