"""The command line: what a user's mistake, Ctrl-C and our own defects look like from outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner

from spymaster import cli as module
from spymaster.checks.run import check_day
from spymaster.checks.suites import SUITES
from spymaster.cli import INTERRUPTED, cli, main
from spymaster.errors import UserError
from spymaster.lake import Lake


@pytest.fixture
def run_raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """Run a command that raises; gives the exit code."""

    def run(error: BaseException) -> int:
        def command() -> None:
            raise error

        found = click.Command("anything", callback=command)
        monkeypatch.setattr(module.cli, "get_command", lambda *_: found)
        monkeypatch.setattr("sys.argv", ["spymaster", "anything"])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code)

    return run


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        duckdb.InterruptException("INTERRUPT Error: Interrupted!"),
        RuntimeError("Query interrupted"),  # what a fetch from DuckDB raises
    ],
    ids=lambda error: type(error).__name__,
)
def test_ctrl_c_is_one_line_and_130(run_raising, capsys, error: BaseException):
    assert run_raising(error) == INTERRUPTED == 130
    assert capsys.readouterr().err == "spymaster: interrupted\n"


def test_a_users_mistake_is_one_line_and_1(run_raising, capsys):
    assert run_raising(UserError("no such file:\n es.dbn.zst")) == 1
    assert capsys.readouterr().err == "spymaster: error: no such file: es.dbn.zst\n"


def test_a_defect_keeps_its_traceback(run_raising):
    with pytest.raises(RuntimeError, match="ours"):
        run_raising(RuntimeError("ours"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["sweep"],
        ["sql", "select 1"],
        ["serve"],
        ["picture", "--symbol", "ESH6", "--dt", "2026-01-06"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_lake_that_is_not_there_is_not_an_empty_one(tmp_path: Path, arguments: list[str]):
    result = CliRunner().invoke(cli, [*arguments, "--lake", str(tmp_path / "typo")])
    assert isinstance(result.exception, UserError)
    assert str(result.exception).startswith(f"there is no lake {tmp_path / 'typo'}")
    assert not (tmp_path / "typo").exists()


def test_a_day_that_is_not_there_is_not_a_day_without_options(tmp_path: Path):
    report = check_day(SUITES["gex"], Lake(tmp_path), "ESH6", "2026-01-06")
    assert (report.passed, report.nothing_to_check) == (False, None)
    assert set(report.missing) == set(SUITES["gex"].tables)


@pytest.mark.parametrize("url", ["foo", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_check_hud_says_what_an_address_is(tmp_path: Path, url: str):
    arguments = ["--symbol", "ESH6", "--dt", "2026-01-06", "--lake", str(tmp_path), "--url", url]
    result = CliRunner().invoke(cli, ["check", "hud", *arguments])
    assert isinstance(result.exception, UserError)
    assert str(result.exception).startswith(f"--url {url!r} is not an address")
