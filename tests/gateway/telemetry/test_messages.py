from __future__ import annotations

import msgspec
import pytest

from freehold.clock import FakeClock
from freehold.dialects import Inbound, route
from freehold.gateway.telemetry import Tracing, names
from freehold.gateway.telemetry.exporter import HEARD_BYTES_MAX, Exporter
from freehold.gateway.telemetry.messages import MESSAGES_CHARS_MAX, Heard, messages_of
from freehold.gateway.telemetry.otlp import Protobuf
from freehold.gateway.telemetry.settings import Telemetry
from tests.gateway.running import ask, street
from tests.gateway.telemetry.receiver import attributes, receiving, wrong
from tests.gateway.telemetry.test_recorder import Both
from tests.gateway.telemetry.test_spans import call

ANTHROPIC = {
    "model": "chat", "max_tokens": 50, "system": "Be brief.",
    "messages": [{"role": "user", "content": "the-question"}],
}  # fmt: skip


def inbound(path: str = "/v1/chat/completions") -> Inbound:
    found = route("POST", path, {})
    assert found is not None
    return found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/chat/completions", ask("the-question")), ("/v1/messages", ANTHROPIC)],
)
async def test_words_are_told_where_the_settings_want_it(
    path: str, body: dict[str, object], stream: bool
) -> None:
    async with receiving() as place:
        exporter = Exporter(Telemetry(endpoint=place.url, content=True), Protobuf("f", "x"), FakeClock())
        async with street(("openai",), kept=Both(exporter), tracing=Tracing(1.0)) as town:
            town.plane.sealings.tells, town.plane.accounts.hear = True, exporter.hear
            got = await town.post({**body, "stream": stream}, path)
            assert got.status == 200
            (record,) = town.kept.calls
        await exporter.take()
        await exporter.flush()
    _, only = place.spans
    told = {name: value for name, value in attributes(only).items() if "messages" in name or "system" in name}
    (asked,) = msgspec.json.decode(told["gen_ai.input.messages"])[-1]["parts"]
    (answer,) = msgspec.json.decode(told["gen_ai.output.messages"])
    assert asked == {"type": "text", "content": "the-question"}
    assert (answer["parts"], answer["finish_reason"]) == (
        [{"type": "text", "content": "the-question"}],
        "stop",
    )
    assert ("gen_ai.system_instructions" in told) is (path == "/v1/messages")
    assert record.response is not None and record.response.digest is not None  # the ledger's part is as ever
    assert wrong(place.spans) == []


def test_calls_of_tools_are_told_with_their_arguments() -> None:
    answer = msgspec.json.encode({
        "id": "i", "object": "chat.completion", "created": 1, "model": "m", "choices": [{
            "index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None,
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
            ]},
        }],
    })  # fmt: skip
    found = messages_of(Heard(inbound(), msgspec.json.encode(ask("go")), answer, False))
    (part,) = msgspec.json.decode(found[names.OUTPUT_MESSAGES])[0]["parts"]
    assert part == {"type": "tool_call", "id": "c", "name": "f", "arguments": '{"x":1}'}


def test_words_that_cannot_be_read_are_left_out() -> None:
    assert messages_of(Heard(inbound(), b"{", b"", False)) == {}
    half = messages_of(Heard(inbound(), msgspec.json.encode(ask("go")), b"{", False))
    assert set(half) == {names.INPUT_MESSAGES}


def test_words_that_are_too_long_are_said_to_be() -> None:
    long = msgspec.json.encode(ask("x" * MESSAGES_CHARS_MAX))
    assert messages_of(Heard(inbound(), long, b"", False))[names.INPUT_MESSAGES] == '"too long for a span"'


async def test_words_that_wait_are_bounded_and_let_go_with_their_record() -> None:
    exporter = Exporter(Telemetry(endpoint="http://127.0.0.1:9"), Protobuf("f", "x"), FakeClock())
    heard = Heard(inbound(), b"x" * (HEARD_BYTES_MAX // 2), b"", False)
    for id in ("call", "b", "c"):
        exporter.hear(id, heard)
    assert exporter.dropped == 1
    exporter.offer(call())
    await exporter.take()
    exporter.hear("d", heard)
    assert exporter.dropped == 1
