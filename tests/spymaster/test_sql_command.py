"""`spymaster sql`: answers on stdout, errors in a line, the duckdb shell when there is no query."""

from __future__ import annotations

import csv
import doctest
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import spymaster.commands.sql as sql_command
from spymaster.contracts import load_contract
from spymaster.errors import UserError
from spymaster.lake import Lake, partition_ref
from spymaster.partition_writer import write_partition

COUNTS = "silver.future_mbo.physics_metric_counts"
SPYMASTER = Path(sys.executable).with_name("spymaster")
CTRL_C = "\x03"
IV = "black76_iv(6003.25, 6005, 0.00074, 7.6356, 0.045, 'C')"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two rows of one table."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    schema = load_contract(COUNTS).arrow_schema
    table = schema.empty_table().from_pylist(
        [
            {"metric_name": 'a,"b"', "metric_value": 0.5, "row_count": 3},
            {"metric_name": "c", "metric_value": 1.0, "row_count": 4},
        ],
        schema=schema,
    )
    write_partition(partition_ref(lake, COUNTS, "ESH6", "2026-01-06"), table)
    return lake


def run(lake: Lake, *arguments: str, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(
        sql_command.sql, [*arguments, "--lake", str(lake.root)], input=stdin
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_table_is_drawn(lake):
    query = f"select round({IV}, 6) as iv, metric_name from physics_metric_counts"
    drawn = run(lake, query).stdout
    assert "│ 0.130176 │ c           │" in drawn
    assert "double" in drawn


def test_csv(lake):
    query = (
        "select *, null as nothing, [1, 2] as both from physics_metric_counts order by row_count"
    )
    text = run(lake, query, "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["metric_name"] for row in rows] == ['a,"b"', "c"]
    assert (rows[0]["nothing"], rows[0]["both"], rows[0]["dt"]) == ("", "[1, 2]", "2026-01-06")


def test_json(lake):
    query = (
        "select dt, metric_name, row_count, null as x, {'a': [1.5]} as s from physics_metric_counts"
    )
    rows = json.loads(run(lake, f"{query} order by row_count", "--format", "json").stdout)
    assert rows[0] == {
        "dt": "2026-01-06", "metric_name": 'a,"b"', "row_count": 3, "x": None, "s": {"a": [1.5]},
    }  # fmt: skip
    assert len(rows) == 2
    assert json.loads(run(lake, "select 1 where false", "--format", "json").stdout) == []


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_a_file_is_written_whole(lake, tmp_path, suffix):
    out = tmp_path / f"counts.{suffix}"
    result = run(
        lake, "select row_count as n from physics_metric_counts order by n", "--out", str(out)
    )
    assert result.stdout == f"wrote {out}\n"
    if suffix == "parquet":
        assert pq.read_table(out).to_pylist() == [{"n": 3}, {"n": 4}]
    elif suffix == "csv":
        assert out.read_text() == "n\n3\n4\n"
    else:
        assert json.loads(out.read_text()) == [{"n": 3}, {"n": 4}]
    with pytest.raises(UserError):
        run(lake, "select error('late') from physics_metric_counts", "--out", str(out))
    assert list(tmp_path.iterdir()) == [out], "nothing half-written, and the old file stays"


def test_a_query_from_stdin_of_several_statements(lake):
    text = "create temp table two as select 2 as n;\nselect n + 1 as m from two;"
    assert run(lake, "-", "--format", "csv", stdin=text).stdout == "m\n3\n"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select 1 frm x y", r'syntax error at or near "x" \(line 1, at "x y"\)'),
        ("select\n  foo\nfrom physics_metric_counts", r'"foo" not found .* \(line 2, at "foo"\)'),
        ("from physics_metric_count", 'Did you mean "physics_metric_counts'),
        ("select black76_iv(1, 2)", "does not support the supplied arguments"),
        ("select black76_iv(1, 2, 3, 4, 'five', 'C')", "Could not convert string 'five'"),
        ("create table mine as select 1", "read-only"),
        ("select error('mine')", "mine"),
    ],
)
def test_an_error_is_one_line_with_the_place(lake, query, message):
    with pytest.raises(UserError, match=message) as caught:
        run(lake, query, "--format", "csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["select 1", "--out", "x.xlsx"], "must end with .parquet, .csv, .json"),
        (["select 1", "--out", "none/x.csv"], "there is no folder none"),
        (["create temp table t as select 1", "--out", "x.csv"], "gives no rows"),
        (["--out", "x.csv"], "are for a query"),
    ],
)
def test_options_that_do_not_fit(lake, arguments, message):
    with pytest.raises(UserError, match=message):
        run(lake, *arguments)


def test_refresh_makes_the_file_and_names_it(lake):
    path = Path(run(lake, "--refresh").stdout.strip())
    made = path.stat().st_ino
    run(lake, "--refresh")
    assert path.stat().st_ino != made


def test_without_a_query_it_is_the_duckdb_shell(lake):
    """Its own commands work, the views are there, the exit code is its own."""
    shell = subprocess.run(
        [SPYMASTER, "sql", "--lake", lake.root],
        input=f".mode csv\nselect count(*), round({IV}, 6) from physics_metric_counts;\n.exit 7\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shell.stdout.splitlines()[-1] == "2,0.130176"
    assert shell.returncode == 7


class Terminal:
    """A terminal with a program in it, which answers what programs ask of terminals."""

    def __init__(self, *command: object) -> None:
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            os.environ["TERM"] = "dumb"
            os.execv(command[0], [str(part) for part in command])
        self._seen = b""

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read until the text comes; then forget it and what came before."""
        end = time.monotonic() + 20
        while text.encode() not in self._seen:
            assert time.monotonic() < end, f"no {text!r} in {self._seen!r}"
            if select.select([self._screen], [], [], 0.1)[0]:
                came = os.read(self._screen, 65_536)
                if b"\x1b[c" in came:  # which terminal are you?
                    self.type("\x1b[?1;2c")
                self._seen += came
        self._seen = self._seen.partition(text.encode())[2]

    def end(self) -> int:
        """Hang up and return the program's exit code."""
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        os.close(self._screen)
        return code


def test_ctrl_c_in_the_shell_ends_the_query_and_not_the_shell(lake):
    terminal = Terminal(SPYMASTER, "sql", "--lake", lake.root)
    terminal.wait_for(" D ")
    terminal.type("copy (select 'be' || 'gun') to '/dev/stderr' (header false); ")
    terminal.type("select sum(i) from range(100000000000) t(i);\n")
    terminal.wait_for("begun")
    time.sleep(0.3)
    terminal.type(CTRL_C)
    terminal.wait_for(" D ")
    terminal.type("select 6 * 7 as still_here;\n")
    terminal.wait_for("42")
    terminal.wait_for(" D ")
    terminal.type(CTRL_C)  # at the prompt
    terminal.type("select 6 * 8 as and_here;\n")
    terminal.wait_for("48")
    terminal.type(".exit 7\n")
    assert terminal.end() == 7


def test_without_a_shell_the_error_says_how_to_get_one(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(sql_command, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="pip install duckdb-cli"):
        run(lake)


@pytest.mark.parametrize("out", [[], ["--out", "rows.parquet"]], ids=["printed", "to a file"])
def test_ctrl_c_ends_a_query(lake, tmp_path, out):
    query = (
        "copy (select 1) to '/dev/stderr' (header false);"  # says that it has begun
        "select sum(i) from range(100000000000) t(i)"
    )
    with subprocess.Popen(
        [SPYMASTER, "sql", query, "--lake", lake.root, *out],
        stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stderr
        assert process.stderr.readline() == "1\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "spymaster: interrupted\n"
        assert process.wait(10) == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("query", ["", " \n"])
def test_an_empty_query_is_a_mistake(lake, query):
    with pytest.raises(UserError, match="the query is empty"):
        run(lake, query)
    with pytest.raises(UserError, match="the query is empty"):
        run(lake, "-", stdin=query)


def test_refresh_takes_no_query(lake):
    with pytest.raises(UserError, match="answers no QUERY"):
        run(lake, "--refresh", "select 1")


def test_the_example_in_the_module_runs():
    assert doctest.testmod(sql_command).failed == 0
