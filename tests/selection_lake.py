"""A lake of ES with made-up volumes around a roll: a handful of records a contract and date."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
from dbn_files import definition, metadata, write_dbn, write_definitions

from ingest.file_ingest import ingest_file
from ingest.record_layouts import RECORD
from spymaster.lake import Lake

IDS = {"ESH6": 5602, "ESM6": 5603}
EXPIRATIONS_NS = {
    "ESH6": 1_774_013_400_000_000_000,  # 2026-03-20 09:30 in New York
    "ESM6": 1_781_875_800_000_000_000,  # 2026-06-19 09:30
}
VOLUMES = {
    "2026-03-12": {"ESH6": 5, "ESM6": 3},
    "2026-03-13": {"ESH6": 5, "ESM6": 3},
    "2026-03-15": {"ESH6": 1, "ESM6": 9},  # a Sunday evening
    "2026-03-16": {"ESH6": 4, "ESM6": 6},
    "2026-03-17": {"ESH6": 1, "ESM6": 9},
}


def day_ns(dt: str) -> int:
    days = datetime.date.fromisoformat(dt).toordinal() - datetime.date(1970, 1, 1).toordinal()
    return days * 86_400 * 10**9


def ingest_volume(lake: Lake, symbol: str, dt: str, volume: int) -> None:
    """Ingest a day of one contract: an order, `volume` trades of 1, a fill that does not count."""
    start = day_ns(dt) + 15 * 3_600 * 10**9
    records = np.zeros(volume + 2, RECORD)
    records["length"], records["rtype"] = records.dtype.itemsize // 4, 160
    records["publisher_id"], records["instrument_id"] = 1, IDS[symbol]
    records["ts_recv"] = records["ts_event"] = start + np.arange(len(records))
    records["price"], records["size"], records["order_id"] = 7_000 * 10**9, 1, 1
    records["side"], records["action"] = ord("B"), ord("T")
    records["action"][0], records["action"][-1] = ord("A"), ord("F")
    records["size"][[0, -1]] = 1_000
    path = lake.root.parent / f"{dt}.{symbol}.{volume}.mbo.dbn"
    header = metadata({symbol: IDS[symbol]}, days=100)
    ingest_file(write_dbn(path, records, header), lake, "ES", overwrite=True)


def ingest_definitions(lake: Lake, dt: str, symbols: list[str]) -> None:
    """Ingest a day's definitions of some contracts."""
    rows = [
        definition(IDS[name], name, asset="ES", ts_recv=day_ns(dt), expiration=EXPIRATIONS_NS[name])
        for name in symbols
    ]
    path = write_definitions(lake.root.parent / f"{dt}.definition.dbn", rows)
    ingest_file(path, lake, "ES", overwrite=True)


def make_lake(folder: Path) -> Lake:
    """The dates and volumes of VOLUMES; definitions on the first date alone."""
    lake = Lake(folder / "lake")
    for dt, volumes in VOLUMES.items():
        for symbol, volume in volumes.items():
            ingest_volume(lake, symbol, dt, volume)
    ingest_definitions(lake, "2026-03-12", list(IDS))
    return lake
