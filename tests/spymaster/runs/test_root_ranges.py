"""Days of two contracts around a roll: the root's front of each, and what a second build touches."""

from __future__ import annotations

from datetime import date

import pytest

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig
from ingest.sample.roll import RollConfig, write_days
from spymaster.contract_selection import contract_for, read_selection, select_contract
from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.runs.ranges import RangeRequest, build_range

FRIDAY, MONDAY, TUESDAY = date(2026, 1, 9), date(2026, 1, 12), date(2026, 1, 13)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("roll")
    market = MarketConfig(dt=FRIDAY, minutes=2.5, messages=5_000)
    write_days(folder, market, RollConfig(3, "ESM6", MONDAY), lambda _: None)
    lake = Lake(folder / "lake")
    for path in sorted(folder.glob("*.definition.*")) + sorted(folder.glob("*.mbo.*")):
        ingest_file(path, lake, root="ES")
    return lake


def test_the_front_rolls_after_the_day_on_which_the_next_trades_more(lake: Lake, monkeypatch):
    with pytest.raises(UserError, match="run: spymaster build --symbol ES"):
        contract_for(lake, "ES", "2026-01-13")
    request = RangeRequest(
        lake, ["ES"], [FRIDAY, MONDAY, TUESDAY],
        {"session_start": "09:29", "session_end": "09:31"}, workers=1,
    )  # fmt: skip
    results = build_range(request, print)
    assert [(r.symbol, r.outcome) for r in results] == [
        ("ESH6", "built"), ("ESH6", "built"), ("ESM6", "built"),
    ]  # fmt: skip
    rolled = read_selection(lake, "ES", "2026-01-13")
    assert (rolled.prev_trading_date, rolled.roll_flag) == (MONDAY, True)
    assert rolled.prev_volume_selected > rolled.prev_volume_rank2
    assert read_selection(lake, "ES", "2026-01-12").prev_trading_date == FRIDAY
    monkeypatch.setattr("spymaster.runs.workers.WorkerPool.submit", None)
    assert {r.outcome for r in build_range(request, print)} == {"fresh"}
    assert select_contract(lake, "ES", "2026-01-13") == contract_for(lake, "ESM6", "2026-01-13")
