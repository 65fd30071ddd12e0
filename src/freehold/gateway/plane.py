"""The data plane of one process: everything calls share, and how a request becomes a call.

Pure decisions are in `failover`, `order`, `candidates` and `health`; connections in `caller` and `upstream`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TextIO

import msgspec

from freehold.clock import Clock, SystemClock, seconds_of
from freehold.dialects import (
    Codec,
    Failure,
    Inbound,
    Outcome,
    caller_key,
    codec,
    codec_for,
    route,
)
from freehold.estate.model import Estate
from freehold.gateway.accounts import Accounts
from freehold.gateway.allowance import Allowance, Held
from freehold.gateway.asked import Asked
from freehold.gateway.call import Call
from freehold.gateway.caller import CallerConnection
from freehold.gateway.content import Seal, Sealings
from freehold.gateway.deadlines import Deadlines
from freehold.gateway.evidence import CallLog, attempt_record, denied_record
from freehold.gateway.failover import THROTTLES
from freehold.gateway.head import Head
from freehold.gateway.hedging import Hedging
from freehold.gateway.hosts import HostGuard
from freehold.gateway.ids import id_maker
from freehold.gateway.keys import Caller, KeyRing, KeyRow
from freehold.gateway.metrics import Metrics
from freehold.gateway.operations import other_operation
from freehold.gateway.peeked import Peek, peek
from freehold.gateway.pins import PinFile, Pins
from freehold.gateway.refusals import (
    no_key,
    no_such_path,
    none_allowed,
    not_admitted,
    unknown_model,
    unreadable_body,
)
from freehold.gateway.route import Live, Plan, Route
from freehold.gateway.routes import Building, Generation, build_generation
from freehold.gateway.scraping import Scraper, Target
from freehold.gateway.seams import Client, Shared
from freehold.gateway.settings import GatewaySettings
from freehold.gateway.side import Side
from freehold.gateway.stored import KEEPERS, kept_after
from freehold.gateway.telemetry.trace import Caught, Tracing, caught
from freehold.gateway.template import Template
from freehold.gateway.traffic import Traffic
from freehold.gateway.withheld import Withheld
from freehold.types.contracts import Recorder, Refused
from freehold.types.names import HomeId, RecordId

FLUSH_SECONDS: Final = 0.1
SWEEP_SECONDS: Final = 5.0
HEADS_KEPT_MAX: Final = 512
ORDERS_AT_ONCE_MAX: Final = 4
HEAD_KEPT_BYTES_MAX: Final = 4096
# Kinds of trouble that say nothing about the home's health.
_NEUTRAL: Final = frozenset({
    "bad_request", "too_large", "too_long", "content_filter", "unsupported", "cancelled", "not_found",
    "total_timeout",
})  # fmt: skip
_LASTING: Final = {"auth": 15.0, "permission": 15.0, "billing": 60.0, "tls": 5.0}
_EVERYBODY = Caller(None)


class Memo:
    """What a head means to this plane, as long as its epoch lasts."""

    __slots__ = (
        "caller", "epoch", "forward", "generates", "has_key", "inbound", "model", "near", "plan", "restarts",
        "row", "trace",
    )  # fmt: skip

    def __init__(
        self, epoch: int, inbound: Inbound, near: Codec, row: str, caller: Caller | None, *, has_key: bool,
        forward: bytes, generates: bool, restarts: bool, trace: Caught | None,
    ) -> None:  # fmt: skip
        self.epoch, self.inbound, self.near, self.row, self.caller = epoch, inbound, near, row, caller
        self.has_key, self.forward, self.generates = has_key, forward, generates
        self.restarts, self.trace = restarts, trace  # restarts: asks that a cut stream begins again
        # The model asked for last under this head, and what it meant: mostly the next call asks for it too.
        self.model = ""
        self.plan: Plan | None = None


class Plane(Shared):
    """Shared by every call of this process."""

    def __init__(
        self, estate: Estate, settings: GatewaySettings, recorder: Recorder,
        credentials: Mapping[HomeId, str] | None = None, *, clock: Clock | None = None,
        chance: random.Random | None = None, keys: KeyRing | None = None, log: TextIO | None = None,
        attested: frozenset[HomeId] = frozenset(), tls: ssl.SSLContext | None = None, share: int = 1,
        strict: bool = False, seal: Seal | None = None, tracing: Tracing | None = None,
        allowance: Allowance | None = None, pins: PinFile | None = None,
    ) -> None:  # fmt: skip
        self.loop = asyncio.get_running_loop()
        self.clock: Clock = clock or SystemClock()
        self.chance = chance or random.Random()  # noqa: S311  # order and jitter, not secrets
        self.now = seconds_of(self.clock)  # the clock that deadlines use, finer than the loop's idea of it
        self.recorder, self.keys, self.share, self.strict = recorder, keys, share, strict
        self.tracing, self.allowance = tracing, allowance
        self.sealings = Sealings(self.loop, recorder, seal)
        writer = getattr(recorder, "writer", None)  # a plain file has no name, and its receipts are bare ids
        self._writer = f"{writer}/".encode() if writer else b""
        self.metrics, self.log = Metrics(), CallLog(log)
        self.pins = Pins(pins, self.log.event)
        self.new_id = id_maker(self.clock)
        self.traffic = Traffic(self.loop, self.clock, self.now, self.chance)
        self.hedging: Hedging | None = None
        self.scraper = Scraper(self.now)
        self.accounts = Accounts(
            self.loop, self.clock, self.now, self.new_id, self.sealings, self.metrics, self.log, self.traffic
        )
        self.accounts.allowance = allowance
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

    # --- settings ---

    def _build(
        self, number: int, estate: Estate, settings: GatewaySettings, credentials: Mapping[HomeId, str]
    ) -> Generation:
        building = Building(
            loop=self.loop, clock=self.clock, chance=self.chance, tls=self._tls, credentials=credentials,
            attested=self._attested, capacity=self.traffic.capacity, now=self.now, share=self.share,
        )  # fmt: skip
        made = build_generation(number, estate, settings, building, self.lives)
        for plan in made.plans.values():
            for one in plan.routes:
                one.template = Template(plan, one, estate.digest, one.id in self._attested)
        self.accounts.estate = estate.digest
        return made

    def reload(
        self, estate: Estate, settings: GatewaySettings, credentials: Mapping[HomeId, str], *,
        tls: ssl.SSLContext | None = None, strict: bool = False, seal: Seal | None = None,
    ) -> None:  # fmt: skip
        """New settings for calls that begin from now on; those at work finish on what they began with."""
        self._tls = tls or self._tls
        self.generation = self._build(self.generation.number + 1, estate, settings, credentials)
        self.strict = strict
        self.sealings.use(seal)
        self._take_limits(settings)
        self._epoch += 1
        self.deadlines.allow(self._shortest_wait())

    def _take_limits(self, settings: GatewaySettings) -> None:
        self.head_bytes_max = settings.head_max.bytes
        self.body_bytes_max = settings.body_max.bytes
        self.connections_max = settings.connections_max
        self.in_flight_max = settings.in_flight_max
        self.traffic.take_rules(settings.queue.rules)
        self._take_hedging(settings)
        self._aim_scraper(settings)
        self.hosts = HostGuard(settings.host, settings.hosts)

    def _aim_scraper(self, settings: GatewaySettings) -> None:
        """At the engines that tell their load, each once."""
        targets = {
            route.id: Target(route.metrics_url, route.headroom, self._tls if route.secure else None)
            for plan in self.generation.plans.values()
            for route in plan.routes
            if route.metrics_url
        }
        self.scraper.aim(list(targets.values()), settings.order.metrics_every.seconds)

    def _take_hedging(self, settings: GatewaySettings) -> None:
        if self.hedging is not None and not settings.hedge.enabled:
            self.hedging.close()
            self.hedging = None
        elif self.hedging is not None:
            self.hedging.take_rules(settings.hedge.rules)
        elif settings.hedge.enabled:
            self.hedging = Hedging(self, settings.hedge.rules)

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
        if memo is None or memo.epoch != self._epoch:
            memo = head.memo = self._read_head(client, head)
            if memo is None:
                return
        caller = memo.caller
        if caller is not None and caller.expires_ns is not None and self.clock.now_ns() >= caller.expires_ns:
            caller = None
        if caller is None:
            self._stranger(client, head, body, memo)
            return
        if not memo.generates:
            other_operation(self, client, head, memo.inbound, memo.near, caller, body)
            return
        try:
            peeked = peek(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            failure = unreadable_body(memo.near, memo.inbound, body, head.get(b"content-encoding"))
            self.deny(client, memo.near, memo.inbound, failure, body, caller)
            return
        asked = Asked(memo.inbound, memo.near, memo.row, body, peeked, self.clock)
        asked.trace = memo.trace
        self._begin_call(client, memo, asked, caller, started)

    def _stranger(self, client: CallerConnection, head: Head, body: bytes, memo: Memo) -> None:
        """A key that is not known: before it is refused, it is looked for where keys are made."""

        def deny(failure: Failure) -> None:
            self.deny(client, memo.near, memo.inbound, failure, body)

        def again() -> None:
            found = head.memo = self._read_head(client, head)
            if found is not None and self._expired(found.caller):
                deny(no_key(memo.has_key))
            elif found is not None:
                self.begin(client, head, body)

        unread = self.keys is not None and not self.keys.read
        if self.allowance is None or not (memo.has_key or unread):
            deny(no_key(memo.has_key))
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
        asked = Asked(inbound, near, _row(inbound), body, Peek(), self.clock)
        asked.side, asked.model, asked.stream, asked.hides_usage = side, side.model, False, False
        memo = Memo(
            self._epoch, inbound, near, asked.dialect, caller, has_key=True, forward=b"", generates=False,
            restarts=False, trace=caught(head),
        )  # fmt: skip
        asked.trace = memo.trace
        self._begin_call(client, memo, asked, caller, self.now())

    def _read_head(self, client: CallerConnection, head: Head) -> Memo | None:
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
        restarts = (head.get(b"x-freehold-on-cut") or b"").lower() == b"restart"
        return Memo(
            self._epoch, found, codec_for(found), _row(found), caller, has_key=bool(secret), forward=forward,
            generates=found.operation == "generate", restarts=restarts, trace=caught(head),
        )  # fmt: skip

    def remember(self, raw: bytes, head: Head) -> None:
        """Heads hold keys: few are kept, none that is large, and none beyond the next sweep."""
        if len(raw) > HEAD_KEPT_BYTES_MAX:
            return
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
        memo: Memo,
        asked: Asked,
        caller: Caller,
        started: float,
    ) -> None:
        plan = memo.plan
        if plan is None or asked.model != memo.model:
            plan = self._resolve(client, memo, asked, caller)
            if plan is None:
                return
        failure = self._not_now(plan)
        if failure is not None:
            self.deny(client, asked.near, asked.inbound, failure, asked.body, caller, plan)
            return
        if not caller.meters or self.allowance is None:
            self._start(client, memo, asked, caller, started, plan, None)
            return
        held = self.allowance.hold_now(caller) if caller.only_counts else None
        if held is not None:
            self._start(client, memo, asked, caller, started, plan, held)
            return
        self.allowance.admit(
            client, caller, asked, plan, self.generation,
            lambda held: self._start(client, memo, asked, caller, started, plan, held),
            lambda failure: self.deny(
                client, asked.near, asked.inbound, failure, asked.body, caller, plan
            ),
        )  # fmt: skip

    def _start(
        self, client: CallerConnection, memo: Memo, asked: Asked, caller: Caller, started: float, plan: Plan,
        held: Held | None,
    ) -> None:  # fmt: skip
        self.in_flight += 1
        caller.in_flight += 1
        id = self.new_id()
        if self.tracing is not None:
            asked.trace = self.tracing.begin(asked.trace, id)
        strict = self.strict or plan.policy.evidence == "strict"
        shown: Client = Withheld(self, client) if strict else client
        call = Call(self, shown, id, asked, plan, caller, memo.forward, memo.restarts, started)
        call.held = held
        shown.begin(call)
        call.start()

    def _not_now(self, plan: Plan) -> Failure | None:
        """Why this call may not start, by the state of the evidence or by how full this process is."""
        policy = plan.strict_policy if self.strict else plan.policy
        admitted = self.recorder.admit(policy)
        return not_admitted(admitted) if isinstance(admitted, Refused) else self._no_room()

    def _resolve(self, client: CallerConnection, memo: Memo, asked: Asked, caller: Caller) -> Plan | None:
        """The workload that is asked for, noted in `memo`; None where the caller was told there is none."""
        plan = self.generation.resolve(asked.model, caller.scope)
        if not isinstance(plan, Plan):
            self.deny(client, asked.near, asked.inbound, unknown_model(asked, plan), asked.body, caller)
            return None
        if plan.why_none:
            self.deny(client, asked.near, asked.inbound, none_allowed(plan), asked.body, caller, plan)
            return None
        memo.model, memo.plan = asked.model, plan
        return plan

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

    # --- refusals before a call ---

    def deny(
        self, client: CallerConnection, near: Codec, inbound: Inbound, failure: Failure, body: bytes = b"",
        caller: Caller | None = None, plan: Plan | None = None,
    ) -> None:  # fmt: skip
        """Tell the caller in its dialect, and record that it was told."""
        id = self.new_id()
        retry = b"true" if failure.retry_after_ms is not None else b"false"
        written = near.write_error(failure)
        record = denied_record(
            id, self.clock.now_ns(), estate=self.generation.estate.digest, failure=failure, inbound=inbound,
            plan=plan, key=caller.id if caller else None,
        )  # fmt: skip
        self.sealings.record(record, self.sealings.seal, body)
        self.metrics.denied[failure.code] = self.metrics.denied.get(failure.code, 0) + 1
        self.log.denied(id, inbound.dialect, failure.code, written.status)
        extra = b"x-freehold-receipt: %b\r\nx-freehold-attempts: 0\r\nx-should-retry: %b\r\n" % (
            self.receipt_name(id),
            retry,
        )
        client.reply(written.status, written.headers, written.body, extra)
        client.finish_reply()

    def _no_such_path(self, client: CallerConnection, head: Head, target: str) -> None:
        failure = no_such_path(head.method, target)
        self.metrics.denied[failure.code] = self.metrics.denied.get(failure.code, 0) + 1
        self.log.denied("-", "-", failure.code, failure.status)  # not the path: it may hold anything
        written = codec("openai").write_error(failure)
        client.reply(written.status, written.headers, written.body, b"x-should-retry: false\r\n")
        client.finish_reply()

    # --- what calls ask of the plane ---

    def find_pins(self, call: Call, then: Callable[[], None]) -> None:
        """Go on once it is known, as far as it is known, who holds what the call names."""
        missing = self.pins.missing(one.id for one in call.asked.stored)
        if not missing:
            then()
            return

        async def look() -> None:
            await self.pins.look(missing)
            then()

        self.stay(look())

    def receipt_name(self, id: RecordId) -> bytes:
        """WRITER/ID, as the header says it."""
        return self._writer + id.encode()

    # --- under a strict policy ---

    def stay(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def durable(self, id: RecordId) -> None:
        """Once the record is on disk, with its content if that is kept."""
        self.accounts.settle()  # so that it is with the recorder, or about to be
        await self.sealings.sealed(id)
        await self.recorder.durable(id)

    def begun(self, call: Call) -> RecordId:
        return self.accounts.begun(call)

    def not_shown(self, call: Call, failure: Failure) -> None:
        self.accounts.not_shown(call, failure)

    # --- what has ended ---

    def attempt_ended(self, call: Call, where: Route, outcome: Outcome | None, now: float) -> None:
        if outcome is None:
            where.health.succeeded(now)
            where.live.answered += 1
            if call.first_content is not None and not call.tried:
                seconds = call.first_content - call.attempt_started
                where.health.took(seconds)
                if self.hedging is not None:
                    self.hedging.answered(call, where, seconds)
            return
        if call.amount is not None:
            self.traffic.ended(where, call.amount, None, 0)
            call.amount = None
        if outcome.kind in _NEUTRAL or outcome.kind in THROTTLES:
            where.health.gave_up()
        else:
            wait_ms = outcome.retry_after_ms
            wait = wait_ms / 1000 if wait_ms is not None else _LASTING.get(outcome.kind)
            where.health.failed(now, wait)
        where.live.failed += 1
        if outcome.kind == "auth" and where.live.identity is not None:
            where.live.identity.renew()
        self.metrics.attempt_failed(where.id, outcome.kind)
        seconds = now - call.attempt_started
        self.recorder.record(attempt_record(call, outcome, self.new_id(), self.clock.now_ns(), seconds))

    def inherited(self, call: Call) -> bool:
        return self.hedging is not None and self.hedging.inherits(call)

    def call_ended(self, call: Call) -> None:
        self.in_flight -= 1
        if self._empty is not None and not self.in_flight:
            self._empty.set()
        call.caller.in_flight -= 1
        where = call.route
        if call.ending == "ok" and where is not None and (call.asked.stored or where.dialect in KEEPERS):
            self.pins.pin(kept_after(call.asked, where, call.told, call.joined), where.id, call.caller.id)
        self.accounts.ended(call)

    # --- upkeep and end ---

    def _flush(self) -> None:
        self.log.flush()
        self.traffic.tick()
        self._renew_orders()
        self._timers[0] = self.loop.call_later(FLUSH_SECONDS, self._flush)

    def _renew_orders(self) -> None:
        """A few at a time: what is not renewed here is when a call asks for it."""
        now, left = self.now(), ORDERS_AT_ONCE_MAX
        for plan in self.generation.plans.values():
            left -= plan.chooser.renew(now)
            if not left:
                return

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
                while self._tasks:  # answers that wait for their records
                    await asyncio.wait(self._tasks)
        left = self.in_flight
        self.accounts.settle()
        for connection in list(self.connections):
            connection.transport.abort() if connection.call is not None else connection.transport.close()
        await asyncio.sleep(0)
        self.accounts.settle()
        await self.sealings.emptied()
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
        self.accounts.settle()
        self.pins.close()
        self.sealings.close()
        self.traffic.close()
        self.scraper.close()
        if self.hedging is not None:
            self.hedging.close()
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
    if inbound.surface == "array":
        return "gemini-array"  # a form of answering that no home has: never passed through
    return (
        "vertex-claude" if (inbound.dialect, inbound.surface) == ("anthropic", "vertex") else inbound.dialect
    )
