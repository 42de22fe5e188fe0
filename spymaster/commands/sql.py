"""`spymaster sql`: the lake's tables in SQL, one query or the duckdb shell."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from spymaster.errors import UserError
from spymaster.lake import Lake
from spymaster.whole_file import whole_file

if TYPE_CHECKING:
    import duckdb

_FETCH_ROWS = 10_000
_TABLE_ROWS = 40
_FILE_FORMATS = {".parquet": "parquet", ".csv": "csv", ".json": "json"}


@click.command()
@click.argument("query", required=False)
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
@click.option(
    "--format", "output_format", type=click.Choice(["table", "csv", "json"]), default="table",
    show_default=True, help="How rows are printed; a table shows some, csv and json all.",
)  # fmt: skip
@click.option("--out", metavar="FILE", help="Write the rows to FILE: .parquet, .csv or .json.")
@click.option(
    "--refresh", is_flag=True, help="Only make warehouse.duckdb anew, and print its path."
)
def sql(
    query: str | None, lake_path: str | None, output_format: str, out: str | None, refresh: bool
) -> None:
    """Answer a QUERY over the whole lake, or open the duckdb shell on it; "-" reads it from stdin.

    \b
    Examples:
      spymaster sql "select strike_points, gex from gex_surface_1s where dt = '2026-01-06'"
      spymaster sql "from lake_partitions" --format csv
      spymaster sql "from wall_surface_1s where dt = '2026-01-06'" --out walls.parquet
      spymaster sql
    """
    # DuckDB is slow to import and not wanted by --help.
    from spymaster.warehouse import connect, refresh_warehouse

    lake = Lake.from_option(lake_path)
    if refresh and query is not None:
        raise UserError("--refresh makes warehouse.duckdb anew and answers no QUERY")
    if refresh:
        click.echo(refresh_warehouse(lake, always=True))
        return
    if query is None:
        if out or output_format != "table":
            raise UserError("--out and --format are for a query: spymaster sql QUERY --out FILE")
        _open_shell(refresh_warehouse(lake))
    text = click.get_text_stream("stdin").read() if query == "-" else query
    if not text.strip():
        raise UserError("the query is empty; without a QUERY the duckdb shell opens")
    with connect(lake) as connection:
        _answer(connection, text, output_format, Path(out) if out else None)


def _open_shell(path: Path) -> NoReturn:
    """Become the duckdb shell, so that keys, signals and the exit code are its own."""
    program = _shell_program()
    if program is None:
        raise UserError(f"no duckdb shell in {sys.prefix} or on PATH; run: pip install duckdb-cli")
    os.execv(program, [program, "-readonly", str(path)])


def _shell_program() -> str | None:
    """Find the shell itself: the command that its package installs is a parent, whom Ctrl-C ends."""
    package = find_spec("duckdb_cli")
    for folder in (package and package.submodule_search_locations) or []:
        program = Path(folder, "duckdb")
        if os.access(program, os.X_OK):
            return str(program)
    return shutil.which("duckdb")


def _answer(
    connection: duckdb.DuckDBPyConnection, query: str, output_format: str, out: Path | None
) -> None:
    import duckdb

    try:
        *before, last = connection.extract_statements(query) or [None]
        for statement in before:
            connection.execute(statement)
        rows = _relation(connection, last) if last else None
        if out:
            _write_file(connection, rows, out)
        elif rows is not None:
            _PRINTERS[output_format](rows)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise UserError(_one_line(str(error))) from error


def _relation(
    connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement
) -> duckdb.DuckDBPyRelation | None:
    import duckdb

    try:
        return connection.sql(statement.query)
    except duckdb.BinderException:
        # As a relation it is refused without the line; executed it is refused with it.
        connection.execute(statement)
        raise


def _one_line(message: str) -> str:
    """Put DuckDB's message and the place its caret points to in one line.

    >>> _one_line('Parser Error: syntax error at or near "1"\\n\\nLINE 1: 1 from x\\n        ^')
    'Parser Error: syntax error at or near "1" (line 1, at "1 from x")'
    """
    found = re.search(r"\n\nLINE (\d+): (.*)\n( *)\^", message)
    if not found:
        return message
    prefix = len(f"LINE {found[1]}: ")
    place = found[2][max(len(found[3]) - prefix, 0) :].strip()
    return f'{message[: found.start()]} (line {found[1]}, at "{place[:30]}")'


# -- what is printed ------------------------------------------------------------------------------


def _print_table(rows: duckdb.DuckDBPyRelation) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 120
    rows.show(max_width=width, max_rows=_TABLE_ROWS)


def _print_csv(rows: duckdb.DuckDBPyRelation) -> None:
    # As text by DuckDB, which knows how each of its types is written.
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.columns)
    for batch in _batches(rows.select("columns(*)::varchar")):
        writer.writerows(batch)


def _print_json(rows: duckdb.DuckDBPyRelation) -> None:
    separator = "["
    for batch in _batches(rows.select("to_json(columns(*))::varchar")):
        for values in batch:
            fields = (
                f"{json.dumps(name)}:{'null' if value is None else value}"
                for name, value in zip(rows.columns, values, strict=True)
            )
            sys.stdout.write(f"{separator}{{{','.join(fields)}}}")
            separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[" else "]\n")


def _batches(rows: duckdb.DuckDBPyRelation) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows as they come, so that memory does not grow with their number."""
    for batch in rows.to_arrow_reader(_FETCH_ROWS):
        yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


_PRINTERS: dict[str, Callable[[duckdb.DuckDBPyRelation], None]] = {
    "table": _print_table,
    "csv": _print_csv,
    "json": _print_json,
}


def _write_file(
    connection: duckdb.DuckDBPyConnection, answer: duckdb.DuckDBPyRelation | None, out: Path
) -> None:
    """Write the rows to `out`, whole or not at all."""
    file_format = _FILE_FORMATS.get(out.suffix)
    if file_format is None:
        raise UserError(f"--out {out}: the name must end with {', '.join(_FILE_FORMATS)}")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}")
    if answer is None:
        raise UserError("--out: the query gives no rows")
    array = ", array true" if file_format == "json" else ""
    with whole_file(out) as part:
        target = str(part).replace("'", "''")
        # DuckDB finds `answer` here by its name; unlike the relation's own methods this heeds Ctrl-C.
        connection.execute(f"copy (from answer) to '{target}' (format {file_format}{array})")
    click.echo(f"wrote {out}")
