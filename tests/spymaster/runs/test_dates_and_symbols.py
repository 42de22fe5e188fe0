"""Which days a run is about: lists and ranges, what the calendar says, symbols; each mistake a line."""

from __future__ import annotations

import doctest
from datetime import date

import pytest

from spymaster.errors import UserError
from spymaster.runs import dates, day, graph_cache, machine, ranges, status, symbols
from spymaster.runs.dates import closed, date_range, named_alone, parse_dates
from spymaster.runs.symbols import parse_symbols


def test_a_list_and_ranges_are_sorted_and_each_date_once():
    assert [str(d) for d in parse_dates("2026-01-06:2026-01-07,2026-01-05, 2026-01-06")] == [
        "2026-01-05", "2026-01-06", "2026-01-07",
    ]  # fmt: skip
    assert named_alone("2026-01-05:2026-01-06,2026-01-10") == {date(2026, 1, 10)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-01-07:2026-01-06", "ends before it starts"),
        ("2026-01-07:", "'' is not a date"),
        ("2026-13-01", "'2026-13-01' is not a date"),
        ("20260106", "'20260106' is not a date"),
        ("", "'' is not a date"),
        ("0001-01-01:9999-12-31", "more than 10,000"),
    ],
)
def test_a_range_that_makes_no_sense_is_one_line(text: str, message: str):
    with pytest.raises(UserError, match=message):
        parse_dates(text)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2026-01-03", "weekend"),
        ("2026-01-04", "weekend"),
        ("2026-04-03", "holiday: Good Friday"),
        ("2024-03-29", "holiday: Good Friday"),
        ("2026-01-01", "holiday: New Year"),
        ("2023-01-02", "holiday: New Year"),  # the first was a Sunday
        ("2022-12-26", "holiday: Christmas"),
        ("2026-01-19", None),  # Martin Luther King: a short session
        ("2026-01-05", None),
    ],
)
def test_cme_has_no_day_session_on_weekends_and_three_holidays(day: str, why: str | None):
    assert closed(date.fromisoformat(day)) == why


def test_a_range_includes_both_ends():
    assert len(date_range(date(2026, 1, 5), date(2026, 1, 5))) == 1


def test_symbols_are_contracts_or_roots():
    assert parse_symbols(["ESH6,ES", "ESM6", "ESH6"]) == ["ESH6", "ES", "ESM6"]
    for text, message in (
        ("XXH6", "unknown product 'XX'"), ("../x", "is not a symbol"), (",", "no symbol is given"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            parse_symbols([text])


def test_a_workers_share_is_what_the_machine_has_divided(monkeypatch: pytest.MonkeyPatch):
    """Memory less what a worker needs beside DuckDB, cores by workers; what the user set stays."""
    monkeypatch.delenv(machine.MEMORY_VARIABLE, raising=False)
    monkeypatch.delenv(machine.THREADS_VARIABLE, raising=False)
    monkeypatch.setattr(machine, "memory_bytes", lambda: 16_000_000_000)
    monkeypatch.setattr(machine, "cores", lambda: 8)
    assert machine.worker_environment(4) == {
        "SPYMASTER_MEMORY_LIMIT": "2400MB", "SPYMASTER_THREADS": "2",
    }  # fmt: skip
    assert machine.default_workers(100) == 6
    assert machine.default_workers(100, memory=1_000_000_000) == 1
    monkeypatch.setenv(machine.MEMORY_VARIABLE, "7GB")
    assert machine.worker_environment(4)["SPYMASTER_MEMORY_LIMIT"] == "7GB"


@pytest.mark.parametrize("module", [dates, day, graph_cache, machine, ranges, status, symbols])
def test_the_examples_run(module):
    assert doctest.testmod(module).failed == 0
