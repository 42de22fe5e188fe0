"""DBN files for tests: any version, plain or zstd, any records, any symbol mapping."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from types import SimpleNamespace

import databento
import numpy as np
import zstandard
from databento_dbn import DBN_VERSION, UNDEF_PRICE, Metadata, Schema, SType

from ingest.record_layouts import DEFINITION, RECORD, RECORD_TS_OUT, RecordLayout

DAY = datetime.date(2026, 1, 6)
DAY_NS = 86_400 * 10**9
MIDNIGHT_NS = (DAY - datetime.date(1970, 1, 1)).days * DAY_NS
NOON_NS = MIDNIGHT_NS + DAY_NS // 2
ESH6, ESM6, NQH6, SPREAD = 5602, 5603, 7001, 9001
SYMBOLS = {"ESH6": ESH6, "ESM6": ESM6, "NQH6": NQH6, "ESH6-ESM6": SPREAD}


def databento_records(path: Path) -> np.ndarray:
    """The records of a file as Databento's own reader has them."""
    return databento.DBNStore.from_bytes(path.read_bytes()).to_ndarray()


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


def rows_of(layout: RecordLayout, version: int, rows: list[dict[str, object]]) -> np.ndarray:
    """Records of a layout as a DBN version has them; what a row does not name is undefined."""
    records = np.zeros(len(rows), layout.record_dtype(version, ts_out=False))
    for name in records.dtype.names or ():
        if name in UNDEFINED or records.dtype[name].kind == "i":
            records[name] = UNDEFINED.get(name, np.iinfo(records.dtype[name]).max)
    records["length"], records["rtype"] = records.dtype.itemsize // 4, layout.rtype
    records["publisher_id"] = 1
    for number, row in enumerate(rows):
        for name, value in row.items():
            if name in (records.dtype.names or ()):
                records[name][number] = value
    return records


UNDEFINED = {
    **dict.fromkeys(("ts_event", "expiration", "activation", "ts_ref"), 2**64 - 1),
    **dict.fromkeys(("market_segment_id", "max_trade_vol", "min_trade_vol"), 2**32 - 1),
    **dict.fromkeys(("maturity_year", "decay_start_date", "channel_id"), 2**16 - 1),
    **dict.fromkeys(("main_fraction", "price_display_format", "sub_fraction"), 255),
    **dict.fromkeys(("maturity_month", "maturity_day", "maturity_week"), 255),
    **dict.fromkeys(("underlying_product", "tick_rule"), 255),
    **dict.fromkeys(("update_action", "stat_flags", "ts_in_delta"), 1),
    **dict.fromkeys(("match_algorithm", "instrument_class"), ord(" ")),
    "security_update_action": ord("A"),
    "user_defined_instrument": ord("N"),
}


def definition(instrument_id: int, symbol: str, **fields: object) -> dict[str, object]:
    """A future's definition (class F), unless the fields say otherwise; letters as letters."""
    letters = {
        name: ord(str(fields.pop(name)))
        for name in ("instrument_class", "security_update_action")
        if name in fields
    }
    row = {"ts_recv": MIDNIGHT_NS, "instrument_class": ord("F"), "raw_symbol": symbol.encode()}
    texts = {k: v.encode() if isinstance(v, str) else v for k, v in fields.items()}
    return {**row, "instrument_id": instrument_id, **texts, **letters}


def option(instrument_id: int, symbol: str, underlying: str, **fields: object) -> dict[str, object]:
    """A call's or put's definition, by the letter in its symbol."""
    letter = symbol.split()[1][0]
    fields = {"instrument_class": letter, "underlying": underlying, **fields}
    return definition(instrument_id, symbol, **fields)


def write_definitions(path: Path, rows: list[dict[str, object]], version: int = 3) -> Path:
    """Write a file of schema definition."""
    header = metadata({}, version=version, schema=Schema.DEFINITION)
    return write_dbn(path, rows_of(DEFINITION, version, rows), header)
