from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import msgspec
import pytest

from freehold.dialects import DialectError, Target, codec_for, route
from freehold.dialects.base import Inbound
from freehold.dialects.side import (
    embed_codec,
    embed_codec_for,
    read_count,
    read_counted,
    read_models,
    write_count,
    write_counted,
    write_model,
    write_models,
)
from freehold.dialects.strict import violations
from freehold.types.conversation import Usage
from freehold.types.sidecalls import Embed, Embedded, ModelInfo
from tests.dialects.matrix import recorded

VECTORS = Embedded(model="e", vectors=((0.5, -1.0), (0.25, 2.0)), usage=Usage(fresh=4))
ONE = Embedded(model="e", vectors=((0.5, -1.0),), usage=Usage(fresh=4))
APIS = ("openai", "azure-openai", "gemini", "vertex-gemini", "bedrock-invoke")


EMBEDS = (
    "/v1/embeddings", "/v1beta/models/m:batchEmbedContents", "/model/cohere.embed-v4/invoke",
    "/v1/projects/p/locations/l/publishers/google/models/m:predict",
)  # fmt: skip


def inbound(method: str, path: str, headers: dict[str, str] | None = None) -> Inbound:
    found = route(method, path, headers)
    assert found is not None, path
    return found


@pytest.mark.parametrize("api", APIS)
def test_embedding_request_is_read_back_from_its_path(api: str) -> None:
    model = "cohere.embed-v4" if api.startswith("bedrock") else "embed-1"
    side = embed_codec(api)
    assert side is not None
    asked = Embed(model="x", inputs=("a", "b"), dimensions=None if api.startswith("bedrock") else 2)
    written = side.write(asked, Target(api=api, model=model, options={"project": "p"}))
    path = inbound("POST", written.path)
    assert path.operation == "embed"
    again = embed_codec_for(path)
    assert again is not None
    read = again.read(path, written.body)
    assert (read.inputs, read.dimensions) == (asked.inputs, asked.dimensions)
    assert violations(path.dialect, path.surface, written.body, operation="embed") == []


@pytest.mark.parametrize("path", EMBEDS)
def test_vectors_are_read_as_they_were_written(path: str) -> None:
    side = embed_codec_for(inbound("POST", path))
    assert side is not None
    asked = Embed(model="cohere.embed-v4", inputs=("a", "b"))
    assert side.read_answer(side.write_answer(VECTORS, asked)).vectors == VECTORS.vectors


def test_one_text_for_titan_and_gemini() -> None:
    for path in ("/model/amazon.titan-embed-text-v2:0/invoke", "/v1beta/models/m:embedContent"):
        side = embed_codec_for(inbound("POST", path))
        assert side is not None
        asked = Embed(model="amazon.titan-embed-text-v2:0", inputs=("a",))
        assert side.read_answer(side.write_answer(ONE, asked)).vectors == ONE.vectors


def test_numbers_are_packed_when_the_caller_asks_so() -> None:
    side = embed_codec("openai")
    assert side is not None
    body = json.loads(side.write_answer(ONE, Embed(model="m", inputs=("a",), base64=True)))
    packed = base64.b64decode(body["data"][0]["embedding"])
    assert tuple(array("f", packed)) == ONE.vectors[0]
    assert body["usage"]["prompt_tokens"] == 4


@pytest.mark.parametrize(("given", "inputs"), [
    ("a", ("a",)), (["a", "b"], ("a", "b")), ([1, 2], ((1, 2),)), ([[1], [2]], ((1,), (2,))),
])  # fmt: skip
def test_every_form_of_input_is_read(given: Any, inputs: Any) -> None:
    side = embed_codec("openai")
    assert side is not None
    body = json.dumps({"model": "m", "input": given}).encode()
    assert side.read(inbound("POST", "/v1/embeddings"), body).inputs == inputs


@pytest.mark.parametrize("given", [[], [None], [[1, "a"]], 3, None])
def test_unreadable_input_is_refused(given: Any) -> None:
    side = embed_codec("openai")
    assert side is not None
    with pytest.raises(DialectError):
        side.read(inbound("POST", "/v1/embeddings"), json.dumps({"model": "m", "input": given}).encode())


def test_token_ids_and_many_texts_are_refused_where_there_is_no_form_for_them() -> None:
    gemini, bedrock = embed_codec("gemini"), embed_codec("bedrock")
    assert gemini is not None
    assert bedrock is not None
    with pytest.raises(DialectError):
        gemini.write(Embed(model="m", inputs=((1, 2),)), Target(api="gemini", model="m"))
    with pytest.raises(DialectError):
        bedrock.write(Embed(model="m", inputs=("a", "b")), Target(api="bedrock", model="amazon.titan-embed"))


def test_anthropic_has_no_embeddings() -> None:
    assert embed_codec("anthropic") is None


COUNTS = {
    "anthropic": "anthropic", "vertex-claude": "vertex-claude", "responses": "responses", "gemini": "gemini",
    "vertex-gemini": "gemini", "bedrock": "bedrock", "bedrock-invoke": "bedrock-invoke",
}  # fmt: skip


@pytest.mark.parametrize("api", COUNTS)
def test_count_request_is_read_back_and_answered(api: str) -> None:
    asked = recorded(COUNTS[api], "tools")
    assert asked is not None
    written = write_count(asked.conversation, Target(api=api, model="m", options={"project": "p"}))
    path = inbound("POST", written.path)
    assert path.operation == "count"
    read = read_count(path, written.body)
    assert len(read.turns) == len(asked.conversation.turns)
    assert json.loads(msgspec.json.encode(read.tools)) == json.loads(
        msgspec.json.encode(asked.conversation.tools)
    )
    assert read_counted(api, write_counted(path, 17)) == 17


@pytest.mark.parametrize("api", ["anthropic", "responses", "bedrock", "gemini"])
def test_count_request_is_what_the_vendor_published(api: str) -> None:
    asked = recorded(api, "tools")
    assert asked is not None
    written = write_count(asked.conversation, Target(api=api, model="m"))
    path = inbound("POST", written.path)
    assert violations(path.dialect, path.surface, written.body, operation="count") == []


def test_home_that_cannot_count_says_so() -> None:
    asked = recorded("openai", "text")
    assert asked is not None
    with pytest.raises(DialectError):
        write_count(asked.conversation, Target(api="openai", model="m"))


MODELS = (
    ModelInfo(id="chat", name="Chat", owner="me", input_tokens_max=9, output_tokens_max=3),
    ModelInfo(id="b"),
)


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2026-10-21"}, {"x-goog-api-key": "k"}])
def test_list_of_models_is_read_as_it_was_written(headers: dict[str, str]) -> None:
    path = inbound("GET", "/v1/models", headers)
    read = read_models(path.dialect, write_models(path, MODELS))
    assert [model.id for model in read] == ["chat", "b"]


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2026-10-21"}, {"x-goog-api-key": "k"}])
def test_one_model_is_written_in_the_callers_form(headers: dict[str, str]) -> None:
    path = inbound("GET", "/v1/models/chat", headers)
    assert path.model == "chat"
    row = json.loads(write_model(path, MODELS[0]))
    assert row.get("id", row.get("name", "")).endswith("chat")


def test_count_of_a_caller_is_read_by_the_codec_of_its_form() -> None:
    path = inbound("POST", "/v1/messages/count_tokens")
    body = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "x"}]})
    assert read_count(path, body) == codec_for(path).read_request(path, body)
