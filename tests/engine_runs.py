"""Runs the book engine on records in any split into batches, as tests need it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_udf.book_engine import BookEngine, BookParams
from spymaster_udf.book_tables import BOOK_SNAPSHOT, RADAR_ZONE_FLOW, WALL_SURFACE
from spymaster_udf.mbo_columns import MboColumns

TABLES = (BOOK_SNAPSHOT, WALL_SURFACE, RADAR_ZONE_FLOW)


def run_engine(
    records: np.ndarray[Any, Any], splits: list[slice] | None = None, **settings: Any
) -> tuple[dict[str, list[dict[str, Any]]], BookEngine]:
    """Return the three tables as lists of rows, and the engine, after feeding the splits in turn."""
    engine = BookEngine(BookParams(**{"max_anomaly_share": 1.0, **settings}))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for part in splits if splits is not None else [slice(None)]:
        for name, batch in engine.feed(MboColumns.of_records(records[part])):
            rows[name] += batch.to_pylist()
    for name, batch in engine.finish():
        rows[name] += batch.to_pylist()
    return rows, engine


def engine_tables(records: np.ndarray[Any, Any], **settings: Any) -> dict[str, pa.Table]:
    """Return the three tables as Arrow, for long streams."""
    engine = BookEngine(BookParams(**settings))
    batches: dict[str, list[pa.RecordBatch]] = {name: [] for name in TABLES}
    for source in (engine.feed(MboColumns.of_records(records)), engine.finish()):
        for name, batch in source:
            batches[name].append(batch)
    return {name: pa.Table.from_batches(parts) for name, parts in batches.items()}
