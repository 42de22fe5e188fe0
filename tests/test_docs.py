"""The documentation names what exists: tables, columns, commands; its links and its SQL work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import duckdb
import pyarrow.parquet as pq
import pytest
import yaml
from small_lake import book_ref, book_rows

from spymaster.cli import cli
from spymaster.contracts import Contract, all_contracts
from spymaster.dbt_run import dbt_project_dir
from spymaster.lake import Lake, partition_ref, read_manifest
from spymaster.partition_writer import write_partition
from spymaster_udf.book_state import ANOMALY_KINDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PYTHON_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
SQL_BLOCK = re.compile(r"```sql\n(.*?)```", re.DOTALL)


def words(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def section(page: str, heading: str) -> str:
    """What stands under a heading of any level, up to the next heading of its level or above."""
    text = (ROOT / "docs" / page).read_text()
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"docs/{page} has no section {heading!r}"
    after = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", after, re.MULTILINE)
    return after[: end.start()] if end else after


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, with its full name."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, f"the command {path} {name} cannot be loaded"
            yield f"{path} {name}", child
            yield from walk(child, f"{path} {name}")


COMMANDS = dict(walk(cli, "spymaster"))


@pytest.mark.parametrize("contract", all_contracts(), ids=lambda contract: contract.key)
def test_every_table_column_key_and_rule_is_in_tables_md(contract: Contract):
    """The page says of each table what its contract says: nothing more, nothing less, in order."""
    text = section("tables.md", contract.key)
    assert words(contract.doc) in words(text)
    listed = re.findall(r"^- `(\w+)` ([A-Z]+)( or NULL)?", text, re.MULTILINE)
    expected = [(f.name, f.duckdb_type, " or NULL" if f.nullable else "") for f in contract.fields]
    assert listed == expected
    for field in contract.fields:
        assert words(field.doc) in words(text), field.name
    for column in contract.properties.get("unique_key", []):
        assert f"`{column}`" in next(li for li in text.splitlines() if li.startswith("- Key:"))
    for rule in contract.properties.get("rules", []):
        assert f"- `{rule['name']}`: `{words(rule['expression'])}`" in words(text)
    for link in ("same_windows_as", "windows_from"):
        if link in contract.properties:
            assert f"`{contract.properties[link]['table']}`" in text


def test_tables_md_has_no_table_that_is_not_there():
    headings = re.findall(r"^## (\S+)$", (ROOT / "docs" / "tables.md").read_text(), re.MULTILINE)
    assert headings == [contract.key for contract in all_contracts()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_in_commands_md(name: str):
    """Each command has a section; each of its options stands in it."""
    text = section("commands.md", name)
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert option in text, f"{name} {option}"


def test_every_var_is_in_commands_md():
    """The vars of the dbt project are described, with no var that is not there."""
    project = yaml.safe_load((dbt_project_dir() / "dbt_project.yml").read_text())
    text = section("commands.md", "spymaster build")
    for name in project["vars"]:
        assert f"`{name}`" in text or f"`--{name}" in text, name


def test_every_kind_of_anomaly_is_in_book_md():
    assert sorted(re.findall(r"^\| `(\w+)` \|", section("book.md", "Bad data"), re.MULTILINE)) == (
        sorted(ANOMALY_KINDS)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_resolves(page: Path):
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readmes_sql_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """On a lake of empty tables with the contracts' columns, every question finds what it names."""
    for contract in all_contracts():
        ref = partition_ref(Lake(tmp_path / "lake"), contract.key, "ESH6", "2026-01-06")
        ref.folder.mkdir(parents=True)
        pq.write_table(contract.arrow_schema.empty_table(), ref.data_path)
    monkeypatch.chdir(tmp_path)
    blocks = SQL_BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) == 6  # the views and five questions
    with duckdb.connect() as connection:
        for block in blocks:
            connection.execute(block)


def test_the_sql_pages_sql_runs(tmp_path: Path):
    """Its queries, and the two of its words that are SQL: local time and comments."""
    text = (ROOT / "docs" / "sql.md").read_text()
    inline = re.findall(r"`(select column_name, comment [^`]+|window_start_at::[^`]+)`", text)
    lake = Lake(tmp_path)
    write_partition(book_ref(lake, "2026-01-06"), book_rows(1))
    with lake.connect() as connection:
        assert SQL_BLOCK.findall(text)
        for block in SQL_BLOCK.findall(text):
            connection.execute(block)
        expressions = [query for query in inline if query.startswith("window_start_at")]
        local = connection.sql(f"select {expressions[0]} from book_snapshot_1s").fetchone()
        assert str(local) == "(datetime.datetime(2026, 1, 6, 9, 30),)"
        comments = next(query for query in inline if query.startswith("select"))
        assert len(connection.sql(comments).fetchall()) > 20


def test_the_python_pages_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """One after the other, as a reader would."""
    monkeypatch.setenv("SPYMASTER_LAKE", str(tmp_path))
    lake = Lake()
    rows = book_rows(5)
    asks = rows.schema.get_field_index("best_ask_price_int")
    asked = rows.set_column(asks, rows.schema.field(asks), [[6_925_500_000_000] * 5])
    write_partition(book_ref(lake, "2026-01-06"), asked)
    names: dict[str, object] = {}
    for block in PYTHON_BLOCK.findall((ROOT / "docs" / "python.md").read_text()):
        exec(compile(block, "python.md", "exec"), names)
    assert (names["total"], names["days"]) == (5, ["2026-01-06"])
    assert "2026-01-06 14:30:00" in capsys.readouterr().out
    written = partition_ref(lake, "silver.future_mbo.physics_metric_counts", "ESH6", "2026-01-06")
    assert read_manifest(written)["row_count"] == 1
    names["connection"].close()
