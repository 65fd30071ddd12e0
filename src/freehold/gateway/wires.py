"""What events and answers look like on the wire, as far as they are looked at. Everything else is skipped."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from freehold.types.conversation import Usage

NOTHING: Final = msgspec.Raw(b"")  # an absent field
RESPONSES_CALL: Final = "call"  # this dialect has no one field for why an answer ended
# A quote inside a JSON string is escaped, so this is never anybody's words.
_RESPONSES_CALLS = re.compile(rb'"type"\s*:\s*"(function|custom_tool)_call"')


class Delta(msgspec.Struct):
    content: msgspec.Raw = NOTHING
    tool_calls: msgspec.Raw = NOTHING
    refusal: msgspec.Raw = NOTHING
    reasoning_content: msgspec.Raw = NOTHING
    reasoning: msgspec.Raw = NOTHING
    function_call: msgspec.Raw = NOTHING
    audio: msgspec.Raw = NOTHING


class OpenAIChoice(msgspec.Struct):
    finish_reason: str | None = None


class OpenAIChunk(msgspec.Struct):
    choices: list[OpenAIChoice] = []
    usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class OpenAIFirstChoice(msgspec.Struct):
    delta: Delta | None = None
    finish_reason: str | None = None


class OpenAIFirst(msgspec.Struct):
    choices: list[OpenAIFirstChoice] = []
    usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    model: str = ""
    id: Any = ""


class OpenAIDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class OpenAIUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: OpenAIDetails | None = None
    completion_tokens_details: OpenAIDetails | None = None


class AnthropicError(msgspec.Struct):
    type: str = ""
    message: str = ""


class AnthropicDelta(msgspec.Struct):
    stop_reason: str | None = None
    container: msgspec.Raw = NOTHING


class AnthropicMessage(msgspec.Struct):
    usage: msgspec.Raw = NOTHING
    model: str = ""
    id: Any = ""


class AnthropicEvent(msgspec.Struct):
    type: str
    message: AnthropicMessage | None = None
    delta: AnthropicDelta | None = None
    usage: msgspec.Raw = NOTHING
    error: AnthropicError | None = None


class AnthropicUsage(msgspec.Struct):
    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None


class ResponsesBody(msgspec.Struct):
    usage: msgspec.Raw = NOTHING
    model: str = ""
    id: Any = ""
    status: Any = None
    incomplete_details: msgspec.Raw = NOTHING
    output: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING

    @property
    def finish(self) -> str:
        if self.status == "incomplete":
            filtered = b'"content_filter"' in bytes(self.incomplete_details)
            return "content_filter" if filtered else "max_output_tokens"
        if self.status != "completed":
            return ""
        return RESPONSES_CALL if _RESPONSES_CALLS.search(self.output) else "completed"


class ResponsesEvent(msgspec.Struct):
    type: str
    response: ResponsesBody | None = None
    message: str | None = None


class ResponsesUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: OpenAIDetails | None = None
    output_tokens_details: OpenAIDetails | None = None


class GeminiCandidate(msgspec.Struct, rename="camel"):
    finish_reason: str | None = None
    content: msgspec.Raw = NOTHING


class GeminiChunk(msgspec.Struct, rename="camel"):
    candidates: list[GeminiCandidate] = []
    usage_metadata: msgspec.Raw = NOTHING
    model_version: str = ""
    response_id: Any = ""
    error: msgspec.Raw = NOTHING


class GeminiUsage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class OpenAIWhole(msgspec.Struct):
    choices: list[OpenAIChoice]
    usage: msgspec.Raw = NOTHING
    model: str = ""
    id: Any = ""


class AnthropicWhole(msgspec.Struct):
    stop_reason: str | None = None
    usage: msgspec.Raw = NOTHING
    model: str = ""
    type: str = ""
    id: Any = ""
    container: msgspec.Raw = NOTHING


class OpenAIQuick(msgspec.Struct):
    """As vendors send it; where usage is not that, it is read apart."""

    choices: list[OpenAIChoice]
    usage: OpenAIUsage | None = None
    model: str = ""
    id: Any = ""


read_openai = msgspec.json.Decoder(OpenAIChunk).decode
read_openai_first = msgspec.json.Decoder(OpenAIFirst).decode
read_openai_usage = msgspec.json.Decoder(OpenAIUsage).decode
read_anthropic = msgspec.json.Decoder(AnthropicEvent).decode
read_anthropic_usage = msgspec.json.Decoder(AnthropicUsage).decode
read_responses = msgspec.json.Decoder(ResponsesEvent).decode
read_responses_usage = msgspec.json.Decoder(ResponsesUsage).decode
read_gemini = msgspec.json.Decoder(GeminiChunk).decode
read_gemini_usage = msgspec.json.Decoder(GeminiUsage).decode
read_openai_whole = msgspec.json.Decoder(OpenAIWhole).decode
read_anthropic_whole = msgspec.json.Decoder(AnthropicWhole).decode
read_responses_whole = msgspec.json.Decoder(ResponsesBody).decode
read_openai_quick = msgspec.json.Decoder(OpenAIQuick).decode


class Whole(msgspec.Struct, frozen=True, gc=False):
    """A whole answer of the dialect: is it complete, what did it use, and what it says of itself."""

    complete: bool
    usage: Usage | None
    model: str
    finish: str = ""
    vendor_id: str = ""
    keeps: str = ""


class _Named(msgspec.Struct):
    id: str | None = None


_id_in = msgspec.json.Decoder(str | _Named | None).decode


def named_by(raw: msgspec.Raw) -> str:
    """The id in a field that holds it as text or as an object; empty where it names none."""
    try:
        found = _id_in(raw) if bytes(raw) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return (found.id if isinstance(found, _Named) else found) or ""
