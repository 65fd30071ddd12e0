"""Embeddings: OpenAI's form (Azure and self-hosted too), Gemini's three, and Bedrock's by model family."""

from __future__ import annotations

import base64
import binascii
from array import array
from collections.abc import Sequence
from typing import Any, Protocol

from freehold.dialects.base import JSON_HEADERS, DialectError, Inbound, Target, WireRequest
from freehold.dialects.bedrock.request import model_path
from freehold.dialects.fields import Fields, encode
from freehold.dialects.gemini import request as gemini
from freehold.dialects.openai import request as openai
from freehold.types.conversation import Usage
from freehold.types.sidecalls import Embed, Embedded

INPUTS_MAX = 2048
_FLOAT32_BYTES = 4


class EmbedCodec(Protocol):
    """As a Codec, for embeddings."""

    def read(self, inbound: Inbound, body: bytes) -> Embed: ...
    def write(self, embed: Embed, target: Target) -> WireRequest: ...
    def read_answer(self, body: bytes) -> Embedded: ...
    def write_answer(self, embedded: Embedded, embed: Embed) -> bytes: ...


def texts(embed: Embed) -> tuple[str, ...]:
    """The inputs, where a dialect takes text only."""
    for each in embed.inputs:
        if not isinstance(each, str):
            raise _cannot("the inputs are token ids, and this home's dialect takes text")
    return tuple(each for each in embed.inputs if isinstance(each, str))


def _cannot(why: str) -> DialectError:
    return DialectError(
        "this embedding request has no form at the home", why=why, code="dialects.cannot-express"
    )


def floats(values: Sequence[Any]) -> tuple[float, ...]:
    if not all(type(value) in (float, int) for value in values):
        raise Fields({}, "embedding", answer=True).fault("", "expected numbers")
    return tuple(values)


def _read(tokens: int | None) -> Usage:
    """Tokens that were read; an embedding says none."""
    return Usage(fresh=tokens, output=None if tokens is None else 0)


class OpenAIEmbeddings:
    def read(self, inbound: Inbound, body: bytes) -> Embed:
        fields = Fields.of(body)
        model = inbound.model or fields.text("model")
        fields.any("model")
        return Embed(
            model=model, inputs=self._inputs(fields), dimensions=fields.count("dimensions"),
            base64=fields.maybe("encoding_format") == "base64", user=fields.maybe("user"), dialect="openai",
            extra=fields.extra(),
        )  # fmt: skip

    def _inputs(self, fields: Fields) -> tuple[str | tuple[int, ...], ...]:
        if type(fields.left.get("input")) is str:
            return (fields.text("input"),)
        given = fields.items("input")
        if not given or len(given) > INPUTS_MAX:
            raise fields.fault("input", f"expected 1 to {INPUTS_MAX} inputs, got {len(given)}")
        if all(type(each) is int for each in given):
            return (tuple(given),)
        return tuple(self._input(fields, each) for each in given)

    def _input(self, fields: Fields, given: Any) -> str | tuple[int, ...]:
        if type(given) is str:
            return given
        if type(given) is list and all(type(each) is int for each in given):
            return tuple(given)
        raise fields.fault("input", "expected texts or lists of token ids")

    def write(self, embed: Embed, target: Target) -> WireRequest:
        body: dict[str, Any] = {"model": target.model, "input": list(embed.inputs)}
        for name, value in (("dimensions", embed.dimensions), ("user", embed.user)):
            if value is not None:
                body[name] = value
        body["encoding_format"] = "base64" if embed.base64 else "float"
        extra = embed.extra if embed.dialect == "openai" else {}
        path = openai.path(target, "embeddings")
        return WireRequest(path=path, body=encode({**body, **extra}), headers=JSON_HEADERS)

    def read_answer(self, body: bytes) -> Embedded:
        fields = Fields.of(body, answer=True)
        rows = sorted(fields.objects("data"), key=lambda row: row.integer("index") or 0)
        usage = fields.object("usage")
        return Embedded(
            model=fields.maybe("model") or "", vectors=tuple(self._vector(row) for row in rows),
            usage=_read(usage.count("prompt_tokens") if usage else None),
        )  # fmt: skip

    def _vector(self, row: Fields) -> tuple[float, ...]:
        if type(row.left.get("embedding")) is not str:
            return floats(row.items("embedding"))
        try:
            packed = base64.b64decode(row.text("embedding"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise row.fault("embedding", "expected base64") from error
        if len(packed) % _FLOAT32_BYTES:
            raise row.fault("embedding", f"{len(packed)} bytes are not whole numbers of 32 bits")
        return tuple(array("f", packed))

    def write_answer(self, embedded: Embedded, embed: Embed) -> bytes:
        data = [
            {"object": "embedding", "index": at, "embedding": self._written(vector, embed.base64)}
            for at, vector in enumerate(embedded.vectors)
        ]
        count = embedded.usage.fresh or 0
        usage = {"prompt_tokens": count, "total_tokens": count}
        return encode({"object": "list", "data": data, "model": embedded.model, "usage": usage})

    def _written(self, vector: tuple[float, ...], packed: bool) -> object:
        return base64.b64encode(array("f", vector).tobytes()).decode() if packed else vector


class GeminiEmbeddings:
    """One text (`embedContent`), several (`batchEmbedContents`), or Vertex's `predict`: by the surface."""

    def __init__(self, surface: str = "batchEmbedContents") -> None:
        self._surface = surface

    def read(self, inbound: Inbound, body: bytes) -> Embed:
        fields = Fields.of(body)
        fields.any("model")
        rows = [fields] if self._surface == "embedContent" else fields.objects(
            "instances" if self._surface == "vertex" else "requests")  # fmt: skip
        dimensions, inputs = None, []
        parameters = fields.object("parameters")
        if parameters is not None:
            dimensions = parameters.count("outputDimensionality")
        for row in rows:
            inputs.append(self._input(row))
            row.any("model")
            dimensions = row.count("outputDimensionality") or dimensions
        if not inputs:
            raise fields.fault("", "expected at least one text")
        extra = {name: value for row in rows for name, value in row.extra().items()}
        return Embed(model=inbound.model or "", inputs=tuple(inputs), dimensions=dimensions, dialect="gemini",
                     extra=extra)  # fmt: skip

    def _input(self, row: Fields) -> str:
        if type(row.left.get("content")) is str:
            return row.text("content")
        content = row.required("content")
        return "".join(part.text("text") for part in content.objects("parts"))

    def write(self, embed: Embed, target: Target) -> WireRequest:
        extra = dict(embed.extra) if embed.dialect == "gemini" else {}
        size = {"outputDimensionality": embed.dimensions} if embed.dimensions is not None else {}
        if target.api == "vertex-gemini":
            instances = [{"content": text, **extra} for text in texts(embed)]
            path = gemini.path(target, method="predict")
            return WireRequest(
                path=path, body=encode({"instances": instances, "parameters": size}), headers=JSON_HEADERS
            )
        model = f"models/{target.model.removeprefix('models/')}"
        asked = [{"model": model, "content": {"parts": [{"text": text}]}, **size, **extra}
                    for text in texts(embed)]  # fmt: skip
        path = gemini.path(target, method="batchEmbedContents")
        return WireRequest(path=path, body=encode({"requests": asked}), headers=JSON_HEADERS)

    def read_answer(self, body: bytes) -> Embedded:
        fields = Fields.of(body, answer=True)
        rows = fields.objects("embeddings")
        tokens = 0
        if (only := fields.object("embedding")) is not None:
            rows = [only]
        for prediction in fields.objects("predictions"):
            row = prediction.required("embeddings")
            statistics = row.object("statistics")
            tokens += (statistics.count("token_count") or 0) if statistics else 0
            rows.append(row)
        vectors = tuple(floats(row.items("values")) for row in rows)
        return Embedded(model="", vectors=vectors, usage=_read(tokens or None))

    def write_answer(self, embedded: Embedded, embed: Embed) -> bytes:
        if self._surface == "embedContent":
            return encode({"embedding": {"values": embedded.vectors[0] if embedded.vectors else ()}})
        if self._surface == "vertex":
            share = (embedded.usage.fresh or 0) // max(len(embedded.vectors), 1)
            statistics = {"token_count": share, "truncated": False}
            rows = [{"embeddings": {"values": each, "statistics": statistics}} for each in embedded.vectors]
            return encode({"predictions": rows})
        return encode({"embeddings": [{"values": vector} for vector in embedded.vectors]})


class BedrockEmbeddings:
    """InvokeModel's bodies are each model family's own: Titan takes one text, Cohere takes many."""

    def read(self, inbound: Inbound, body: bytes) -> Embed:
        fields = Fields.of(body)
        if "inputText" in fields.left:
            inputs: tuple[str, ...] = (fields.text("inputText"),)
        else:
            inputs = fields.texts("texts")
        if not inputs:
            raise fields.fault("", "expected inputText (Titan) or texts (Cohere)")
        return Embed(model=inbound.model or "", inputs=inputs, dimensions=fields.count("dimensions"),
                     dialect="bedrock", extra=fields.extra())  # fmt: skip

    def write(self, embed: Embed, target: Target) -> WireRequest:
        extra = dict(embed.extra) if embed.dialect == "bedrock" else {}
        inputs = texts(embed)
        if "cohere" in target.model:
            body: dict[str, Any] = {"texts": inputs, "input_type": "search_document", **extra}
        elif len(inputs) == 1:
            size = {"dimensions": embed.dimensions} if embed.dimensions is not None else {}
            body = {"inputText": inputs[0], **size, **extra}
        else:
            raise _cannot(f"there are {len(inputs)} inputs, and this model takes one a call")
        return WireRequest(path=model_path(target.model, "invoke"), body=encode(body), headers=JSON_HEADERS)

    def read_answer(self, body: bytes) -> Embedded:
        fields = Fields.of(body, answer=True)
        if "embedding" in fields.left:
            vectors: tuple[tuple[float, ...], ...] = (floats(fields.items("embedding")),)
        else:
            vectors = tuple(floats(row) for row in fields.items("embeddings") if type(row) is list)
        return Embedded(model="", vectors=vectors, usage=_read(fields.count("inputTextTokenCount")))

    def write_answer(self, embedded: Embedded, embed: Embed) -> bytes:
        if "cohere" in embed.model:
            return encode({"embeddings": embedded.vectors, "response_type": "embeddings_floats",
                           "texts": embed.inputs})  # fmt: skip
        first = embedded.vectors[0] if embedded.vectors else ()
        return encode({"embedding": first, "inputTextTokenCount": embedded.usage.fresh or 0})


_BY_DIALECT: dict[str, EmbedCodec] = {
    "openai": OpenAIEmbeddings(), "gemini": GeminiEmbeddings(), "bedrock": BedrockEmbeddings()
}  # fmt: skip
_BY_API = {
    "openai": "openai", "openai-compatible": "openai", "azure-openai": "openai", "azure-openai-v1": "openai",
    "gemini": "gemini", "vertex-gemini": "gemini", "bedrock": "bedrock", "bedrock-invoke": "bedrock",
    "bedrock-converse": "bedrock",
}  # fmt: skip


def embed_codec(api: str) -> EmbedCodec | None:
    """The codec for embeddings at an api; None where it has none."""
    return _BY_DIALECT[_BY_API[api]] if api in _BY_API else None


def embed_codec_for(inbound: Inbound) -> EmbedCodec | None:
    if inbound.dialect == "gemini":
        return GeminiEmbeddings(inbound.surface)
    return _BY_DIALECT.get(inbound.dialect)
