"""Where inspected records come from: a DBN file, or a bronze partition of the lake."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np

from ingest.dbn_file import DbnFile
from ingest.instruments import FileSymbols
from ingest.mbo_columns import MBO_KEY
from ingest.run_ahead import run_ahead
from spymaster.errors import UserError
from spymaster.lake import Lake, is_partition_complete, partition_ref, read_manifest
from spymaster.products import outright_root, product_of_root
from spymaster_udf.book_stream import BATCH_RECORDS, MBO_PROJECTION
from spymaster_udf.mbo_columns import MboColumns

_DAY_NS: Final = 86_400 * 10**9
_BATCHES_AHEAD: Final = 4


@dataclass(frozen=True)
class Batch:
    """Some records in order; `total`: how many the source has in all, as far as can be judged."""

    columns: MboColumns
    total: int | None


class Source(ABC):
    """A stream of MBO records; iterate `batches` once.

    >>> with open_source(Path("es.dbn.zst"), None, None, None) as source:
    ...     sum(len(batch.columns) for batch in source.batches())
    1000
    """

    name: str

    @abstractmethod
    def batches(self) -> Iterator[Batch]:
        """Yield the records in order."""

    @abstractmethod
    def symbol_of(self, instrument_id: int, at_ns: int) -> str | None:
        """Return an instrument's raw symbol on the day of a time, None if the source does not tell."""


class _FileSource(Source):
    def __init__(self, file: DbnFile) -> None:
        self.name = file.path.name
        self._file = file
        self._symbols: FileSymbols | None = None
        # A file that cannot give raw symbols can still be looked into by instrument id.
        with contextlib.suppress(UserError):
            self._symbols = FileSymbols(file)

    def batches(self) -> Iterator[Batch]:
        ahead = run_ahead(self._decoded(), _BATCHES_AHEAD)
        with contextlib.closing(ahead):
            yield from ahead

    def _decoded(self) -> Generator[Batch, None, None]:
        for records in self._file.chunks():
            yield Batch(MboColumns.of_records(records), self._file.estimated_records())

    def symbol_of(self, instrument_id: int, at_ns: int) -> str | None:
        if self._symbols is None:
            return None
        return self._symbols.symbol_of(instrument_id, at_ns // _DAY_NS)


class _BronzeSource(Source):
    def __init__(self, lake: Lake, symbol: str, dt: str) -> None:
        self._ref = partition_ref(lake, MBO_KEY, symbol, dt)
        self.name = f"{symbol} {dt}"
        if not is_partition_complete(self._ref):
            raise UserError(
                f"no bronze data: {self._ref} is not in the lake {lake.root}; run: spymaster "
                "ingest PATH"
            )
        self._rows: int = read_manifest(self._ref)["row_count"]

    def batches(self) -> Iterator[Batch]:
        with duckdb.connect() as connection:
            path = str(self._ref.data_path)
            try:
                reader = (
                    connection.read_parquet(path, hive_partitioning=False)
                    .select(MBO_PROJECTION)
                    .to_arrow_reader(BATCH_RECORDS)
                )
                for batch in reader:
                    columns = {name: batch[name].to_numpy() for name in batch.schema.names}
                    yield Batch(MboColumns(**columns), self._rows)
            except (duckdb.Error, OSError) as error:
                reason = str(error).splitlines()[0]
                raise UserError(f"{self._ref}: cannot read {path}: {reason}") from error

    def symbol_of(self, _instrument_id: int, _at_ns: int) -> str | None:
        return self._ref.symbol


@contextlib.contextmanager
def open_source(
    path: Path | None, symbol: str | None, dt: str | None, lake: Lake | None
) -> Iterator[Source]:
    """Open a DBN file, or without one the bronze partition of (symbol, dt).

    Raises UserError for what cannot be read, now or while it is read.
    """
    if path is not None:
        if dt is not None:
            raise UserError(f"give either the file {path} or --dt with --symbol, not both")
        with DbnFile(path) as file:
            yield _FileSource(file)
        return
    if symbol is None or dt is None:
        raise UserError("give a DBN file, or --symbol and --dt of a partition in the lake")
    assert lake is not None
    yield _BronzeSource(lake, symbol, dt)


class Chosen:
    """Picks one instrument's records out of batches, by id, by symbol, or because there is only one.

    Raises UserError that lists the instruments if none was chosen and there are several, or if the
    chosen one is not there.
    """

    def __init__(self, source: Source, symbol: str | None, instrument_id: int | None) -> None:
        self._source = source
        self._symbol = symbol
        self.instrument_id = instrument_id
        self._seen: dict[int, str | None] = {}

    @property
    def is_asked_for(self) -> bool:
        """Whether an instrument was named."""
        return self._symbol is not None or self.instrument_id is not None

    @property
    def instruments(self) -> dict[int, str | None]:
        """The instruments seen so far, id to symbol."""
        return self._seen

    @property
    def symbol(self) -> str | None:
        """The raw symbol of the chosen or only instrument, if the source tells it."""
        if self.instrument_id is None:
            return next(iter(self._seen.values())) if len(self._seen) == 1 else None
        return self._seen.get(self.instrument_id)

    def look_at(self, columns: MboColumns) -> None:
        """Learn the instruments of a batch; find the one of the wanted symbol among them."""
        if not len(columns):
            return
        ids = columns.instrument_id
        one_only = (ids == ids[0]).all()
        for instrument_id in [int(ids[0])] if one_only else np.unique(ids).tolist():
            if instrument_id not in self._seen:
                at_ns = int(columns.ts_recv[0])
                symbol = self._source.symbol_of(instrument_id, at_ns)
                self._seen[instrument_id] = symbol
                if self.instrument_id is None and symbol is not None and symbol == self._symbol:
                    self.instrument_id = instrument_id

    def take(self, columns: MboColumns) -> MboColumns:
        """Return the chosen instrument's records of a batch; without a choice there must be one."""
        self.look_at(columns)
        if not self.is_asked_for:
            if len(self._seen) > 1:
                raise UserError(
                    f"{self._source.name}: has several instruments; choose one with --symbol or "
                    f"--instrument: {self.listed()}, …"
                )
            return columns
        if self.instrument_id is None:
            return columns.take(np.zeros(0, np.int64))
        mine = columns.instrument_id == self.instrument_id
        return columns if mine.all() else columns.take(np.flatnonzero(mine))

    def require_found(self) -> None:
        """Raise UserError if the wanted instrument was in none of the batches."""
        wanted = self._symbol if self._symbol is not None else self.instrument_id
        if self.is_asked_for and (
            self.instrument_id is None or self.instrument_id not in self._seen
        ):
            raise UserError(
                f"{self._source.name}: has no records of {wanted}; it has {self.listed()}"
            )

    def listed(self, most: int = 12) -> str:
        """Return the instruments in words."""
        names = [
            f"{symbol} ({number})" if symbol else str(number)
            for number, symbol in list(self._seen.items())[:most]
        ]
        left = len(self._seen) - len(names)
        return ", ".join(names) + (f" and {left} more" if left else "")


def tick_of(symbol: str | None) -> int | None:
    """Return the tick of an outright future of a known product, in 1e-9; None for anything else.

    >>> tick_of("ESH6"), tick_of("ESH6 C7000"), tick_of(None)
    (250000000, None, None)
    """
    root = outright_root(symbol) if symbol else None
    try:
        return product_of_root(root).tick_int if root else None
    except UserError:
        return None
