"""The data plane of one process: everything calls share, and how a request becomes a call.

Pure decisions are in `failover`, `order`, `candidates` and `health`; connections in `caller` and `upstream`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Mapping
from typing import Final, TextIO

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.dialects import Codec, DialectError, Failure, Inbound, Outcome, caller_key, codec_for, route
from freehold.estate.model import Estate
from freehold.gateway.asked import Asked, peek
from freehold.gateway.call import Call
from freehold.gateway.caller import CallerConnection
from freehold.gateway.deadlines import Deadlines
from freehold.gateway.evidence import CallLog, attempt_record, call_record, denied_record
from freehold.gateway.fitting import telling
from freehold.gateway.head import Head
from freehold.gateway.hosts import HostGuard
from freehold.gateway.ids import id_maker
from freehold.gateway.keys import Caller, KeyRing
from freehold.gateway.metrics import Metrics
from freehold.gateway.operations import other_operation
from freehold.gateway.pins import Pins
from freehold.gateway.routes import Building, Generation, Live, Plan, Route, build_generation
from freehold.gateway.settings import GatewaySettings
from freehold.types.contracts import Recorder, Refused
from freehold.types.conversation import StoredState
from freehold.types.names import HomeId

FLUSH_SECONDS: Final = 0.1
SWEEP_SECONDS: Final = 5.0
LINES_CACHED_MAX: Final = 1024
# Kinds of trouble that say nothing about the home's health.
_NEUTRAL: Final = frozenset({
    "bad_request", "too_large", "too_long", "content_filter", "unsupported", "cancelled", "not_found",
    "total_timeout",
})  # fmt: skip
_LASTING: Final = {"auth": 15.0, "permission": 15.0, "billing": 60.0, "quota_exhausted": 60.0, "tls": 5.0}
_EVERYBODY = Caller(None)
_LIMITED = "rate_limited"


class Plane:
    """Shared by every call of this process."""

    def __init__(
        self, estate: Estate, settings: GatewaySettings, recorder: Recorder,
        credentials: Mapping[HomeId, str] | None = None, *, clock: Clock | None = None,
        chance: random.Random | None = None, keys: KeyRing | None = None, log: TextIO | None = None,
        attested: frozenset[HomeId] = frozenset(), tls: ssl.SSLContext | None = None, share: int = 1,
    ) -> None:  # fmt: skip
        self.loop = asyncio.get_running_loop()
        self.clock: Clock = clock or SystemClock()
        self.chance = chance or random.Random()  # noqa: S311  # order and jitter, not secrets
        self._monotonic_ns = self.clock.monotonic_ns
        self.recorder, self.keys, self.share = recorder, keys, share
        self.metrics, self.log, self.pins = Metrics(), CallLog(log), Pins()
        self.new_id = id_maker(self.clock)
        self.lives: dict[HomeId, Live] = {}
        self._tls = tls or ssl.create_default_context()
        self._attested = attested
        self.in_flight = 0
        self.connections: set[CallerConnection] = set()
        self.draining = False
        self._empty: asyncio.Event | None = None
        self._lines: dict[bytes, tuple[Inbound, Codec]] = {}
        self._telling: dict[tuple[str, str, str | None], tuple[bytes, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.generation = self._build(1, estate, settings, credentials or {})
        self._take_limits(settings)
        self.deadlines = Deadlines(self.loop, self._shortest_wait())
        self._idle_deadlines = Deadlines(self.loop, 1.0)
        self._timers = [
            self.loop.call_later(FLUSH_SECONDS, self._flush), self.loop.call_later(SWEEP_SECONDS, self._sweep)
        ]  # fmt: skip

    def now(self) -> float:
        """Seconds on the clock that deadlines use, finer than the loop's own idea of it."""
        return self._monotonic_ns() / 1e9

    # --- settings ---

    def _build(
        self, number: int, estate: Estate, settings: GatewaySettings, credentials: Mapping[HomeId, str]
    ) -> Generation:
        building = Building(
            loop=self.loop, clock=self.clock, chance=self.chance, tls=self._tls, credentials=credentials,
            attested=self._attested,
        )  # fmt: skip
        return build_generation(number, estate, settings, building, self.lives)

    def reload(self, estate: Estate, settings: GatewaySettings, credentials: Mapping[HomeId, str]) -> None:
        """New settings for calls that begin from now on; those at work finish on what they began with."""
        self.generation = self._build(self.generation.number + 1, estate, settings, credentials)
        self._take_limits(settings)
        self._telling.clear()
        self.deadlines.allow(self._shortest_wait())

    def _take_limits(self, settings: GatewaySettings) -> None:
        self.head_bytes_max = settings.head_max.bytes
        self.body_bytes_max = settings.body_max.bytes
        self.connections_max = settings.connections_max
        self.in_flight_max = settings.in_flight_max
        self.hosts = HostGuard(settings.host, settings.hosts)

    def _shortest_wait(self) -> float:
        found = [
            min(waits.connect, waits.header, waits.first_content, waits.idle, waits.total)
            for plan in self.generation.plans.values()
            for waits in (plan.waits, *(one.waits for one in plan.routes))
        ]
        return min([1.0, *found])

    # --- callers' connections ---

    async def serve(
        self, host: str, port: int, *, reuse_port: bool = False, tls: ssl.SSLContext | None = None
    ) -> asyncio.Server:
        return await self.loop.create_server(
            lambda: CallerConnection(self), host, port, reuse_port=reuse_port or None, ssl=tls, backlog=1024
        )

    def admit_connection(self, connection: CallerConnection) -> bool:
        if len(self.connections) >= self.connections_max or self.draining:
            return False
        self.connections.add(connection)
        self._idle_deadlines.add(connection)
        return True

    def connection_gone(self, connection: CallerConnection) -> None:
        self.connections.discard(connection)
        self._idle_deadlines.discard(connection)

    def unreadable(self, status: int) -> None:
        self.metrics.unreadable += 1

    # --- a request becomes a call ---

    def begin(self, client: CallerConnection, head: Head, body: bytes) -> None:
        started = self.now()
        stranger = self.hosts.stranger(head)
        if stranger:
            client.refuse(403, stranger)
            return
        known = self._lines.get(head.line)
        if known is not None:
            inbound, near = known
            secret = _plain_bearer(head)
            if secret is None:
                secret = _secret(head)
        else:
            headers = head.headers()
            given = caller_key(headers, head.target.decode("latin-1"))
            found = route(head.method, given.target, headers)
            if found is None:
                self._no_such_path(client, head, given.target)
                return
            inbound, near = found, codec_for(found)
            secret = given.key.encode("latin-1", "replace") if given.key is not None else b""
            if (
                "anthropic-version" not in headers
                and "anthropic-beta" not in headers
                and "?" not in given.target
            ):
                self._remember_line(head.line, inbound, near)
        caller = self._caller(secret)
        if caller is None:
            self._deny(client, near, inbound, _no_key(bool(secret)))
            return
        if inbound.operation != "generate":
            other_operation(self, client, head, inbound, near, caller, body)
            return
        try:
            peeked = peek(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._deny(client, near, inbound, self._unreadable_body(near, inbound, body), caller)
            return
        asked = Asked(inbound, near, _row(inbound), body, peeked)
        self._begin_call(client, head, asked, caller, started)

    def _begin_call(
        self, client: CallerConnection, head: Head, asked: Asked, caller: Caller, started: float
    ) -> None:
        plan = self.generation.resolve(asked.model, caller.scope)
        if not isinstance(plan, Plan):
            self._deny(client, asked.near, asked.inbound, unknown_model(asked, plan), caller)
            return
        if plan.why_none:
            self._deny(client, asked.near, asked.inbound, _none_allowed(plan), caller, plan)
            return
        admitted = self.recorder.admit(plan.policy)
        if isinstance(admitted, Refused):
            self._deny(client, asked.near, asked.inbound, _not_admitted(admitted), caller, plan)
            return
        failure = self._over_limit(caller, started)
        if failure is not None:
            self._deny(client, asked.near, asked.inbound, failure, caller, plan)
            return
        self.in_flight += 1
        caller.in_flight += 1
        forward, restarts = b"", False
        if asked.dialect == "anthropic":
            forward = _forwarded(head)
        if plan.policy.on_cut == "restart":
            restarts = (head.get(b"x-freehold-on-cut") or b"").lower() == b"restart"
        call = Call(self, client, self.new_id(), asked, plan, caller, forward, restarts, started)
        client.begin(call)
        call.start()

    def _remember_line(self, line: bytes, inbound: Inbound, near: Codec) -> None:
        if len(self._lines) >= LINES_CACHED_MAX:
            self._lines.clear()
        self._lines[line] = (inbound, near)

    def _caller(self, secret: bytes) -> Caller | None:
        keys = self.keys
        if keys is None or not keys.ever_made:
            return _EVERYBODY if keys is None or self.hosts.loopback else None
        return keys.find(secret) if secret else None

    def _over_limit(self, caller: Caller, now: float) -> Failure | None:
        if self.in_flight >= self.in_flight_max or self.draining:
            return Failure(
                status=503, kind="overloaded", what="this gateway has no room for another call",
                why=f"{self.in_flight} calls are at work" if not self.draining else "it is stopping",
                fix="ask again, or another gateway", code="gateway.full", retry_after_ms=1000,
            )  # fmt: skip
        if caller.concurrency is not None and caller.in_flight >= caller.concurrency:
            return Failure(
                status=429, kind=_LIMITED, what="this key has as many calls at work as it may",
                why=f"its limit is {caller.concurrency} at once here", fix="wait for one of them to end",
                code="gateway.key-concurrency", retry_after_ms=250,
            )  # fmt: skip
        wait = caller.take(now)
        if wait is None:
            return None
        return Failure(
            status=429, kind=_LIMITED, what="this key has made as many calls this minute as it may",
            why=f"its limit is {caller.rate} a minute here", fix="wait, or ask for a higher limit",
            code="gateway.key-rate", retry_after_ms=int(wait * 1000) + 1,
        )  # fmt: skip

    def _unreadable_body(self, near: Codec, inbound: Inbound, body: bytes) -> Failure:
        """The dialect's own words for what is wrong with a body we could not even peek into."""
        try:
            near.read_request(inbound, body)
        except DialectError as error:
            return Failure(
                status=error.status, kind="bad_request", what=error.what, why=error.why,
                fix=error.fix or "send the request as the dialect has it", code=error.code,
            )  # fmt: skip
        return Failure(
            status=400, kind="bad_request", what="the field model or stream is not what it should be",
            why="model is text, stream is true or false", fix="correct them", code="gateway.bad-field",
        )  # fmt: skip

    # --- refusals before a call ---

    def _deny(
        self, client: CallerConnection, near: Codec, inbound: Inbound, failure: Failure,
        caller: Caller | None = None, plan: Plan | None = None,
    ) -> None:  # fmt: skip
        """Tell the caller in its dialect, and record that it was told."""
        id = self.new_id()
        retry = b"true" if failure.retry_after_ms is not None else b"false"
        written = near.write_error(failure)
        self.recorder.record(
            denied_record(
                id, self.clock.now_ns(), estate=self.generation.estate.digest, code=failure.code,
                status=failure.status, dialect=inbound.dialect, workload=plan.workload.id if plan else None,
                policy=plan.policy.id if plan else None, client_fault=400 <= failure.status < 429,
                key=caller.id if caller else None,
            )
        )  # fmt: skip
        self.metrics.denied[failure.code] = self.metrics.denied.get(failure.code, 0) + 1
        self.log.denied(id, inbound.dialect, failure.code, written.status)
        extra = b"x-freehold-receipt: %b\r\nx-freehold-attempts: 0\r\nx-should-retry: %b\r\n" % (
            id.encode(),
            retry,
        )
        client.reply(written.status, written.headers, written.body, extra)
        client.finish_reply()

    deny = _deny

    def _no_such_path(self, client: CallerConnection, head: Head, target: str) -> None:
        path = target.partition("?")[0][:200]
        body = msgspec.json.encode({"error": {
            "code": "gateway.no-such-path", "type": "not_found_error",
            "message": f"{head.method} {path} is not a path of any dialect Freehold speaks",
        }})  # fmt: skip
        client.reply(404, {"content-type": "application/json"}, body)
        client.finish_reply()

    # --- what calls ask of the plane ---

    def must_look(self, asked: Asked, where: Route) -> bool:
        """Does the body hold anything that this home may not take as it is?"""
        key = (where.api, where.model_name, where.api_version)
        signs = self._telling.get(key)
        if signs is None:
            signs = self._telling[key] = telling(where)
        if where.api_version is not None and asked.inbound.api_version not in (None, where.api_version):
            return True
        body = asked.body
        for sign in signs:  # noqa: SIM110  # a generator costs more than the search
            if sign in body:
                return True
        return False

    def pinned(self, stored: StoredState, order: tuple[Route, ...]) -> tuple[Route, ...]:
        """Of the homes in order, the one that holds what the call names; none if it is not among them."""
        home = self.pins.home_of(stored.id)
        if home is None:
            holders = [one for one in order if one.dialect == "responses" or len(order) == 1]
            return tuple(holders) if len(holders) == 1 else ()
        return tuple(one for one in order if one.id == home)

    def gone(self, stored: StoredState | None, plan: Plan) -> Failure:
        named = stored.id[:80] if stored is not None else ""
        held = self.pins.home_of(stored.id) if stored is not None else None
        return Failure(
            status=409, kind="stored_state_gone",
            what=f"the call names stored state {named!r}, and no home can be asked for it",
            why=f"home {held} holds it and is not a candidate" if held else "no home is known to hold it",
            fix="send the conversation itself", code="gateway.stored-state-gone",
        )  # fmt: skip

    def settle(self, call: Call, then: Callable[[], None]) -> None:
        """Record now, go on when the record is on disk."""
        self._record(call)
        call.error = call.error

        async def wait() -> None:
            await self.recorder.durable(call.id)
            if call.client.call is call:
                then()

        task = self.loop.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def attempt_ended(self, call: Call, where: Route, outcome: Outcome | None, now: float) -> None:
        if outcome is None:
            where.health.succeeded(now)
            where.live.answered += 1
            if call.first_content is not None and not call.tried:
                seconds = call.first_content - call.attempt_started
                where.health.took(seconds)
                self.metrics.first_content(where.id, seconds)
            return
        if outcome.kind in _NEUTRAL:
            where.health.gave_up()
        else:
            wait_ms = outcome.retry_after_ms
            wait = wait_ms / 1000 if wait_ms is not None else _LASTING.get(outcome.kind)
            where.health.failed(now, wait)
        where.live.failed += 1
        self.metrics.attempt_failed(where.id, outcome.kind)
        seconds = now - call.attempt_started
        self.recorder.record(
            attempt_record(call, where, outcome, self.new_id(), self.clock.now_ns(), seconds)
        )

    def call_ended(self, call: Call) -> None:
        self.in_flight -= 1
        if self._empty is not None and not self.in_flight:
            self._empty.set()
        call.caller.in_flight -= 1
        seconds = self.now() - call.started
        where = call.route
        self.metrics.call(
            str(call.plan.workload.id), where.id if where is not None else "", call.ending, seconds
        )
        if call.tried and call.ending == "ok":
            key = (str(call.plan.workload.id), call.joined or "failover")
            self.metrics.rescued[key] = self.metrics.rescued.get(key, 0) + 1
        usage = call.usage
        if usage is not None and where is not None:
            if usage.fresh is not None:
                self.metrics.used(where.id, "input", usage.fresh)
            if usage.output is not None:
                self.metrics.used(where.id, "output", usage.output)
        if call.plan.policy.evidence != "strict" or call.ending != "ok" or call.asked.stream:
            self._record(call)
        self.log.call(call, seconds)

    def _record(self, call: Call) -> None:
        seconds = self.now() - call.started
        self.recorder.record(call_record(call, self.generation.estate.digest, self.clock.now_ns(), seconds))

    # --- upkeep and end ---

    def _flush(self) -> None:
        self.log.flush()
        self._timers[0] = self.loop.call_later(FLUSH_SECONDS, self._flush)

    def _sweep(self) -> None:
        for live in self.lives.values():
            live.pool.sweep()
        self._timers[1] = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    async def drain(self, seconds: float) -> int:
        """No new calls; those at work may finish. How many had to be cut off."""
        self.draining = True
        for connection in list(self.connections):
            if connection.call is None:
                connection.transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._emptied()
        left = self.in_flight
        for connection in list(self.connections):
            connection.transport.abort() if connection.call is not None else connection.transport.close()
        await asyncio.sleep(0)
        return left

    async def _emptied(self) -> None:
        """Wait until no call is at work."""
        self._empty = asyncio.Event()
        if self.in_flight:
            await self._empty.wait()

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self.deadlines.close()
        self._idle_deadlines.close()
        for live in self.lives.values():
            live.pool.close()
            for connection in list(live.pool.connections):
                connection.transport.abort()
            if live.identity is not None:
                live.identity.close()
        for task in self._tasks:
            task.cancel()
        self.log.flush()


_BEARER: Final = b"\r\nauthorization: bearer "


def _plain_bearer(head: Head) -> bytes | None:
    """The key where nearly every SDK puts it; None where it may be somewhere else too."""
    lower = head.lower
    at = lower.find(_BEARER)
    if at < 0 or b"api-key:" in lower:
        return None
    start = at + 24
    return head.raw[start : lower.find(b"\r\n", start)].strip()


def _secret(head: Head) -> bytes:
    given = caller_key(head.headers(), head.target.decode("latin-1"))
    return given.key.encode("latin-1", "replace") if given.key is not None else b""


def _forwarded(head: Head) -> bytes:
    """The caller's headers that a home of the same dialect must see, and nothing else of the caller's."""
    out = []
    for name in (b"anthropic-version", b"anthropic-beta"):
        value = head.get(name)
        if value is None and name == b"anthropic-version":
            value = b"2023-06-01"
        if value is not None:
            out.append(b"%b: %b\r\n" % (name, value))
    return b"".join(out)


def _row(inbound: Inbound) -> str:
    """The codec row that reads this path, which is what a home's row is compared with."""
    if inbound.dialect == "bedrock" and inbound.surface == "invoke":
        return "bedrock-invoke"
    return (
        "vertex-claude" if (inbound.dialect, inbound.surface) == ("anthropic", "vertex") else inbound.dialect
    )


def _no_key(given: bool) -> Failure:
    return Failure(
        status=401, kind="auth",
        what="this gateway does not know the key" if given else "the call has no key",
        why="it was never made here, was revoked, or has expired" if given else "keys are required here",
        fix="ask whoever runs this gateway for one: freehold key create", code="gateway.bad-key",
    )  # fmt: skip


def unknown_model(asked: Asked, could_be: tuple[str, ...]) -> Failure:
    names = ", ".join(could_be[:20]) or "none"
    return Failure(
        status=404, kind="not_found", what=f"no workload is called {asked.model[:200]!r}",
        why=f"it is no workload's name and not the model of exactly one; there are {names}",
        fix="name one of them as the model", code="gateway.unknown-model",
    )  # fmt: skip


def _none_allowed(plan: Plan) -> Failure:
    return Failure(
        status=403, kind="permission", what=f"no home of workload {str(plan.workload.id)!r} may be used",
        why=plan.why_none, fix="change the policy, or add a home that it allows", code="gateway.none-allowed",
    )  # fmt: skip


def _not_admitted(refused: Refused) -> Failure:
    return Failure(
        status=503, kind="refused", what="the call was not started", why=refused.why, fix=refused.fix,
        code=refused.code,
    )  # fmt: skip
