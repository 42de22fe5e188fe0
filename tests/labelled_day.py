"""Ten minutes of the sample market, built, with the labels of what its walls and icebergs did."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

import databento
import duckdb
import pyarrow.parquet as pq

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, file_name, truth_name, write_day
from spymaster.dbt_run import build_day
from spymaster.hud.columns import BOOK, ORDERS, WALL
from spymaster.lake import Lake, partition_ref, read_partition

MARKET = MarketConfig(seed=11)  # no day from which a threshold was chosen
SYMBOL, DT = MARKET.contract, str(MARKET.dt)
SESSION = {"session_start": "09:28", "session_end": "09:38"}
SECOND = 1_000_000_000
START_NS = MARKET.midnight_ns + (14 * 60 + 28) * 60 * SECOND
WINDOWS = 600


class LabelledDay:
    """The DBN file, the labels beside it, and the lake that was built of it."""

    def __init__(self, folder: Path) -> None:
        self.lake = Lake(folder / "lake")
        self.path = folder / file_name(MARKET)
        write_day(self.path, MARKET, truth=folder / truth_name(MARKET))
        ingest_file(self.path, self.lake, root=MARKET.root)
        build_day(self.lake, SYMBOL, DT, SESSION)
        self.labels = pq.read_table(folder / truth_name(MARKET))

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query of the day's tables and of `labels` (those of the session, with the window)."""
        with duckdb.connect() as connection:
            for key in (BOOK, WALL, ORDERS):
                table = read_partition(partition_ref(self.lake, key, SYMBOL, DT))
                connection.register(key.rsplit(".", 1)[1], table)
            connection.register("truth", self.labels)
            connection.execute(
                "create view labels as select ts_event // 1000000000 * 1000000000 as "
                f"window_start_ts_ns, * from truth where ts_event >= {START_NS}"
            )
            return connection.sql(query).fetchall()

    def delta(self) -> list[int]:
        """Bought less sold by aggressor since the session's start, a window, by the file's T records."""
        of_window = [0] * WINDOWS
        for window, side, _, size in self.trades():
            of_window[window] += {"B": size, "A": -size, "N": 0}[side]
        return list(accumulate(of_window))

    def trades(self) -> list[tuple[int, str, int, int]]:
        """Window, aggressor's side, price and size of each T record of the file's session."""
        records = databento.DBNStore.from_bytes(self.path.read_bytes()).to_ndarray()
        trades = records[(records["action"] == b"T") & (records["ts_event"] >= START_NS)]
        return [
            ((time - START_NS) // SECOND, side.decode(), price, size)
            for time, side, price, size in trades[["ts_event", "side", "price", "size"]].tolist()
        ]


def precision_and_recall(found: set[Any], true: set[Any]) -> tuple[float, float]:
    """The share of what was found that is true, and of what is true that was found."""
    hits = len(found & true)
    return hits / len(found), hits / len(true)
