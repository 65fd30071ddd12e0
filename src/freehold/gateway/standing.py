"""Where each key stands: its limits, what is spent of them, lent to processes, uncertain and left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.gateway.keys import KeyBook, limits_of
from freehold.gateway.meters import CONCURRENCY, COUNTS_DOLLARS, NAMES, REQUESTS, TOKENS, Place, window_of
from freehold.gateway.state.base import Key, Standing, State
from freehold.units import show_usd

QUICK = (CONCURRENCY, REQUESTS, TOKENS)
_WORDS = {
    CONCURRENCY: "calls at once", REQUESTS: "calls this minute", TOKENS: "tokens this minute"
}  # fmt: skip


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit as it stands now. `left` is what no call has used or may have used."""

    limit: str
    of: int
    spent: int
    leased: int
    uncertain: int
    left: int

    def words(self) -> str:
        kind = NAMES.index(self.limit)
        shown = [_shown(kind, one) for one in (self.of, self.spent, self.leased, self.left)]
        name = _WORDS.get(kind) or self.limit.replace("_", " ")
        doubt = f", {_shown(kind, self.uncertain)} uncertain" if self.uncertain else ""
        if kind == CONCURRENCY:
            return f"{shown[0]} {name}: {shown[2]} lent to gateways"
        return f"{name} {shown[0]}: {shown[1]} spent, {shown[2]} lent to gateways{doubt}, {shown[3]} left"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A key, and each of its limits."""

    key: Key
    state: str  # valid, revoked or expired
    limits: tuple[Limit, ...]

    def as_data(self) -> dict[str, Any]:
        """For a program: the key's own fields, and its limits under `limits`."""
        key = dict.fromkeys(Key.__struct_fields__)
        own = {**key, "workloads": [], "tags": {}, **msgspec.to_builtins(self.key)}
        return {**own, "state": self.state, "limits": [msgspec.to_builtins(one) for one in self.limits]}


def accounts(states: Sequence[State], now_ns: int) -> list[Account]:
    """Of every key. `states`: that of keys and dollars, and the quick one if there is another."""
    keys = KeyBook(states[0]).all()
    places = {key.id: _places(key, now_ns) for key in keys}
    found = _standings(states, [place for some in places.values() for place in some])
    return [_account(key, places[key.id], found, now_ns) for key in keys]


def account(states: Sequence[State], id: str, now_ns: int) -> Account:
    key = KeyBook(states[0]).row(id).key
    places = _places(key, now_ns)
    return _account(key, places, _standings(states, places), now_ns)


def _places(key: Key, now_ns: int) -> list[Place]:
    return [Place(str(key.id), kind, window_of(kind, now_ns)) for kind, _ in limits_of(key)]


def _standings(states: Sequence[State], places: list[Place]) -> dict[Place, Standing]:
    quick = [place for place in places if place.kind in QUICK]
    lasting = [place for place in places if place.kind not in QUICK]
    found = [*states[-1].standings(quick), *states[0].standings(lasting)]
    return {one.place: one for one in found}


def _account(key: Key, places: list[Place], found: dict[Place, Standing], now_ns: int) -> Account:
    limits = tuple(
        _limit(limit, found[place]) for (_, limit), place in zip(limits_of(key), places, strict=True)
    )
    return Account(key=key, state=state_of(key, now_ns), limits=limits)


def _limit(limit: int, standing: Standing) -> Limit:
    return Limit(
        limit=NAMES[standing.place.kind], of=limit, spent=standing.spent, leased=standing.leased,
        uncertain=standing.uncertain,
        left=max(0, limit - standing.spent - standing.uncertain),
    )  # fmt: skip


def state_of(key: Key, now_ns: int) -> str:
    if key.revoked_ns is not None:
        return "revoked"
    return "expired" if key.expires_ns is not None and key.expires_ns <= now_ns else "valid"


def _shown(kind: int, amount: int) -> str:
    return show_usd(amount) if kind in COUNTS_DOLLARS else f"{amount:,}"
