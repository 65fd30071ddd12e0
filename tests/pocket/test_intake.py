import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold import wire
from freehold.clock import FakeClock
from freehold.dialects import DialectError
from freehold.pocket import Limits, PocketHome, ScriptedEngine
from freehold.pocket.intake import Intake
from freehold.pocket.limits import Limiter
from tests.pocket.talk import CHAT, ask, said

CLAUDE = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
GENERATE = "/v1beta/models/m:generateContent"


@pytest.mark.parametrize(
    ("dialect", "path", "body"),
    [
        ("openai", CHAT, {**said("hi"), "temprature": 1}),
        ("openai", CHAT, {"model": "m"}),
        ("openai", CHAT, {**said("hi"), "temperature": "warm"}),
        ("responses", "/v1/responses", {"model": "m", "input": "hi", "max_tokens": 5}),
        ("anthropic", "/v1/messages", {**CLAUDE, "max_completion_tokens": 9}),
        ("gemini", GENERATE, {}),
        ("anthropic", "/v1/messages", {"model": "m", "messages": CLAUDE["messages"]}),
        ("anthropic", "/v1/messages", {**CLAUDE, "max_tokens": "nine"}),
        ("anthropic", "/v1/messages", {**CLAUDE, "messages": [{"role": "user"}]}),
        ("bedrock", "/model/m/converse", {**CONVERSE, "inferenceConfig": {"max_tokens": 9}}),
        ("bedrock", "/model/m/converse", {"messages": "hi"}),
        ("gemini", GENERATE, {**GEMINI, "max_tokens": 9}),
        ("gemini", GENERATE, {"contents": [{"parts": [{"txet": "hi"}]}]}),
        ("gemini", GENERATE, {**GEMINI, "generationConfig": {"temperature": "warm"}}),
    ],
)
def test_fields_unknown_missing_and_ill_typed_are_refused(dialect: str, path: str, body: Any) -> None:
    heard = ask(PocketHome(dialect), body, path)
    assert heard.status == 400


def test_unknown_fields_pass_when_told_to_let_them() -> None:
    assert ask(PocketHome(strict=False), {**said("hi"), "temprature": 1}).status == 200


def test_unknown_fields_pass_at_servers_that_take_them() -> None:
    heard = ask(PocketHome("openai-compatible"), {**said("hi"), "continue_final_message": True})
    assert heard.status == 200


@pytest.mark.parametrize(("version", "status"), [("2023-06-01", 200), ("2026-10-21", 400)])
def test_sampling_is_refused_where_the_api_version_refuses_it(version: str, status: int) -> None:
    heard = ask(
        PocketHome("anthropic"), {**CLAUDE, "temperature": 1.0}, "/v1/messages",
        headers={"anthropic-version": version},
    )  # fmt: skip
    assert heard.status == status


@pytest.mark.parametrize(("version", "status"), [("bedrock-2023-05-31", 200), ("2026-10-21", 400)])
def test_sampling_in_invoke_goes_by_the_version_in_the_body(version: str, status: int) -> None:
    body = {"anthropic_version": version, "max_tokens": 9, "messages": CLAUDE["messages"], "top_k": 5}
    assert ask(PocketHome("bedrock"), body, "/model/m/invoke").status == status


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("openai", "/v1/messages"),
        ("anthropic", CHAT),
        ("bedrock", CHAT),
        ("gemini", "/v1/messages"),
        ("openai", "/v1/files"),
        ("openai", "/v1/batches"),
        ("openai", "/v1/responses/resp_1"),
    ],
)
def test_path_that_is_not_this_vendors_or_keeps_state_is_not_found(dialect: str, path: str) -> None:
    assert ask(PocketHome(dialect), {}, path).status == 404


def test_model_that_the_home_does_not_have_is_not_found() -> None:
    home = PocketHome("anthropic", models=["claude-x"])
    heard = ask(home, CLAUDE, "/v1/messages")
    assert heard.status == 404
    assert heard.json["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'"' + b"[" * 100_000])
@pytest.mark.parametrize(
    ("dialect", "path"),
    [("openai", CHAT), ("responses", "/v1/responses"), ("anthropic", "/v1/messages"),
     ("bedrock", "/model/m/converse"), ("bedrock", "/model/m/invoke"), ("gemini", GENERATE)],
)  # fmt: skip
async def test_body_that_is_no_request_gets_the_vendors_error(dialect: str, path: str, body: bytes) -> None:
    async with (
        PocketHome(dialect).running() as url,
        await wire.request("POST", url + path, body=body) as response,
    ):
        assert response.status == 400
        assert (await response.read()).startswith(b"{")


NAMES = st.sampled_from(
    ["model", "messages", "role", "content", "type", "text", "input", "system", "tools", "parts", "contents",
     "max_tokens", "stream", "stop", "name", "thinking", "toolConfig", "generationConfig", "response_format"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 2**70),
        st.floats(),
        st.sampled_from(["user", "text", "", "m"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
PATHS = {
    "openai": [CHAT, "/v1/responses", "/v1/embeddings", "/openai/deployments/d/chat/completions"],
    "anthropic": ["/v1/messages", "/v1/messages/count_tokens"],
    "bedrock": ["/model/m/converse-stream", "/model/m/invoke", "/model/m/count-tokens"],
    "gemini": [GENERATE, "/v1beta/models/m:countTokens", "/v1beta/models/m:embedContent"],
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("dialect", sorted(PATHS))
@given(body=st.dictionaries(NAMES, VALUES, max_size=6), data=st.data())
def test_any_body_is_understood_or_refused(
    dialect: str, strict: bool, body: Any, data: st.DataObject
) -> None:
    intake = Intake(dialect, models=(), keys=(), strict=strict, limiter=Limiter(Limits()), clock=FakeClock())
    path = data.draw(st.sampled_from(PATHS[dialect]))
    request = wire.Request(method="POST", target=path, headers={}, body=msgspec.json.encode(body))
    asked = intake.read(request)
    assert (asked.refusal or asked.conversation or asked.ready) is not None
    if asked.refusal is None and asked.conversation is not None:
        with contextlib.suppress(DialectError):  # the engine's way of refusing
            assert list(ScriptedEngine().answer(asked.conversation, "id"))
