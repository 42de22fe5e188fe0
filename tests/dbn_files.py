"""DBN files for tests: any version, plain or zstd, any records, any symbol mapping."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import zstandard
from databento_dbn import DBN_VERSION, UNDEF_PRICE, Metadata, Schema, SType

from ingest.record_layouts import RECORD, RECORD_TS_OUT

DAY = datetime.date(2026, 1, 6)
DAY_NS = 86_400 * 10**9
MIDNIGHT_NS = (DAY - datetime.date(1970, 1, 1)).days * DAY_NS
NOON_NS = MIDNIGHT_NS + DAY_NS // 2
ESH6, ESM6, NQH6, SPREAD = 5602, 5603, 7001, 9001
SYMBOLS = {"ESH6": ESH6, "ESM6": ESM6, "NQH6": NQH6, "ESH6-ESM6": SPREAD}


def mbo_records(
    count: int,
    *,
    instruments: tuple[int, ...] = (ESH6,),
    start_ns: int = NOON_NS,
    span_ns: int = 10**9,
    seed: int = 1,
    ts_out: bool = False,
) -> np.ndarray:
    """`count` plausible records in order of ts_recv, with undefined times, prices and sizes."""
    random = np.random.default_rng(seed)
    records = np.zeros(count, RECORD_TS_OUT if ts_out else RECORD)
    records["length"], records["rtype"] = records.dtype.itemsize // 4, 160
    records["publisher_id"] = 1
    records["instrument_id"] = random.choice(instruments, count)
    records["ts_recv"] = start_ns + np.sort(random.integers(0, span_ns, count))
    records["ts_event"] = records["ts_recv"] - random.integers(0, 10**6, count).astype(np.uint64)
    records["order_id"] = random.integers(0, 2**64, count, np.uint64)
    records["price"] = random.integers(-100, 30_000, count) * 250_000_000
    records["size"] = random.integers(0, 2**32 - 1, count)
    records["flags"] = random.integers(0, 256, count)
    records["channel_id"] = random.integers(0, 256, count)
    records["action"] = random.choice(list(b"ACMRTFN"), count)
    records["side"] = random.choice(list(b"ABN"), count)
    records["ts_in_delta"] = random.integers(-(2**31), 2**31, count)
    records["sequence"] = random.integers(0, 2**32, count)
    records["price"][::7] = UNDEF_PRICE
    records["size"][::11] = 2**32 - 1
    records["ts_event"][::13] = 2**64 - 1
    return records


def metadata(
    symbols: dict[str, int] | None = None,
    *,
    version: int = DBN_VERSION,
    schema: Schema | None = Schema.MBO,
    stype_in: SType | None = SType.RAW_SYMBOL,
    stype_out: SType = SType.INSTRUMENT_ID,
    ts_out: bool = False,
    days: int = 3,
) -> bytes:
    """An encoded DBN header that maps symbols to instruments for `days` days from DAY on."""
    if symbols is None:
        symbols = SYMBOLS
    until = DAY + datetime.timedelta(days=days)
    return bytes(
        Metadata(
            dataset="GLBX.MDP3",
            start=MIDNIGHT_NS,
            end=MIDNIGHT_NS + days * DAY_NS,
            stype_in=stype_in,
            stype_out=stype_out,
            schema=schema,
            symbols=list(symbols),
            partial=[],
            not_found=[],
            mappings=[
                SimpleNamespace(
                    raw_symbol=symbol,
                    intervals=[SimpleNamespace(start_date=DAY, end_date=until, symbol=str(number))],
                )
                for symbol, number in symbols.items()
            ],
            ts_out=ts_out,
            version=version,
        )
    )


def write_dbn(
    path: Path, records: np.ndarray, header: bytes | None = None, *, frames: int = 1
) -> Path:
    """Write a DBN file: in zstd `frames`, or plain if there are none."""
    if header is None:
        header = metadata(ts_out=records.dtype == RECORD_TS_OUT)
    content = header + records.tobytes()
    if frames:
        size = math.ceil(len(content) / frames)
        compressor = zstandard.ZstdCompressor(level=1)
        parts = [content[at : at + size] for at in range(0, len(content), size)]
        content = b"".join(compressor.compress(part) for part in parts)
    path.write_bytes(content)
    return path
