"""Which partition each record of a file goes to; what is left out is counted and named."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.instrument_table import UNKNOWN, InstrumentTable
from ingest.record_columns import RecordBlock
from spymaster.errors import UserError
from spymaster.products import PRODUCTS

_MOST_NAMED = 8


class NothingWantedError(UserError):
    """A sound file without a record of what is wanted."""


class NoRecordsError(UserError):
    """A file without any record of the schema that was asked for."""


@dataclass(frozen=True)
class Target:
    """A table and the symbol of its partitions: a contract or a root."""

    key: str
    symbol: str


@dataclass(frozen=True)
class Route:
    """Where records go, None: nowhere; `label` is what the summary calls them."""

    target: Target | None
    label: str


class Router(ABC):
    """Splits the records of a day by target, in file order, and counts all by their routes."""

    def __init__(self, file_name: str, root: str | None) -> None:
        self.skipped: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self._file_name = file_name
        self._root = root
        self._routes: list[Route] = []
        self._code_of: dict[Route, int] = {}

    def split(self, records: RecordBlock, day: int) -> Iterator[tuple[Target, RecordBlock]]:
        """Yield the wanted records by target; `day` counts UTC days from 1970-01-01."""
        for code, mine in _groups(self._codes(records, day)):
            route = self._routes[code]
            counter = self.kept if route.target else self.skipped
            counter[route.label] += len(records) if mine is None else len(mine)
            if route.target:
                yield route.target, records if mine is None else records.take(mine)

    def inputs(self, _target: Target, _day: int) -> list[dict[str, str]]:
        """Return the manifest's inputs of a partition: other tables that decided what is in it."""
        return []

    def require_kept(self) -> None:
        """Raise UserError if no record was kept; the message names what the file holds."""
        if self.kept:
            return
        if not self.skipped:
            raise NoRecordsError(f"{self._file_name}: has no records")
        wanted = f"no records of {self._root}" if self._root else "no product known here"
        raise NothingWantedError(f"{self._file_name}: {wanted}; it holds {self.skipped_text()}")

    def skipped_text(self) -> str:
        """Return what was skipped, most frequent first, with numbers of records."""
        named = self.skipped.most_common(_MOST_NAMED)
        parts = [f"{label} ({count:,} records)" for label, count in named]
        if len(self.skipped) > len(named):
            parts.append(f"{len(self.skipped) - len(named)} more")
        return ", ".join(parts)

    @abstractmethod
    def _codes(self, records: RecordBlock, day: int) -> NDArray[np.int16]:
        """Return the code of each record's route."""

    def _code(self, route: Route) -> int:
        if route not in self._code_of:
            self._code_of[route] = len(self._routes)
            self._routes.append(route)
        return self._code_of[route]

    def _route_of_root(self, root: str, target: Target) -> Route:
        """Return the target if the root is wanted, else a route to nowhere that names the root."""
        if root not in PRODUCTS:
            return Route(None, f"unknown product {root}")
        if self._root is not None and root != self._root:
            return Route(None, root)
        return Route(target, target.symbol)


class InstrumentRouter(Router):
    """Routes by instrument id, each of which is judged once a day."""

    def __init__(self, file_name: str, root: str | None) -> None:
        super().__init__(file_name, root)
        self._table = InstrumentTable()
        self._day = -1

    @abstractmethod
    def _classify(self, instrument_id: int, day: int) -> Route:
        """Return where an instrument's records of a day go."""

    def _codes(self, records: RecordBlock, day: int) -> NDArray[np.int16]:
        if day != self._day:
            self._table, self._day = InstrumentTable(), day
        ids = records["instrument_id"]
        codes = self._table.lookup(ids)
        unknown = codes == UNKNOWN
        if unknown.any():
            new = np.unique(ids[unknown]).tolist()
            self._table.add((number, self._code(self._classify(number, day))) for number in new)
            codes = self._table.lookup(ids)
        return codes


def _groups(codes: NDArray[np.int16]) -> Iterator[tuple[int, NDArray[np.int64] | None]]:
    """Yield each code with the indices of its records, in file order; None: all of them."""
    if (codes == codes[0]).all():
        yield int(codes[0]), None
        return
    # A code has 16 bits: numpy's stable sort of those is a radix sort.
    order = np.argsort(codes, kind="stable")
    bounds = np.flatnonzero(np.diff(codes[order])) + 1
    for mine in np.split(order, bounds):
        yield int(codes[mine[0]]), mine
