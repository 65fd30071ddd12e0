"""Every dialect and every api: where its codec is. Adding one is one file, one row, its vectors and a row
in the docs."""

from __future__ import annotations

import functools
import importlib
from typing import cast

import msgspec

from freehold.dialects.base import Codec, Inbound
from freehold.dialects.routes import route
from freehold.errors import InputError, nearest
from freehold.types.names import DialectName

CODECS: dict[str, str] = {
    "openai": "freehold.dialects.openai:OpenAI",
    "responses": "freehold.dialects.responses:Responses",
    "anthropic": "freehold.dialects.anthropic:Anthropic",
    "vertex-claude": "freehold.dialects.anthropic:VertexClaude",
    "bedrock": "freehold.dialects.bedrock:Bedrock",
    "bedrock-invoke": "freehold.dialects.bedrock:BedrockInvoke",
    "gemini": "freehold.dialects.gemini:Gemini",
}


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """One way to reach models: a dialect on one vendor's paths."""

    codec: str  # a row of CODECS
    dialect: DialectName
    serves: str


def _api(codec: str, dialect: DialectName, serves: str) -> Api:
    return Api(codec=codec, dialect=dialect, serves=serves)


APIS: dict[str, Api] = {
    "openai": _api("openai", "openai", "OpenAI chat completions"),
    "openai-compatible": _api("openai", "openai", "any server of that form: vLLM, SGLang, NIM, Ollama"),
    "azure-openai": _api("openai", "openai", "Azure OpenAI, deployment paths with api-version"),
    "azure-openai-v1": _api("openai", "openai", "Azure OpenAI, the v1 paths"),
    "vertex-openai": _api("openai", "openai", "Vertex AI's OpenAI-compatible endpoint"),
    "responses": _api("responses", "responses", "OpenAI Responses"),
    "azure-responses": _api("responses", "responses", "Azure OpenAI Responses, the v1 paths"),
    "anthropic": _api("anthropic", "anthropic", "Anthropic's own API"),
    "foundry-anthropic": _api("anthropic", "anthropic", "Claude in Microsoft Foundry"),
    "bedrock-messages": _api("anthropic", "anthropic", "the Messages API on Bedrock"),
    "claude-platform-aws": _api("anthropic", "anthropic", "Claude Platform on AWS, run by Anthropic"),
    "claude-gcp": _api("anthropic", "anthropic", "Claude Models on Google Cloud, run by Anthropic"),
    "vertex-claude": _api("vertex-claude", "anthropic", "Claude on Vertex AI, rawPredict"),
    "bedrock": _api("bedrock", "bedrock", "Bedrock Converse"),
    "bedrock-converse": _api("bedrock", "bedrock", "Bedrock Converse"),
    "bedrock-invoke": _api("bedrock-invoke", "bedrock", "Claude by Bedrock InvokeModel"),
    "gemini": _api("gemini", "gemini", "the Gemini API"),
    "vertex-gemini": _api("gemini", "gemini", "Gemini on Vertex AI"),
}
# A dialect's paths that need another codec than the one of its name.
_BY_SURFACE = {("bedrock", "invoke"): "bedrock-invoke", ("anthropic", "vertex"): "vertex-claude"}


@functools.cache
def codec(name: str) -> Codec:
    """The codec of a dialect or an api."""
    row = CODECS.get(name) or (CODECS[APIS[name].codec] if name in APIS else None)
    if row is None:
        close = nearest(name, {**CODECS, **APIS})
        raise InputError(
            f"there is no dialect {name!r}",
            why=f"dialects are {', '.join(CODECS)}" + (f"; the closest is {close!r}" if close else ""),
            fix="name one of them",
            code="dialects.unknown",
        )
    module, _, attribute = row.partition(":")
    return cast("Codec", getattr(importlib.import_module(module), attribute)())


@functools.cache
def _array() -> Codec:
    from freehold.dialects.gemini.array import GeminiArray

    return GeminiArray()


def codec_for(inbound: Inbound) -> Codec:
    """The codec that reads and answers a request on this path."""
    if inbound.surface == "array":  # only callers ask so; homes are asked with alt=sse
        return _array()
    return codec(_BY_SURFACE.get((inbound.dialect, inbound.surface), inbound.dialect))


__all__ = ["APIS", "CODECS", "Api", "codec", "codec_for", "route"]
