"""What a caller asked for: the body as it came, looked into only as far as the call needs."""

from __future__ import annotations

import functools
from typing import Any, Final, Protocol

import msgspec

from freehold.clock import Clock
from freehold.dialects import Codec, Inbound
from freehold.dialects.passthrough import Peeked
from freehold.gateway.peeked import NOTHING, Peek, usage_option
from freehold.gateway.wires import named_by
from freehold.types.conversation import Conversation, StoredState

# Dialects whose streams and answers can pass through without being told anew.
PASSING: Final = frozenset({
    "openai", "anthropic", "responses", "gemini", "vertex-claude", "bedrock", "bedrock-invoke"
})  # fmt: skip
# Of these, the ones whose requests pass by changing the model's name alone.
RENAMING: Final = frozenset({"openai", "anthropic", "responses"})
_MODEL: Final = b'"model"'
_USAGE_OPTION: Final = b',"stream_options":{"include_usage":true}}'


class Traced(Protocol):
    """The trace a call belongs to: the caller's own header, and what each attempt sends on."""

    @property
    def header(self) -> str | None: ...
    def onward(self) -> dict[str, str]: ...


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Asked:
    """One request. `conversation` is read when somebody needs it; a call that passes through does not."""

    __slots__ = (
        "_clock", "_conversation", "body", "dialect", "hides_usage", "inbound", "model", "near", "peeked",
        "peeked_whole",
        "side", "stored", "stream", "trace",
    )  # fmt: skip

    def __init__(
        self, inbound: Inbound, near: Codec, dialect: str, body: bytes, peeked: Peek, clock: Clock
    ) -> None:  # fmt: skip
        self.inbound, self.near, self.dialect, self.body, self.peeked = inbound, near, dialect, body, peeked
        self.model = inbound.model or peeked.model or ""
        self.stream = bool(peeked.stream) if inbound.stream is None else inbound.stream
        self.hides_usage = self.stream and dialect == "openai" and not _asks_usage(peeked)
        self.stored = () if _nothing_stored(peeked) else _stored(peeked)
        self._clock = clock
        self._conversation: Conversation | None = None
        self.peeked_whole: Peeked | None = None
        self.side: Any = None  # a Side, where this is no generation
        self.trace: Traced | None = None

    @property
    def keeper(self) -> str:
        """The dialect of the homes that may hold what this request names."""
        return "gemini" if self.dialect == "gemini-array" else self.dialect

    @property
    def conversation(self) -> Conversation:
        """The neutral form; a DialectError if the body is none of its dialect."""
        found = self._conversation
        if found is None:
            found = self._conversation = self.near.read_request(self.inbound, self.body)
            msgspec.structs.force_setattr(found, "asked_s", self._clock.now_ns() // 1_000_000_000)
        return found

    def body_for(self, model_name: str) -> bytes:
        """The body as it passes through: untouched but for the model's name and the wish to be told usage."""
        body, named = self.body, self.peeked.model
        if named is None:  # the path names it, as Azure's do
            fields = _fields(body)
            fields["model"] = msgspec.Raw(_encode(model_name))
            body = _encode(fields)
        elif named != model_name:
            body = rename_model(body, named, model_name)
        if self.hides_usage:
            if self.peeked.stream_options is NOTHING:
                body = body.rstrip()[:-1] + _USAGE_OPTION
            else:
                body = _with_usage(body)
        return body


def rename_model(body: bytes, old: str, new: str) -> bytes:
    """Another model name, every other byte as it was where that is certain."""
    usual, renamed = renaming(old, new)
    if body.startswith(usual):
        return renamed + body[len(usual) :]
    usual, renamed = usual[1:], renamed[1:]
    at = body.find(_MODEL)
    if at >= 0 and body.find(_MODEL, at + 7) < 0:  # the only one, so this is the field that was decoded
        if body.startswith(usual, at):
            return b"%b%b%b" % (body[:at], renamed, body[at + len(usual) :])
        written = _encode(old)
        start = body.find(written, at + 7)
        if start >= 0 and body[at + 7 : start].strip() == b":":
            return b"%b%b%b" % (body[:start], _encode(new), body[start + len(written) :])
    fields = _fields(body)
    fields["model"] = msgspec.Raw(_encode(new))
    return _encode(fields)


@functools.lru_cache(maxsize=1024)
def renaming(old: str, new: str) -> tuple[bytes, bytes]:
    """The beginning of a body as nearly everybody writes it, before and after."""
    return b'{"model":' + _encode(old), b'{"model":' + _encode(new)


def _with_usage(body: bytes) -> bytes:
    fields = _fields(body)
    options = _fields(bytes(fields["stream_options"])) if bytes(fields["stream_options"]) != b"null" else {}
    options["include_usage"] = msgspec.Raw(b"true")
    fields["stream_options"] = msgspec.Raw(_encode(options))
    return _encode(fields)


def _asks_usage(peeked: Peek) -> bool:
    if peeked.stream_options is NOTHING:
        return False
    try:
        found = usage_option(peeked.stream_options)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True  # not ours to mend: the home will say what is wrong with it
    return bool(found and found.include_usage)


def _nothing_stored(peeked: Peek) -> bool:
    return (
        peeked.previous_response_id is None
        and peeked.conversation is peeked.container is peeked.cached is peeked.cached_snake is NOTHING
    )


def _stored(peeked: Peek) -> tuple[StoredState, ...]:
    """What the top of the body names."""
    found: list[StoredState] = []
    if peeked.previous_response_id is not None:
        found.append(StoredState(kind="previous_response", id=peeked.previous_response_id))
    if id := named_by(peeked.conversation):
        found.append(StoredState(kind="conversation", id=id))
    if id := named_by(peeked.container):
        found.append(StoredState(kind="container", id=id))
    if id := named_by(peeked.cached) or named_by(peeked.cached_snake):
        found.append(StoredState(kind="file", id=id))
    return tuple(found)
