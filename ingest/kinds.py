"""The schemas that ingest reads, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.bronze_writer import BronzeColumns
from ingest.dbn_file import DbnFile
from ingest.definitions import DefinitionColumns, DefinitionRouter
from ingest.instruments import FileSymbols, LakeDefinitions
from ingest.mbo import MboRouter
from ingest.mbo_columns import MboColumns
from ingest.record_columns import RecordBlock, RecordColumns, RecordRows
from ingest.record_layouts import DEFINITION, MBO, STATISTICS, RecordLayout, Records
from ingest.routing import Router
from ingest.statistics import StatisticsColumns, StatisticsRouter
from spymaster.lake import Lake

LAYOUTS: Final = (DEFINITION, STATISTICS, MBO)
"""Definitions first: they tell what the instruments of the other two are."""


@dataclass(frozen=True)
class RecordKind:
    """How the records of one schema are read, routed and written."""

    layout: RecordLayout
    block: Callable[[Records], RecordBlock]
    columns: BronzeColumns
    router: Router


def kind_of(layout: RecordLayout, file: DbnFile, lake: Lake, root: str | None) -> RecordKind:
    """Return how a file's records of a layout are ingested; UserError if its symbols do not serve."""
    name = str(file.path)
    if layout is DEFINITION:
        return RecordKind(layout, RecordRows.of, DefinitionColumns(), DefinitionRouter(name, root))
    symbols, definitions = FileSymbols(file), LakeDefinitions(lake, root)
    if layout is STATISTICS:
        statistics = StatisticsRouter(symbols, definitions, name, root)
        return RecordKind(layout, RecordRows.of, StatisticsColumns(), statistics)
    mbo = MboRouter(symbols, definitions, name, file.metadata.dataset, root)
    return RecordKind(layout, RecordColumns.of, MboColumns(), mbo)
