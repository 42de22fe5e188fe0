"""The command `spymaster ingest`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import JustifyMethod
from rich.filesize import decimal
from rich.table import Table

from ingest.dbn_file import DbnFile
from ingest.file_ingest import IngestedFile, ingest_file
from ingest.kinds import LAYOUTS
from ingest.routing import NothingWantedError
from spymaster.errors import UserError
from spymaster.lake import Lake, PartitionRef
from spymaster.products import product_of_root
from spymaster.progress import progress
from spymaster.terminal import console

_SCHEMAS = [layout.name for layout in LAYOUTS]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path())
@click.option("--root", help="Only this product, such as ES: its futures and the options on them.")
@click.option("--lake", "lake_path", help="The lake's folder [SPYMASTER_LAKE or ./lake].")
@click.option("--overwrite", is_flag=True, help="Replace partitions that are there already.")
def ingest(
    paths: tuple[str, ...], root: str | None, lake_path: str | None, overwrite: bool
) -> None:
    """Read Databento files of schema definition, statistics and mbo into the lake.

    PATH is a DBN file, plain or zstd, or a folder, which means all *.dbn and *.dbn.zst in it of
    these schemas. Definitions are read first: they tell what the options of the others are on. MBO
    makes one partition per future, and per underlying future of options, and UTC date; spreads are
    left out, with a word. Definitions and statistics make one per product and UTC date. A file with
    an error in it gives nothing, and the other files are still read.

    \b
    Example:
      spymaster ingest glbx-mdp3-20260106.mbo.dbn.zst --root ES
      spymaster ingest raw/20260106/ --root ES
    """
    if root is not None:
        product_of_root(root)
    lake = Lake.from_option(lake_path)
    _sweep(lake)
    done: list[IngestedFile] = []
    failures: list[UserError] = []
    unwanted: list[str] = []
    claimed: dict[PartitionRef, Path] = {}
    named = {Path(path).resolve() for path in paths}
    for path in _files(paths):
        try:
            done.append(_ingest_with_progress(path, lake, root, overwrite, claimed))
        except NothingWantedError as error:
            if path.resolve() in named:
                failures.append(error)
            else:
                unwanted.append(str(error))
        except UserError as error:
            failures.append(error)
    for line in unwanted:
        click.echo(f"skipped: {line}", err=True)
    _print_summary(done)
    _raise_failures(failures, unwanted, len(done))


def _sweep(lake: Lake) -> None:
    try:
        for folder in lake.sweep_staging():
            click.echo(f"removed what a killed run left behind: {folder}", err=True)
    except OSError as error:
        raise UserError(f"cannot use the lake {lake.root}: {error.strerror or error}") from error


def _files(paths: tuple[str, ...]) -> list[Path]:
    """Return the files to read, each once: definitions first, else in the order given.

    A folder's files are in order of name.
    """
    files: dict[Path, Path] = {}
    for path in map(Path, paths):
        for file in _files_in(path) if path.is_dir() else [path]:
            files.setdefault(file.resolve(), file)
    return sorted(files.values(), key=_rank)


def _rank(path: Path) -> int:
    """Return when to read a file: by its schema; what cannot be read, last."""
    try:
        with DbnFile(path) as file:
            return _SCHEMAS.index(file.schema) if file.schema in _SCHEMAS else len(_SCHEMAS)
    except UserError:
        return len(_SCHEMAS)


def _files_in(folder: Path) -> list[Path]:
    try:
        candidates = sorted([*folder.glob("*.dbn"), *folder.glob("*.dbn.zst")])
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror or error}") from error
    if not candidates:
        raise UserError(f"{folder}: no DBN files (*.dbn, *.dbn.zst) in this folder")
    files = []
    for path in candidates:
        with DbnFile(path) as file:
            schema = file.schema
        if schema is None or schema in _SCHEMAS:
            files.append(path)
        else:
            click.echo(
                f"skipped: {path}: its schema is {schema}, not {', '.join(_SCHEMAS)}", err=True
            )
    if not files:
        raise UserError(
            f"{folder}: none of its {len(candidates)} DBN files is of schema {', '.join(_SCHEMAS)}"
        )
    return files


def _ingest_with_progress(
    path: Path,
    lake: Lake,
    root: str | None,
    overwrite: bool,
    claimed: dict[PartitionRef, Path],
) -> IngestedFile:
    with progress(f"ingest {path.name}", None, "records") as advance:
        result = ingest_file(
            path, lake, root, overwrite=overwrite, on_progress=advance, claimed=claimed
        )
        advance(0, result.messages)
    if result.skipped:
        click.echo(f"{path.name}: left out {result.skipped}", err=True)
    return result


def _print_summary(done: list[IngestedFile]) -> None:
    if not done:
        return
    table = Table()
    for heading in ("table", "symbol", "date", "records", "size", "seconds", ""):
        is_text = heading in ("table", "symbol", "date", "")
        justify: JustifyMethod = "left" if is_text else "right"
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=heading != "table")
    for file in done:
        for part in file.partitions:
            table.add_row(
                part.ref.key.removeprefix("bronze."),
                part.ref.symbol,
                part.ref.dt,
                f"{part.messages:,}",
                decimal(part.size),
                f"{file.seconds:.1f}",
                "published" if part.published else "already ingested",
            )
    console().print(table)


def _raise_failures(failures: list[UserError], unwanted: list[str], done: int) -> None:
    if len(failures) == 1:
        raise failures[0]
    for failure in failures:
        click.echo(f"error: {failure}", err=True)
    if failures:
        raise UserError(f"{len(failures)} of {len(failures) + len(unwanted) + done} files failed")
    if not done:
        raise UserError(f"none of {len(unwanted)} files holds wanted records: {unwanted[0]}")
