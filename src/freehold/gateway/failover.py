"""What to do next with a call: a pure function from what happened so far to the next step.

It knows no sockets and no clocks; the data plane feeds it what each attempt came to, and does what it says.
"""

from __future__ import annotations

from typing import Final

import msgspec

from freehold.dialects import Failure, Outcome
from freehold.types.names import HomeId

QUICK_RETRY_MS: Final = 50  # before asking the same home again after a passing fault
WAIT_MS_MAX: Final = 10_000  # a home that says "come back later than this" is not waited for within a call

# Faults that may be gone at once, and that did not cost the home any work we know of.
PASSING: Final = frozenset({
    "reset", "closed", "refused", "server_error", "bad_gateway", "unavailable", "conflict", "truncated",
    "unreadable", "wrong_content_type", "cut", "no_finish", "error_in_stream", "bad_chunk", "overloaded",
})  # fmt: skip
# The home said nothing for as long as we were ready to wait. Asking again would double the wait.
SILENT: Final = frozenset(
    {"connect_timeout", "header_timeout", "first_content_timeout", "idle_timeout", "timeout"}
)
# Waiting does not cure these; retrying them costs money or locks accounts.
FINAL_THERE: Final = frozenset(
    {"auth", "permission", "billing", "quota_exhausted", "not_found", "unsupported", "tls"}
)
# The home is well and has no more to give for now.
THROTTLES: Final = frozenset({"rate_limited", "quota_exhausted"})
# An answer told in the shape of an error.
ANSWERS: Final = frozenset({"content_filter", "refusal"})
RETRYABLE_BY_CALLER: Final = frozenset({"rate_limited", "overloaded", "not_ready"})

_STATUS: Final = {
    "unsupported": 400, "rate_limited": 429, "quota_exhausted": 429, "too_long": 400, "header_timeout": 504,
    "first_content_timeout": 504, "idle_timeout": 504, "connect_timeout": 504, "total_timeout": 504,
    "timeout": 504,
}  # fmt: skip


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that did not answer the call."""

    home: HomeId
    outcome: Outcome


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A home the call may go to, in the order it was given."""

    home: HomeId
    context_tokens: int | None = None
    wait_ms: int = 0  # until its pool has room again

    def full(self, wait_ms: int) -> Place:
        return Place(home=self.home, context_tokens=self.context_tokens, wait_ms=wait_ms)


class Go(msgspec.Struct, frozen=True, kw_only=True):
    """Ask this home, after waiting so long."""

    home: HomeId
    after_ms: int = 0
    for_room: bool = False  # whoever has room first will do


class Give(msgspec.Struct, frozen=True, kw_only=True):
    """Tell the caller. `verbatim`: the home's own words are the answer, where the dialect is the same."""

    failure: Failure
    verbatim: bool = False


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    attempts_max: int = 4
    shop_refusals: bool = False


def next_step(
    places: tuple[Place, ...], tried: tuple[Tried, ...], rules: Rules, left_ms: float, workload: str
) -> Go | Give:
    """The step after `tried`, the last of which has just failed; `left_ms` remain of the deadline."""
    last = tried[-1]
    kind = last.outcome.kind
    if last.outcome.action == "client_fault" and not (kind in ANSWERS and rules.shop_refusals):
        return Give(failure=_told(last, workload), verbatim=True)
    if len(tried) < rules.attempts_max and left_ms > 0:
        step = _another(places, tried) or _same_again(places, tried, left_ms)
        if step is not None:
            return step
    return Give(failure=first_cause(tried, workload))


def _another(places: tuple[Place, ...], tried: tuple[Tried, ...]) -> Go | None:
    """A home that was not asked yet. One without room is passed over, unless one of the others was sick: then
    what may be wrong about its room matters less than an answer.
    """
    asked = {one.home for one in tried}
    needs_more_than = _window_needed(places, tried)
    sick = any(one.outcome.kind not in THROTTLES for one in tried)
    full: Go | None = None
    for place in places:
        if place.home in asked:
            continue
        if needs_more_than is not None and (place.context_tokens or 0) <= needs_more_than:
            continue  # the same request would be too long there as well
        if place.wait_ms == 0:
            return Go(home=place.home)
        full = full or Go(home=place.home)
    return full if sick else None


def _window_needed(places: tuple[Place, ...], tried: tuple[Tried, ...]) -> int | None:
    """The largest window in which the request was too long; -1 where that window is not known."""
    known = {place.home: place.context_tokens for place in places}
    windows = [known.get(one.home) for one in tried if one.outcome.kind == "too_long"]
    return max((window if window is not None else 0 for window in windows), default=None) if windows else None


def _same_again(places: tuple[Place, ...], tried: tuple[Tried, ...], left_ms: float) -> Go | None:
    """One quick retry for the whole call, where it is most likely to help; or a home that was not asked for
    want of room, where some comes sooner.
    """
    homes = [one.home for one in tried]
    silent = {one.home for one in tried if one.outcome.kind in SILENT}
    best: Go | None = None
    allowed = {place.home for place in places}
    for one in tried if len(set(homes)) == len(homes) else ():  # else the one retry is spent
        wait_ms = _wait_ms(one.outcome)
        if wait_ms is None or wait_ms >= left_ms or one.home in silent or one.home not in allowed:
            continue
        if best is None or wait_ms < best.after_ms:
            best = Go(home=one.home, after_ms=wait_ms, for_room=one.outcome.kind in THROTTLES)
    for place in places:
        limit_ms = min(WAIT_MS_MAX, left_ms) if best is None else best.after_ms
        if place.home not in homes and 0 < place.wait_ms < limit_ms:
            best = Go(home=place.home, after_ms=place.wait_ms, for_room=True)
    return best


def _wait_ms(outcome: Outcome) -> int | None:
    """How long before this home may be asked again within the call; None: not within this call."""
    if outcome.kind in FINAL_THERE or outcome.kind in SILENT or outcome.kind == "too_long":
        return None
    if outcome.kind in PASSING or outcome.action in ("retry_here", "wait"):
        wait_ms = max(outcome.retry_after_ms or 0, QUICK_RETRY_MS)
        return wait_ms if wait_ms <= WAIT_MS_MAX else None
    if outcome.retry_after_ms is not None and outcome.retry_after_ms <= WAIT_MS_MAX:
        return max(outcome.retry_after_ms, QUICK_RETRY_MS)
    return None


def first_cause(tried: tuple[Tried, ...], workload: str) -> Failure:
    """What the caller is told: the first attempt's trouble, with the others as its reason."""
    # A home that could not take the request was not tried; it is the cause only where none could.
    first = next((one for one in tried if one.outcome.kind != "unsupported"), tried[0])
    told = _told(first, workload)
    others = "; ".join(f"{one.home}: {_words(one.outcome)}" for one in tried)
    waits = [one.outcome.retry_after_ms for one in tried if one.outcome.retry_after_ms is not None]
    kinds = {one.outcome.kind for one in tried}
    return msgspec.structs.replace(
        told,
        what=f"no home of workload {workload!r} answered",
        why=others,
        fix=_fix(kinds),
        code="gateway.no-home",
        retry_after_ms=min(waits) if waits and kinds <= RETRYABLE_BY_CALLER else None,
    )


def _told(one: Tried, workload: str) -> Failure:
    outcome = one.outcome
    status = outcome.status if outcome.action == "client_fault" else _STATUS.get(outcome.kind, 503)
    return Failure(
        status=status, kind=outcome.kind, what=f"home {one.home} refused the request",
        why=_words(outcome), fix="change the request", code="gateway.client-fault",
        retry_after_ms=outcome.retry_after_ms,
    )  # fmt: skip


def _words(outcome: Outcome) -> str:
    return f"{outcome.kind} ({outcome.message or outcome.status})"


def _fix(kinds: set[str]) -> str:
    if kinds <= {"too_long"}:
        return "shorten the request, or add a home with a larger context window"
    if kinds <= {"unsupported"}:
        return "leave out what the homes cannot do, or add a home that can"
    if kinds <= {"auth", "permission", "billing"}:
        return "check the homes' credentials"
    if kinds <= RETRYABLE_BY_CALLER:
        return "come back later, or add capacity"
    return "see that one of the homes is up"
