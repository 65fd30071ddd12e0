from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.dialects import DialectError, Target, codec, route
from freehold.dialects.strict import DEPTH_MAX, VIOLATIONS_MAX, violations
from scripts import published_fields
from tests.dialects.matrix import recorded
from tests.dialects.sdks import ASK, FEATURES

USER = {"role": "user", "content": "hi"}


def claude(version: str = "2026-10-21", surface: str = "messages", **fields: Any) -> list[str]:
    body = {"model": "m", "max_tokens": 9, "messages": [USER], **fields}
    return violations("anthropic", surface, json.dumps(body).encode(), api_version=version)


@pytest.mark.parametrize("surface", [name.replace(" ", "-") for name in ASK])
def test_what_the_vendors_sdk_sends_is_right(surface: str) -> None:
    for feature in FEATURES:
        asked = recorded(surface, feature)
        if asked is not None:
            inbound = asked.inbound
            found = violations(inbound.dialect, inbound.surface, asked.body, api_version=inbound.api_version)
            assert found == [], feature


def test_unknown_missing_and_ill_typed_fields_are_named() -> None:
    turn = {"role": "user", "content": [{"type": "text", "txt": "x"}]}
    body = json.dumps({"model": "m", "max_tokens": "9", "messages": [turn], "foo": 1}).encode()
    assert violations("anthropic", "messages", body) == [
        "max_tokens: Input should be an integer",
        "messages.0.content.0.text: Field required",
        "messages.0.content.0.txt: Extra inputs are not permitted",
        "foo: Extra inputs are not permitted",
    ]


def test_sampling_is_refused_on_the_newest_version_only() -> None:
    assert claude(temperature=1.0) == ["temperature: Extra inputs are not permitted"]
    assert claude("2023-06-01", temperature=1.0, top_k=3) == []
    assert claude("2023-06-01", temperature="hot") == ["temperature: Input should be a number"]


def test_surface_decides_what_belongs_into_the_body() -> None:
    body = {"max_tokens": 9, "messages": [USER], "anthropic_version": "bedrock-2023-05-31"}
    assert violations("bedrock", "invoke", json.dumps(body).encode()) == []
    del body["anthropic_version"]
    assert violations("bedrock", "invoke", json.dumps(body).encode()) == ["anthropic_version: Field required"]
    assert violations(
        "bedrock", "invoke", b'{"model":"m","max_tokens":9,"messages":[],"anthropic_version":"x"}'
    ) == ["model: Extra inputs are not permitted"]


@pytest.mark.parametrize(("dialect", "surface", "body", "word"), [
    ("openai", "chat", {"messages": [USER]}, "model: Field required"),
    ("openai", "chat", {"model": "m", "messages": [USER], "n": "2"}, "n: Input should be an integer"),
    ("openai", "chat", {"model": "m", "messages": [{"role": "robot", "content": "x"}]}, "messages.0"),
    ("responses", "responses", {"model": "m", "input": 3}, "input: Input should be a string"),
    ("bedrock", "converse", {"messages": [{"role": "user", "content": [{"text": "a", "image": {}}]}]},
     "messages.0.content.0: exactly one member must be set"),
    ("bedrock", "converse", {"messages": [{"role": "robot", "content": []}]}, "messages.0.role"),
    ("gemini", "generateContent", {"contents": [{"parts": [{"txt": "a"}]}]}, "contents.0.parts.0.txt"),
    ("gemini", "generateContent", {}, "contents: Field required"),
    ("gemini", "generateContent", [], "body: expected an object"),
])  # fmt: skip
def test_each_vendors_rules_are_held(dialect: Any, surface: str, body: Any, word: str) -> None:
    found = violations(dialect, surface, json.dumps(body).encode())
    assert any(word in each for each in found), found


def test_google_takes_both_spellings() -> None:
    body = {"contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "aa=="}}]}],
            "generation_config": {"max_output_tokens": 3}}  # fmt: skip
    assert violations("gemini", "generateContent", json.dumps(body).encode()) == []


def test_azure_path_names_the_model() -> None:
    inbound = route("POST", "/openai/deployments/d/chat/completions?api-version=2024-10-21")
    assert inbound is not None
    assert violations("openai", inbound.surface, json.dumps({"messages": [USER]}).encode()) == []


def test_violations_are_bounded_in_number_and_depth() -> None:
    many = {"model": "m", "messages": [USER], **{f"x{at}": 1 for at in range(100)}}
    assert len(violations("openai", "chat", json.dumps(many).encode())) == VIOLATIONS_MAX
    deep: Any = {"type": "STRING"}
    for _ in range(2 * DEPTH_MAX):
        deep = {"type": "ARRAY", "items": deep}
    tool = {"functionDeclarations": [{"name": "f", "parameters": deep}]}
    found = violations("gemini", "generateContent", json.dumps({"contents": [], "tools": [tool]}).encode())
    assert any("nested deeper" in each for each in found)


def test_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(DialectError):
        violations("openai", "chat", b"{")


def test_published_fields_are_those_of_the_installed_sdks() -> None:
    for dialect in published_fields.VENDORS:
        written = (published_fields.OUT / f"{dialect}.json").read_text()
        assert written == published_fields.text(dialect), "run: python scripts/published_fields.py"


def test_counting_and_embedding_requests_have_their_own_fields() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":3}'
    assert violations("anthropic", "messages", body, operation="count") == [
        "max_tokens: Extra inputs are not permitted"
    ]
    assert violations("openai", "embeddings", b'{"model":"m","input":["a"]}', operation="embed") == []


def test_what_we_write_for_vertex_openai_is_right() -> None:
    asked = recorded("openai", "text")
    assert asked is not None
    target = Target(api="vertex-openai", model="google/gemini-2.5-flash", options={"project": "p"})
    written = codec("vertex-openai").write_request(asked.conversation, target)
    inbound = route("POST", written.path)
    assert inbound is not None
    assert violations("openai", inbound.surface, written.body) == []
