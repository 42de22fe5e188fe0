"""Rows of a table as an Arrow IPC stream, read and written in batches, whatever the day's size."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from spymaster.contracts import load_contract
from spymaster.hud.day import WINDOW_NS
from spymaster.hud.refusal import RefusalError
from spymaster.lake import PartitionRef, iter_batches

_BATCH_ROWS = 65_536


def surface_columns(key: str, wanted: str | None) -> list[str]:
    """Return the columns named in `wanted`, separated by commas, all if None; in the table's order.

    Raises RefusalError (400) for a column that the table has not.
    """
    names = [field.name for field in load_contract(key).fields]
    if wanted is None:
        return names
    asked = wanted.split(",")
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise RefusalError(400, f"{key} has no column {unknown[0][:40]!r}")
    return [name for name in names if name in asked]


def window_column(key: str) -> str | None:
    """Return the column that says a row's window; None for a table that is not by window."""
    names = load_contract(key).arrow_schema.names
    for name in ("window_end_ts_ns", "window_start_ts_ns"):
        if name in names:
            return name
    return None


def surface_stream(
    ref: PartitionRef, columns: list[str], start_ns: int | None, end_ns: int | None, limit: int
) -> Iterator[bytes]:
    """Yield the pieces of an IPC stream of the rows whose windows end in (start_ns, end_ns].

    Raises UserError before the first piece if the partition cannot be read.
    """
    window = window_column(ref.key) if (start_ns, end_ns) != (None, None) else None
    read = columns if window is None or window in columns else [*columns, window]
    batches = iter_batches(ref, _BATCH_ROWS, read)
    first = next(batches, None)
    schema = first.schema if first is not None else load_contract(ref.key).arrow_schema
    schema = pa.schema([schema.field(name) for name in columns])
    sink = io.BytesIO()
    left = limit
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in itertools.chain([] if first is None else [first], batches):
            kept = _within(batch, window, start_ns, end_ns) if window else batch
            kept = kept.slice(0, left)
            left -= kept.num_rows
            if kept.num_rows:
                arrays = [kept[name] for name in columns]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            yield _drained(sink)
            if left <= 0:
                break
    yield _drained(sink)


def _within(
    batch: pa.RecordBatch, window: str, start_ns: int | None, end_ns: int | None
) -> pa.RecordBatch:
    shift = 0 if window == "window_end_ts_ns" else WINDOW_NS
    for bound, compare in ((start_ns, pc.greater), (end_ns, pc.less_equal)):
        if bound is not None:
            batch = batch.filter(compare(batch[window], pa.scalar(bound - shift, pa.int64())))
    return batch


def _drained(sink: io.BytesIO) -> bytes:
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece


async def off_loop(pieces: Iterator[bytes], executor: Executor) -> AsyncIterator[bytes]:
    """Yield what an iterator yields, each step taken in another thread."""
    loop = asyncio.get_running_loop()
    while (piece := await loop.run_in_executor(executor, next, pieces, None)) is not None:
        if piece:
            yield piece
