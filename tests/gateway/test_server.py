import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from freehold import wire
from freehold.estate.model import Estate
from freehold.gateway import Gateway
from freehold.pocket import FaultRule, PocketHome
from freehold.types.contracts import Admit, Refused
from freehold.types.homes import Home, Policy, Workload
from freehold.types.names import HomeId, ModelId, RecordId, WorkloadId
from freehold.types.records import AnyRecord, CallRecord

REFUSED = {"down": FaultRule(fault="refuse")}


class Kept:
    """A recorder that keeps records in a list."""

    def __init__(self, refusal: Refused | None = None) -> None:
        self.records: list[AnyRecord] = []
        self._refusal = refusal

    def admit(self, policy: Policy) -> Admit | Refused:
        return self._refusal or Admit()

    def record(self, entry: AnyRecord) -> None:
        self.records.append(entry)

    async def durable(self, id: RecordId) -> None:
        return None


def estate(*urls: str) -> Estate:
    homes = {
        HomeId(f"home{n}"): Home(
            id=HomeId(f"home{n}"), vendor="v", operator="o", api="openai", model=ModelId("echo"), url=url
        )
        for n, url in enumerate(urls)
    }
    chat = Workload(id=WorkloadId("chat"), homes=tuple(homes))
    return Estate(homes=homes, workloads={chat.id: chat})


def body(*, model: str = "chat", stream: bool = False) -> bytes:
    message = {"role": "user", "content": "to be or not"}
    return msgspec.json.encode({"model": model, "messages": [message], "stream": stream})


def run(use: Callable[[str, str, Kept], Awaitable[None]], kept: Kept | None = None, dead: int = 0) -> Kept:
    """A pocket home, `dead` homes that refuse connections before it, and a gateway over all of them."""
    kept = kept or Kept()

    async def main() -> None:
        async with (
            PocketHome("openai").running() as url,
            PocketHome("openai", faults=REFUSED).running() as nobody,
        ):
            gateway = Gateway(estate(*[nobody] * dead, url), kept, {})
            async with await gateway.serve("127.0.0.1", 0) as server:
                await use(f"http://127.0.0.1:{wire.port_of(server)}", url, kept)

    asyncio.run(main())
    return kept


async def post(url: str, data: bytes) -> tuple[wire.Response, bytes]:
    async with await wire.request("POST", f"{url}/v1/chat/completions", body=data) as response:
        return response, await response.read()


def test_call_is_answered_and_leaves_one_record_named_in_the_header() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        response, answer = await post(gateway, body())
        assert b"to be or not" in answer
        assert [entry.id for entry in kept.records] == [response.headers["x-freehold-receipt"]]

    (record,) = run(use).records
    assert isinstance(record, CallRecord)
    assert (record.outcome, record.workload, record.attempts) == ("ok", "chat", 1)


def test_stream_carries_every_word_and_ends_properly() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        _, answer = await post(gateway, body(stream=True))
        words = [b'"to"', b'" be"', b'" or"', b'" not"']
        assert all(word in answer for word in words)
        assert answer.endswith(b"data: [DONE]\n\n")

    (record,) = run(use).records
    assert record.tokens is not None
    assert record.tokens.output == 4


def test_call_moves_on_when_a_home_is_down() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        response, _ = await post(gateway, body())
        assert response.status == 200

    (record,) = run(use, dead=1).records
    assert isinstance(record, CallRecord)
    assert record.rescued
    assert record.actual is not None
    assert record.actual.home == "home1"


def test_unknown_model_is_told_what_there_is() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        response, answer = await post(gateway, body(model="nothing"))
        assert response.status == 404
        assert b"chat" in answer

    assert run(use).records[0].outcome == "client_fault"


def test_model_that_one_workload_runs_is_enough_of_a_name() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        response, _ = await post(gateway, body(model="echo"))
        assert response.status == 200

    assert run(use).records[0].workload == "chat"


def test_bad_request_gets_the_dialects_own_error_shape() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        response, answer = await post(gateway, b"{")
        assert response.status == 400
        assert msgspec.json.decode(answer)["error"]["type"] == "invalid_request_error"

    run(use)


def test_work_does_not_start_when_evidence_cannot_be_kept() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        response, answer = await post(gateway, body())
        assert response.status == 503
        assert b"the disk is full" in answer

    run(use, Kept(Refused(code="ledger.away", why="the disk is full")))


def test_path_of_no_dialect_is_a_404() -> None:
    async def use(gateway: str, home: str, kept: Kept) -> None:
        async with await wire.request("GET", f"{gateway}/elsewhere") as response:
            assert response.status == 404

    assert run(use).records == []
