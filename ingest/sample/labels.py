"""The known truth of the sample market's book: what its walls and icebergs did, noted as it happens.

The participants know what a feed does not say: which orders are walls and which have a hidden reserve.
A label is one fact of that kind, of the MBO record that shows it to others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.sample.dbn_file import file_name
from ingest.sample.draw import compiled
from ingest.sample.market import MarketConfig
from spymaster.whole_file import whole_file

KIND_NAMES: Final = (
    "wall_built",
    "wall_pulled",
    "wall_eaten",
    "iceberg_refresh",
    "absorption",
    "gave_way",
)
WALL_BUILT, WALL_PULLED, WALL_EATEN, ICEBERG_REFRESH, ABSORPTION, GAVE_WAY = range(6)

LABEL: Final = np.dtype(
    [
        ("ts_event", "i8"),
        ("sequence", "i8"),
        ("order_id", "i8"),
        ("price_int", "i8"),
        ("quantity", "i8"),
        ("side", "i8"),
        ("kind", "i8"),
    ]
)
"""`side` is 0 for bids, 1 for asks; `kind` a place in KIND_NAMES."""

LABELS_A_RECORD: Final = 2
"""At most: a cancelled wall order may leave a level that had absorbed."""

TRUTH_SCHEMA: Final = pa.schema(
    [
        pa.field("ts_event", pa.int64(), nullable=False),
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("order_id", pa.int64(), nullable=False),
        pa.field("side", pa.string(), nullable=False),
        pa.field("price_int", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("quantity", pa.int64(), nullable=False),
    ]
)
"""One row a label, in the order of the file. `ts_event` (UTC ns), `sequence` and `order_id` are those of
the record that shows it; `side` is A or B, `price_int` in 1e-9 price units, `quantity` in contracts."""

_SIDES: Final = pa.array(["B", "A"])
_KINDS: Final = pa.array(KIND_NAMES)

WriteLabels = Callable[[npt.NDArray[Any]], None]


@compiled
def note_label(x: Any, kind: int, side: int, level: int, order_id: int, quantity: int) -> None:
    """Note a label of the exchange `x` (exchange.py) at its present time."""
    s = x.state[0]
    label = x.labels[s.labels]
    label.ts_event = s.now
    label.sequence = s.sequence
    label.order_id = order_id
    label.price_int = (s.origin_tick + level) * s.tick_int
    label.quantity = quantity
    label.side = side
    label.kind = kind
    s.labels += 1


def truth_name(config: MarketConfig) -> str:
    """Return the name of the labels' file of a contract's day.

    >>> truth_name(MarketConfig())
    'glbx-mdp3-20260106.truth.ESH6.parquet'
    """
    return file_name(config, "truth", config.contract, "parquet")


@contextmanager
def truth_writer(path: Path | None) -> Iterator[WriteLabels]:
    """Yield a function that appends labels; the parquet file appears when all are written.

    Without a path the labels are dropped. UserError if the file cannot be written.
    """
    if path is None:
        yield lambda labels: None
        return
    with (
        whole_file(path) as part,
        pq.ParquetWriter(part, TRUTH_SCHEMA, compression="zstd") as writer,
    ):
        yield lambda labels: writer.write_batch(_rows(labels))


def _rows(labels: npt.NDArray[Any]) -> pa.RecordBatch:
    names = {"side": _SIDES, "kind": _KINDS}
    columns = [
        names[name].take(pa.array(labels[name])) if name in names else pa.array(labels[name])
        for name in TRUTH_SCHEMA.names
    ]
    return pa.RecordBatch.from_arrays(columns, schema=TRUTH_SCHEMA)
