"""The dates of a run: ranges, lists, and why a date of a range has nothing to build."""

from __future__ import annotations

import re
from datetime import date, timedelta

from dateutil.easter import easter

from spymaster.errors import UserError

MAX_DATES = 10_000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_date(text: str) -> date:
    """Return a date written as YYYY-MM-DD; UserError otherwise.

    >>> parse_date("2026-01-06")
    datetime.date(2026, 1, 6)
    """
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        raise UserError(f"{text!r} is not a date (such as 2026-01-06)") from None


def parse_dates(text: str) -> list[date]:
    """Return the dates of a comma list of dates and ranges FIRST:LAST (both included), sorted, once each.

    Raises UserError for what is no date and for a range that ends before it starts.

    >>> [str(day) for day in parse_dates("2026-01-09,2026-01-06:2026-01-07")]
    ['2026-01-06', '2026-01-07', '2026-01-09']
    """
    days: set[date] = set()
    for part in text.split(","):
        first, colon, last = part.strip().partition(":")
        days.update(date_range(parse_date(first), parse_date(last if colon else first)))
    return sorted(days)


def date_range(first: date, last: date) -> list[date]:
    """Return every date from first to last, both included; UserError if there is none."""
    count = (last - first).days + 1
    if count < 1:
        raise UserError(f"the range {first}:{last} ends before it starts")
    if count > MAX_DATES:
        raise UserError(f"the range {first}:{last} has {count:,} dates, more than {MAX_DATES:,}")
    return [first + timedelta(days=days) for days in range(count)]


def named_alone(text: str) -> set[date]:
    """Return the dates that a list names one by one, not as part of a range.

    >>> named_alone("2026-01-04,2026-01-06:2026-01-07")
    {datetime.date(2026, 1, 4)}
    """
    return {parse_date(part.strip()) for part in text.split(",") if ":" not in part}


def closed(day: date) -> str | None:
    """Return why CME has no day session on a date; None if it has one, be it a short one.

    The files of such a date hold at most an evening, which belongs to the next session.

    >>> closed(date(2026, 1, 4)), closed(date(2025, 12, 25)), closed(date(2026, 1, 19))
    ('weekend', 'holiday: Christmas', None)
    """
    if day.weekday() >= 5:
        return "weekend"
    if day == easter(day.year) - timedelta(days=2):
        return "holiday: Good Friday"
    for month, number, name in ((1, 1, "New Year"), (12, 25, "Christmas")):
        # On a Sunday it is kept on the Monday after.
        if day in (date(day.year, month, number), _monday_after_sunday(day.year, month, number)):
            return f"holiday: {name}"
    return None


def _monday_after_sunday(year: int, month: int, number: int) -> date | None:
    day = date(year, month, number)
    return day + timedelta(days=1) if day.weekday() == 6 else None
