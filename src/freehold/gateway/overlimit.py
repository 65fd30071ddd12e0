"""What a call is told that its key's limits keep out: what ran out, why, and when to come back, if ever."""

from __future__ import annotations

import datetime
from typing import Final

from freehold.dialects import Failure
from freehold.gateway.budgets import Unbounded
from freehold.gateway.meters import CONCURRENCY, COUNTS_DOLLARS, NAMES, NEVER_NS, REQUESTS, TOKENS
from freehold.gateway.slices import Meter, Slice
from freehold.units import show_usd

SOON_MS: Final = 1000
AWAY_MS: Final = 2000
_WORDS: Final = {CONCURRENCY: "calls at once", REQUESTS: "calls a minute", TOKENS: "tokens a minute"}
_CODES: Final = {
    CONCURRENCY: "gateway.key-concurrency", REQUESTS: "gateway.key-rate", TOKENS: "gateway.key-tokens"
}  # fmt: skip


def unbounded(found: Unbounded) -> Failure:
    return Failure(
        status=403, kind="permission", what="the most that this call can use cannot be told, and its key has"
        " a limit", why=found.why, fix=found.fix, code=found.code,
    )  # fmt: skip


def too_large(meter: Meter, amount: int) -> Failure:
    return Failure(
        status=403, kind="permission", what="this call may use more than its key's whole limit",
        why=f"it may use {_shown(meter.kind, amount)}, and the key's limit is"
        f" {_shown(meter.kind, meter.limit)} ({_words(meter)})",
        fix="set a smaller max_tokens, send less, or ask for a higher limit", code="gateway.key-too-small",
    )  # fmt: skip


def used_up(meter: Meter, slice_: Slice, now_ns: int) -> Failure:
    """What is left, even if every process gave back all it holds, is less than the call may use."""
    left = _shown(meter.kind, max(0, slice_.left))
    if meter.kind in COUNTS_DOLLARS:
        when = "" if slice_.ends_ns >= NEVER_NS else f", until {_date(slice_.ends_ns)}"
        return Failure(
            status=402, kind="quota_exhausted", what=f"this key's {_words(meter)} is used up{when}",
            why=f"{left} of {_shown(meter.kind, meter.limit)} is left; the call may cost more",
            fix="ask whoever runs this gateway to raise it, or set a smaller max_tokens", code=_code(meter),
        )  # fmt: skip
    return Failure(
        status=429, kind="rate_limited", what=f"this key has used its {_words(meter)}",
        why=f"{left} of {meter.limit:,} is left of this minute, and the call may need more",
        fix="wait for the next minute, or ask for a higher limit", code=_code(meter),
        retry_after_ms=max(1, (slice_.ends_ns - now_ns) // 1_000_000 + 1),
    )  # fmt: skip


def all_taken(meter: Meter) -> Failure:
    """There would be enough if calls at work used less than they have reserved."""
    return Failure(
        status=429, kind="rate_limited", what=f"this key's {_words(meter)} are all taken",
        why=f"of {_shown(meter.kind, meter.limit)} too little is left that no call has reserved",
        fix="ask again when some of them have ended, or set a smaller max_tokens", code=_code(meter),
        retry_after_ms=SOON_MS,
    )  # fmt: skip


def stopping() -> Failure:
    return Failure(
        status=503, kind="overloaded", what="this gateway is stopping", why="it takes no more calls",
        fix="ask another gateway", code="gateway.full", retry_after_ms=SOON_MS,
    )  # fmt: skip


def away(what: str, why: str = "the shared state does not answer") -> Failure:
    return Failure(
        status=503, kind="unavailable", what=what, why=why, fix="ask again in a moment",
        code="gateway.state-away", retry_after_ms=AWAY_MS,
    )  # fmt: skip


def _words(meter: Meter) -> str:
    return _WORDS.get(meter.kind) or NAMES[meter.kind].replace("_", " ")


def _code(meter: Meter) -> str:
    return _CODES.get(meter.kind, "gateway.key-budget")


def _shown(kind: int, amount: int) -> str:
    return show_usd(amount) if kind in COUNTS_DOLLARS else f"{amount:,}"


def _date(at_ns: int) -> str:
    return datetime.datetime.fromtimestamp(at_ns // 10**9, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
