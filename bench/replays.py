"""Times an engine's replay of a DBN file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.dbn_file import DbnFile
from spymaster_udf.book_stream import BATCH_RECORDS
from spymaster_udf.mbo import RECORD
from spymaster_udf.mbo_columns import MboColumns

DAY_NS = 1_767_657_600_000_000_000  # 2026-01-06 00:00 UTC
HOUR_NS = 3_600_000_000_000


@dataclass
class Replay:
    """How much was replayed and how long that took, decoding left out."""

    messages: int = 0
    rows: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0

    def take(self, batches: Iterable[Any]) -> None:
        """Count the rows of what an engine yields, and the time until it is done."""
        start, processor_start = time.perf_counter(), time.thread_time()
        self.rows += sum(batch.num_rows for batch in batches)
        self.seconds += time.perf_counter() - start
        self.processor_seconds += time.thread_time() - processor_start

    def __str__(self) -> str:
        return (
            f"{self.messages:>12,} messages, {self.rows:,} rows in {self.seconds:6.2f} s: "
            f"{self.messages / self.seconds / 1e6:5.2f} M messages/s "
            f"({self.messages / self.processor_seconds / 1e6:5.2f} of processor time)"
        )


def replay(
    path: Path,
    feed: Callable[[MboColumns], Iterator[Any]],
    finish: Callable[[], Iterator[Any]],
) -> Replay:
    """Feed a file's records to an engine, batch by batch."""
    done = Replay()
    with DbnFile(path) as file:
        for records in file.chunks(BATCH_RECORDS):
            columns = MboColumns.of_records(records.view(RECORD))
            done.take(feed(columns))
            done.messages += len(columns)
    done.take(finish())
    return done
