"""What the lake has of a root: its trading dates, its contracts on each, its definitions.

A table of a root is made of more than one partition of each input: of its contracts, on the date and on
the trading dates before it. Which these are is said here, from the names in the lake alone.
"""

from __future__ import annotations

from datetime import date

import pyarrow.parquet as pq

from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    complete_partitions,
    is_partition_complete,
    partition_ref,
)
from spymaster.products import PRODUCTS, outright_root
from spymaster.runs.dates import closed

MBO = "bronze.future_mbo.mbo"
DEFINITIONS = "bronze.shared.instrument_definitions"
DATES_BEFORE = 2
"""One to select by its volumes, and one by which the selection of that date was made."""


def contracts_in(lake: Lake, root: str | None = None) -> list[str]:
    """Return the contracts of which the lake has records, of a root or of all that are known.

    They are the names of its folders that are a contract's.
    """
    table = partition_ref(lake, MBO, "ESH6", date.min).folder.parent
    folders = table.parent.parent.glob(f"symbol=*/{table.name}")
    names = (folder.parent.name.removeprefix("symbol=") for folder in folders)
    wanted = PRODUCTS if root is None else (root,)
    return sorted(name for name in names if outright_root(name) in wanted)


def trading_dates(lake: Lake, root: str) -> list[str]:
    """Return the dates with a day session of which the lake has records of a root, sorted.

    A Sunday's file holds an evening, which belongs to Monday's session: it is no trading date.
    """
    refs = (
        ref for name in contracts_in(lake, root) for ref in complete_partitions(lake, MBO, name)
    )
    return sorted(dt for dt in {ref.dt for ref in refs} if not closed(date.fromisoformat(dt)))


def root_inputs(lake: Lake, root: str, dt: str) -> dict[str, list[PartitionRef]]:
    """Return by dataset key what a root's table of a date reads, each list by date and symbol.

    The records of all contracts on the two trading dates before and on dt itself; of the definitions,
    for each of these dates the latest that are not later: contracts that have expired in between are
    not in those of dt. UserError, saying which file to get, if there is nothing to select from.
    """
    days = [day for day in trading_dates(lake, root) if day < dt][-DATES_BEFORE:]
    contracts = contracts_in(lake, root)
    refs = [partition_ref(lake, MBO, name, day) for day in [*days, dt] for name in contracts]
    records = [ref for ref in refs if is_partition_complete(ref)]
    if not records:
        raise UserError(
            f"no bronze data: {MBO} of no contract of {root} on {dt} or before is in the lake "
            f"{lake.root}; download the day's schema mbo and run: spymaster ingest PATH"
        )
    defined = complete_partitions(lake, DEFINITIONS, root)
    latest = [[ref for ref in defined if ref.dt <= day][-1:] for day in [*days, dt]]
    definitions = sorted({ref for found in latest for ref in found}, key=lambda ref: ref.dt)
    if not definitions:
        raise UserError(
            f"no bronze data: {DEFINITIONS} of {root} on {dt} or before is not in the lake "
            f"{lake.root}; download the day's schema definition and run: spymaster ingest PATH"
        )
    return {MBO: records, DEFINITIONS: definitions}


def require_expirations(lake: Lake, root: str, dt: str) -> None:
    """Raise UserError if a contract's expiration is unknown, or all have expired by dt."""
    inputs = root_inputs(lake, root, dt)
    expirations: dict[str, int] = {}
    for ref in inputs[DEFINITIONS]:
        columns = ["raw_symbol", "expiration_ns"]
        futures = [("instrument_class", "=", "F"), ("expiration_ns", ">", 0)]
        rows = pq.read_table(ref.data_path, columns=columns, filters=futures)
        expirations.update(zip(*(rows[name].to_pylist() for name in columns), strict=True))
    names = sorted({ref.symbol for ref in inputs[MBO]})
    unknown = [name for name in names if name not in expirations]
    if unknown:
        raise UserError(
            f"the expiration of {', '.join(unknown)} is not in {inputs[DEFINITIONS][-1]}; download "
            f"schema definition of {dt}, with all contracts of {root}, and run: spymaster ingest PATH"
        )
    start = date.fromisoformat(dt).toordinal() - date(1970, 1, 1).toordinal()
    if all(expirations[name] <= start * 86_400 * 10**9 for name in names):
        raise UserError(
            f"every contract of {root} in the lake ({', '.join(names)}) has expired by {dt}; download "
            "schema mbo of the contract after them and run: spymaster ingest PATH"
        )
