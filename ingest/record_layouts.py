"""What the records of the ingested schemas look like in the bytes, by version of the DBN format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from databento_dbn import MBOMsg, RType, Schema, SymbolMappingMsg, SymbolMappingMsgV1, v1, v2, v3
from numpy.typing import NDArray

Records = NDArray[np.void]


def _dtype_of(message: Any) -> np.dtype[Any]:
    fields = [(name, "u1" if kind == "S1" else kind) for name, kind in message._dtypes]
    return np.dtype(fields).newbyteorder("<")


RECORD: Final = _dtype_of(MBOMsg)
"""One 56-byte MBO record; `action` and `side` are the ASCII codes of their letters."""
RECORD_TS_OUT: Final = np.dtype([*RECORD.descr, ("ts_out", "<u8")])
"""The same with the time it was sent, in files recorded from a live feed with ts_out."""


@dataclass(frozen=True)
class RecordLayout:
    """A schema's records: how they are called, their type's number, their bytes by DBN version.

    >>> [DEFINITION.record_dtype(version, ts_out=False).itemsize for version in (1, 2, 3)]
    [360, 400, 520]
    """

    name: str
    rtype: int
    by_version: dict[int, np.dtype[Any]]

    def record_dtype(self, version: int, *, ts_out: bool) -> np.dtype[Any]:
        """Return the type of one record; letters are bytes, texts end at their first zero byte."""
        record = self.by_version[version]
        return np.dtype([*record.descr, ("ts_out", "<u8")]) if ts_out else record


MBO: Final = RecordLayout(
    "mbo", int(RType.from_schema(Schema.MBO)), dict.fromkeys((1, 2, 3), RECORD)
)
DEFINITION: Final = RecordLayout(
    "definition",
    int(RType.from_schema(Schema.DEFINITION)),
    {
        version: _dtype_of(module.InstrumentDefMsg)
        for version, module in ((1, v1), (2, v2), (3, v3))
    },
)
STATISTICS: Final = RecordLayout(
    "statistics",
    int(RType.from_schema(Schema.STATISTICS)),
    {version: _dtype_of(module.StatMsg) for version, module in ((1, v1), (2, v2), (3, v3))},
)
SYMBOL_MAPPING: Final = RecordLayout(
    "symbol mapping",
    int(RType.SYMBOL_MAPPING),
    {
        1: _dtype_of(SymbolMappingMsgV1),
        2: _dtype_of(SymbolMappingMsg),
        3: _dtype_of(SymbolMappingMsg),
    },
)
