"""The dates that `spymaster check` is asked for."""

from __future__ import annotations

import datetime

from spymaster.errors import UserError


def dates_of(text: str) -> tuple[list[str], bool]:
    """Return the dates of A, A,B,… or A:B (both ends included), and whether it is a range.

    Raises UserError for what is no date and for a range that ends before it begins.

    >>> dates_of("2026-01-05:2026-01-06"), dates_of("2026-01-06")
    ((['2026-01-05', '2026-01-06'], True), (['2026-01-06'], False))
    """
    if ":" not in text:
        return [_date(part).isoformat() for part in text.split(",")], False
    first_text, _, last_text = text.partition(":")
    first, last = _date(first_text), _date(last_text)
    if last < first:
        raise UserError(f"the range {text} ends before it begins")
    days = (last - first).days + 1
    return [(first + datetime.timedelta(days=n)).isoformat() for n in range(days)], True


def _date(text: str) -> datetime.date:
    try:
        return datetime.datetime.strptime(text.strip(), "%Y-%m-%d").date()
    except ValueError:
        raise UserError(f"{text!r} is not a date (such as 2026-01-06)") from None
