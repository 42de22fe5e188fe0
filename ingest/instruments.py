"""Which contract a record is of: a file's symbol mapping, narrowed to the wanted futures."""

from __future__ import annotations

import datetime
from collections import Counter

from databento.common.symbology import InstrumentMap
from databento_dbn import Metadata, SType

from spymaster.errors import UserError
from spymaster.products import PRODUCTS, outright_root

_EPOCH = datetime.date(1970, 1, 1)
_MOST_NAMED = 8


class NothingWantedError(UserError):
    """A sound file without a record of the wanted futures."""


class ContractResolver:
    """Finds the contract of (instrument, date) and counts the records of everything else.

    `root` keeps the outright futures of one product only; None those of every known product.
    Raises UserError if the file's mapping cannot give raw symbols such as ESH6.
    """

    def __init__(self, metadata: Metadata, root: str | None, file_name: str) -> None:
        self.skipped: Counter[str] = Counter()
        self.kept: Counter[str] = Counter()
        self._root = root
        self._file_name = file_name
        self._symbols = _instrument_map(metadata, file_name)
        self._known: dict[tuple[int, int], tuple[str | None, str]] = {}

    def contract_of(self, instrument_id: int, day: int, records: int) -> str | None:
        """Return the contract to keep these records under, None to skip them; counts them.

        `day` counts UTC days from 1970-01-01.
        """
        key = (instrument_id, day)
        if key not in self._known:
            self._known[key] = self._classify(instrument_id, day)
        symbol, label = self._known[key]
        (self.kept if symbol else self.skipped)[label] += records
        return symbol

    def require_kept(self) -> None:
        """Raise UserError if no record was kept; the message names what the file holds."""
        if self.kept:
            return
        if not self.skipped:
            raise UserError(f"{self._file_name}: has no records")
        wanted = f"no records of {self._root} futures" if self._root else "no futures known here"
        raise NothingWantedError(f"{self._file_name}: {wanted}; it holds {self.skipped_text()}")

    def skipped_text(self) -> str:
        """Return what was skipped, most frequent first, with numbers of records."""
        named = self.skipped.most_common(_MOST_NAMED)
        parts = [f"{label} ({count:,} records)" for label, count in named]
        if len(self.skipped) > len(named):
            parts.append(f"{len(self.skipped) - len(named)} more")
        return ", ".join(parts)

    def _classify(self, instrument_id: int, day: int) -> tuple[str | None, str]:
        date = _EPOCH + datetime.timedelta(days=day)
        symbol = self._symbols.resolve(instrument_id, date)
        if symbol is None:
            return None, f"instruments without a symbol on {date}"
        root = outright_root(symbol)
        if root is None:
            return None, "spreads, options and others"
        if root not in PRODUCTS:
            return None, f"unknown product {root}"
        if self._root is not None and root != self._root:
            return None, root
        return symbol, symbol


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
