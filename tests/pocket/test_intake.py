from typing import Any

import pytest

from freehold import wire
from freehold.pocket import PocketHome
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
