"""A call from its first byte to its record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec

from freehold import wire
from freehold.clock import Clock, SystemClock, ulid
from freehold.dialects import Codec, DialectError, Failure, codec, route
from freehold.estate.model import Estate
from freehold.gateway.attempt import Live, attempt
from freehold.types.contracts import Recorder, Refused
from freehold.types.conversation import (
    Answer,
    Conversation,
    Event,
    Finished,
    StreamError,
    TextDelta,
    Usage,
    UsageReport,
)
from freehold.types.homes import Home, Workload
from freehold.types.names import HomeId, RecordId
from freehold.types.records import CallRecord, HomeFacts, Outcome, Tokens, Took

RECEIPT = "x-freehold-receipt"


class _Call:
    """What is known of one call while it runs."""

    def __init__(self, id: RecordId, near: Codec, conversation: Conversation, started_ns: int) -> None:
        self.id, self.near, self.conversation, self.started_ns = id, near, conversation, started_ns
        self.workload: Workload | None = None
        self.home: Home | None = None
        self.attempts = 0
        self.first_content_ns: int | None = None
        self.usage = Usage()


class Gateway:
    """Answers calls from an estate's homes, in the order of each workload."""

    def __init__(
        self,
        estate: Estate,
        recorder: Recorder,
        credentials: Mapping[HomeId, str],
        clock: Clock | None = None,
    ) -> None:
        self._estate = estate
        self._recorder = recorder
        self._credentials = credentials
        self._clock: Clock = clock or SystemClock()

    async def serve(self, host: str, port: int) -> asyncio.Server:
        return await wire.serve(self.handle, host, port)

    async def handle(self, request: wire.Request) -> wire.Reply:
        inbound = route(request.method, request.target)
        if inbound is None:
            return _no_such_path(request)
        started_ns = self._clock.monotonic_ns()
        near = codec(inbound.dialect)
        try:
            conversation = near.read_request(inbound, request.body)
        except DialectError as error:
            failure = Failure(
                status=error.status, kind="bad_request", what=error.what, why=error.why, code=error.code
            )
            return _reply(near, failure)
        call = _Call(ulid(self._clock.now_ns()), near, conversation, started_ns)
        return await self._choose(call)

    async def _choose(self, call: _Call) -> wire.Reply:
        call.workload = self._estate.workload_for(call.conversation.model)
        if call.workload is None:
            return self._fail(call, "client_fault", _unknown_model(call.conversation.model, self._estate))
        admitted = self._recorder.admit(call.workload.policy)
        if isinstance(admitted, Refused):
            failure = Failure(
                status=503, kind="refused", what="the call was not started", why=admitted.why,
                fix=admitted.fix, code=admitted.code,
            )  # fmt: skip
            return self._fail(call, "denied", failure)
        return await self._try_homes(call, call.workload)

    async def _try_homes(self, call: _Call, workload: Workload) -> wire.Reply:
        reasons = []
        for home_id in workload.homes:
            call.home = self._estate.homes[home_id]
            call.attempts += 1
            result = await attempt(call.home, call.conversation, self._credentials.get(home_id))
            if isinstance(result, Live):
                return self._stream(call, result)
            if isinstance(result, Answer):
                return self._whole(call, result)
            if result.action == "client_fault":
                failure = Failure(
                    status=result.status, kind=result.kind, what=f"home {home_id} refused the request",
                    why=result.message or result.kind, code="gateway.client-fault",
                )  # fmt: skip
                return self._fail(call, "client_fault", failure)
            reasons.append(f"{home_id}: {result.kind} ({result.message or result.status})")
        failure = Failure(
            status=503, kind="no_home", what=f"no home of workload {workload.id!r} answered",
            why="; ".join(reasons), fix="see that one of them is up: freehold check", code="gateway.no-home",
        )  # fmt: skip
        return self._fail(call, "failed", failure)

    def _whole(self, call: _Call, answer: Answer) -> wire.Reply:
        call.first_content_ns = self._clock.monotonic_ns()
        call.usage = answer.usage
        self._record(call, "ok", 200)
        body = call.near.write_answer(answer, call.conversation)
        return wire.Reply(headers={"content-type": "application/json", RECEIPT: call.id}, body=body)

    def _stream(self, call: _Call, live: Live) -> wire.Reply:
        writer = call.near.stream_writer(call.conversation)

        async def frames() -> AsyncIterator[bytes]:
            outcome: Outcome = "cancelled"
            try:
                async for event in live.events():
                    outcome = self._watch(call, event, outcome)
                    yield writer.write(event)
            finally:
                live.response.close()
                self._record(call, outcome, 200)

        return wire.Reply(headers={"content-type": writer.content_type, RECEIPT: call.id}, body=frames())

    def _watch(self, call: _Call, event: Event, outcome: Outcome) -> Outcome:
        match event:
            case TextDelta() if call.first_content_ns is None:
                call.first_content_ns = self._clock.monotonic_ns()
            case UsageReport():
                call.usage = event.usage
            case Finished():
                return "ok"
            case StreamError():
                return "failed"
        return outcome

    def _fail(self, call: _Call, outcome: Outcome, failure: Failure) -> wire.Reply:
        self._record(call, outcome, failure.status, failure.code)
        reply = _reply(call.near, failure)
        reply.headers = {**reply.headers, RECEIPT: call.id}
        return reply

    def _record(self, call: _Call, outcome: Outcome, status: int, error: str | None = None) -> None:
        now_ns = self._clock.monotonic_ns()
        first_ns, workload = call.first_content_ns, call.workload
        self._recorder.record(
            CallRecord(
                id=call.id,
                time_ns=self._clock.now_ns(),
                estate=self._estate.digest,
                workload=workload.id if workload else None,
                policy=workload.policy.id if workload else None,
                actual=_facts(call.home),
                actual_known="assumed" if call.home else None,
                tier=call.home.tier if call.home else None,
                tokens=Tokens(
                    fresh=call.usage.fresh, cache_read=call.usage.cache_read, output=call.usage.output
                ),
                took=Took(
                    first_content_us=(first_ns - call.started_ns) // 1000 if first_ns is not None else None,
                    total_us=(now_ns - call.started_ns) // 1000,
                ),
                unknown={"cost": "this gateway does not price calls yet", "useful_flops": "undisclosed"},
                outcome=outcome,
                error=error,
                dialect=call.near.name,
                stream=call.conversation.stream,
                status=status,
                attempts=call.attempts,
                rescued=outcome == "ok" and call.attempts > 1,
            )
        )


def _facts(home: Home | None) -> HomeFacts | None:
    if home is None:
        return None
    return HomeFacts(
        home=home.id, vendor=home.vendor, operator=home.operator, region=home.region,
        silicon=home.silicon, api=home.api, model=home.model,
    )  # fmt: skip


def _reply(near: Codec, failure: Failure) -> wire.Reply:
    written = near.write_error(failure)
    return wire.Reply(status=written.status, headers=written.headers, body=written.body)


def _unknown_model(model: str, estate: Estate) -> Failure:
    return Failure(
        status=404, kind="unknown_model", what=f"no workload is called {model!r}",
        why=f"this estate has {', '.join(sorted(estate.workloads)) or 'none'}",
        fix="name one of them as the model", code="gateway.unknown-model",
    )  # fmt: skip


def _no_such_path(request: wire.Request) -> wire.Reply:
    body = {"error": {
        "code": "gateway.no-such-path",
        "message": f"{request.method} {request.path} is not a path of any dialect Freehold speaks",
    }}  # fmt: skip
    return wire.Reply(
        status=404, headers={"content-type": "application/json"}, body=msgspec.json.encode(body)
    )
