"""How old a figure may be before it is marked wherever it is used."""

from __future__ import annotations

import calendar
import datetime

AGE_DAYS_MAX = {
    "price": 180,  # list prices move a few times a year
    "offer": 120,  # prices of chips move faster
    "model": 365,
    "service": 730,
    "silicon": 1095,
    "incident": None,  # the past does not age
}


def as_date(as_of: str) -> datetime.date | None:
    """The last day that 2025, 2025-10 or 2025-10-20 can mean; None where it is no date."""
    try:
        parts = [int(part) for part in as_of[:10].split("-")]
        year = parts[0]
        month = parts[1] if len(parts) > 1 else 12
        day = parts[2] if len(parts) > 2 else calendar.monthrange(year, month)[1]
        return datetime.date(year, month, day)
    except (ValueError, IndexError, calendar.IllegalMonthError):
        return None


def days_old(as_of: str, today: datetime.date) -> int | None:
    date = as_date(as_of)
    return None if date is None else max(0, (today - date).days)


def is_stale(as_of: str, kind: str, today: datetime.date) -> bool:
    """Past its limit. A figure without a date is stale: nobody knows how old it is."""
    limit = AGE_DAYS_MAX[kind]
    if limit is None:
        return False
    old = days_old(as_of, today)
    return old is None or old > limit


def mark(as_of: str, kind: str, today: datetime.date) -> str:
    """What is printed behind a figure that is past its limit; empty otherwise."""
    if not is_stale(as_of, kind, today):
        return ""
    return f"(as of {as_of or 'no date'}, older than {AGE_DAYS_MAX[kind]} days)"
