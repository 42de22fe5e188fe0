"""From quotes in order of time to gamma exposure by window: what the dbt model `gex_engine` returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from spymaster_udf.book_state import NONE_INT, WINDOW_NS
from spymaster_udf.gex import LEVELS, SURFACE_COLUMNS, OptionChain

GEX_SURFACE: Final = "gex_surface_1s"
GEX_LEVELS: Final = "gex_levels_1s"
WINDOWS_A_BATCH: Final = 512

CHAIN_PROJECTION: Final = """
    instrument_id, strike_price_int, "right" = 'C' as is_call, expiration,
    coalesce(open_interest, 'nan'::double) as open_interest, multiplier
"""
"""SQL: the chain's columns from those of statistics_clean and option_definitions."""

_WHOLE: Final = ("open_interest_call", "open_interest_put")

_Part = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]
"""Window ends of a batch's rows in scope, their options' places, their (bids, asks)."""

Columns = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class GexParams:
    """What is in scope and on which grid: expirations up to expiration_before_ns (None: all)."""

    expiration_before_ns: int | None
    grid_step_int: int
    grid_count: int
    rate: float


class GexTables:
    """Two tables of exposures, by strike and in total, as tagged batches in order of time; iterate once.

    `chain` has CHAIN_PROJECTION's columns; `book` the windows' window_start_ts_ns and forward_int
    (masked where unknown) in any order; `quotes` yields option_quote_1s in order of window_end_ts_ns.
    """

    def __init__(
        self,
        chain: Columns,
        book: Columns,
        quotes: pa.RecordBatchReader,
        parameters: dict[str, Any],
    ) -> None:
        self._params = GexParams(**parameters)
        before = self._params.expiration_before_ns
        scope = slice(None) if before is None else np.asarray(chain["expiration"]) < before
        self._ids = np.asarray(chain["instrument_id"], np.int64)[scope]
        self._chain = OptionChain.of_options(
            *(
                np.asarray(chain[name])[scope]
                for name in (
                    "strike_price_int",
                    "is_call",
                    "expiration",
                    "open_interest",
                    "multiplier",
                )
            )
        )
        order = np.argsort(book["window_start_ts_ns"])
        self._starts = np.asarray(book["window_start_ts_ns"], np.int64)[order]
        forward = np.ma.asarray(book["forward_int"])[order]
        self._forward = np.ma.filled(forward.astype(np.int64), NONE_INT)
        self._quotes = quotes
        self.schemas: dict[str, pa.Schema] = {
            name: rows.schema for name, rows in self._tables(slice(0, 0), self._no_quotes(0))
        }
        self.report: dict[str, Any] = {"options_in_scope": len(self._ids)}

    def __iter__(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        current = self._no_quotes(1)
        updates = _Updates(self._quotes, self._ids)
        for first in range(0, len(self._starts), WINDOWS_A_BATCH):
            windows = slice(first, min(first + WINDOWS_A_BATCH, len(self._starts)))
            quotes = self._no_quotes(windows.stop - windows.start)
            for row, start in enumerate(self._starts[windows]):
                updates.apply(int(start) + WINDOW_NS, current)
                quotes[:, row] = current[:, 0]
            yield from self._tables(windows, quotes)

    def _no_quotes(self, windows: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.full((2, windows, len(self._ids)), NONE_INT, np.int64)

    def _tables(
        self, windows: slice, quotes: np.ndarray[Any, np.dtype[np.int64]]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        start, forward = self._starts[windows], self._forward[windows]
        end, rate = start + WINDOW_NS, self._params.rate
        vols = self._chain.total_vols(forward, end, quotes[0], quotes[1], rate=rate)
        found = self._chain.exposures(
            forward, end, vols, rate=rate, grid_step_int=self._params.grid_step_int,
            grid_count=self._params.grid_count,
        )  # fmt: skip
        known = found.strike_int != NONE_INT
        starts = np.broadcast_to(start[:, np.newaxis], known.shape)[known]
        surface = {name: _nullable(found.column(name)[known], name) for name in SURFACE_COLUMNS}
        yield (
            GEX_SURFACE,
            pa.RecordBatch.from_pydict(
                {
                    "window_start_ts_ns": pa.array(starts),
                    "window_end_ts_ns": pa.array(starts + WINDOW_NS),
                    "strike_price_int": pa.array(found.strike_int[known]),
                    **surface,
                }
            ),
        )
        yield (
            GEX_LEVELS,
            pa.RecordBatch.from_pydict(
                {
                    "window_start_ts_ns": pa.array(start),
                    "window_end_ts_ns": pa.array(end),
                    **{name: _nullable(found.level(name), name) for name in LEVELS},
                }
            ),
        )


class _Updates:
    """The quotes' rows, applied up to a time."""

    def __init__(
        self, quotes: pa.RecordBatchReader, ids: np.ndarray[Any, np.dtype[np.int64]]
    ) -> None:
        self._order = np.argsort(ids)
        self._sorted_ids = ids[self._order]
        self._parts = (part for part in map(self._part, quotes) if len(part[0]))
        self._part_now: _Part | None = next(self._parts, None)
        self._at = 0

    def apply(self, until_ns: int, current: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        """Bring `current` (bids and asks, 1, options) up to the rows of windows ending by `until_ns`."""
        while self._part_now is not None:
            ends, options, prices = self._part_now
            rows = slice(self._at, int(np.searchsorted(ends, until_ns, side="right")))
            # Of several rows of one option the last is assigned.
            current[:, 0, options[rows]] = prices[:, rows]
            self._at = rows.stop
            if rows.stop < len(ends):
                return
            self._part_now, self._at = next(self._parts, None), 0

    def _part(self, batch: pa.RecordBatch) -> _Part:
        ids = batch["instrument_id"].to_numpy()
        place = np.searchsorted(self._sorted_ids, ids)
        wanted = place < len(self._sorted_ids)
        wanted[wanted] = self._sorted_ids[place[wanted]] == ids[wanted]
        # A book that is not whole gives no quote.
        valid = batch["book_valid"].to_numpy(zero_copy_only=False)[wanted]
        prices = [
            np.where(valid, batch[name].fill_null(NONE_INT).to_numpy()[wanted], NONE_INT)
            for name in ("best_bid_price_int", "best_ask_price_int")
        ]
        ends = batch["window_end_ts_ns"].to_numpy()[wanted]
        return ends, self._order[place[wanted]], np.stack(prices)


def _nullable(values: np.ndarray[Any, np.dtype[np.float64]], name: str) -> pa.Array:
    if name in _WHOLE:
        unknown = np.isnan(values)
        return pa.array(np.where(unknown, 0, values).astype(np.int64), mask=unknown)
    return pa.array(values, from_pandas=True)
