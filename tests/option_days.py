"""A day with options, from DBN files to every table, built once for all tests that read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from physics_tables import rows_of

from ingest.file_ingest import ingest_file
from ingest.sample import MarketConfig, OptionConfig, write_day_with_options
from spymaster.dbt_run import build_day
from spymaster.lake import Lake

DT = "2026-01-06"
SESSION = {"session_start": "09:28", "session_end": "09:31"}
Rows = list[dict[str, Any]]


class OptionDay:
    """A built day of one product, with the truth beside it."""

    def __init__(self, root: str, folder: Path) -> None:
        self.symbol = f"{root}H6"
        self.lake = Lake(folder / "lake")
        market = MarketConfig(root=root, contract=self.symbol, minutes=3, messages=40_000)
        # Enough messages for the makers to requote at every move of the future.
        write_day_with_options(folder / "files", market, OptionConfig(strikes=41, messages=500_000))
        for schema in ("definition", "statistics", "mbo"):  # definitions say what the others are of
            for path in sorted((folder / "files").glob(f"*.{schema}.*dbn.zst")):
                ingest_file(path, self.lake, root=root)
        self.truth = [
            row
            for path in (folder / "files").glob("*.truth.parquet")
            for row in pq.read_table(path).to_pylist()
            if row["underlying"] == self.symbol
        ]
        build_day(self.lake, self.symbol, DT, SESSION)

    def rows(self, key: str) -> Rows:
        """A built table's rows."""
        return rows_of(self.lake, key, self.symbol, DT)
