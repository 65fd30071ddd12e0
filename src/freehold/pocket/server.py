"""One pocket home: a server that answers in one vendor's dialect, from one engine, with faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence

from freehold import wire
from freehold.clock import Clock, SystemClock, ulid
from freehold.dialects import Codec, DialectError, Failure, codec
from freehold.pocket import control, hosts
from freehold.pocket.door import Door
from freehold.pocket.engine import Engine
from freehold.pocket.exchange import Exchange
from freehold.pocket.faults import FAULTS, Chooser, FaultName, FaultRule, Play, Seen
from freehold.pocket.intake import Asked, Intake
from freehold.pocket.limits import Limiter, Limits
from freehold.pocket.line import Line, Sleep
from freehold.pocket.log import Ended, Logged, RequestLog, shown, without_key, without_secrets
from freehold.pocket.scripted import ScriptedEngine
from freehold.pocket.vendor import LENIENT

TOKEN_BYTES = 16
_AT_ACCEPT: frozenset[FaultName] = frozenset({"reset_on_accept"})
_AT_REQUEST: frozenset[FaultName] = frozenset(FAULTS)


class PocketHome:
    """Answers the native paths of `dialect`. `running()` is the whole of it for tests and drills."""

    def __init__(
        self, dialect: str = "openai", engine: Engine | None = None, clock: Clock | None = None, *,
        name: str = "pocket", models: Sequence[str] = (), keys: Sequence[str] = (), strict: bool = True,
        limits: Limits | Limiter | None = None, faults: Mapping[str, FaultRule] | None = None,
        log: RequestLog | None = None, token: str | None = None, sleep: Sleep = asyncio.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.codec: Codec = codec(dialect)
        strict = strict and dialect not in LENIENT
        dialect = self.codec.name  # an api's name stands for its dialect
        self.log, self._own_log = log or RequestLog(), log is None
        self.token = token or secrets.token_urlsafe(TOKEN_BYTES)
        self.neighbours: dict[str, control.Controlled] = {name: self}
        self._clock: Clock = clock or SystemClock()
        self._engine: Engine = engine or ScriptedEngine(home=name, clock=self._clock)
        self._intake = Intake(
            dialect,
            models=models,
            keys=keys,
            strict=strict,
            limiter=limits if isinstance(limits, Limiter) else Limiter(limits or Limits()),
            clock=self._clock,
        )
        self._door = Door(self._serve, sleep, tls)
        self._faults = Chooser(faults)
        self._since_ns = self._clock.monotonic_ns()
        self._changed = asyncio.Event()
        self._minder: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        host = f"[{self._door.host}]" if ":" in self._door.host else self._door.host
        return f"{self._door.scheme}://{host}:{self._door.port}"

    @property
    def faults(self) -> Chooser:
        return self._faults

    @property
    def engine(self) -> Engine:
        return self._engine

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        await self._door.open(host, port)
        self._since_ns = self._clock.monotonic_ns()
        await self.settle()
        self._minder = asyncio.create_task(self._mind())

    async def stop(self) -> None:
        if self._minder is not None:
            self._minder.cancel()
            await asyncio.gather(self._minder, return_exceptions=True)
        await self._door.close()
        if self._own_log:
            self.log.close()

    @contextlib.asynccontextmanager
    async def running(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """The home, listening; what it gives is its URL."""
        await self.start(host, port)
        try:
            yield self.url
        finally:
            await self.stop()

    async def set_faults(self, rules: Mapping[str, FaultRule]) -> None:
        """Other rules, in force when this returns. Their windows are counted from now."""
        self._faults = Chooser(rules)
        self._since_ns = self._clock.monotonic_ns()
        await self.settle()
        self._changed.set()

    async def settle(self) -> float | None:
        """Open or shut the door as the faults say now; the seconds until that may change, if it will."""
        elapsed_s = self._elapsed_s()
        shut, change_s = self._faults.door(self.name, elapsed_s)
        await (self._door.shut() if shut else self._door.reopen())
        return None if change_s is None else change_s - elapsed_s

    async def _mind(self) -> None:
        while True:
            until_s = await self.settle()
            with contextlib.suppress(TimeoutError):  # the time came: one of the two things waited for
                await asyncio.wait_for(self._changed.wait(), until_s)
            self._changed.clear()

    def _elapsed_s(self) -> float:
        return (self._clock.monotonic_ns() - self._since_ns) / 1e9

    async def _serve(self, line: Line) -> None:
        seen = Seen(home=self.name, path="", model="", headers={}, body=b"", elapsed_s=self._elapsed_s())
        if self._faults.choose(seen, _AT_ACCEPT):
            line.reset()
            return
        while line.keep:
            try:
                request = await line.read()
            except wire.WireError as error:
                line.keep = False
                await line.whole(error.status, {"content-type": "text/plain"}, f"{error}\n".encode())
                return
            if request is None:
                return
            line.busy = True
            await self._answer(line, request)
            line.busy = False

    async def _answer(self, line: Line, request: wire.Request) -> None:
        stranger = hosts.stranger(request, self._door.host)
        if stranger is not None:
            await line.whole(403, {"content-type": "text/plain"}, f"{stranger}\n".encode())
        elif request.path == "/health":
            await line.whole(200, {"content-type": "text/plain"}, b"ok\n")
        elif request.path.startswith(control.PREFIX):
            reply = await control.handle(request, line.peer, self.token, self, self.neighbours)
            await line.whole(
                reply.status, reply.headers, reply.body if isinstance(reply.body, bytes) else b""
            )
        else:
            await self._exchange(line, request)

    async def _exchange(self, line: Line, request: wire.Request) -> None:
        number = self.log.next_number()
        asked = self._intake.read(request)
        exchange = self._prepared(line, request, asked)
        chosen = self._faults.choose(self._seen(request, asked), _AT_REQUEST)
        fault = chosen[0] if chosen else ""
        self.log.keep(self._logged(number, exchange, asked, fault, "open"))
        ended: Ended = "failed"
        try:
            await self._play(exchange, chosen[1] if chosen else None)
            ended = "fault" if chosen else "whole"
        except (ConnectionError, asyncio.CancelledError):
            ended = "fault" if chosen else "client_left"
            raise
        finally:
            self._intake.spent(exchange.output_tokens)
            self.log.keep(self._logged(number, exchange, asked, fault, ended))

    async def _play(self, exchange: Exchange, rule: FaultRule | None) -> None:
        try:
            if rule is None:
                await exchange.send(await exchange.prepare())
            else:
                await FAULTS[rule.fault].play(Play(rule=rule, exchange=exchange, clock=self._clock))
        except DialectError as error:
            if exchange.line.sent_bytes:  # too late to refuse: what was begun cannot be ended well
                exchange.line.reset()
                return
            await exchange.tell(Failure(
                status=error.status, kind="bad_request", what=error.what, why=error.why, fix=error.fix,
                code=error.code,
            ))  # fmt: skip

    def _prepared(self, line: Line, request: wire.Request, asked: Asked) -> Exchange:
        id = f"{asked.vendor.id_prefix}{ulid(self._clock.now_ns()).lower()}"
        return Exchange(request=request, line=line, engine=self._engine, id=id, asked=asked)

    def _seen(self, request: wire.Request, asked: Asked) -> Seen:
        return Seen(
            home=self.name, path=request.target, model=asked.model, headers=request.headers,
            body=request.body, elapsed_s=self._elapsed_s(),
        )  # fmt: skip

    def _logged(self, number: int, exchange: Exchange, asked: Asked, fault: str, ended: Ended) -> Logged:
        request = exchange.request
        return Logged(
            number=number, at_ns=self._clock.now_ns(), home=self.name, method=request.method,
            path=without_key(request.target), model=asked.model, stream=exchange.streaming, fault=fault,
            ended=ended, sent_bytes=exchange.line.sent_bytes, output_tokens=exchange.output_tokens,
            headers=without_secrets(request.headers), body=shown(request.body),
        )  # fmt: skip


def neighbours(homes: Sequence[PocketHome]) -> None:
    """Let the homes of one process be controlled through each other."""
    known: dict[str, control.Controlled] = {home.name: home for home in homes}
    for home in homes:
        home.neighbours = known


__all__ = ["PocketHome", "neighbours"]
