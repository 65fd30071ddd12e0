"""What a pocket home answers without a model: lists of models, token counts, embeddings."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from freehold.dialects import DialectError, Inbound
from freehold.pocket.cache import PromptCache
from freehold.types.conversation import Conversation

DIMENSIONS_DEFAULT = 64
DIMENSIONS_MAX = 3072
INPUTS_MAX = 2048
_CREATED = 1_767_225_600  # 2026-01-01, for lists that want a date


def count(dialect: str, conversation: Conversation) -> bytes:
    tokens = PromptCache().count(conversation, 0).fresh
    names = {"anthropic": "input_tokens", "bedrock": "inputTokens", "gemini": "totalTokens"}
    body: dict[str, Any] = {names.get(dialect, "input_tokens"): tokens}
    if dialect == "responses":
        body["object"] = "response.input_tokens"
    return msgspec.json.encode(body)


def models(inbound: Inbound, offered: Sequence[str]) -> bytes:
    """One model when the path names it, else all of them."""
    if inbound.model is not None:
        if inbound.model not in offered:
            raise DialectError(
                f"the model {inbound.model!r} does not exist",
                why=f"this pocket home has {', '.join(offered)}",
                fix="name one of them",
                code="pocket.unknown-model",
                status=404,
            )
        return msgspec.json.encode(_model(inbound.dialect, inbound.model))
    rows = [_model(inbound.dialect, name) for name in offered]
    match inbound.dialect:
        case "anthropic":
            first, last = (offered[0], offered[-1]) if offered else (None, None)
            body = {"data": rows, "has_more": False, "first_id": first, "last_id": last}
        case "gemini":
            body = {"models": rows}
        case _:
            body = {"object": "list", "data": rows}
    return msgspec.json.encode(body)


def _model(dialect: str, name: str) -> dict[str, Any]:
    match dialect:
        case "anthropic":
            return {
                "id": name, "type": "model", "display_name": name, "created_at": "2026-01-01T00:00:00Z",
                "lifecycle": "active", "max_input_tokens": 200_000, "max_tokens": 64_000,
            }  # fmt: skip
        case "gemini":
            return {
                "name": f"models/{name}", "displayName": name, "inputTokenLimit": 1_000_000,
                "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent", "countTokens"],
            }  # fmt: skip
        case _:
            return {"id": name, "object": "model", "created": _CREATED, "owned_by": "pocket"}


def embed(inbound: Inbound, body: bytes) -> bytes:
    """Vectors that depend only on the text: the same text, the same vector."""
    asked = _object(body)
    if inbound.dialect == "gemini":
        return _embed_gemini(asked)
    inputs = _inputs(asked.get("input"))
    size = _size(asked.get("dimensions"))
    packed = asked.get("encoding_format") == "base64"
    rows = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else vector}
        for index, vector in enumerate(vector_of(text, size) for text in inputs)
    ]
    tokens = sum(max(len(text.split()), 1) for text in inputs)
    return msgspec.json.encode({
        "object": "list", "data": rows, "model": inbound.model or asked.get("model", ""),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })  # fmt: skip


def _embed_gemini(asked: dict[str, Any]) -> bytes:
    batch = asked.get("requests")
    many = isinstance(batch, list)
    vectors = [
        {"values": vector_of(_parts_text(one), _size(one.get("outputDimensionality")))}
        for one in (batch if isinstance(batch, list) else [asked])[:INPUTS_MAX]
    ]
    return msgspec.json.encode({"embeddings": vectors} if many else {"embedding": vectors[0]})


def vector_of(text: str, size: int) -> list[float]:
    stream = hashlib.shake_256(text.encode()).digest(2 * size)
    values = [value / 32768 for value in struct.unpack(f">{size}h", stream)]
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _parts_text(asked: dict[str, Any]) -> str:
    content = asked.get("content")
    parts = content.get("parts", []) if isinstance(content, dict) else []
    return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _inputs(value: object) -> list[str]:
    if isinstance(value, str) and value:
        return [value]
    if isinstance(value, list) and value and len(value) <= INPUTS_MAX:
        if all(isinstance(one, str) for one in value):
            return list(value)
        if all(isinstance(one, int) for one in value):
            return [" ".join(map(str, value))]  # one text, as token ids
        if all(isinstance(one, list) for one in value):
            return [" ".join(map(str, one)) for one in value]
    raise _bad("input", f"it has to be a text or up to {INPUTS_MAX} of them")


def _size(value: object) -> int:
    if value is None:
        return DIMENSIONS_DEFAULT
    if not isinstance(value, int) or not 1 <= value <= DIMENSIONS_MAX:
        raise _bad("dimensions", f"it has to be from 1 to {DIMENSIONS_MAX}")
    return value


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _bad("the body", str(error)) from error


def _bad(name: str, why: str) -> DialectError:
    return DialectError(
        f"{name} cannot be used", why=why, fix="correct the request", code="dialects.bad-request"
    )
