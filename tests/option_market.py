"""A small sample market with options, written once for all tests of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import databento
import numpy as np
from databento_dbn import F_BAD_TS_RECV

from ingest.sample import MarketConfig, OptionConfig, OptionSummary
from spymaster_udf.mbo import F_SNAPSHOT

MARKET = MarketConfig(messages=60_000, minutes=4)
OPTIONS = OptionConfig(strikes=25, messages=250_000)
NS = 1_000_000_000
TICK = 50_000_000
YEAR_NS = 365 * 86_400 * NS
SNAPSHOT_FLAGS = int(F_SNAPSHOT) | int(F_BAD_TS_RECV)
START = MARKET.midnight_ns + (14 * 60 + 28) * 60 * NS
OPENS = START + 60 * NS
END = START + 4 * 60 * NS
SESSION_START = MARKET.midnight_ns + 11 * 3_600 * NS


def store(path: Path) -> databento.DBNStore:
    return databento.DBNStore.from_bytes(path.read_bytes())


def records(path: Path) -> np.ndarray[Any, Any]:
    return store(path).to_ndarray()


def fields(row: Any, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


class Files(NamedTuple):
    summary: OptionSummary
    future: Path
    definitions: np.ndarray[Any, Any]
    statistics: np.ndarray[Any, Any]
    stream: np.ndarray[Any, Any]
    truth: list[dict[str, Any]]
