"""Free memory goes back to the system: one burst, or one disk that stalled, must not mark a process for good.

The C library keeps pages that are free but lie below one still in use. glibc gives them back when asked.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

TRIM_SECONDS: Final = 30.0


async def keep_trimmed(every_seconds: float = TRIM_SECONDS) -> None:
    """Until cancelled. A trim takes a fraction of a millisecond, in a thread that holds no lock of ours."""
    while True:
        await asyncio.sleep(every_seconds)
        await asyncio.to_thread(give_back)


def give_back() -> None:
    """Where the C library knows no such request (musl, macOS), nothing happens."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
