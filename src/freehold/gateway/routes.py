"""One generation of settings, made ready for the data plane: per workload, the homes a call may go to.

Everything that does not depend on the call is worked out here, once per start or reload: candidate sets,
request heads, response heads, prices. Health and connections are handed over from the generation before.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from freehold import __version__
from freehold.clock import Clock
from freehold.dialects import Codec, Target, codec
from freehold.dialects.capabilities import capability
from freehold.errors import InputError
from freehold.estate.digests import policy_digest
from freehold.estate.model import Estate
from freehold.estate.settings import ModelSettings
from freehold.gateway.affinity import salt_of
from freehold.gateway.asked import RENAMING, any_of
from freehold.gateway.auth import Identity, identity, require
from freehold.gateway.candidates import Candidate, Candidates, candidates
from freehold.gateway.capacity import Capacity, name_of
from freehold.gateway.choosing import Chooser
from freehold.gateway.failover import Place, Rules
from freehold.gateway.headroom import Headroom
from freehold.gateway.health import Health
from freehold.gateway.metrics import Tally
from freehold.gateway.order import typical_nano_usd
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.telling import telling_fields, telling_words
from freehold.gateway.transports import TRANSPORTS, Transport, api_of, key_header, reach
from freehold.gateway.upstream import Address, Pool
from freehold.types.conversation import Conversation, Text, Turn
from freehold.types.homes import Home, Workload
from freehold.types.names import HomeId
from freehold.types.records import HomeFacts

USER_AGENT: Final = f"freehold/{__version__}"
RESOLVED_MAX: Final = 4096
NAME_CHARS_MAX: Final = 200
WAIT_SECONDS_MAX: Final = 86_400
_PROBE_TURN = Turn(role="user", blocks=(Text(text="."),))


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """Timeouts in seconds."""

    connect: float
    header: float
    first_content: float
    idle: float
    total: float


class Live:
    """What is known of a home while the process runs; it outlives a reload."""

    __slots__ = ("answered", "failed", "health", "identity", "pool", "tokens_out", "where")

    def __init__(
        self, pool: Pool, health: Health, signer: Identity | None, where: tuple[object, ...]
    ) -> None:
        self.pool, self.health, self.identity, self.where = pool, health, signer, where
        self.answered = self.failed = self.tokens_out = 0

    def settle(self, tls: ssl.SSLContext) -> None:
        """Connections from now on are checked by `tls`."""
        address = self.pool.address
        if address.tls is not None and address.tls is not tls:
            self.pool.move(Address(address.host, address.port, tls))


class Route:
    """One home as a place for the calls of one workload."""

    __slots__ = (
        "account",
        "api",
        "api_version",
        "authority",
        "bit",
        "can",
        "codec",
        "credential",
        "dialect",
        "facts",
        "fixed_headers",
        "forwards",
        "head_plain",
        "head_stream",
        "headroom",
        "health",
        "home",
        "id",
        "live",
        "metrics_url",
        "model_name",
        "nano_usd",
        "nano_usd_held",
        "parameters_active",
        "place",
        "pool",
        "prefix",
        "quality",
        "renames",
        "reply_plain",
        "reply_tail",
        "salt",
        "secure",
        "substitute",
        "tally",
        "target",
        "telling_words",
        "tells",
        "tells_use",
        "template",
        "transport",
        "waits",
    )  # fmt: skip

    def __init__(
        self, candidate: Candidate, workload: Workload, live: Live, credential: str | None,
        waits: Waits, model: ModelSettings | None, headroom: Headroom, bit: int,
    ) -> None:  # fmt: skip
        home = candidate.home
        self.home, self.id, self.live = home, home.id, live
        self.headroom, self.bit, self.salt = headroom, bit, salt_of(home.id)
        self.health, self.pool = live.health, live.pool
        self.substitute, self.quality = candidate.substitute, candidate.quality
        self.api = api_of(home.api or "")
        self.transport: Transport = TRANSPORTS[self.api]
        self.dialect = self.transport.dialect
        self.codec: Codec = codec(self.api)
        self.model_name = home.model_name or home.model or ""
        self.api_version = home.options.get("api_version")
        self.target = Target(
            api=self.api, model=self.model_name, api_version=self.api_version, options=_options(home)
        )
        self.can = capability(self.api, self.model_name, self.api_version)
        self.tells = any_of(telling_fields(self.dialect, self.can))
        self.telling_words = telling_words(self.dialect, self.can, alone=False)
        where = reach(home, self.api)
        self.tells_use = self.api.startswith("azure")  # provisioned deployments tell how full they are
        self.authority, self.prefix, self.secure = where.authority, where.prefix, where.secure
        path = home.options.get("metrics", "")  # where an engine tells its load, if it does
        scheme = "https" if where.secure else "http"
        self.metrics_url = f"{scheme}://{where.authority}/{path.lstrip('/')}" if path else ""
        self.credential, self.waits = credential, waits
        # Where two homes have the same address and credential, what the vendor stores for one is the other's.
        self.account = (self.authority, credential or str(home.id))
        self.renames = self.dialect in RENAMING and not self.signs  # a body may pass with its model renamed
        self.forwards = self.transport.forwards
        self.fixed_headers = self._fixed_headers()
        self.head_plain, self.head_stream = self._head(False), self._head(True)
        usual = (workload.input_tokens, workload.output_tokens)
        self.nano_usd = typical_nano_usd(home.price, *usual)
        self.nano_usd_held = typical_nano_usd(home.price, *usual, cached=True)
        self.place = Place(home=home.id, context_tokens=model.context_tokens if model is not None else None)
        named = f"x-freehold-home: {home.id}\r\nx-freehold-model: {home.model or 'unknown'}\r\n"
        if candidate.substitute:
            named += "x-freehold-substitute: yes\r\n"
        self.reply_tail = named.encode()
        self.reply_plain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + self.reply_tail
        self.tally: Tally | None = None  # of the calls it answered
        self.parameters_active = model.parameters_active if model is not None else None
        self.template: Any = None  # a Template, of the records of its calls
        self.facts = HomeFacts(
            home=home.id, vendor=home.vendor, operator=home.operator, region=home.region,
            silicon=home.silicon, api=home.api, model=home.model,
        )  # fmt: skip

    def _fixed_headers(self) -> dict[str, str]:
        fixed = {
            "host": self.authority, "user-agent": USER_AGENT, "accept-encoding": "identity",
            **self.transport.headers,
        }  # fmt: skip
        if self.credential is not None:
            name, value = key_header(self.transport.key, self.credential)
            fixed[name] = value
        return fixed

    def _head(self, stream: bool) -> bytes:
        """The head of a request whose body passes through, up to the number of its bytes."""
        probe = Conversation(model=self.model_name, turns=(_PROBE_TURN,), stream=stream, max_tokens=1)
        wire = self.codec.write_request(probe, self.target)
        fields = {**self.fixed_headers, **wire.headers}
        for name in self.forwards:
            fields.pop(name, None)
        return head_bytes(wire.method, self.prefix + wire.path, fields)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        """A whole request, signed where the home has an identity; None while that is not ready."""
        fields = {**self.fixed_headers, **headers}
        signer = self.live.identity
        if signer is not None and self.credential is None:
            scheme = "https" if self.secure else "http"
            signed = signer.headers(method, f"{scheme}://{self.authority}{self.prefix}{path}", fields, body)
            if signed is None:
                return None
            fields.update(signed)
        return b"%b%d\r\n\r\n%b" % (head_bytes(method, self.prefix + path, fields), len(body), body)

    @property
    def signs(self) -> bool:
        return self.credential is None and self.live.identity is not None


def head_bytes(method: str, path: str, fields: Mapping[str, str]) -> bytes:
    """Request line and headers, ending in `content-length: ` so that the number and the body follow."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise ValueError("a header of a request to a home holds a line break")
    return ("\r\n".join(lines) + "\r\ncontent-length: ").encode("latin-1")


class Plan:
    """One workload and the routes its policy allows."""

    __slots__ = (
        "candidates", "chooser", "ordered", "places", "policy", "policy_digest", "routes", "rules",
        "strict_policy", "waits", "why_none", "workload",
    )  # fmt: skip

    def __init__(
        self, workload: Workload, found: Candidates, routes: tuple[Route, ...], rules: Rules, waits: Waits,
        chooser: Chooser[Route],
    ) -> None:  # fmt: skip
        self.workload, self.policy, self.candidates = workload, workload.policy, found
        self.routes, self.rules, self.waits = routes, rules, waits
        self.policy_digest = policy_digest(workload.policy)
        self.strict_policy = msgspec.structs.replace(workload.policy, evidence="strict")
        self.places = tuple(route.place for route in routes)
        self.why_none = "" if routes else found.why_none() or "no home of it serves calls"
        self.chooser = chooser
        self.ordered = chooser.ordered  # the routes best first, with the reason for each


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


def _options(home: Home) -> dict[str, str]:
    found = dict(home.options)
    if home.region is not None:
        found.setdefault("location", home.region)
    return found


def _waits_of(home: Home, waits: Waits) -> Waits:
    """A home's own timeouts, as options such as `timeout_idle_s`; its other options are looked at too."""
    for name in ("continues", "holds_state"):
        if home.options.get(name, "yes") not in ("yes", "no"):
            raise _bad_option(home, name, "it is yes or no")
    own: dict[str, float] = {}
    for name in Waits.__struct_fields__:
        given = home.options.get(f"timeout_{name}_s")
        if given is not None:
            own[name] = _seconds(home, f"timeout_{name}_s", given)
    return msgspec.structs.replace(waits, **own) if own else waits


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
