from __future__ import annotations

import asyncio
import hashlib

import pytest

from freehold.gateway.told import named
from freehold.pocket import FaultRule
from freehold.types.homes import Price
from freehold.types.names import RecordId
from freehold.types.records import AttemptRecord, CallRecord, unexplained
from tests.gateway.running import Kept, ask, street


async def test_record_says_why_its_home_was_asked() -> None:
    async with street(("openai", "openai")) as place:
        await place.post(ask())
    assert place.kept.calls[0].why_home == "well, price not compared, by the file's order"


@pytest.mark.parametrize("homes", [1, 2])
async def test_record_after_a_failure_says_why_the_last_home_was_asked(homes: int) -> None:
    faults = {0: {"it": FaultRule(fault="status", status=500)}}
    async with street(("openai",) * homes, faults=faults) as place:
        await place.post(ask())
    assert place.kept.calls[0].attempts >= homes
    assert place.kept.calls[0].why_home == "well, price not compared, by the file's order"


class Slow(Kept):
    """Its disk takes records only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.synced = asyncio.Event()
        self.waited: list[RecordId] = []

    async def durable(self, id: RecordId) -> None:
        self.waited.append(id)
        await self.synced.wait()


async def test_strict_ledger_answers_once_the_record_is_on_disk() -> None:
    kept = Slow()
    async with street(("openai",), kept=kept, strict=True) as place:
        answer = asyncio.create_task(place.post(ask()))
        while not kept.waited:
            await asyncio.sleep(0)
        assert [call.id for call in kept.calls] == kept.waited
        assert not answer.done()
        kept.synced.set()
        assert (await answer).status == 200
    assert len(kept.calls) == 1


async def test_answer_waits_for_no_disk_otherwise() -> None:
    kept = Slow()
    async with street(("openai",), kept=kept) as place:
        assert (await place.post(ask())).status == 200
    assert kept.waited == []


def a_priced_home(**changes: object) -> dict[str, object]:
    return {
        "price": Price(
            input_nano_usd_per_mtok=3_000_000_000, output_nano_usd_per_mtok=15_000_000_000, source="the list",
            as_of="2026-11-01",
        ),
        "silicon": "h100", **changes,
    }  # fmt: skip


APIS = ("openai", "anthropic", "responses", "gemini", "bedrock-converse", "bedrock-invoke", "vertex-claude")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("far", ["same", "other"])
async def test_record_of_a_call_says_everything_or_why_not(api: str, stream: bool, far: str) -> None:
    """Through each wire form, passed through where both sides speak it, told anew where not."""
    async with street((api,)) as place:
        place.reload(**a_priced_home())
        path, body = _asked(api if far == "same" else "openai", stream)
        assert (await place.post(body, path)).status == 200
    call = place.kept.calls[0]
    assert unexplained(call) == []
    assert call.policy_digest is not None and call.policy_digest.startswith("sha256:")
    assert (call.operation, call.finish, call.outcome) == ("chat", "stop", "ok")
    assert call.actual is not None and call.actual.silicon == "h100"
    assert call.tokens is not None and call.tokens.fresh and call.tokens.output == 12
    assert call.cost is not None and call.cost.price is not None
    assert call.cost.nano_usd == call.tokens.fresh * 3_000 + 12 * 15_000
    assert (call.cost.price.fresh, call.cost.price_source) == (3_000_000_000, "the list")
    assert call.cost.price_as_of == "2026-11-01"
    assert call.took is not None and call.took.first_content_us
    assert call.took.total_us and call.took.total_us >= call.took.first_content_us
    assert (call.vendor_id is None) == ("vendor_id" in call.unknown)


def _asked(api: str, stream: bool) -> tuple[str, dict[str, object]]:
    """Where a caller of this form asks, and how."""
    words = "[pocket words tokens=12]"
    turn = {"role": "user", "content": words}
    anthropic = {"max_tokens": 99, "messages": [turn]}
    google = {"contents": [{"role": "user", "parts": [{"text": words}]}]}
    cloud = "/v1/projects/p/locations/r/publishers/anthropic/models/chat"
    return {
        "openai": ("/v1/chat/completions", ask(words, stream=stream)),
        "anthropic": ("/v1/messages", {**anthropic, "model": "chat", "stream": stream}),
        "responses": ("/v1/responses", {"model": "chat", "stream": stream, "input": words}),
        "gemini": (
            f"/v1beta/models/chat:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}",
            google,
        ),
        "bedrock-converse": (
            f"/model/chat/converse{'-stream' if stream else ''}",
            {"messages": [{"role": "user", "content": [{"text": words}]}]},
        ),
        "bedrock-invoke": (
            f"/model/chat/invoke{'-with-response-stream' if stream else ''}",
            {**anthropic, "anthropic_version": "bedrock-2023-05-31"},
        ),
        "vertex-claude": (
            f"{cloud}:{'streamRawPredict' if stream else 'rawPredict'}",
            {**anthropic, "anthropic_version": "vertex-2023-10-16", "stream": stream},
        ),
    }[api]  # type: ignore[return-value]  # each body is such a dictionary


@pytest.mark.parametrize("fault", ["wrong_model", None])
async def test_record_says_which_model_the_vendor_named(fault: str | None) -> None:
    faults = {0: {"it": FaultRule(fault=fault)}} if fault else {}  # type: ignore[arg-type]
    async with street(("openai",), faults=faults) as place:
        await place.post(ask())
    call = place.kept.calls[0]
    assert call.actual is not None and call.planned is not None
    assert call.actual_known == "reported"
    assert (call.actual.model == call.planned.model) == (fault is None)


@pytest.mark.parametrize("said", ["tell me a secret", "x" * 999, "caf\u00e9", "a\nb", 7, None])
def test_what_is_no_name_is_not_taken_for_one(said: object) -> None:
    assert named(said) == ""
    assert named("chatcmpl-1:a/b") == "chatcmpl-1:a/b"


async def test_record_of_a_failed_call_and_its_attempts_says_everything_or_why_not() -> None:
    async with street(("openai",), faults={0: {"it": FaultRule(fault="status", status=500)}}) as place:
        assert (await place.post(ask())).status >= 500
    for entry in place.kept.records:
        assert isinstance(entry, CallRecord | AttemptRecord)
        assert unexplained(entry) == []
    assert place.kept.attempts and place.kept.calls[0].tokens is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", b'{"model":"nobody","messages":[]}'),
        ("/v1/chat/completions", b"{"),
        ("/v1/files", b"some file"),
    ],
    ids=["no such model", "not JSON", "not taken"],
)
async def test_refused_call_leaves_digest_and_length_of_what_was_asked(path: str, body: bytes) -> None:
    async with street(("openai",)) as place:
        assert (await place.post(body, path)).status >= 400
    call = place.kept.calls[0]
    assert call.request is not None
    assert call.request.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert call.request.length == len(body)
    assert unexplained(call) == []


async def test_every_try_has_a_record_where_there_were_several() -> None:
    async with street(("openai",) * 3, faults={0: {"it": FaultRule(fault="status", status=500)}}) as place:
        await place.post(ask())
    call, tries = place.kept.calls[0], place.kept.attempts
    assert [one.number for one in tries] == list(range(1, call.attempts + 1))
    assert [one.outcome for one in tries] == ["failed"] * (call.attempts - 1) + ["ok"]
    assert tries[-1].tokens is None, "totals would count them twice"
    assert tries[-1].actual == call.actual
    assert all(unexplained(one) == [] for one in tries)


async def test_useful_flops_are_counted_where_the_parameters_are_disclosed() -> None:
    async with street(("openai",)) as place:
        place.reload(parameters=7)
        await place.post(ask())
    call = place.kept.calls[0]
    assert call.tokens is not None and call.tokens.fresh is not None
    assert call.useful_flops == 2 * 7 * (call.tokens.fresh + 12)


async def test_receipt_is_named_with_its_writer() -> None:
    kept = Kept()
    kept.writer = "here"  # type: ignore[attr-defined]  # as the ledger has one
    async with street(("openai",), kept=kept) as place:
        for body in (ask(), ask(stream=True), ask(model="nobody")):
            got = await place.post(body)
            assert got.headers["x-freehold-receipt"] == f"here/{kept.calls[-1].id}"
