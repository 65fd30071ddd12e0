"""Record ids at the speed of the data plane: ULIDs that share their random part within one millisecond.

`clock.ulid` draws 80 random bits per id. Here 60 are drawn once per millisecond and the last 20 count up from
a random start, as the ULID specification allows for ids that are made together.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from freehold.clock import CROCKFORD, Clock
from freehold.types.names import RecordId

_PAIRS = tuple(high + low for high in CROCKFORD for low in CROCKFORD)  # every value of ten bits
_COUNT_MAX: Final = 1 << 20
_MS_MAX: Final = (1 << 48) - 1
_SHIFTS = range(100, -1, -10)  # 22 letters: 48 bits of time, 60 of chance
_START_MAX: Final = 1 << 19  # leaves room to count within the millisecond
_DRAW_BYTES: Final = 10
_DRAWS: Final = 64  # that are fetched at once


def id_maker(clock: Clock, entropy: Callable[[int], bytes] = os.urandom) -> Callable[[], RecordId]:
    """A function that gives a new id each time, in order of time."""
    now_ns = clock.now_ns
    last_ms, count, prefix = -1, 0, ""
    pool, drawn = b"", 0
    pairs: Any = _PAIRS  # of any type, so that what is added up need not be named a RecordId, which is a call

    def make() -> RecordId:
        nonlocal last_ms, count, prefix, pool, drawn
        at_ns = now_ns()
        ms = at_ns // 1_000_000
        count += 1
        if ms != last_ms or count >= _COUNT_MAX:
            if drawn == len(pool):
                pool, drawn = entropy(_DRAWS * _DRAW_BYTES), 0
            random = int.from_bytes(pool[drawn : drawn + _DRAW_BYTES], "big")
            drawn += _DRAW_BYTES
            last_ms = ms
            value = (ms & _MS_MAX) << 60 | random >> 20
            prefix = "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])
            count = random % _START_MAX
        id: RecordId = prefix + pairs[count >> 10] + pairs[count & 1023]
        return id

    return make
