"""The data plane of one process: everything calls share, and how a request becomes a call.

Pure decisions are in `failover`, `order`, `candidates` and `health`; connections in `caller` and `upstream`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TextIO

import msgspec

from freehold.clock import Clock, SystemClock
from freehold.dialects import Codec, DialectError, Failure, Inbound, Outcome, caller_key, codec_for, route
from freehold.estate.model import Estate
from freehold.gateway.allowance import Allowance, Held
from freehold.gateway.asked import Asked, Peek, peek
from freehold.gateway.call import Call
from freehold.gateway.caller import CallerConnection
from freehold.gateway.content import Hashed, Said, Seal, Sealing, add_digests
from freehold.gateway.deadlines import Deadlines
from freehold.gateway.evidence import (
    CallLog,
    add_accounts,
    answered_record,
    attempt_record,
    call_record,
    denied_record,
    template_of,
)
from freehold.gateway.head import Head
from freehold.gateway.hosts import HostGuard
from freehold.gateway.ids import id_maker
from freehold.gateway.keys import Caller, KeyRing, KeyRow
from freehold.gateway.metrics import Metrics
from freehold.gateway.operations import other_operation
from freehold.gateway.pins import Pins
from freehold.gateway.routes import Building, Generation, Live, Plan, Route, build_generation
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.side import Side
from freehold.types.contracts import Recorder, Refused
from freehold.types.conversation import StoredState
from freehold.types.names import HomeId
from freehold.types.records import CallRecord

FLUSH_SECONDS: Final = 0.1
SWEEP_SECONDS: Final = 5.0
HEADS_KEPT_MAX: Final = 512
# Kinds of trouble that say nothing about the home's health.
_NEUTRAL: Final = frozenset({
    "bad_request", "too_large", "too_long", "content_filter", "unsupported", "cancelled", "not_found",
    "total_timeout",
})  # fmt: skip
_LASTING: Final = {"auth": 15.0, "permission": 15.0, "billing": 60.0, "quota_exhausted": 60.0, "tls": 5.0}
_EVERYBODY = Caller(None)


class _Memo(NamedTuple):
    """What a head means to this plane, as long as its epoch lasts."""

    epoch: int
    inbound: Inbound
    near: Codec
    row: str
    caller: Caller | None
    has_key: bool
    forward: bytes


class Plane:
    """Shared by every call of this process."""

    def __init__(
        self, estate: Estate, settings: GatewaySettings, recorder: Recorder,
        credentials: Mapping[HomeId, str] | None = None, *, clock: Clock | None = None,
        chance: random.Random | None = None, keys: KeyRing | None = None, log: TextIO | None = None,
        attested: frozenset[HomeId] = frozenset(), tls: ssl.SSLContext | None = None,
        strict: bool = False, seal: Seal | None = None, allowance: Allowance | None = None,
    ) -> None:  # fmt: skip
        self.allowance = allowance
        self.loop = asyncio.get_running_loop()
        self.clock: Clock = clock or SystemClock()
        self.chance = chance or random.Random()  # noqa: S311  # order and jitter, not secrets
        self._monotonic_ns = self.clock.monotonic_ns
        self.recorder, self.keys, self.strict = recorder, keys, strict
        self.sealing = None if seal is None else Sealing(self.loop, seal, recorder)
        self.metrics, self.log, self.pins = Metrics(), CallLog(log), Pins()
        self.new_id = id_maker(self.clock)
        self.lives: dict[HomeId, Live] = {}
        self._tls = tls or ssl.create_default_context()
        self._attested = attested
        self.in_flight = 0
        self.connections: set[CallerConnection] = set()
        self.draining = False
        self._empty: asyncio.Event | None = None
        self.heads: dict[bytes, Head] = {}
        self._epoch = 0
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
        self._epoch += 1
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
        memo = head.memo
        if not isinstance(memo, _Memo) or memo.epoch != self._epoch:
            found = self._read_head(client, head)
            if found is None:
                return
            memo = head.memo = found
        caller = memo.caller
        if caller is not None and caller.expires_ns is not None and self.clock.now_ns() >= caller.expires_ns:
            caller = None
        if caller is None:
            self._stranger(client, head, body, memo)
            return
        if memo.inbound.operation != "generate":
            other_operation(self, client, head, memo.inbound, memo.near, caller, body)
            return
        try:
            peeked = peek(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            failure = self._unreadable_body(memo.near, memo.inbound, body)
            self._deny(client, memo.near, memo.inbound, failure, caller)
            return
        asked = Asked(memo.inbound, memo.near, memo.row, body, peeked)
        self._begin_call(client, head, asked, caller, memo.forward, started)

    def _stranger(self, client: CallerConnection, head: Head, body: bytes, memo: _Memo) -> None:
        """A key that is not known: before it is refused, it is looked for where keys are made."""

        def deny(failure: Failure) -> None:
            self._deny(client, memo.near, memo.inbound, failure)

        def again() -> None:
            found = head.memo = self._read_head(client, head)
            if found is not None and self._expired(found.caller):
                deny(_no_key(memo.has_key))
            elif found is not None:
                self.begin(client, head, body)

        unread = self.keys is not None and not self.keys.read
        if self.allowance is None or not (memo.has_key or unread):
            deny(_no_key(memo.has_key))
        else:
            self.allowance.ask_for_key(client, again, deny)

    def _expired(self, caller: Caller | None) -> bool:
        if caller is None:
            return True
        return caller.expires_ns is not None and self.clock.now_ns() >= caller.expires_ns

    def begin_side(
        self, client: CallerConnection, head: Head, inbound: Inbound, near: Codec, caller: Caller, side: Side,
        body: bytes,
    ) -> None:  # fmt: skip
        """A token count or an embedding: a call like any other from here on."""
        asked = Asked(inbound, near, _row(inbound), body, Peek())
        asked.side, asked.model, asked.stream, asked.hides_usage = side, side.model, False, False
        self._begin_call(client, head, asked, caller, b"", self.now())

    def _read_head(self, client: CallerConnection, head: Head) -> _Memo | None:
        """What a head means; None where it was refused. Kept with the head until keys or settings change."""
        stranger = self.hosts.stranger(head)
        if stranger:
            client.refuse(403, stranger)
            return None
        headers = head.headers()
        given = caller_key(headers, head.target.decode("latin-1"))
        found = route(head.method, given.target, headers)
        if found is None:
            self._no_such_path(client, head, given.target)
            return None
        secret = given.key.encode("latin-1", "replace") if given.key is not None else b""
        forward = _forwarded(head) if found.dialect == "anthropic" else b""
        caller = self._caller(secret)
        return _Memo(self._epoch, found, codec_for(found), _row(found), caller, bool(secret), forward)

    def remember(self, raw: bytes, head: Head) -> None:
        """Heads hold keys, so few are kept, and not for long."""
        if len(self.heads) >= HEADS_KEPT_MAX:
            self.heads.clear()
        self.heads[raw] = head

    def keys_changed(self, rows: Sequence[KeyRow]) -> None:
        if self.keys is not None:
            first = not self.keys.read
            self.keys.put(rows)
            if rows or first:
                self._epoch += 1
                self.heads.clear()

    def _begin_call(
        self,
        client: CallerConnection,
        head: Head,
        asked: Asked,
        caller: Caller,
        forward: bytes,
        started: float,
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
        failure = self._no_room()
        if failure is not None:
            self._deny(client, asked.near, asked.inbound, failure, caller, plan)
            return
        if not caller.meters or self.allowance is None:
            self._start(client, head, asked, plan, caller, forward, started, None)
            return
        self.allowance.admit(
            client, caller, asked, plan, self.generation,
            lambda held: self._start(client, head, asked, plan, caller, forward, started, held),
            lambda failure: self._deny(client, asked.near, asked.inbound, failure, caller, plan),
        )  # fmt: skip

    def _start(
        self, client: CallerConnection, head: Head, asked: Asked, plan: Plan, caller: Caller, forward: bytes,
        started: float, held: Held | None,
    ) -> None:  # fmt: skip
        self.in_flight += 1
        caller.in_flight += 1
        restarts = False
        if plan.policy.on_cut == "restart":
            restarts = (head.get(b"x-freehold-on-cut") or b"").lower() == b"restart"
        call = Call(self, client, self.new_id(), asked, plan, caller, forward, restarts, started)
        call.held = held
        client.begin(call)
        call.start()

    def _caller(self, secret: bytes) -> Caller | None:
        keys = self.keys
        if keys is None or not keys.ever_made:
            return _EVERYBODY if keys is None or self.hosts.loopback else None
        return keys.find(secret) if secret else None

    def _no_room(self) -> Failure | None:
        if self.in_flight < self.in_flight_max and not self.draining:
            return None
        return Failure(
            status=503, kind="overloaded", what="this gateway has no room for another call",
            why=f"{self.in_flight} calls are at work" if not self.draining else "it is stopping",
            fix="ask again, or another gateway", code="gateway.full", retry_after_ms=1000,
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
        recorded = self._record(call, self.now() - call.started)

        async def wait() -> None:
            if recorded is not None:
                await recorded
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
        seconds = call.ended - call.started
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
        strict = self.strict or call.plan.policy.evidence == "strict"
        if not strict or call.ending != "ok" or call.asked.stream:
            self._record(call, seconds)
        if call.held is not None and self.allowance is not None:
            self.allowance.settle(call)
        self.log.call(call, seconds)

    def gather(self) -> Said | Hashed:
        return Hashed() if self.sealing is None else Said()

    def _record(self, call: Call, seconds: float) -> asyncio.Task[None] | None:
        """Record now; where content is to be sealed first, the task that does both."""
        record = self._record_of(call, seconds)
        if call.held is not None or call.caller.tags:
            add_accounts(record, call, self.allowance)
        if self.sealing is None or isinstance(call.said, Hashed):
            if isinstance(call.said, Hashed):
                add_digests(record, call.asked.body, call.said)
            self.recorder.record(record)
            return None
        return self.sealing.record(record, call.asked.body, call.said.whole())

    def _record_of(self, call: Call, seconds: float) -> CallRecord:
        where, time_ns = call.route, self.clock.now_ns()
        if where is None or call.ending != "ok":
            return call_record(call, self.generation.estate.digest, time_ns, seconds)
        template = where.template
        if template is None:
            template = where.template = template_of(call.plan, where, self.generation.estate.digest)
        return answered_record(call, template, time_ns, seconds)

    # --- upkeep and end ---

    def _flush(self) -> None:
        self.log.flush()
        self._timers[0] = self.loop.call_later(FLUSH_SECONDS, self._flush)

    def _sweep(self) -> None:
        self.heads.clear()
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
        if self.sealing is not None:
            await self.sealing.emptied()
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
        if self.sealing is not None:
            self.sealing.close()
        self.log.flush()


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
