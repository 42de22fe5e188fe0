"""The days in memory: loaded once, off the event loop, the last used of them kept."""

from __future__ import annotations

import asyncio
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from spymaster.errors import UserError
from spymaster.hud.day import Day, load_day
from spymaster.hud.day_tables import day_stamp, day_tables
from spymaster.hud.encoding import Views
from spymaster.hud.refusal import RefusalError
from spymaster.lake import Lake


class DayCache:
    """A bounded LRU of days.

    A day whose partitions were replaced is loaded anew for whoever comes; who watches the old
    version keeps it, and may ask for more of it by its version, as long as somebody watches.
    `max_open` bounds the days in memory, those that only watchers hold included.
    """

    def __init__(self, lake: Lake, max_ticks: int, max_days: int, max_open: int) -> None:
        self._lake, self._max_ticks = lake, max_ticks
        self._max_days, self._max_open = max_days, max_open
        self._latest: OrderedDict[tuple[str, str], Views] = OrderedDict()
        self._open: weakref.WeakValueDictionary[str, Views] = weakref.WeakValueDictionary()
        # One thread: days load one after the other, so that memory grows by one day at a time.
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="hud-day")
        self._looker = ThreadPoolExecutor(2, thread_name_prefix="hud-look")
        self._loading: dict[tuple[str, str], asyncio.Lock] = {}
        self._versions: dict[tuple[str, str], tuple[object, str]] = {}

    async def get(self, symbol: str, dt: str, version: str | None = None) -> Views:
        """Return a day of the catalogue, of one version if it is asked for.

        Raises RefusalError: 409 if another version is there now, 503 if the day cannot be read.
        """
        if version is not None and (held := self._held(symbol, dt, version)):
            return held
        lock = self._loading.setdefault((symbol, dt), asyncio.Lock())
        async with lock:
            now = await self._current_version(symbol, dt)
            if version not in (None, now):
                raise RefusalError(409, f"{symbol} {dt} was replaced: its version is {now}")
            held = self._held(symbol, dt, now)
            if held is None:
                held = await self._load(symbol, dt)
            self._keep(held)
        return held

    def close(self) -> None:
        """Stop the threads; a load that runs ends first."""
        self._loader.shutdown(cancel_futures=True)
        self._looker.shutdown(cancel_futures=True)

    def _held(self, symbol: str, dt: str, version: str) -> Views | None:
        return self._open.get(f"{symbol} {dt} {version}")

    async def _current_version(self, symbol: str, dt: str) -> str:
        # The stamp is taken first: what changes after it is seen at the next look.
        stamp = day_stamp(self._lake, symbol, dt)
        known = self._versions.get((symbol, dt))
        if known is not None and known[0] == stamp:
            return known[1]
        loop = asyncio.get_running_loop()
        try:
            tables = await loop.run_in_executor(self._looker, day_tables, self._lake, symbol, dt)
        except UserError as error:
            raise RefusalError(503, str(error)) from None
        self._versions[symbol, dt] = stamp, tables.version
        return tables.version

    async def _load(self, symbol: str, dt: str) -> Views:
        self._latest.pop((symbol, dt), None)
        while len(self._latest) >= self._max_days:
            self._latest.popitem(last=False)
        if len(self._open) >= self._max_open:
            raise RefusalError(503, "too many different days are being watched; try later")
        loop = asyncio.get_running_loop()
        try:
            day: Day = await loop.run_in_executor(
                self._loader, load_day, self._lake, symbol, dt, self._max_ticks
            )
        except UserError as error:
            raise RefusalError(503, str(error)) from None
        return Views(day)

    def _keep(self, views: Views) -> None:
        day = views.day
        self._open[f"{day.symbol} {day.dt} {day.version}"] = views
        self._latest[day.symbol, day.dt] = views
        self._latest.move_to_end((day.symbol, day.dt))
        while len(self._latest) > self._max_days:
            self._latest.popitem(last=False)
