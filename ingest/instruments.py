"""Which symbol an instrument has: the file's own mapping, and the definitions in the lake."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from databento.common.symbology import InstrumentMap
from databento_dbn import Metadata, SType

from ingest.dbn_file import DbnFile
from spymaster.errors import UserError
from spymaster.lake import (
    Lake,
    PartitionRef,
    is_partition_complete,
    iter_batches,
    manifest_sha256,
    partition_ref,
)
from spymaster.products import PRODUCTS, outright_root

DEFINITIONS_KEY: Final = "bronze.shared.instrument_definitions"
OPTION_CLASSES: Final = ("C", "P")

_EPOCH: Final = datetime.date(1970, 1, 1)
_OPTION_SPELLING: Final = re.compile(r"\S+ [CP]-?\d+")
_COLUMNS: Final = ("instrument_id", "ts_recv_ns", "instrument_class", "underlying")


def date_of(day: int) -> datetime.date:
    """Return the date of a UTC day counted from 1970-01-01.

    >>> date_of(20_459)
    datetime.date(2026, 1, 6)
    """
    return _EPOCH + datetime.timedelta(days=day)


def is_spelled_like_an_option(symbol: str) -> bool:
    """Return whether a raw symbol looks like an option's: enough to ask for its definition.

    What it is an option on is never read from the spelling.

    >>> is_spelled_like_an_option("EW2F6 C7000"), is_spelled_like_an_option("UD:1V: VT 2311")
    (True, False)
    """
    return _OPTION_SPELLING.fullmatch(symbol) is not None


class FileSymbols:
    """The raw symbol of (instrument, day) by the file's own mapping.

    Raises UserError if the file's mapping cannot give raw symbols such as ESH6.
    """

    def __init__(self, file: DbnFile) -> None:
        self._live_symbols = file.live_symbols
        self._symbols = None if file.is_live else _instrument_map(file.metadata, str(file.path))

    def symbol_of(self, instrument_id: int, day: int) -> str | None:
        """Return the raw symbol, None if the file does not tell."""
        if self._symbols is None:
            return self._live_symbols.get(instrument_id)
        symbol: str | None = self._symbols.resolve(instrument_id, date_of(day))
        return symbol


@dataclass(frozen=True)
class Definition:
    """What an instrument was defined as on a day, in the definitions of product `root`."""

    root: str
    instrument_class: str | None
    underlying: str | None

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self.instrument_class in OPTION_CLASSES


class LakeDefinitions:
    """The definitions in the lake, of one product or of all; holds those of one day at a time."""

    def __init__(self, lake: Lake, root: str | None) -> None:
        self.roots = tuple(PRODUCTS) if root is None else (root,)
        self._lake = lake
        self._day: int | None = None
        self._of_root: dict[str, dict[int, Definition]] = {}
        self._inputs: dict[tuple[str, int], dict[str, str]] = {}

    def find(self, instrument_id: int, day: int) -> Definition | None:
        """Return the day's latest definition of an instrument by ts_recv, None if it has none."""
        for of_root in self._of_day(day).values():
            if instrument_id in of_root:
                return of_root[instrument_id]
        return None

    def are_there(self, day: int) -> bool:
        """Return whether the lake has definitions of the day."""
        return bool(self._of_day(day))

    def inputs(self, root: str, day: int) -> list[dict[str, str]]:
        """Return what a manifest lists as inputs of a partition that was made by them."""
        return [self._inputs[root, day]] if (root, day) in self._inputs else []

    def _of_day(self, day: int) -> dict[str, dict[int, Definition]]:
        if day != self._day:
            self._day, self._of_root = day, {}
            for root in self.roots:
                ref = partition_ref(self._lake, DEFINITIONS_KEY, root, date_of(day))
                if is_partition_complete(ref):
                    # The sum before the rows: whoever replaces them now, is noticed next time.
                    sha256 = manifest_sha256(ref)
                    self._of_root[root] = _read(ref)
                    self._inputs[root, day] = {
                        "key": ref.key,
                        "dt": ref.dt,
                        "manifest_sha256": sha256,
                    }
        return self._of_root


def _read(ref: PartitionRef) -> dict[int, Definition]:
    values: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for batch in iter_batches(ref):
        for name in _COLUMNS:
            values[name] += batch.column(name).to_pylist()
    latest: dict[int, Definition] = {}
    made: dict[tuple[str | None, str | None], Definition] = {}
    ids, times, classes, underlyings = values.values()
    for index in np.argsort(np.array(times, np.int64), kind="stable").tolist():
        what = (classes[index], underlyings[index])
        if what not in made:
            made[what] = Definition(ref.symbol, *what)
        latest[ids[index]] = made[what]
    return latest


def contract_of_option(definition: Definition) -> str | None:
    """Return the outright future that an option is on, if it is one of its root's.

    >>> contract_of_option(Definition("ES", "C", "ESH6"))
    'ESH6'
    """
    underlying = definition.underlying or ""
    return underlying if outright_root(underlying) == definition.root else None


def _instrument_map(metadata: Metadata, file_name: str) -> InstrumentMap:
    by_number = metadata.stype_in == SType.INSTRUMENT_ID
    raw_symbols = (
        metadata.stype_out == SType.RAW_SYMBOL
        if by_number
        else metadata.stype_in in (SType.RAW_SYMBOL, SType.PARENT)
        and metadata.stype_out == SType.INSTRUMENT_ID
    )
    if not raw_symbols:
        raise UserError(
            f"{file_name}: its symbols are of type {metadata.stype_in}, which does not tell the "
            "contract; download it with stype_in raw_symbol (ESH6) or parent (ES.FUT)"
        )
    symbols = InstrumentMap()
    try:
        symbols.insert_metadata(metadata)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{file_name}: damaged symbol mapping: {error}") from error
    return symbols
