"""Counting the tokens of a request before it is sent: a request like another, answered by a number."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from freehold.dialects.anthropic import request as anthropic
from freehold.dialects.base import DialectError, Inbound, Target, WireRequest
from freehold.dialects.bedrock.request import model_path
from freehold.dialects.fields import Fields, encode, parse
from freehold.dialects.gemini import request as gemini
from freehold.dialects.responses import request as responses
from freehold.dialects.table import codec, codec_for
from freehold.types.conversation import Conversation

# What a generation carries and a count does not.
_NOT_COUNTED = {
    "anthropic": ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream", "metadata"),
    "responses": ("max_output_tokens", "temperature", "top_p", "stream", "store", "include", "user"),
    "bedrock": ("inferenceConfig", "outputConfig"),
}
_FIELD = {"anthropic": "input_tokens", "responses": "input_tokens", "gemini": "totalTokens",
          "bedrock": "inputTokens"}  # fmt: skip


def read_count(inbound: Inbound, body: bytes) -> Conversation:
    """The request whose tokens are to be counted."""
    if inbound.dialect == "gemini":
        value = Fields.of(body)
        inner = value.object("generateContentRequest")
        return codec_for(inbound).read_request(inbound, encode(inner.left) if inner is not None else body)
    if inbound.dialect == "bedrock":
        return _read_bedrock(inbound, body)
    return codec_for(inbound).read_request(inbound, body)


def _read_bedrock(inbound: Inbound, body: bytes) -> Conversation:
    given = Fields.of(body).required("input")
    if (converse := given.object("converse")) is not None:
        return codec("bedrock").read_request(inbound, encode(converse.left))
    try:
        inner = base64.b64decode(given.required("invokeModel").text("body"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise given.fault("invokeModel.body", "expected base64") from error
    return codec("bedrock-invoke").read_request(inbound, inner)


def write_count(conversation: Conversation, target: Target) -> WireRequest:
    """The counting request for a home; a DialectError where its api has none."""
    far = codec(target.api)
    if far.form not in ("anthropic", "vertex-claude", "responses", "gemini", "bedrock", "bedrock-invoke"):
        raise DialectError(
            "the home cannot count tokens", why=f"{target.api} has no such call",
            fix="count at a home that can, or estimate", code="dialects.cannot-express",
        )  # fmt: skip
    written = far.write_request(msgspec.structs.replace(conversation, stream=False), target)
    body: dict[str, Any] = parse(written.body)
    for name in _NOT_COUNTED.get(far.name if far.form != "bedrock-invoke" else "", ()):
        body.pop(name, None)
    path, body = _placed(far.form, target, body, written.body)
    return WireRequest(path=path, body=encode(body), headers=written.headers)


def _placed(form: str, target: Target, body: dict[str, Any], whole: bytes) -> tuple[str, dict[str, Any]]:
    match form:
        case "vertex-claude":
            counter = msgspec.structs.replace(target, model="count-tokens")
            return anthropic.path(counter), {**body, "model": target.model}
        case "anthropic":
            return anthropic.path(target, call="v1/messages/count_tokens"), body
        case "responses":
            return f"{responses.path(target)}/input_tokens", body
        case "gemini":
            model = f"models/{target.model.removeprefix('models/')}"
            if target.api == "vertex-gemini":
                return gemini.path(target, method="countTokens"), body
            return gemini.path(target, method="countTokens"), {
                "generateContentRequest": {"model": model, **body}
            }
        case "bedrock-invoke":
            packed = base64.b64encode(whole).decode()
            return model_path(target.model, "count-tokens"), {"input": {"invokeModel": {"body": packed}}}
    return model_path(target.model, "count-tokens"), {"input": {"converse": body}}


def read_counted(api: str, body: bytes) -> int:
    name = _FIELD[codec(api).name]
    fields = Fields.of(body, answer=True)
    count = fields.count(name)
    if count is None:
        raise fields.fault(name, "it is required")
    return count


def write_counted(inbound: Inbound, count: int) -> bytes:
    extra = {"object": "response.input_tokens"} if inbound.dialect == "responses" else {}
    return encode({_FIELD[inbound.dialect]: count, **extra})
