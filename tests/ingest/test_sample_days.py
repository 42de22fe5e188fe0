"""Several days of the sample market, and two contracts around a roll and an expiration."""

from __future__ import annotations

import doctest
import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from dbn_files import databento_records

from ingest.sample import MarketConfig, OptionConfig, file_name, roll, write_day
from ingest.sample.command import sample
from ingest.sample.roll import RollConfig, RollPlan, WrittenDay, expected_messages, write_days
from spymaster.errors import UserError

ROLL_DATE = date(2026, 3, 17)
MARKET = MarketConfig(dt=date(2026, 3, 13), minutes=6, messages=10_000)
ROLL = RollConfig(7, "ESM6", ROLL_DATE)
DATES = [date(2026, 3, day) for day in (13, 16, 17, 18, 19, 20, 23)]
EXPIRATIONS = {"ESH6": 1_774_013_400_000_000_000, "ESM6": 1_781_875_800_000_000_000}
POINT = 10**9


def nothing(_count: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("days")


@pytest.fixture(scope="module")
def written(folder: Path) -> list[WrittenDay]:
    return write_days(folder, MARKET, ROLL, nothing)


def contract_of(path: Path) -> str:
    return path.name.split(".")[2]


def volumes(day: WrittenDay) -> dict[str, int]:
    """Contracts traded, by contract."""
    flows = {contract_of(summary.path): databento_records(summary.path) for summary in day.futures}
    return {name: int(flow["size"][flow["action"] == b"T"].sum()) for name, flow in flows.items()}


def test_weekends_and_holidays_are_no_days(written: list[WrittenDay]):
    assert [day.dt for day in written] == DATES
    over_easter = RollConfig(3).dates(replace(MARKET, dt=date(2026, 4, 1)))
    assert [str(day) for day in over_easter] == ["2026-04-01", "2026-04-02", "2026-04-06"]


def test_each_day_has_the_files_that_a_download_would_have(folder: Path, written: list[WrittenDay]):
    expected = set()
    for day in DATES:
        contracts = ["ESM6"] if day == DATES[-1] else ["ESH6", "ESM6"]
        on_day = replace(MARKET, dt=day)
        expected |= {file_name(replace(on_day, contract=name)) for name in contracts}
        expected.add(file_name(on_day, "definition"))
    assert {path.name for path in folder.iterdir()} == expected
    total = sum(summary.messages for day in written for summary in day.futures)
    assert total == expected_messages(RollPlan(MARKET, ROLL), None)


def test_definitions_have_what_is_still_to_expire_and_when(folder: Path, written: list[WrittenDay]):
    for day in DATES:
        found = databento_records(folder / file_name(replace(MARKET, dt=day), "definition"))
        futures = found[found["instrument_class"] == b"F"]
        expirations = {
            row["raw_symbol"].decode(): int(row["expiration"]) for row in futures
        }  # fmt: skip
        assert ("ESH6" in expirations) == (day != DATES[-1])
        for name in ("ESH6", "ESM6"):
            assert expirations.get(name, EXPIRATIONS[name]) == EXPIRATIONS[name]


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_next_contract_trades_more_from_the_roll_date_on(tmp_path: Path, seed: int):
    """The crossover is on that day whatever is drawn, and the volumes move over days, not at once."""
    market = replace(MARKET, seed=seed, minutes=4, messages=3_000)
    days = write_days(tmp_path, market, replace(ROLL, days=4), nothing)
    later = [volumes(day) for day in days]
    assert [day["ESM6"] > day["ESH6"] for day in later] == [day >= ROLL_DATE for day in DATES[:4]]
    assert all(day["ESH6"] > 0 and day["ESM6"] > 0 for day in later)


def test_a_day_begins_where_the_day_before_ended_and_the_spread_stays(written: list[WrittenDay]):
    """Within the points by which a thin book's trades lag: an eighth of the 62 points of carry."""
    ended: dict[str, int] = {}
    for day in written:
        prices = {contract_of(s.path): (s.first_price, s.last_price) for s in day.futures}
        for name, (first, last) in prices.items():
            assert first is not None and last is not None
            assert abs(first - ended.get(name, first)) <= 8 * POINT, (day.dt, name)
            ended[name] = last
        if len(prices) == 2:
            for at in (0, 1) if day.dt != date(2026, 3, 20) else (0,):
                spread = prices["ESM6"][at] - prices["ESH6"][at]
                assert abs(spread - 6_925 * 9 * POINT // 1_000) <= 8 * POINT, (day.dt, at)


def test_a_contract_ends_with_its_expiration(written: list[WrittenDay]):
    """The third Friday at 9:30 in New York, two minutes after the simulated time began."""
    last = {
        contract_of(s.path): databento_records(s.path)["ts_event"].max()
        for s in written[-2].futures
    }
    assert EXPIRATIONS["ESH6"] - 60 * POINT < last["ESH6"] < EXPIRATIONS["ESH6"] < last["ESM6"]
    whole = RollPlan(replace(MARKET, full_day=True, dt=date(2026, 3, 20)), RollConfig()).days[0]
    assert whole.front.minutes == 13.5 * 60  # from midnight UTC on
    after = RollPlan(replace(MARKET, start=whole.front.start.replace(hour=10)), ROLL).days
    assert [len(day.markets) for day in after] == [2, 2, 2, 2, 2, 1, 1]


def test_the_bytes_follow_from_the_seed(folder: Path, written: list[WrittenDay], tmp_path: Path):
    def digests(where: Path) -> dict[str, str]:
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in where.iterdir()}

    before = digests(folder)
    write_days(tmp_path, MARKET, ROLL, nothing)
    assert digests(tmp_path) == before
    write_days(tmp_path, replace(MARKET, seed=8), ROLL, nothing)
    other = digests(tmp_path)
    assert all(other[name] != before[name] for name in before if ".mbo." in name)


def test_the_first_day_is_the_single_day(tmp_path: Path):
    """Of one contract: the same bytes as without --days."""
    market = replace(MARKET, dt=DATES[0], messages=1_500, minutes=2)
    path = tmp_path / "single.dbn.zst"
    write_day(path, market)
    first = write_days(tmp_path, market, RollConfig(2), nothing)[0].futures[0].path
    assert first.read_bytes() == path.read_bytes()


def test_options_are_on_the_contract_that_trades_most(tmp_path: Path):
    market = replace(MARKET, dt=date(2026, 3, 16), minutes=2)
    options = OptionConfig(strikes=3, expiries=1, depth=1, messages=400)
    days = write_days(tmp_path, market, RollConfig(2, "ESM6", ROLL_DATE), nothing, options)
    for day, underlying in zip(days, ("ESH6", "ESM6"), strict=True):
        assert day.options is not None
        assert day.options.messages == 400
        found = databento_records(day.options.definition_path)
        options_on = found["underlying"][np.isin(found["instrument_class"], (b"C", b"P"))]
        traded = set(databento_records(day.options.mbo_path)["instrument_id"])
        ids = found["instrument_id"][found["underlying"] == underlying.encode()]
        assert underlying.encode() in options_on
        assert traded & set(ids)
        futures = found["raw_symbol"][found["instrument_class"] == b"F"].tolist()
        assert {b"ESH6", b"ESM6"} <= set(futures)


@pytest.mark.parametrize(
    ("market", "change", "message"),
    [
        ({}, {"days": 0}, "days must be from 1 to 250, not 0"),
        ({}, {"roll_date": None}, "--next-contract and --roll-date go together"),
        ({}, {"next_contract": "ESU6"}, "'ESU6' is not ESM6, the one after ESH6"),
        ({}, {"roll_date": date(2026, 3, 14)}, "2026-03-14 is not one of the trading days 2026-03-13"),
        ({}, {"roll_date": date(2026, 3, 23)}, "ESH6 has expired by then"),
        ({}, {"next_contract": None, "roll_date": None}, "ESH6 expires before 2026-03-23; give fewer"),
        ({"root": "CL", "contract": "CLH6"}, {"next_contract": "CLM6"}, "on ES and NQ, not on CL"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_and_no_file(
    tmp_path: Path, market: dict[str, Any], change: dict[str, Any], message: str
):
    with pytest.raises(UserError, match=message):
        write_days(tmp_path, replace(MARKET, **market), replace(ROLL, **change), nothing)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_days_of_any_product(tmp_path: Path):
    """Products without known expirations get no definitions."""
    done = CliRunner().invoke(
        sample,
        ["--out", str(tmp_path), "--root", "CL", "--contract", "CLG6", "--days", "2", "--messages",
         "1000", "--minutes", "2"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    names = ["glbx-mdp3-20260106.mbo.CLG6.dbn.zst", "glbx-mdp3-20260107.mbo.CLG6.dbn.zst"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert f"{tmp_path / names[1]}  1,000 messages, trades from " in done.output
    assert done.output.endswith(f"next: spymaster ingest {tmp_path} --root CL\n")


def test_the_examples_run():
    assert doctest.testmod(roll).failed == 0
