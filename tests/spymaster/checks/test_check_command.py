"""`spymaster check`: exit codes, JSON, days, and partitions that are damaged on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from option_days import DT, OptionDay

from spymaster.checks.dates import dates_of
from spymaster.checks.suites import SUITES
from spymaster.cli import cli
from spymaster.errors import UserError
from spymaster.lake import Lake, PartitionRef, partition_ref

BOOK, ZONE = "silver.future_mbo.book_snapshot_1s", "silver.future_mbo.radar_zone_flow_1s"
BANDS = "silver.future_mbo.physics_bands_1s"


@pytest.fixture
def lake(es_option_day: OptionDay, tmp_path: Path) -> Lake:
    """A copy of the built day, to be damaged."""
    copy = Lake(tmp_path / "lake")
    shutil.copytree(es_option_day.lake.root, copy.root)
    return copy


def run(lake: Lake, suite: str, *options: str) -> Result:
    """Run a suite's command; its UserError is in `exception`."""
    arguments = ["check", suite, "--symbol", "ESH6", "--lake", str(lake.root), *options]
    return CliRunner().invoke(cli, arguments)


def outcomes(result: Result) -> dict[str, str]:
    """Check name to outcome of the first day of a JSON answer."""
    day = json.loads(result.stdout)["days"][0]
    return {check["name"]: check["outcome"] for check in day["checks"]}


def ref(lake: Lake, key: str) -> PartitionRef:
    return partition_ref(lake, key, "ESH6", DT)


@pytest.mark.parametrize("suite", SUITES)
def test_a_sound_day_exits_0_with_one_line_a_check(es_option_day: OptionDay, suite: str):
    result = run(es_option_day.lake, suite, "--dt", DT)
    assert (result.exit_code, result.exception) == (0, None)
    for check in SUITES[suite].checks():
        assert check.name in result.stdout


def test_json_has_the_documented_keys(es_option_day: OptionDay):
    result = run(es_option_day.lake, "physics", "--dt", DT, "--json")
    document = json.loads(result.stdout)
    assert set(document) == {"suite", "symbol", "passed", "days"}
    assert (document["suite"], document["symbol"], document["passed"]) == ("physics", "ESH6", True)
    (day,) = document["days"]
    assert set(day) == {"dt", "passed", "problem", "nothing_to_check", "missing", "checks"}
    assert set(day["checks"][0]) == {
        "name", "sentence", "severity", "outcome", "violations", "rows", "reason", "seconds",
    }  # fmt: skip


def test_wrong_rows_exit_1_and_are_shown_with_their_time(lake: Lake):
    """A damaged table whose manifest has been forged: the rows tell all the same."""
    path = ref(lake, BOOK).data_path
    changed = path.with_name("changed.parquet")
    duckdb.sql(
        f"copy (select * replace (if(window_start_ts_ns = 1767709800000000000, message_count + 1, "
        f"message_count) as message_count) from read_parquet('{path}', hive_partitioning = false)) "
        f"to '{changed}'"
    )
    changed.replace(path)
    result = run(lake, "data", "--dt", DT)
    assert result.exit_code == 1
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == f"check data ESH6: not passed on {DT}"
    assert "2026-01-06 14:30:00Z" in result.stdout
    found = outcomes(run(lake, "data", "--dt", DT, "--json"))
    assert {name for name, outcome in found.items() if outcome == "failed"} == {
        "data_files", "records_are_counted",
    }  # fmt: skip
    rows = next(
        check["rows"]
        for check in json.loads(run(lake, "data", "--dt", DT, "--json").stdout)["days"][0]["checks"]
        if check["name"] == "records_are_counted"
    )
    assert [row["window_start"] for row in rows] == ["2026-01-06 14:30:00Z"]
    assert rows[0]["message_count"] == rows[0]["bronze_message_count"] + 1


def test_an_unfinished_partition_is_missing(lake: Lake):
    """Without _SUCCESS there is no partition: said, exit 1; what does not need it is checked."""
    ref(lake, ZONE).success_path.unlink()
    result = run(lake, "data", "--dt", DT)
    assert result.exit_code == 1
    assert f"missing: {ZONE} ESH6 {DT} is not in the lake" in result.stdout
    found = outcomes(run(lake, "data", "--dt", DT, "--json"))
    assert found["radar_zones_from_walls"] == found["windows_are_aligned"] == "not run"
    assert found["depth_differences"] == "passed"


def test_damaged_files_are_findings_not_tracebacks(lake: Lake):
    """Cut off, garbage, another table's columns: each is a failed check that names the table."""
    path = ref(lake, BANDS).data_path
    content = path.read_bytes()
    other = ref(lake, BOOK).data_path.read_bytes()
    for damage in (content[: len(content) // 2], b"PAR1garbage", b"", other):
        path.write_bytes(damage)
        found = outcomes(run(lake, "physics", "--dt", DT, "--json"))
        assert found["data_files"] == found["contract_columns"] == "failed"
        assert found["bands_from_surfaces"] in ("failed", "not run")
        assert found["vacuum_score_from_calibration"] == "passed"
    # damaged within a column's pages: the footer is sound, reading is not
    middle = bytearray(content)
    middle[40:400] = bytes(360)
    path.write_bytes(middle)
    found = outcomes(run(lake, "physics", "--dt", DT, "--json"))
    assert found["data_files"] == "failed"


def test_a_damaged_manifest_is_the_days_problem(lake: Lake):
    """One line for the day; the other days of the same command are still checked."""
    ref(lake, BOOK).manifest_path.write_text("{")
    result = run(lake, "data", "--dates", f"{DT},2026-01-07", "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["days"]
    assert "damaged manifest" in first["problem"]
    assert second["missing"] == list(SUITES["data"].tables)


def test_a_file_swapped_for_an_older_one_is_seen(lake: Lake):
    """A table that was not made of what is published now: a warning that says of what."""
    manifest_path = ref(lake, ZONE).manifest_path
    manifest = json.loads(manifest_path.read_text())
    manifest_path.write_text(json.dumps({**manifest, "seconds": 99}))
    assert outcomes(run(lake, "data", "--dt", DT, "--json"))["inputs"] == "warned"
    assert run(lake, "data", "--dt", DT).exit_code == 0


def test_a_missing_column_is_named(lake: Lake):
    path = ref(lake, BOOK).data_path
    pq.write_table(pq.read_table(path).drop_columns(["message_count"]), path)
    result = run(lake, "data", "--dt", DT, "--json")
    found = outcomes(result)
    assert found["contract_columns"] == found["records_are_counted"] == "failed"
    assert "message_count" in result.stdout


def test_a_range_skips_what_the_lake_has_nothing_of(es_option_day: OptionDay):
    result = run(es_option_day.lake, "data", "--dates", "2026-01-03:2026-01-07", "--json")
    assert result.exit_code == 0
    assert [day["dt"] for day in json.loads(result.stdout)["days"]] == [DT]
    assert "skipped: 2026-01-03, 2026-01-04, 2026-01-05, 2026-01-07" in result.stderr


def test_shown_sql_runs_in_a_plain_duckdb(es_option_day: OptionDay):
    """--show prints views and query: pasted anywhere, it finds nothing wrong in a sound day."""
    for suite in SUITES.values():
        for check in suite.checks():
            if check.name in ("contract_columns", "data_files", "inputs", "row_counts"):
                continue  # of the manifests, not of tables
            shown = run(es_option_day.lake, suite.name, "--dt", DT, "--show", check.name)
            with duckdb.connect() as connection:
                rows = connection.execute(shown.stdout).fetchall()
            assert len(rows) <= check.tolerated_share * 1e6, check.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give either --dt DATE or --dates DATES"),
        (("--dt", DT, "--dates", DT), "give either --dt DATE or --dates DATES"),
        (("--dt", "tuesday"), "'tuesday' is not a date"),
        (("--dates", "2026-01-07:2026-01-06"), "ends before it begins"),
        (("--dates", "2025-01-06:2025-01-07"), "has nothing of ESH6 from 2025-01-06"),
        (("--dt", DT, "--symbol", "../x"), "'../x' is not a symbol (such as ESH6)"),
        (("--dt", DT, "--show", "nothing"), "data has no check 'nothing': there are contract"),
    ],
)
def test_a_users_mistake_is_one_line(es_option_day: OptionDay, options: tuple[str], message: str):
    result = run(es_option_day.lake, "data", *options)
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)


def test_dates():
    assert dates_of("2026-01-06, 2026-01-08") == (["2026-01-06", "2026-01-08"], False)
    assert dates_of("2025-12-31:2026-01-01") == (["2025-12-31", "2026-01-01"], True)
    for text in ("", "2026-01-06,", "06-01-2026", ":", "2026-1-06:2026-01-07:2026-01-08"):
        with pytest.raises(UserError, match="is not a date"):
            dates_of(text)
