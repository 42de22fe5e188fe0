"""The moment that `spymaster book` shows: how it is written, and the records up to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from spymaster.errors import UserError
from spymaster_udf.mbo import F_LAST, F_SNAPSHOT
from spymaster_udf.mbo_columns import MboColumns

END: Final = "end"
LOCAL_ZONE: Final = "America/New_York"

_DAY_NS: Final = 86_400 * 10**9
_LATEST_NS: Final = np.iinfo(np.int64).max
_MOST_PENDING: Final = 8_000_000
_TIME: Final = re.compile(
    r"(?:(?P<date>\d{4}-\d{2}-\d{2})[T ])?"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?"
)


def moment_ns(text: str, day: date, zone: str = LOCAL_ZONE) -> int:
    """Return UTC nanoseconds of a time within the UTC day of a daily file.

    `text`: HH:MM[:SS[.fraction]], with a date before it or without (then it is the one such time of
    the UTC day); Z or +HH:MM after it, else it is local time of `zone`; a number of 16 digits or more:
    UTC nanoseconds; `end`: after everything. Raises UserError for anything else.

    >>> moment_ns("09:30", date(2026, 1, 6)) == moment_ns("14:30Z", date(2026, 1, 6))
    True
    >>> moment_ns("2026-01-06T14:30:05.25Z", date(2026, 1, 6))
    1767709805250000000
    """
    if text == END:
        return _LATEST_NS
    if re.fullmatch(r"\d{16,19}", text) and int(text) < _LATEST_NS:
        return int(text)
    match = _TIME.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        return _ns_of(match, day, zone)
    except (ValueError, OverflowError):
        raise UserError(
            f"--at {text!r} is not a time: HH:MM:SS.fraction (New York), the same with Z (UTC), "
            "2026-01-06T14:30:05Z, UTC nanoseconds, or end"
        ) from None


def _ns_of(match: re.Match[str], day: date, zone: str) -> int:
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    fraction = int((match["fraction"] or "0").ljust(9, "0"))
    tz: tzinfo | None = ZoneInfo(zone)
    if match["zone"]:
        offset = match["zone"].replace("Z", "+00:00")
        tz = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo
    # A local day begins before or after the UTC day: of three candidates one lies within it.
    days = [day, day - timedelta(days=1), day + timedelta(days=1)]
    if match["date"]:
        days = [date.fromisoformat(match["date"])]
    midnight = _utc_ns(datetime(day.year, day.month, day.day, tzinfo=UTC))
    clock = time(hour, minute, second, tzinfo=tz)
    times = [_utc_ns(datetime.combine(one, clock)) for one in days]
    inside = [at for at in times if midnight <= at < midnight + _DAY_NS]
    at = (inside or times)[0] + fraction
    if not 0 <= at < _LATEST_NS:
        raise ValueError
    return at


def _utc_ns(moment: datetime) -> int:
    return round(moment.timestamp()) * 10**9


def day_of(columns: MboColumns) -> date:
    """Return the UTC date of the first record's ts_recv."""
    return datetime.fromtimestamp(int(columns.ts_recv[0]) // 10**9, UTC).date()


class EventsUntil:
    """Cuts one instrument's stream after the last event that ended at or before a moment.

    The time of a record is the book's clock: ts_event, of a snapshot record ts_recv, and never less
    than before. An event that has not ended by the moment is left out as a whole.
    """

    def __init__(self, at_ns: int) -> None:
        self._at_ns = at_ns
        self._pending: list[MboColumns] = []
        self.first_ns: int | None = None
        """Time of the first record."""
        self.last_ns = 0
        """Time of the last record seen."""
        self.is_past = False
        """Whether a record after the moment has been seen."""
        self.left_out = 0
        """Records at or before the moment whose event had not ended."""

    def cut(self, batches: Iterable[MboColumns]) -> Iterator[MboColumns]:
        """Yield whole events; stops at the first record after the moment."""
        for columns in batches:
            if not len(columns):
                continue
            clock = self._clock(columns)
            count = int(np.searchsorted(clock, self._at_ns, side="right"))
            self.is_past = count < len(columns)
            part = columns.take(slice(0, count))
            ends = np.flatnonzero(part.flags & F_LAST)
            if len(ends):
                whole = int(ends[-1]) + 1
                yield MboColumns.joined([*self._pending, part.take(slice(0, whole))])
                self._pending, part = [], part.take(slice(whole, None))
            if len(part):
                self._pending.append(part)
            self.left_out = sum(map(len, self._pending))
            if self.is_past:
                return
            if self.left_out > _MOST_PENDING:
                raise UserError(
                    f"no event has ended for {self.left_out:,} records: no record has F_LAST"
                )

    def _clock(self, columns: MboColumns) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        times = np.where(columns.flags & F_SNAPSHOT, columns.ts_recv, columns.ts_event)
        if self.first_ns is None:
            self.first_ns = self.last_ns = int(times[0])
        times[0] = max(int(times[0]), self.last_ns)
        clock = np.maximum.accumulate(times)
        self.last_ns = int(clock[-1])
        return clock
