"""The suites on sound days, and each check on a day that is damaged where it looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import duckdb
import pytest
from check_mutations import DAMAGES, Damage
from option_days import DT, OptionDay

from spymaster.checks.check import Check, parse_check
from spymaster.checks.day import CheckedDay, open_day
from spymaster.checks.run import FAILED, PASSED, WARNED, check_day, run_check
from spymaster.checks.suites import SUITES
from spymaster.lake import Lake

CHECKS = {(suite.name, check.name): check for suite in SUITES.values() for check in suite.checks()}


@pytest.fixture(scope="module")
def open_days(es_option_day: OptionDay) -> Iterator[dict[str, CheckedDay]]:
    """The day's tables as each suite sees them."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                open_day(es_option_day.lake, es_option_day.symbol, DT, suite.tables)
            )
            for name, suite in SUITES.items()
        }


@contextlib.contextmanager
def damaged(day: CheckedDay, damage: Damage) -> Iterator[None]:
    """Put a damaged copy in a table's place, and the table back."""
    day.connection.execute("begin")
    if damage.table is None:
        day.connection.execute(damage.query)
    else:
        source = day.views[damage.table].partition(" as from ")[2]
        day.connection.execute(
            f"create or replace view {damage.table} as {damage.query.replace('{t}', source)}"
        )
    yield
    day.connection.execute("rollback")


@pytest.mark.parametrize("name", SUITES)
def test_a_sound_sample_day_passes(es_option_day: OptionDay, name: str):
    """No error and no warning, every check run: crossed pre-open, uncross, trading, options."""
    report = check_day(SUITES[name], es_option_day.lake, es_option_day.symbol, DT)
    assert report.passed
    assert {result.check.name: result.outcome for result in report.results} == {
        check.name: PASSED for check in SUITES[name].checks()
    }


@pytest.mark.parametrize("name", ["data", "physics"])
def test_the_real_esh4_day_passes(esh4_lake: Lake, name: str):
    """Pre-open with a crossed book, the open, an hour of trading with implied fills."""
    report = check_day(SUITES[name], esh4_lake, "ESH4", "2023-12-25")
    assert [result.check.name for result in report.results if result.outcome != PASSED] == []
    assert len(report.results) == len(SUITES[name].checks())


def test_a_day_without_options_passes_with_a_word(esh4_lake: Lake):
    report = check_day(SUITES["gex"], esh4_lake, "ESH4", "2023-12-25")
    assert (report.passed, report.nothing_to_check) == (True, "a day without options")
    required = check_day(SUITES["gex"], esh4_lake, "ESH4", "2023-12-25", require_options=True)
    assert not required.passed
    assert "gold.hud.gex_levels_1s" in required.missing


@pytest.mark.parametrize(
    "damage", DAMAGES, ids=lambda damage: f"{damage.suite}-{damage.check}-{damage.query[:40]}"
)
def test_every_check_fires(open_days: dict[str, CheckedDay], damage: Damage):
    """Each check sees what it says it sees, and names a row."""
    check = CHECKS[damage.suite, damage.check]
    day = open_days[damage.suite]
    assert run_check(check, day).outcome == PASSED
    with damaged(day, damage):
        result = run_check(check, day)
    assert result.outcome == {"error": FAILED, "warning": WARNED}[check.severity]
    assert result.violations >= len(result.rows) > 0


def test_no_check_is_without_a_damage_that_it_sees():
    assert {(damage.suite, damage.check) for damage in DAMAGES} == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.name)
def test_a_check_is_one_sentence_and_one_query(check: Check):
    assert check.sentence.endswith(".")
    assert len(duckdb.extract_statements(check.query)) == 1
    assert check.severity in ("error", "warning")


def test_names_are_unique_within_a_suite():
    for suite in SUITES.values():
        names = [check.name for check in suite.checks()]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "text", ["select 1", "-- A sentence.\nselect 1", "-- no end\n-- severity: error"]
)
def test_a_check_without_its_comment_is_refused(text: str):
    with pytest.raises(ValueError, match=r"broken\.sql: needs a sentence"):
        parse_check("broken", text)
