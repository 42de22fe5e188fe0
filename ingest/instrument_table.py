"""A number for each instrument id, looked up for a whole chunk of records at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

UNKNOWN: Final = -1

_START_BITS: Final = 10
_SPARSENESS: Final = 8
# Knuth's multiplicative hash: ids of one listing follow each other, and spread out by it.
_MULTIPLIER: Final = np.uint32(2_654_435_769)


class InstrumentTable:
    """Instrument id (32 bits, any value) to a code of 16 bits, by open addressing.

    Ids reach 2^32, so that an array over them would be as large as the memory; a binary search of
    5,000 of them takes several times as long as this: at most one entry in eight is used, and
    nearly every record is done with the first look.

    >>> table = InstrumentTable()
    >>> table.add([(42_140_878, 0), (7, 3)])
    >>> table.lookup(np.array([7, 8, 42_140_878], np.uint32)).tolist()
    [3, -1, 0]
    """

    def __init__(self) -> None:
        self._codes: dict[int, int] = {}
        self._resize(_START_BITS)

    def add(self, entries: Iterable[tuple[int, int]]) -> None:
        """Set the codes (0 or above) of instruments that have none yet."""
        for instrument_id, code in entries:
            self._codes[instrument_id] = code
            if len(self._codes) * _SPARSENESS > len(self._ids):
                self._resize(self._bits + 1)
            else:
                self._place(instrument_id, code)

    def lookup(self, ids: NDArray[np.uint32]) -> NDArray[np.int16]:
        """Return each id's code, UNKNOWN for those without."""
        slots = (ids * _MULTIPLIER) >> np.uint32(32 - self._bits)
        codes: NDArray[np.int16] = self._slot_codes[slots]
        pending = np.flatnonzero((self._ids[slots] != ids) & (codes != UNKNOWN))
        slots = slots[pending]
        while len(pending):
            slots = (slots + np.uint32(1)) & np.uint32(len(self._ids) - 1)
            found = self._slot_codes[slots]
            codes[pending] = found
            still = (self._ids[slots] != ids[pending]) & (found != UNKNOWN)
            pending, slots = pending[still], slots[still]
        return codes

    def _resize(self, bits: int) -> None:
        self._bits = bits
        self._ids = np.zeros(1 << bits, np.uint32)
        self._slot_codes = np.full(1 << bits, UNKNOWN, np.int16)
        for instrument_id, code in self._codes.items():
            self._place(instrument_id, code)

    def _place(self, instrument_id: int, code: int) -> None:
        slot = (instrument_id * int(_MULTIPLIER) & 0xFFFF_FFFF) >> (32 - self._bits)
        while self._slot_codes[slot] != UNKNOWN:
            slot = (slot + 1) % len(self._ids)
        self._ids[slot] = instrument_id
        self._slot_codes[slot] = code
