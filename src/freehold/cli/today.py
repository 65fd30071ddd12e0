"""The date that ages are counted from; FREEHOLD_TODAY fixes it, for replays and for tests."""

from __future__ import annotations

import datetime
import os

from freehold.clock import SystemClock
from freehold.errors import UsageError

VARIABLE = "FREEHOLD_TODAY"


def today() -> datetime.date:
    fixed = os.environ.get(VARIABLE)
    if fixed is None:
        return datetime.datetime.fromtimestamp(SystemClock().now_ns() / 1e9, tz=datetime.UTC).date()
    try:
        return datetime.date.fromisoformat(fixed)
    except ValueError:
        raise UsageError(
            f"{VARIABLE} is {fixed!r}",
            why="it fixes the date that ages are counted from",
            fix="write it as 2026-11-20, or unset it",
            code="cli.not-a-date",
        ) from None
