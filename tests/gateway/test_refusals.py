"""Bad input in every dialect gets that dialect's own error, with what, why and how to fix it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import boto3
import botocore.exceptions  # type: ignore[import-untyped]
import msgspec
import openai
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from google import genai
from google.genai import errors as google_errors

from freehold import wire
from freehold.clock import FakeClock
from freehold.config import Size
from freehold.gateway.settings import GatewaySettings
from tests.gateway.running import MODEL, Got, street
from tests.gateway.sharing import keyed, keys_for, new_key, stores_in


def openai_shape(got: Got) -> str:
    error = msgspec.json.decode(got.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return str(error["message"])


def anthropic_shape(got: Got) -> str:
    body = msgspec.json.decode(got.body)
    assert body["type"] == "error"
    assert body["error"]["type"].endswith("_error")
    return str(body["error"]["message"])


def bedrock_shape(got: Got) -> str:
    assert got.headers["x-amzn-errortype"].endswith("Exception")
    return str(msgspec.json.decode(got.body)["message"])


def gemini_shape(got: Got) -> str:
    error = msgspec.json.decode(got.body)["error"]
    assert error["code"] == got.status
    assert error["status"].isupper()
    return str(error["message"])


class Surface(NamedTuple):
    path: str  # {model} where the path names it
    body: dict[str, Any]
    turns: str  # the field that holds them
    shape: Callable[[Got], str]


SAYS = [{"role": "user", "content": "to be"}]
VERTEX = "/v1/projects/p/locations/l/publishers"
PARTS = [{"role": "user", "parts": [{"text": "to be"}]}]
CLAUDE: dict[str, Any] = {"max_tokens": 9, "messages": SAYS}
SURFACES = {
    "openai": Surface("/v1/chat/completions", {"model": "chat", "messages": SAYS}, "messages", openai_shape),
    "azure": Surface("/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
                     {"messages": SAYS}, "messages", openai_shape),
    "responses": Surface("/v1/responses", {"model": "chat", "input": "to be"}, "input", openai_shape),
    "anthropic": Surface("/v1/messages", {"model": "chat", **CLAUDE}, "messages", anthropic_shape),
    "foundry": Surface("/anthropic/v1/messages", {"model": "chat", **CLAUDE}, "messages", anthropic_shape),
    "vertex-claude": Surface(VERTEX + "/anthropic/models/{model}:rawPredict",
                             {"anthropic_version": "vertex-2023-10-16", **CLAUDE}, "messages",
                             anthropic_shape),
    "bedrock-invoke": Surface("/model/{model}/invoke", {"anthropic_version": "bedrock-2023-05-31", **CLAUDE},
                              "messages", bedrock_shape),
    "bedrock-converse": Surface("/model/{model}/converse",
                                {"messages": [{"role": "user", "content": [{"text": "to be"}]}]}, "messages",
                                bedrock_shape),
    "gemini": Surface("/v1beta/models/{model}:generateContent", {"contents": PARTS}, "contents",
                      gemini_shape),
    "vertex": Surface(VERTEX + "/google/models/{model}:generateContent", {"contents": PARTS}, "contents",
                      gemini_shape),
}  # fmt: skip


def with_field(surface: Surface, name: str, value: object) -> bytes:
    return msgspec.json.encode({**surface.body, name: value})


def without_turns(surface: Surface) -> bytes:
    return msgspec.json.encode({k: v for k, v in surface.body.items() if k != surface.turns})


BAD: dict[str, Callable[[Surface], bytes]] = {
    "no JSON": lambda surface: b"{",
    "an empty body": lambda surface: b"",
    "an array": lambda surface: b"[]",
    "text": lambda surface: b'"to be"',
    "bad UTF-8": lambda surface: with_field(surface, surface.turns, "\x00")[:-3] + b"\xff\xfe}",
    "no turns": without_turns,
    "turns that are a number": lambda surface: with_field(surface, surface.turns, 42),
    "a turn that is a number": lambda surface: with_field(surface, surface.turns, [42]),
    "nesting without end": lambda surface: b'{"a":' * 5000 + b"1" + b"}" * 5000,
}


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize("bad", BAD)
async def test_body_that_cannot_be_read_is_told_in_the_dialects_own_shape(name: str, bad: str) -> None:
    surface = SURFACES[name]
    path = surface.path.replace("{model}", "chat")
    async with street(("gemini",) if surface.shape is not gemini_shape else ("anthropic",)) as place:
        got = await place.post(BAD[bad](surface), path)
        asked = [len(home.log.entries) for home in place.homes]
        (record,) = place.kept.calls
    message = surface.shape(got)
    assert 400 <= got.status < 500
    assert "why: " in message
    assert "fix: " in message
    assert asked == [0]
    assert record.outcome == "client_fault"
    assert got.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("name", SURFACES)
async def test_unknown_model_is_told_with_what_there_is(name: str) -> None:
    surface = SURFACES[name]
    body = {**surface.body, **({"model": "nothing"} if "model" in surface.body else {})}
    async with street(("openai",)) as place:
        got = await place.post(body, surface.path.replace("{model}", "nothing"))
    message = surface.shape(got)
    assert got.status == 404
    assert "'nothing'" in message
    assert "chat" in message


@pytest.mark.parametrize("name", SURFACES)
async def test_call_without_a_key_is_told_how_to_get_one(name: str, tmp_path: Path) -> None:
    surface = SURFACES[name]
    keys, _ = keys_for(tmp_path, "joe")
    async with street(("openai",), keys=keys) as place:
        got = await place.post(surface.body, surface.path.replace("{model}", "chat"))
    message = surface.shape(got)
    assert got.status in (401, 403)
    assert "freehold key create" in message


@pytest.mark.parametrize("name", SURFACES)
async def test_call_over_a_limit_is_told_when_to_come_back(name: str, tmp_path: Path) -> None:
    surface = SURFACES[name]
    stores = stores_in(tmp_path)
    _, secret = new_key(stores, requests_per_min=1)
    path, headers = surface.path.replace("{model}", "chat"), {"authorization": f"Bearer {secret}"}
    async with keyed(stores, keys_clock=FakeClock()) as place:
        first = await place.post(surface.body, path, headers)
        got = await place.post(surface.body, path, headers)
    assert (first.status, got.status) == (200, 429)
    assert "0 of 1 is left of this minute" in surface.shape(got)
    assert got.headers["x-should-retry"] == "true"
    assert int(got.headers["retry-after-ms"]) > 0


async def test_home_of_the_same_form_says_what_is_wrong_in_its_own_words() -> None:
    async with street(("openai", "openai")) as place:
        got = await place.post({"model": "chat", "messages": 42})
        asked = [len(home.log.entries) for home in place.homes]
    assert got.status == 400
    assert "messages" in openai_shape(got)
    assert asked == [1, 0]  # what is wrong in itself is not tried elsewhere


async def test_model_that_only_the_path_names_reaches_a_home_that_wants_it_in_the_body() -> None:
    surface = SURFACES["azure"]
    async with street(("openai",)) as place:
        got = await place.post(surface.body, surface.path.replace("{model}", "chat"))
        body = msgspec.json.decode(place.homes[0].log.entries[0].body)
    assert (got.status, body["model"]) == (200, MODEL)


# --- as the vendors' SDKs read it ---


def by_openai(url: str) -> tuple[type[Exception], Exception]:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    try:
        client.chat.completions.create(model="chat", messages=42)  # type: ignore[call-overload]
    except openai.APIError as error:
        return openai.BadRequestError, error
    finally:
        client.close()
    raise AssertionError("it was taken")


def by_openai_responses(url: str) -> tuple[type[Exception], Exception]:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)
    try:
        client.responses.create(model="nothing", input="to be")
    except openai.APIError as error:
        return openai.NotFoundError, error
    finally:
        client.close()
    raise AssertionError("it was taken")


def by_anthropic(url: str) -> tuple[type[Exception], Exception]:
    client = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
    try:
        client.messages.create(model="chat", max_tokens=9, messages=[{"role": "user", "content": 42}])  # type: ignore[typeddict-item]
    except anthropic.APIError as error:
        return anthropic.BadRequestError, error
    finally:
        client.close()
    raise AssertionError("it was taken")


def by_boto3(url: str) -> tuple[type[Exception], Exception]:
    client = boto3.client(
        "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )  # fmt: skip
    try:
        client.converse(modelId="chat", messages=[{"role": "user", "content": [{"text": 42}]}])
    except botocore.exceptions.ClientError as error:
        return client.exceptions.ValidationException, error
    finally:
        client.close()
    raise AssertionError("it was taken")


def by_google(url: str) -> tuple[type[Exception], Exception]:
    client = genai.Client(api_key="k", http_options={"base_url": url})  # type: ignore[arg-type]
    try:
        client.models.generate_content(model="nothing", contents="to be")
    except google_errors.APIError as error:
        return google_errors.ClientError, error
    finally:
        client.close()
    raise AssertionError("it was taken")


SDKS = {
    "openai": by_openai, "responses": by_openai_responses, "anthropic": by_anthropic, "boto3": by_boto3,
    "google-genai": by_google,
}  # fmt: skip


@pytest.mark.parametrize("name", SDKS)
async def test_sdk_raises_its_own_error_with_what_why_and_fix(name: str) -> None:
    async with street(("vertex-claude",)) as place:
        kind, error = await asyncio.to_thread(SDKS[name], place.url)
    assert isinstance(error, kind)
    assert "why: " in str(error)
    assert "fix: " in str(error)


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [("PUT", "/v1/chat/completions", "the path takes POST"), ("GET", "/v1/messages", "the path takes POST"),
     ("POST", "/v1/moderations", "not a path of any dialect")],
)  # fmt: skip
async def test_path_or_method_that_means_nothing_is_told_with_what_does(
    method: str, path: str, why: str
) -> None:
    async with street(("openai",)) as place, await wire.request(method, place.url + path) as response:
        got = Got(response.status, response.headers, await response.read())
        assert place.plane.metrics.denied == {"gateway.no-such-path": 1}
    assert got.status == 404
    assert why in openai_shape(got)
    assert "fix: " in got.error


async def test_compressed_body_is_named_as_such() -> None:
    async with street(("openai",)) as place:
        body = gzip.compress(msgspec.json.encode(SURFACES["openai"].body))
        got = await place.post(body, headers={"content-encoding": "gzip"})
    assert got.status == 415
    assert "content-encoding is 'gzip'" in openai_shape(got)


async def test_request_too_large_is_told_before_any_dialect_is_known() -> None:
    small: Mapping[str, Any] = {"settings": GatewaySettings(body_max=Size("1KiB"))}
    async with street(("openai",), **small) as place:
        got = await place.post(b" " * 2000)
    assert (got.status, b"larger than 1024 bytes" in got.body) == (413, True)
