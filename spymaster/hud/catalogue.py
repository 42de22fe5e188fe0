"""What the lake has to show: symbols, dates, tables; the only source of names the service accepts."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow.parquet as pq

from spymaster.contracts import known_keys
from spymaster.errors import UserError
from spymaster.hud.columns import BOOK, FUTURE_TABLES
from spymaster.hud.day import PROTOCOL, WINDOW_NS, short_names
from spymaster.hud.day_tables import DayTables, day_tables
from spymaster.lake import (
    Lake,
    complete_partitions,
    is_partition_complete,
    partition_ref,
    read_manifest,
)

Json = dict[str, Any]

_MAX_AGE_SECONDS: Final = 2.0
_SYMBOL: Final = re.compile(r"[A-Z0-9]{1,12}")

SURFACES: Final = {
    key.rsplit(".", 1)[1]: key for key in known_keys() if key.split(".")[0] in ("silver", "gold")
}
"""The tables that /v1/surfaces/ gives, by their short names."""


@dataclass(frozen=True)
class CatalogueDay:
    """One (symbol, dt): its windows, how it was built, its complete tables with their rows."""

    symbol: str
    dt: str
    complete: bool
    missing: tuple[str, ...]
    windows: int
    first_window_end_ts_ns: int
    last_window_end_ts_ns: int
    tick_int: int
    hud_max_ticks: int
    session: str
    surfaces: dict[str, int]

    def as_json(self) -> Json:
        """Return it as docs/hud.md says."""
        return {
            "dt": self.dt, "complete": self.complete, "missing": list(self.missing),
            "windows": self.windows, "hud_max_ticks": self.hud_max_ticks, "session": self.session,
            "first_window_end_ts_ns": str(self.first_window_end_ts_ns),
            "last_window_end_ts_ns": str(self.last_window_end_ts_ns), "surfaces": self.surfaces,
        }  # fmt: skip


@dataclass(frozen=True)
class Catalogue:
    """The days of a lake, by symbol and date."""

    days: dict[tuple[str, str], CatalogueDay] = field(default_factory=dict)

    @property
    def default(self) -> CatalogueDay | None:
        """The newest complete day; of several symbols that with options, else the first by name."""
        whole = [day for day in self.days.values() if day.complete]
        if not whole:
            return None
        newest = max(day.dt for day in whole)
        return min(
            (day for day in whole if day.dt == newest),
            key=lambda day: (len(day.missing), day.symbol),
        )

    def as_json(self) -> Json:
        """Return it as docs/hud.md says."""
        symbols: dict[str, Json] = {}
        for day in self.days.values():
            entry = symbols.setdefault(
                day.symbol, {"symbol": day.symbol, "tick_int": str(day.tick_int), "days": []}
            )
            entry["days"].append(day.as_json())
        default = self.default
        return {
            "protocol": PROTOCOL,
            "default": {"symbol": default.symbol, "dt": default.dt} if default else None,
            "symbols": list(symbols.values()),
        }


class CatalogueReader:
    """Reads the catalogue, again only when it is older than two seconds; for many threads."""

    def __init__(self, lake: Lake, clock: Callable[[], float] = time.monotonic) -> None:
        self._lake, self._clock = lake, clock
        self._lock = threading.Lock()
        self._read_at = -_MAX_AGE_SECONDS
        self._latest = Catalogue()
        self._known: dict[tuple[str, str], tuple[str, CatalogueDay]] = {}

    def fresh(self) -> Catalogue | None:
        """Return the catalogue if it need not be read again; does not wait."""
        is_fresh = self._clock() - self._read_at < _MAX_AGE_SECONDS
        return self._latest if is_fresh else None

    def read(self) -> Catalogue:
        """Return the catalogue; a day that is just being replaced or damaged is left out."""
        with self._lock:
            if self._clock() - self._read_at >= _MAX_AGE_SECONDS:
                self._latest = self._scan()
                self._read_at = self._clock()
            return self._latest

    def _scan(self) -> Catalogue:
        days = {}
        for symbol in _symbols(self._lake):
            for ref in complete_partitions(self._lake, BOOK, symbol):
                try:
                    days[symbol, ref.dt] = self._day(day_tables(self._lake, symbol, ref.dt))
                except UserError:
                    continue
        self._known = {key: self._known[key] for key in days}
        return Catalogue(days)

    def _day(self, tables: DayTables) -> CatalogueDay:
        key = tables.symbol, tables.dt
        surfaces = _surfaces(self._lake, tables)
        stamp = f"{tables.version} {surfaces}"
        if key not in self._known or self._known[key][0] != stamp:
            self._known[key] = stamp, _catalogue_day(self._lake, tables, surfaces)
        return self._known[key][1]


def _symbols(lake: Lake) -> list[str]:
    """Return the symbols with a book, by name."""
    folder = partition_ref(lake, BOOK, "X", "2000-01-01").folder.parents[2]
    names = (path.name.removeprefix("symbol=") for path in folder.glob("symbol=*"))
    return sorted(name for name in names if _SYMBOL.fullmatch(name))


def _surfaces(lake: Lake, tables: DayTables) -> dict[str, int]:
    rows = {}
    for name, key in SURFACES.items():
        ref = partition_ref(lake, key, tables.symbol, tables.dt)
        if key in tables.manifests:
            rows[name] = int(tables.manifests[key]["row_count"])
        elif is_partition_complete(ref):
            rows[name] = int(read_manifest(ref)["row_count"])
    return rows


def _catalogue_day(lake: Lake, tables: DayTables, surfaces: dict[str, int]) -> CatalogueDay:
    first, last = _first_and_last_end(lake, tables)
    return CatalogueDay(
        symbol=tables.symbol,
        dt=tables.dt,
        complete=not set(FUTURE_TABLES) & set(tables.missing),
        missing=short_names(tables.missing),
        windows=tables.windows,
        first_window_end_ts_ns=first,
        last_window_end_ts_ns=last,
        tick_int=int(tables.parameter("tick_int")),
        hud_max_ticks=int(tables.parameter("hud_max_ticks")),
        session=str(tables.parameter("session")),
        surfaces=surfaces,
    )


def _first_and_last_end(lake: Lake, tables: DayTables) -> tuple[int, int]:
    """Return the ends of the first and the last window from the file's statistics, or its rows."""
    path = tables.ref(lake, BOOK).data_path
    try:
        starts = pq.read_table(path, columns=["window_start_ts_ns"]).column(0)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    if len(starts) == 0:
        raise UserError(f"{path} has no windows")
    return starts[0].as_py() + WINDOW_NS, starts[-1].as_py() + WINDOW_NS
