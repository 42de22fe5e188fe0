"""Writes MBO records as Databento delivers them: one zstd-compressed DBN file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zstandard
from databento_dbn import DBN_VERSION, Metadata, Schema, SType

from ingest.sample.market import DAY_SECONDS, SECOND_NS, MarketConfig
from spymaster.whole_file import whole_file

DATASET: Final = "GLBX.MDP3"
COMPRESSION_LEVEL: Final = 1

Write = Callable[[npt.NDArray[Any]], None]


def file_name(
    config: MarketConfig,
    schema: str = "mbo",
    symbol: str | None = None,
    suffix: str = "dbn.zst",
) -> str:
    """Return the name that a Databento download of a day would have: the contract's, of MBO.

    Another `schema` has no symbol in its name unless one is given.

    >>> file_name(MarketConfig()), file_name(MarketConfig(), "definition")
    ('glbx-mdp3-20260106.mbo.ESH6.dbn.zst', 'glbx-mdp3-20260106.definition.dbn.zst')
    """
    if symbol is None and schema == "mbo":
        symbol = config.contract
    dataset = DATASET.lower().replace(".", "-")
    name = schema if symbol is None else f"{schema}.{symbol}"
    return f"{dataset}-{config.dt:%Y%m%d}.{name}.{suffix}"


def dbn_metadata(
    config: MarketConfig,
    schema: Schema = Schema.MBO,
    instruments: dict[str, int] | None = None,
    parents: list[str] | None = None,
) -> bytes:
    """Return the encoded DBN header of a UTC day: of the contract, or of `parents` such as ES.OPT.

    `instruments` are the ids by raw symbol that the file maps.
    """
    if instruments is None:
        instruments = {config.contract: config.instrument_id}
    metadata = Metadata(
        dataset=DATASET,
        start=config.midnight_ns,
        end=config.midnight_ns + DAY_SECONDS * SECOND_NS,
        stype_in=SType.RAW_SYMBOL if parents is None else SType.PARENT,
        stype_out=SType.INSTRUMENT_ID,
        schema=schema,
        symbols=list(instruments) if parents is None else parents,
        partial=[],
        not_found=[],
        mappings=[
            SimpleNamespace(raw_symbol=symbol, intervals=[_day_of(config, number)])
            for symbol, number in instruments.items()
        ],
        ts_out=False,
        version=DBN_VERSION,
    )
    return bytes(metadata)


def _day_of(config: MarketConfig, instrument_id: int) -> SimpleNamespace:
    return SimpleNamespace(
        start_date=config.dt, end_date=config.dt + timedelta(days=1), symbol=str(instrument_id)
    )


@contextmanager
def dbn_writer(path: Path, header: bytes) -> Iterator[Write]:
    """Yield a function that appends records; the file appears under its name when all are written.

    UserError if it cannot be created or the disk is full.
    """
    with whole_file(path) as part, part.open("wb") as raw:
        compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True)
        with compressor.stream_writer(raw, closefd=False) as stream:
            stream.write(header)
            yield lambda records: _append(stream, records)
        raw.flush()
        os.fsync(raw.fileno())


def _append(stream: zstandard.ZstdCompressionWriter, records: npt.NDArray[Any]) -> None:
    stream.write(np.ascontiguousarray(records).view(np.uint8).data)
