"""From a stream of bronze rows to the options' quotes: what the dbt model `option_quotes` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import pyarrow as pa

from spymaster_udf.mbo_columns import MboColumns
from spymaster_udf.option_quotes import OptionQuotes, QuoteBuffer

OPTION_QUOTE: Final = "option_quote_1s"


class QuoteTables:
    """The quotes of one pass as batches tagged with their table; iterate once.

    `ticks` gives each option's tick by instrument id, `parameters` are OptionQuotes' keywords. The
    iteration raises BookError for parameters out of range or too many bad records.
    """

    def __init__(
        self, reader: pa.RecordBatchReader, ticks: Mapping[int, int], parameters: dict[str, Any]
    ) -> None:
        self._reader = reader
        self._ticks = ticks
        self._parameters = parameters
        self.schemas: dict[str, pa.Schema] = {OPTION_QUOTE: QuoteBuffer(1).batch(0).schema}

    @property
    def report(self) -> dict[str, Any]:
        """Counts by kind, for the manifest."""
        return asdict(self._engine.report)

    def __iter__(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        self._engine = OptionQuotes(self._ticks, **self._parameters)
        for batch in self._reader:
            columns = {name: batch[name].to_numpy() for name in batch.schema.names}
            for rows in self._engine.feed(MboColumns(**columns)):
                yield OPTION_QUOTE, rows
        for rows in self._engine.finish():
            yield OPTION_QUOTE, rows
