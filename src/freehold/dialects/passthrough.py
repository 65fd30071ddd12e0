"""Requests between a caller and a home of one form: bytes pass, and only what must change is changed.

The top of a request is decoded and its values are kept as the bytes they are; what is inside them is looked
at only where the home's capability makes it matter. `splice` says None where the whole way (read, fit, write)
is needed instead.
"""

from __future__ import annotations

import functools
from typing import Any, Final, Literal

import msgspec

from freehold.dialects import carry
from freehold.dialects.anthropic import request as anthropic
from freehold.dialects.anthropic.wire import decode_roles
from freehold.dialects.base import JSON_HEADERS, Inbound, Target, WireRequest
from freehold.dialects.bedrock.request import model_path
from freehold.dialects.capabilities import Capability, Source, capability
from freehold.dialects.fields import encode, fault
from freehold.dialects.gemini import request as gemini
from freehold.dialects.openai import request as openai
from freehold.dialects.openai.wire import decode_options
from freehold.dialects.peeked import Peeked as Peeked
from freehold.dialects.responses import request as responses
from freehold.dialects.table import codec, codec_for
from freehold.types.conversation import StoredState

_StateKind = Literal["previous_response", "conversation", "container", "file"]
_top: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_SAMPLING = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")
_WORD = carry.WORD.encode()  # a signature of another vendor
_WORD_BASE64 = carry.WORD_BASE64.encode()
_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_STATE: tuple[tuple[str, _StateKind], ...] = (
    ("previous_response_id", "previous_response"), ("conversation", "conversation"),
    ("container", "container"), ("cachedContent", "file"),
)  # fmt: skip
_INCLUDE_USAGE = msgspec.Raw(b'{"include_usage":true}')


_text: Final = msgspec.json.Decoder(str | None).decode
_flag: Final = msgspec.json.Decoder(bool | None).decode
_count: Final = msgspec.json.Decoder(int | None).decode


def peek(inbound: Inbound, body: bytes) -> Peeked:
    """The top of a request, or a DialectError as a full reading would raise it."""
    try:
        fields = _top(body)
        model = inbound.model or (_text(fields["model"]) if "model" in fields else None)
        stream = inbound.stream
        if stream is None:
            stream = bool(_flag(fields["stream"])) if "stream" in fields else False
        usage = inbound.dialect != "openai"
        if not usage and "stream_options" in fields:
            options = decode_options(fields["stream_options"])
            usage = bool(options and options.include_usage)
        limit = next((_count(fields[name]) for name in _LIMITS if name in fields), None)
        stored = _stored(fields)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise fault(str(error) or type(error).__name__) from error
    if model is None:
        raise fault("model: it is required")
    return Peeked(
        inbound=inbound, body=body, fields=fields, model=model, stream=stream, stream_usage=usage,
        max_tokens=limit, stored=stored,
    )  # fmt: skip


def _stored(fields: dict[str, msgspec.Raw]) -> tuple[StoredState, ...]:
    for name, kind in _STATE:
        if name in fields and bytes(fields[name]) != b"null":
            value = bytes(fields[name]).decode("utf-8", "replace").strip('"')
            return (StoredState(kind=kind, id=value),)
    return ()


def same_form(inbound: Inbound, api: str) -> bool:
    """Do requests, answers and streams look the same on both sides?"""
    return codec_for(inbound) is codec(api)


def splice(peeked: Peeked, target: Target) -> tuple[WireRequest, tuple[str, ...]] | None:
    """The request for this home and what was changed; None where the whole way must be gone."""
    can = capability(target.api, target.model, target.api_version)
    if not same_form(peeked.inbound, target.api) or not _plain(peeked, can):
        return None
    fields, notes = dict(peeked.fields), []
    for name in _SAMPLING:
        if name in fields and not _takes(can, name):
            notes.append(f"{name} dropped: {can.reasons.get(name) or 'this api has no such parameter'}")
            del fields[name]
    write = _WRITERS[codec(target.api).name]
    request = write(peeked, target, can, fields, notes)
    return (request, tuple(notes)) if request is not None else None


def _takes(can: Capability, name: str) -> bool:
    return can.penalties if name.endswith("_penalty") else bool(getattr(can, name))


def _plain(peeked: Peeked, can: Capability) -> bool:
    """Is there nothing inside that the home may not take, or that is another vendor's?"""
    body, dialect = peeked.body, peeked.inbound.dialect
    # To find is quicker than to ask with `in`, which raises and clears an error inside CPython first.
    if body.find(_WORD) >= 0 or (dialect == "gemini" and body.find(_WORD_BASE64) >= 0):
        return False
    for telling in _telling(dialect, can.images, can.documents, can.assistant_documents):
        if body.find(telling) >= 0:
            return False
    # What the rows single out needs the whole way: a sampling pair, structured output, thinking.
    if can.one_of_temperature_top_p and _both(peeked.fields):
        return False
    return not (_heat(peeked, can) or (not can.schema_mode and _asks_format(peeked)))


def _both(fields: dict[str, msgspec.Raw]) -> bool:
    config = bytes(fields.get("inferenceConfig", b""))
    return ("temperature" in fields and "top_p" in fields) or (
        b'"topP"' in config and b'"temperature"' in config
    )


@functools.cache
def _telling(
    dialect: str, images: frozenset[Source], documents: frozenset[Source], assistant_documents: bool
) -> tuple[bytes, ...]:
    """What a body holds if it holds media that this home may not take; most take all."""
    found: list[bytes] = []
    if dialect in ("anthropic", "bedrock") and not ("url" in images and "url" in documents):
        found.append(b'"url"')
    if not assistant_documents:
        found += [b'"document"', b'"citations"']
    if dialect == "openai" and not {"base64", "url"} <= images:
        found.append(b'"image_url"')
    if dialect == "openai" and "base64" not in documents:
        found.append(b'"file_data"')
    return tuple(found)


def _heat(peeked: Peeked, can: Capability) -> bool:
    given = peeked.fields.get("temperature")
    if given is None or can.temperature_max >= 2:
        return False
    try:
        return float(bytes(given)) > can.temperature_max
    except ValueError:
        return True


def _asks_format(peeked: Peeked) -> bool:
    return any(name in peeked.fields for name in ("output_config", "output_format", "outputConfig", "text",
                                                  "response_format"))  # fmt: skip


def _write_openai(
    peeked: Peeked, target: Target, can: Capability, fields: dict[str, Any], notes: list[str]
) -> WireRequest | None:
    fields["model"] = target.model
    wanted = can.max_tokens_field
    other = "max_tokens" if wanted == "max_completion_tokens" else "max_completion_tokens"
    if other in fields and wanted not in fields:
        fields[wanted] = fields.pop(other)
        notes.append(f"{other} renamed {wanted}")
    if peeked.stream and not peeked.stream_usage:
        if "stream_options" in fields:
            return None
        fields["stream_options"] = _INCLUDE_USAGE
    if can.stop_max == 0 and "stop" in fields:
        return None
    return WireRequest(path=openai.path(target), body=encode(fields), headers=JSON_HEADERS)


def _write_responses(
    peeked: Peeked, target: Target, can: Capability, fields: dict[str, Any], notes: list[str]
) -> WireRequest | None:
    fields["model"] = target.model
    return WireRequest(path=responses.path(target), body=encode(fields), headers=JSON_HEADERS)


def _write_anthropic(
    peeked: Peeked, target: Target, can: Capability, fields: dict[str, Any], notes: list[str]
) -> WireRequest | None:
    if not can.prefill and _ends_with_assistant(fields):
        return None
    thinking = bytes(fields.get("thinking", b""))
    if (b'"enabled"' in thinking and "budget" not in can.thinking) or (
        b'"adaptive"' in thinking and "adaptive" not in can.thinking
    ):
        return None
    headers = dict(JSON_HEADERS)
    version = target.api_version or peeked.inbound.api_version
    if peeked.inbound.betas:
        headers["anthropic-beta"] = ",".join(peeked.inbound.betas)
    if target.api == "vertex-claude":
        fields["anthropic_version"] = version or anthropic.VERTEX_VERSION_DEFAULT
        fields.pop("model", None)
    else:
        fields["model"] = target.model
        headers["anthropic-version"] = version or anthropic.VERSION_DEFAULT
    path = anthropic.path(target, peeked.stream)
    return WireRequest(path=path, body=encode(fields), headers=headers)


def _ends_with_assistant(fields: dict[str, Any]) -> bool:
    try:
        messages = decode_roles(fields["messages"])
    except (msgspec.MsgspecError, UnicodeError, RecursionError, KeyError):
        return True  # the whole way says what is wrong with it
    return bool(messages) and messages[-1].role == "assistant"


def _write_bedrock(
    peeked: Peeked, target: Target, can: Capability, fields: dict[str, Any], notes: list[str]
) -> WireRequest | None:
    invoke = codec(target.api) is codec("bedrock-invoke")
    calls = ("invoke", "invoke-with-response-stream") if invoke else ("converse", "converse-stream")
    version = target.api_version or can.version
    if invoke and version is not None:
        fields["anthropic_version"] = version
    body = encode(fields) if notes or (invoke and version) else peeked.body
    return WireRequest(path=model_path(target.model, calls[peeked.stream]), body=body, headers=JSON_HEADERS)


def _write_gemini(
    peeked: Peeked, target: Target, can: Capability, fields: dict[str, Any], notes: list[str]
) -> WireRequest | None:
    return WireRequest(path=gemini.path(target, peeked.stream), body=peeked.body, headers=JSON_HEADERS)


_WRITERS = {
    "openai": _write_openai, "responses": _write_responses, "anthropic": _write_anthropic,
    "bedrock": _write_bedrock, "gemini": _write_gemini,
}  # fmt: skip
