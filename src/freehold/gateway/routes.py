"""One generation of settings, made ready for the data plane: per workload, the homes a call may go to.

Candidate sets are worked out here, once per start or reload. Health and connections are handed over from the
generation before.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from freehold.clock import Clock
from freehold.errors import InputError, nearest
from freehold.estate.model import Estate
from freehold.gateway.auth import identity, require
from freehold.gateway.candidates import candidates
from freehold.gateway.capacity import Capacity, name_of
from freehold.gateway.choosing import Chooser
from freehold.gateway.failover import Rules
from freehold.gateway.health import Health
from freehold.gateway.route import WAITS, Live, Plan, Route, Waits
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.telling import telling_words
from freehold.gateway.transports import TRANSPORTS, api_of, reach
from freehold.gateway.upstream import Address, Pool
from freehold.types.homes import Home
from freehold.types.names import HomeId

RESOLVED_MAX: Final = 4096
NAME_CHARS_MAX: Final = 200
WAIT_SECONDS_MAX: Final = 86_400
OPTIONS: Final = frozenset({
    "api_version", "continues", "holds_state", "hosting", "location", "metrics", "profile", "project",
    "resource", "scope", "signing_region", "workspace", *(f"timeout_{name}_s" for name in WAITS),
})  # fmt: skip


class Generation:
    """What one reading of the settings means for calls."""

    def __init__(
        self, number: int, estate: Estate, settings: GatewaySettings, plans: dict[str, Plan]
    ) -> None:
        self.number, self.estate, self.settings, self.plans = number, estate, settings, plans
        self._resolved: dict[tuple[str, frozenset[str] | None], Plan | tuple[str, ...]] = {}

    def resolve(self, model: str, scope: frozenset[str] | None) -> Plan | tuple[str, ...]:
        """The workload that `model` means to a caller, or the names it could have meant.

        A workload's name, else a model that exactly one of the caller's workloads runs.
        """
        key = (model, scope)
        found = self._resolved.get(key)
        if found is None:
            found = self._resolve(model, scope)
            if len(self._resolved) >= RESOLVED_MAX:
                self._resolved.clear()
            if len(model) <= NAME_CHARS_MAX:  # callers may call a model anything, at any length
                self._resolved[key] = found
        return found

    def _resolve(self, model: str, scope: frozenset[str] | None) -> Plan | tuple[str, ...]:
        open_to = {name: plan for name, plan in self.plans.items() if scope is None or name in scope}
        if model in open_to:
            return open_to[model]
        running = [
            name
            for name, plan in open_to.items()
            if any(
                model in (self.estate.homes[home].model, self.estate.homes[home].model_name)
                for home in plan.workload.homes
            )
        ]
        if len(running) == 1:
            return open_to[running[0]]
        return tuple(sorted(running or open_to))


class Building(msgspec.Struct, kw_only=True):
    """What a generation is built with."""

    loop: Any
    clock: Clock
    now: Callable[[], float]
    chance: Any
    tls: ssl.SSLContext
    credentials: Mapping[HomeId, str]
    capacity: Capacity
    share: int = 1  # processes that divide configured limits among them
    attested: frozenset[HomeId] = frozenset()


def build_generation(
    number: int, estate: Estate, settings: GatewaySettings, building: Building, lives: dict[HomeId, Live]
) -> Generation:
    """Plans of every workload that takes calls. `lives` is kept up: homes that stay keep their state.

    Where something cannot be built, `lives` is as it was: the old generation goes on with it.
    """
    fresh: dict[HomeId, Live] = {}
    try:
        plans = _plans(estate, settings, building, lives, fresh)
    except BaseException:
        for made in set(fresh.values()) - set(lives.values()):
            _let_go(made)
        raise
    for gone in set(lives.values()) - set(fresh.values()):
        _let_go(gone)
    lives.clear()
    lives.update(fresh)
    for live in lives.values():
        live.settle(building.tls)
    pools = {}
    for home in fresh:
        pool = estate.homes[home].pool
        pools[name_of(estate.homes[home])] = None if pool is None else estate.pools.get(pool)
    building.capacity.settle(pools, building.share, building.now())
    return Generation(number, estate, settings, plans)


def _plans(
    estate: Estate, settings: GatewaySettings, building: Building, lives: Mapping[HomeId, Live],
    fresh: dict[HomeId, Live],
) -> dict[str, Plan]:  # fmt: skip
    plans: dict[str, Plan] = {}
    waits = Waits(
        connect=settings.timeouts.connect.seconds, header=settings.timeouts.header.seconds,
        first_content=settings.timeouts.first_content.seconds, idle=settings.timeouts.idle.seconds,
        total=settings.timeouts.total.seconds,
    )  # fmt: skip
    for name, workload in estate.workloads.items():
        if workload.kind not in ("serve", "batch"):
            continue
        found = candidates(workload, estate.homes, building.attested)
        routes = []
        for candidate in found.allowed:
            home = candidate.home
            live = _live(home, building, lives, fresh)
            model = estate.models.get(home.model) if home.model is not None else None
            routes.append(
                Route(
                    candidate, workload, live, building.credentials.get(home.id), _waits_of(home, waits),
                    model, building.capacity.pool_of(home, building.now()),
                    building.capacity.memory.bit(home.id),
                )
            )  # fmt: skip
        if len({route.dialect for route in routes}) == 1:
            for route in routes:
                route.telling_words = telling_words(route.dialect, route.can, alone=True)
        rules = Rules(attempts_max=settings.attempts_max, shop_refusals=workload.policy.shop_refusals)
        chooser = Chooser(
            routes, settings.order.rules, building.capacity, keeps_basis=settings.order.keep_basis
        )
        plans[str(name)] = Plan(workload, found, tuple(routes), rules, waits, chooser)
    return plans


def check_homes(estate: Estate, credentials: Mapping[HomeId, str]) -> None:
    """Whatever would keep these homes from being served, told before anything is opened or changed."""
    used = {
        id
        for workload in estate.workloads.values()
        if workload.kind in ("serve", "batch")
        for id in (*workload.homes, *(one.home for one in workload.substitutes))
    }
    for home in (estate.homes[id] for id in sorted(used)):
        if home.api is None:
            continue
        api = api_of(home.api)
        secure = reach(home, api).secure
        _waits_of(home, Waits(connect=1, header=1, first_content=1, idle=1, total=1))
        kind = TRANSPORTS[api].identity
        if secure and kind != "none" and home.id not in credentials:
            require(kind, home)


def _live(home: Home, building: Building, lives: Mapping[HomeId, Live], fresh: dict[HomeId, Live]) -> Live:
    """A home's live state: the one it has, or a new one where it has moved or signs otherwise."""
    if home.id in fresh:
        return fresh[home.id]
    api = api_of(home.api or "")
    place = reach(home, api)
    row = TRANSPORTS[api]
    unsigned = building.credentials.get(home.id) is None
    where = (place.secure, place.host, place.port, unsigned, tuple(sorted(home.options.items())))
    known = lives.get(home.id)
    if known is not None and known.where == where:
        fresh[home.id] = known
        return known
    signer = None
    if unsigned and row.identity != "none" and place.secure:
        signer = identity(row.identity, home, service=row.signing_name, scope=row.scope, clock=building.clock)
    address = Address(place.host, place.port, building.tls if place.secure else None)
    health = known.health if known is not None else Health(building.chance)
    fresh[home.id] = Live(Pool(building.loop, address), health, signer, where)
    return fresh[home.id]


def _let_go(live: Live) -> None:
    live.pool.retire()
    if live.identity is not None:
        live.identity.close()


def _waits_of(home: Home, waits: Waits) -> Waits:
    """A home's own timeouts, as options such as `timeout_idle_s`; its other options are looked at too."""
    _known_only(home)
    for name in ("continues", "holds_state"):
        if home.options.get(name, "yes") not in ("yes", "no"):
            raise _bad_option(home, name, "it is yes or no")
    own: dict[str, float] = {}
    for name in WAITS:
        given = home.options.get(f"timeout_{name}_s")
        if given is not None:
            own[name] = _seconds(home, f"timeout_{name}_s", given)
    return Waits(**{name: own.get(name, getattr(waits, name)) for name in WAITS}) if own else waits


def _known_only(home: Home) -> None:
    unknown = next((name for name in home.options if name not in OPTIONS), None)
    if unknown is not None:
        near = nearest(unknown, OPTIONS)
        meant = f"options.{near}" if near else f"one of {', '.join(sorted(OPTIONS))}"
        raise InputError(
            f"homes.{home.id}.options.{unknown} is no option of a home", why="nothing would read it",
            fix=f"say {meant}, or leave it out", code="gateway.unknown-option",
        )  # fmt: skip


def _seconds(home: Home, name: str, given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= WAIT_SECONDS_MAX:  # no number at all, or none that is a wait
        raise _bad_option(home, name, f"it is a number of seconds above 0 and up to {WAIT_SECONDS_MAX}")
    return seconds


def _bad_option(home: Home, name: str, why: str) -> InputError:
    return InputError(
        f"homes.{home.id}.options.{name} is {home.options[name]!r}", why=why, fix="correct it",
        code="gateway.bad-option",
    )  # fmt: skip
