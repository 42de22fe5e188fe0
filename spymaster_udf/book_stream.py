"""From a stream of bronze rows to the engine's three tables: what the dbt model `book_engine` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pyarrow as pa

from spymaster_udf.anomalies import BadDataError
from spymaster_udf.book_engine import BookEngine, BookParams
from spymaster_udf.book_tables import (
    BOOK_SNAPSHOT,
    RADAR_ZONE_FLOW,
    WALL_SURFACE,
    WallBuffer,
    book_snapshot_batch,
    radar_zone_flow_batch,
)
from spymaster_udf.book_windows import BOOK_COLUMNS, RADAR_KEY_SIZE, RADAR_SIDE_SIZE
from spymaster_udf.mbo import UNDEF_ORDER_SIZE, UNDEF_PRICE
from spymaster_udf.mbo_columns import MboColumns

BATCH_RECORDS: Final = 131_072

MBO_PROJECTION: Final = f"""
    coalesce(ts_event_ns, ts_recv_ns) as ts_event,
    ts_recv_ns as ts_recv,
    order_id,
    coalesce(price_int, {UNDEF_PRICE}) as price,
    coalesce(size_qty, {UNDEF_ORDER_SIZE}) as size,
    flags::utinyint as flags,
    ascii(action)::utinyint as action,
    ascii(side)::utinyint as side,
    instrument_id
"""
"""SQL: the engine's columns from those of bronze.future_mbo.mbo, NULLs as Databento's sentinels."""


class BookTables:
    """The three tables of one replay, as tagged batches of one pass; iterate once.

    `parameters` are those of BookParams. `schemas` has every table, also one that stays empty. `report`
    is whole after the iteration, which raises BookError for parameters out of range, too many bad
    records or a session that meets no record.
    """

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        parameters: dict[str, Any],
        on_records: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._reader = reader
        self._parameters = parameters
        self._on_records = on_records
        book = np.empty((0, len(BOOK_COLUMNS)), np.int64)
        radar = np.empty((0, RADAR_KEY_SIZE + 2 * RADAR_SIDE_SIZE), np.int64)
        self.schemas: dict[str, pa.Schema] = {
            BOOK_SNAPSHOT: book_snapshot_batch(book, 1).schema,
            WALL_SURFACE: WallBuffer(1).batch(0).schema,
            RADAR_ZONE_FLOW: radar_zone_flow_batch(radar, 1).schema,
        }

    @property
    def report(self) -> dict[str, Any]:
        """Counts by kind, for the manifest."""
        return asdict(self._engine.report)

    def __iter__(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        self._engine = BookEngine(BookParams(**self._parameters))
        windows = 0
        for name, rows in self._batches():
            windows += rows.num_rows if name == BOOK_SNAPSHOT else 0
            yield name, rows
        if windows == 0:
            raise BadDataError(
                f"no record of the session: {self._engine.report.records_applied} records before "
                "its end, none after its start (session_start, session_end, session_tz)"
            )

    def _batches(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        self._engine.compile()
        self._on_records(0)
        for batch in self._reader:
            yield from self._engine.feed(_columns(batch))
            self._on_records(batch.num_rows)
            if self._engine.finished:
                break
        yield from self._engine.finish()


def _columns(batch: pa.RecordBatch) -> MboColumns:
    return MboColumns(**{name: batch[name].to_numpy() for name in batch.schema.names})
