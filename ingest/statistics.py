"""Statistics records: their columns, and the product that each belongs to."""

from __future__ import annotations

from typing import Final

from ingest.bronze_writer import ParquetLayout
from ingest.instruments import (
    FileSymbols,
    LakeDefinitions,
    date_of,
    is_spelled_like_an_option,
)
from ingest.routing import InstrumentRouter, Route, Target
from ingest.row_columns import Column, RowColumns, counts, integers, prices, times
from spymaster.products import outright_root

STATISTICS_KEY: Final = "bronze.future_option.statistics"

_COLUMNS: Final = (
    Column("ts_recv_ns", "ts_recv", times),
    Column("ts_event_ns", "ts_event", times),
    Column("ts_ref_ns", "ts_ref", times),
    Column("instrument_id", "instrument_id", integers),
    Column("stat_type", "stat_type", integers),
    Column("price_int", "price", prices),
    Column("quantity", "quantity", counts),
    Column("update_action", "update_action", integers),
    Column("stat_flags", "stat_flags", integers),
    Column("sequence", "sequence", integers),
    Column("ts_in_delta_ns", "ts_in_delta", integers),
    Column("channel_id", "channel_id", counts),
    Column("publisher_id", "publisher_id", integers),
)


class StatisticsColumns(RowColumns):
    """Turns statistics records of any DBN version into rows of the contract."""

    def __init__(self) -> None:
        super().__init__(STATISTICS_KEY, _COLUMNS, ParquetLayout(row_weight=2))


class StatisticsRouter(InstrumentRouter):
    """Routes by the definitions in the lake, futures without one by the file's symbols."""

    def __init__(
        self, symbols: FileSymbols, definitions: LakeDefinitions, file_name: str, root: str | None
    ) -> None:
        super().__init__(file_name, root)
        self._symbols = symbols
        self._definitions = definitions

    def inputs(self, target: Target, day: int) -> list[dict[str, str]]:
        """Return the definitions that were asked."""
        return self._definitions.inputs(target.symbol, day)

    def _classify(self, instrument_id: int, day: int) -> Route:
        definition = self._definitions.find(instrument_id, day)
        if definition:
            root: str | None = definition.root
        else:
            symbol = self._symbols.symbol_of(instrument_id, day)
            if symbol is None:
                return Route(None, f"instruments without a symbol on {date_of(day)}")
            if is_spelled_like_an_option(symbol):
                return Route(None, f"options without a definition on {date_of(day)} in the lake")
            root = outright_root(symbol)
        if root is None:
            return Route(None, "spreads and others")
        return self._route_of_root(root, Target(STATISTICS_KEY, root))
