"""A day packed once into HUD columns: one row a window, lists over the ticks around its spot.

Levels lie in the lake as rows of (window, side, price). Here each is put at its place in a dense
array (window, tick), so that any stretch of the day is a slice that needs no copy and no search.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster.errors import UserError
from spymaster.hud.columns import (
    BANDS,
    BOOK,
    CHAIN,
    COLUMNS,
    GEX,
    KEY,
    NORM_NAMES,
    ORDERS,
    PHYSICS,
    VACUUM,
    WALL,
    Column,
    columns_of,
)
from spymaster.hud.day_tables import DayTables, day_tables
from spymaster.lake import Lake, iter_batches

PROTOCOL: Final = 1
WINDOW_NS: Final = 1_000_000_000
DEFAULT_REACH_TICKS: Final = 200
_LOAD_ATTEMPTS: Final = 5
_LOAD_PAUSE_SECONDS: Final = 0.3
_UINT16_MAX: Final = 65_535

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Day:
    """A day's rows in memory, of one version, never changed after loading.

    `rows` has all columns of `columns.COLUMNS`; `ends_ns` the key again, as int64 numpy.
    """

    symbol: str
    dt: str
    version: str
    tick_int: int
    reach: int
    strikes: int
    missing: tuple[str, ...]
    ends_ns: Array
    rows: pa.RecordBatch

    @property
    def windows(self) -> int:
        """Number of rows."""
        return len(self.ends_ns)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self.rows.nbytes) + int(self.ends_ns.nbytes)

    def first_after(self, ts_ns: int) -> int:
        """Return the row of the first window that ends after an instant; their number if none does."""
        return int(np.searchsorted(self.ends_ns, ts_ns, side="right"))


def load_day(lake: Lake, symbol: str, dt: str, max_ticks: int = DEFAULT_REACH_TICKS) -> Day:
    """Read and pack a day; all its tables are of one version, also while a build replaces them.

    `max_ticks` bounds the reach of the lists below the build's `hud_max_ticks`. Raises UserError if
    the book is not in the lake, is damaged, or changes again and again.
    """
    for attempt in range(_LOAD_ATTEMPTS):
        if attempt:
            time.sleep(_LOAD_PAUSE_SECONDS)
        tables = day_tables(lake, symbol, dt)
        try:
            day = _pack(lake, tables, max_ticks)
        except (UserError, pa.ArrowException) as error:
            if day_tables(lake, symbol, dt).version == tables.version:
                raise UserError(f"{symbol} {dt}: {error}") from error
            continue
        if day_tables(lake, symbol, dt).version == tables.version:
            # The file's columns as read are twice the day: back to the system with them.
            pa.default_memory_pool().release_unused()
            return day
    raise UserError(f"{symbol} {dt} is being built again and again; try later")


@dataclass(frozen=True)
class _Frame:
    """The windows of a day and how far its lists reach."""

    lake: Lake
    tables: DayTables
    first_start_ns: int
    count: int
    reach: int

    @property
    def width(self) -> int:
        return 2 * self.reach + 1

    def batches(self, key: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
        return iter_batches(self.tables.ref(self.lake, key), columns=columns)

    def rows_of(self, start_ns: Array) -> Array:
        """Return the row of each window start; UserError for one that is not of the day."""
        row, rest = np.divmod(start_ns - self.first_start_ns, WINDOW_NS)
        if len(row) and (rest.any() or row.min() < 0 or row.max() >= self.count):
            raise UserError(
                f"{self.tables.symbol} {self.tables.dt}: a window that the book has not; build again"
            )
        return row


def _pack(lake: Lake, tables: DayTables, max_ticks: int) -> Day:
    names = list(dict.fromkeys(column.source for column in columns_of(BOOK, "scalar")))
    book = _whole(iter_batches(tables.ref(lake, BOOK), columns=names))
    ends = book[KEY].to_numpy() if book is not None else np.empty(0, np.int64)
    if book is None or (np.diff(ends) != WINDOW_NS).any():
        raise UserError(f"{BOOK} {tables.symbol} {tables.dt}: windows are missing; build it again")
    reach = min(int(tables.parameter("hud_max_ticks")), max_ticks)
    frame = _Frame(lake, tables, int(ends[0]) - WINDOW_NS, len(ends), reach)
    arrays: dict[str, pa.Array] = {
        column.name: _checked_cast(book[column.source].chunk(0), column)
        for column in columns_of(BOOK, "scalar")
    }
    has_spot = _bools(book["spot_ref_price_int"].is_valid())
    known = _add_validity(frame, arrays, _bools(book["book_valid"]))
    for key in (WALL, ORDERS):
        _add_quantities_by_tick(frame, key, arrays, has_spot, known)
    for key in (VACUUM, PHYSICS):
        _add_floats_by_tick(frame, key, arrays, has_spot)
    _add_window_table(frame, BANDS, arrays)
    _add_window_table(frame, CHAIN, arrays)
    strikes = _add_strikes(frame, arrays)
    ordered = [arrays[column.name] for column in COLUMNS]
    fields = [
        pa.field(column.name, array.type, nullable=column.name != KEY)
        for column, array in zip(COLUMNS, ordered, strict=True)
    ]
    tick_int = int(tables.parameter("tick_int"))
    metadata = {
        "protocol": str(PROTOCOL), "symbol": tables.symbol, "dt": tables.dt,
        "version": tables.version, "tick_int": str(tick_int), "ticks": str(reach),
        "window_ns": str(WINDOW_NS), "missing": ",".join(short_names(tables.missing)),
    }  # fmt: skip
    rows = pa.RecordBatch.from_arrays(ordered, schema=pa.schema(fields, metadata=metadata))
    return Day(
        tables.symbol, tables.dt, tables.version, tick_int, reach, strikes,
        short_names(tables.missing), ends, rows,
    )  # fmt: skip


def short_names(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tables' names without layer and product type.

    >>> short_names(("gold.hud.gex_levels_1s",))
    ('gex_levels_1s',)
    """
    return tuple(key.rsplit(".", 1)[1] for key in keys)


def _whole(batches: Iterator[pa.RecordBatch]) -> pa.Table | None:
    """Return the batches as a table of one chunk; None if there is no row."""
    found = [batch for batch in batches if batch.num_rows]
    return pa.Table.from_batches(found).combine_chunks() if found else None


def _bools(values: pa.Array) -> Array:
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _checked_cast(values: pa.Array, column: Column) -> pa.Array:
    try:
        return values.cast(column.type)
    except pa.ArrowInvalid as error:
        raise UserError(
            f"{column.table}: {column.source} does not fit {column.type}: {error}"
        ) from None


class _TickArrays:
    """Dense arrays (window, tick) of one table's columns, filled from its rows."""

    def __init__(self, frame: _Frame, key: str, columns: list[Column]) -> None:
        self.frame, self.key, self.columns = frame, key, columns
        shape = (frame.count, frame.width)
        self.values = {c.name: np.zeros(shape, c.type.to_pandas_dtype()) for c in columns}
        self.has_row = {side: np.zeros(shape, bool) for side in ("B", "A")}

    def fill(self) -> None:
        """Put every row of the table at its place."""
        sources = list(dict.fromkeys(column.source for column in self.columns))
        names = ["window_start_ts_ns", "side", "rel_ticks", *sources]
        reach, width = self.frame.reach, self.frame.width
        for batch in self.frame.batches(self.key, names):
            rows = self.frame.rows_of(batch["window_start_ts_ns"].to_numpy())
            ticks = batch["rel_ticks"].to_numpy()
            within = np.abs(ticks) <= reach
            asks = _bools(pc.equal(batch["side"], "A"))
            place = rows * width + ticks + reach
            for side, of_side in (("B", ~asks & within), ("A", asks & within)):
                self._put(side, place[of_side], of_side, batch)

    def _put(self, side: str, place: Array, chosen: Array, batch: pa.RecordBatch) -> None:
        self.has_row[side].ravel()[place] = True
        for column in self.columns:
            if column.side == side:
                values = batch[column.source].to_numpy()[chosen]
                self._widen_for(column, values)
                self.values[column.name].ravel()[place] = values

    def _widen_for(self, column: Column, values: Array) -> None:
        """Change uint16 to uint32 before the first value that needs it; refuse what fits neither."""
        if column.type != pa.uint16() or len(values) == 0:
            return
        largest = int(values.max())
        if int(values.min()) < 0 or largest > np.iinfo(np.uint32).max:
            raise UserError(f"{self.key}: {column.source} has a value that no quantity can have")
        if largest > _UINT16_MAX and self.values[column.name].dtype == np.uint16:
            self.values[column.name] = self.values[column.name].astype(np.uint32)

    def lists(self, column: Column, has_spot: Array, unknown: Array | None) -> pa.Array:
        """Return a column as lists over ticks; `unknown` marks the items that are null."""
        flat = self.values.pop(column.name).ravel()
        mask = None if unknown is None or not unknown.any() else unknown.ravel()
        items = pa.array(flat, mask=mask)
        no_list = None if has_spot.all() else pa.array(~has_spot)
        return pa.FixedSizeListArray.from_arrays(items, self.frame.width, mask=no_list)


def _null_ticks(frame: _Frame, column: Column) -> pa.Array:
    return pa.nulls(frame.count, pa.list_(column.type, frame.width))


def _add_validity(
    frame: _Frame, arrays: dict[str, pa.Array], book_valid: Array
) -> dict[str, Array]:
    """Add window_valid; return by group the windows in which a level without a row is known empty."""
    is_valid, is_told = np.zeros(frame.count, bool), np.zeros(frame.count, bool)
    if WALL in frame.tables.manifests:
        for batch in frame.batches(WALL, ["window_start_ts_ns", "window_valid"]):
            rows = frame.rows_of(batch["window_start_ts_ns"].to_numpy())
            is_valid[rows] = _bools(batch["window_valid"])
            is_told[rows] = True
    arrays["window_valid"] = pa.array(is_valid, mask=~is_told)
    return {"depth": book_valid, "flow": is_valid & is_told}


def _ticks_of(frame: _Frame, key: str, arrays: dict[str, pa.Array]) -> _TickArrays | None:
    """Read a table's lists over ticks; without the table they are null, and there is nothing to read."""
    columns = columns_of(key, "ticks")
    if key not in frame.tables.manifests:
        arrays.update((column.name, _null_ticks(frame, column)) for column in columns)
        return None
    ticks = _TickArrays(frame, key, columns)
    ticks.fill()
    return ticks


def _add_quantities_by_tick(
    frame: _Frame,
    key: str,
    arrays: dict[str, pa.Array],
    has_spot: Array,
    known: dict[str, Array],
) -> None:
    ticks = _ticks_of(frame, key, arrays)
    if ticks is None:
        return
    unknown = {
        (group, side): None if whole.all() else ~(has_row | whole[:, None])
        for group, whole in known.items()
        for side, has_row in ticks.has_row.items()
    }
    for column in ticks.columns:
        arrays[column.name] = ticks.lists(column, has_spot, unknown[column.group, column.side])


def _add_floats_by_tick(
    frame: _Frame, key: str, arrays: dict[str, pa.Array], has_spot: Array
) -> None:
    ticks = _ticks_of(frame, key, arrays)
    if ticks is None:
        return
    for column in ticks.columns:
        unknown = ~ticks.has_row[column.side]
        arrays[column.name] = ticks.lists(column, has_spot, unknown)


def _add_window_table(frame: _Frame, key: str, arrays: dict[str, pa.Array]) -> None:
    """Add the scalars, and for the bands the norms, of a table with one row a window."""
    scalars = columns_of(key, "scalar")
    norms = [(name, pa.float64()) for name in NORM_NAMES] if key == BANDS else []
    wanted = [(column.source, column.type) for column in scalars] + norms
    table = None
    if key in frame.tables.manifests:
        table = _whole(frame.batches(key, ["window_start_ts_ns", *(name for name, _ in wanted)]))
    if table is not None:
        at = np.full(frame.count, -1, np.int64)
        at[frame.rows_of(table["window_start_ts_ns"].to_numpy())] = np.arange(len(table))
        found = table.take(pa.array(at, mask=at < 0))
        values = {name: found[name].chunk(0) for name, _ in wanted}
    else:
        values = {name: pa.nulls(frame.count, of) for name, of in wanted}
    arrays.update((column.name, values[column.source]) for column in scalars)
    if norms:
        by_window = pa.concat_arrays([values[name] for name in NORM_NAMES])
        order = np.arange(len(NORM_NAMES) * frame.count).reshape(-1, frame.count).T.ravel()
        items = by_window.take(pa.array(order))
        arrays["band_norms"] = pa.FixedSizeListArray.from_arrays(items, len(NORM_NAMES))


def _add_strikes(frame: _Frame, arrays: dict[str, pa.Array]) -> int:
    """Add the lists over strikes; returns the number of strikes of a window."""
    columns = columns_of(GEX, "strikes")
    table = None
    if GEX in frame.tables.manifests:
        names = ["window_start_ts_ns", *(column.source for column in columns)]
        table = _whole(frame.batches(GEX, names))
    if table is None:
        arrays.update((c.name, pa.nulls(frame.count, pa.list_(c.type, 0))) for c in columns)
        return 0
    rows = frame.rows_of(table["window_start_ts_ns"].to_numpy())
    count = int(np.bincount(rows).max())
    if (np.diff(rows) < 0).any() or len(rows) != count * len(np.unique(rows)):
        raise UserError(
            f"{GEX} {frame.tables.symbol} {frame.tables.dt}: a window without its strikes"
        )
    at = np.full((frame.count, count), -1, np.int64)
    at[rows[::count]] = np.arange(len(rows)).reshape(-1, count)
    indices = pa.array(at.ravel(), mask=(at < 0).ravel())
    no_list = (at[:, 0] < 0) if (at < 0).any() else None
    for column in columns:
        items = table[column.source].chunk(0).take(indices)
        mask = None if no_list is None else pa.array(no_list)
        arrays[column.name] = pa.FixedSizeListArray.from_arrays(items, count, mask=mask)
    return count
