"""May this call go, by its key's limits? Reserved before it is sent, settled when it is over.

A key without limits never comes here. A call whose key has too little in this process waits a moment for
more; what it is then refused with says what ran out, and when to come back, if ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from freehold.dialects import Failure
from freehold.gateway import overlimit
from freehold.gateway.asked import Asked
from freehold.gateway.budgets import Bound, Facts, Unbounded, bound_of, charge, dearest_input
from freehold.gateway.keys import Caller
from freehold.gateway.leasing import Leasing
from freehold.gateway.meters import CONCURRENCY, COUNTS_DOLLARS, REQUESTS, TOKENS
from freehold.gateway.route import Plan
from freehold.gateway.routes import Generation
from freehold.gateway.seams import Client
from freehold.gateway.slices import Meter, Short, Slice
from freehold.types.conversation import Usage
from freehold.types.records import Charged

WAIT_SECONDS_MAX: Final = 1.5
WAITING_MAX: Final = 4096  # calls in one process
FRESH_SECONDS: Final = 0.25  # so long a limit that was found used up is not asked about again
_NO_BOUND: Final = Bound()
_UNKNOWN: Final = "this gateway cannot tell whether the key is good"


class Settling(Protocol):
    """What is told of a call that ended, to charge it."""

    held: Held | None

    @property
    def asked(self) -> Asked: ...
    @property
    def caller(self) -> Caller: ...
    @property
    def ending(self) -> str: ...
    @property
    def usage(self) -> Usage | None: ...
    @property
    def committed(self) -> bool: ...
    @property
    def sent_bytes(self) -> int: ...


class Held:
    """What one call has reserved."""

    __slots__ = ("bound", "charged", "facts", "parts", "settled")

    def __init__(self, bound: Bound, facts: Facts, parts: list[tuple[Slice, int]]) -> None:
        self.bound, self.facts, self.parts = bound, facts, parts
        self.charged: Charged | None = None  # once the call is over
        self.settled = False

    @property
    def counts(self) -> bool:
        """Does a limit of the key count what the call uses, and not only that there is one?"""
        return self.facts is not _NO_FACTS

    def settle(self) -> bool:
        """Turn what was reserved into what was charged. Was it more than the bound had said?"""
        beyond, charged = False, self.charged
        for slice_, amount in self.parts:
            kind, used = slice_.place.kind, 0
            if charged is not None and kind == TOKENS:
                used = charged.tokens
            elif charged is not None and kind in COUNTS_DOLLARS:
                used = charged.nano_usd or 0
            slice_.settle(amount, used)
            beyond = beyond or used > amount
        self.parts, self.settled = [], True
        return beyond


class _Waiting:
    """A call that has not begun; its caller's connection takes it for one."""

    __slots__ = ("_allowance", "_asked", "_gone", "amount", "joined", "meter", "until")

    def __init__(self, allowance: Allowance, asked: _Wish, short: Short, until: float) -> None:
        self._allowance, self._asked, self._gone = allowance, asked, False
        self.joined: str | None = None
        self.meter, self.amount, self.until = short.meter, short.amount, until
        asked.client.begin(self)

    def client_gone(self) -> None:
        self._gone = True

    def hold(self, paused: bool) -> None:
        """Nothing is being written yet."""

    def look(self, *, over: bool) -> bool:
        if self._gone:
            return True
        wish = self._asked
        found = self._allowance.try_hold(wish)
        if isinstance(found, Held):
            wish.start(found)
            return True
        failure = self._allowance.why_not(found, over=over)
        if failure is not None:
            wish.deny(failure)
            return True
        before, self.meter, self.amount = self.meter, found.meter, found.amount
        return self._allowance.moved(self, before)


class _Wish:
    """What a call needs to have before it may begin, and what to do then."""

    __slots__ = ("bound", "caller", "client", "deny", "facts", "start")

    def __init__(
        self, client: Client, caller: Caller, bound: Bound, facts: Facts, start: Callable[[Held], None],
        deny: Callable[[Failure], None],
    ) -> None:  # fmt: skip
        self.client, self.caller, self.bound, self.facts = client, caller, bound, facts
        self.start, self.deny = start, deny


class _Stranger:
    """A request with a key that is not known yet."""

    __slots__ = ("_again", "_deny", "_gone", "joined", "since")

    def __init__(
        self, client: Client, since: float, again: Callable[[], None], deny: Callable[[Failure], None]
    ) -> None:
        self.since, self._again, self._deny, self._gone = since, again, deny, False
        self.joined: str | None = None
        client.begin(self)

    def client_gone(self) -> None:
        self._gone = True

    def hold(self, paused: bool) -> None:
        """Nothing is being written yet."""

    def keys_read(self, done: bool) -> None:
        if self._gone:
            return
        if done:
            self._again()
        else:
            self._deny(overlimit.away(_UNKNOWN))


class Allowance:
    """Of one process: every limit of every key that calls here."""

    def __init__(self, leasings: Sequence[tuple[frozenset[int], Leasing]], now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.leasings = tuple(leasing for _, leasing in leasings)
        self._of = {kind: leasing for kinds, leasing in leasings for kind in kinds}
        self._facts: dict[str, tuple[int, Facts]] = {}
        self.beyond = 0  # calls that used more than their bound
        self.stopping = False

    # --- before a call ---

    def admit(
        self, client: Client, caller: Caller, asked: Asked, plan: Plan, generation: Generation,
        start: Callable[[Held], None], deny: Callable[[Failure], None],
    ) -> None:  # fmt: skip
        """Calls `start` with what is reserved, or `deny`: now, or when more has come or has not."""
        facts, bound = self._bound(caller, asked, plan, generation)
        if isinstance(bound, Unbounded):
            deny(overlimit.unbounded(bound))
            return
        wish = _Wish(client, caller, bound, facts, start, deny)
        found = self.try_hold(wish)
        if isinstance(found, Held):
            start(found)
            return
        failure = self.why_not(found, over=False)
        leasing = self._of[found.meter.kind]
        if failure is None and len(leasing.waiting) >= WAITING_MAX:
            failure = self.why_not(found, over=True)
        if failure is not None:
            deny(failure)
            return
        leasing.waiting.append(_Waiting(self, wish, found, leasing.now() + WAIT_SECONDS_MAX))
        leasing.hurry()

    def hold_now(self, caller: Caller) -> Held | None:
        """For a key whose limits only count calls: what it needs, if it is here. None: see `admit`."""
        now_ns, meters = self._now_ns(), caller.meters
        for meter in meters:
            slice_ = meter.now
            if now_ns >= slice_.ends_ns or slice_.ceiling <= slice_.used + slice_.reserved:
                return None
            if not meter.active:
                return None
        parts = []
        for meter in meters:
            slice_ = meter.now
            meter.note(1, now_ns)
            if meter.kind == REQUESTS:
                slice_.use(1)
            else:
                slice_.reserve(1)
                parts.append((slice_, 1))
        return Held(_NO_BOUND, _NO_FACTS, parts)

    def _bound(
        self, caller: Caller, asked: Asked, plan: Plan, generation: Generation
    ) -> tuple[Facts, Bound | Unbounded]:
        kinds = [meter.kind for meter in caller.meters]
        dollars = any(kind in COUNTS_DOLLARS for kind in kinds)
        if not dollars and TOKENS not in kinds:
            return _NO_FACTS, _NO_BOUND
        facts = self._facts_of(plan, generation)
        if asked.side is not None and not asked.side.charged:
            return facts, Bound(nano_usd=0 if dollars else None)
        return facts, bound_of(asked.body, facts, dollars=dollars, answers=asked.side is None)

    def _facts_of(self, plan: Plan, generation: Generation) -> Facts:
        name = str(plan.workload.id)
        known = self._facts.get(name)
        if known is None or known[0] != generation.number:
            known = self._facts[name] = (generation.number, facts_of(plan, generation))
        return known[1]

    def try_hold(self, wish: _Wish) -> Held | Short:
        """Reserve all that the call needs, or nothing."""
        now_ns, bound = self._now_ns(), wish.bound
        taking: list[tuple[Slice, int]] = []
        for meter in wish.caller.meters:
            slice_, amount = meter.at(now_ns), amount_of(meter.kind, bound)
            if not meter.active:
                self._of[meter.kind].wake(meter)
            if slice_.ceiling - slice_.used - slice_.reserved < amount:
                meter.note(amount, now_ns)
                return Short(meter, amount)
            taking.append((slice_, amount))
        parts = []
        for meter, (slice_, amount) in zip(wish.caller.meters, taking, strict=True):
            meter.note(amount, now_ns)
            if meter.kind == REQUESTS:
                slice_.use(amount)
            else:
                slice_.reserve(amount)
                parts.append((slice_, amount))
        return Held(bound, wish.facts, parts)

    def why_not(self, short: Short, *, over: bool) -> Failure | None:
        """Why the call cannot go; None: more may come, so it is worth waiting for."""
        meter, amount = short
        leasing = self._of[meter.kind]
        if self.stopping:
            return overlimit.stopping()
        if amount > meter.limit:
            return overlimit.too_large(meter, amount)
        now_ns = self._now_ns()
        slice_ = meter.at(now_ns)
        fresh = leasing.away_since is None and leasing.now() - slice_.told_at <= FRESH_SECONDS
        if slice_.told_at and amount > slice_.left and (fresh or over):
            return overlimit.used_up(meter, slice_, now_ns)
        if not over:
            return None
        if leasing.away_since is not None:
            return overlimit.away(
                "this key's limits cannot be checked now",
                "the shared state does not answer, and this process has used what it had of the limit",
            )
        return overlimit.all_taken(meter)

    # --- keys that are not known ---

    def ask_for_key(self, client: Client, again: Callable[[], None], deny: Callable[[Failure], None]) -> None:
        """A key nobody knows here may be a moment old: read them, then `again`, or say that we cannot."""
        leasing = self.leasings[0]
        if leasing.away_since is not None:
            deny(overlimit.away(_UNKNOWN))
            return
        if len(leasing.strangers) >= WAITING_MAX:
            deny(overlimit.away("this gateway looks up too many keys at once", "most of them are none"))
            return
        leasing.strangers.append(_Stranger(client, leasing.now(), again, deny))
        leasing.read_keys()

    def moved(self, waiting: _Waiting, before: Meter) -> bool:
        """What it lacks now may be another store's to lend."""
        leasing = self._of[waiting.meter.kind]
        if leasing is self._of[before.kind]:
            return False
        leasing.waiting.append(waiting)
        leasing.hurry()
        return True

    # --- after a call ---

    def _charge(self, call: Settling, cost_nano_usd: int | None) -> Charged | None:
        """What a call counts; None where no limit of its key counts tokens or dollars."""
        held = call.held
        if held is None or not held.counts:
            return None
        return charge(
            held.bound, call.usage, cost_nano_usd, held.facts, complete=call.ending == "ok",
            sent_bytes=call.sent_bytes if call.committed else 0, answers=call.asked.side is None,
        )  # fmt: skip

    def free_now(self, call: Settling, held: Held) -> bool:
        """Give back what a call that is over had, where that takes no look at what it used nor at others."""
        if held.counts or any(leasing.waiting for leasing in self.leasings):
            return False
        self.settle(call, None)
        return True

    def settle(self, call: Settling, cost_nano_usd: int | None) -> Charged | None:
        """Count what a call that is over has used, at this cost if it is known, and free the rest."""
        held = call.held
        if held is None:
            return None
        charged = held.charged = self._charge(call, cost_nano_usd)
        for slice_, amount in held.parts:
            if 0 <= slice_.fair < amount:
                self._of[slice_.place.kind].soon(_meter_of(call.caller, slice_))
        self.beyond += held.settle()
        for leasing in self.leasings:
            if leasing.waiting:
                leasing.look()
        return charged

    async def end(self) -> None:
        self.stopping = True
        for leasing in self.leasings:
            with contextlib.suppress(OSError):
                await leasing.end()


_NO_FACTS: Final = Facts()


def facts_of(plan: Plan, generation: Generation) -> Facts:
    """The worst of all homes that a call of this workload may reach."""
    models = [
        generation.estate.models.get(route.home.model) if route.home.model is not None else None
        for route in plan.routes
    ]
    prices = [route.home.price for route in plan.routes]
    return Facts(
        context_tokens=_most([one.context_tokens if one else None for one in models]),
        output_tokens=_most([one.output_tokens if one else None for one in models]),
        input_nano_usd_per_mtok=_most([dearest_input(price) for price in prices]),
        output_nano_usd_per_mtok=_most([price.output_nano_usd_per_mtok for price in prices]),
        unpriced=tuple(
            str(route.id)
            for route in plan.routes
            if route.home.price.input_nano_usd_per_mtok is None
            or route.home.price.output_nano_usd_per_mtok is None
        ),
    )


def _meter_of(caller: Caller, slice_: Slice) -> Meter | None:
    return next((meter for meter in caller.meters if meter.kind == slice_.place.kind), None)


def _most(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def amount_of(kind: int, bound: Bound) -> int:
    if kind in (CONCURRENCY, REQUESTS):
        return 1
    return bound.tokens if kind == TOKENS else bound.nano_usd or 0
