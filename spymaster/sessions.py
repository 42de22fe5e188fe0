"""The session window: local clock times on a date, as UTC nanoseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spymaster.errors import UserError

_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_NS = 1_000_000_000


@dataclass(frozen=True)
class Session:
    """A day's session [start_ns, end_ns), UTC nanoseconds on whole seconds, and its name."""

    start_ns: int
    end_ns: int
    text: str


def session_of(dt: date, start: str, end: str, tz: str) -> Session:
    """Return the session on the local calendar date `dt`; times are HH:MM or HH:MM:SS, up to 24:00.

    Raises UserError for a malformed time, an unknown time zone or an end at or before the start.

    >>> session = session_of(date(2026, 1, 6), "06:00", "16:00", "America/New_York")
    >>> (session.end_ns - session.start_ns) // 10**9, session.text
    (36000, '06:00-16:00 America/New_York')
    """
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(
            f"unknown time zone {tz!r} (session_tz), such as America/New_York"
        ) from None
    start_ns = _utc_ns(dt, _seconds(start, "session_start"), zone)
    end_ns = _utc_ns(dt, _seconds(end, "session_end"), zone)
    if end_ns <= start_ns:
        raise UserError(f"the session ends at {end} ({tz}), at or before its start at {start}")
    return Session(start_ns, end_ns, f"{start}-{end} {tz}")


def _seconds(text: str, name: str) -> int:
    match = _TIME.fullmatch(text)
    if match:
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= 86_400:
            return total
    raise UserError(f"{name} is {text!r}, not a time HH:MM between 00:00 and 24:00")


def _utc_ns(dt: date, seconds: int, zone: ZoneInfo) -> int:
    days, in_day = divmod(seconds, 86_400)
    day = datetime(dt.year, dt.month, dt.day, tzinfo=zone) + timedelta(days=days)
    local = day.replace(hour=in_day // 3600, minute=in_day // 60 % 60, second=in_day % 60)
    return round(local.timestamp()) * _NS
