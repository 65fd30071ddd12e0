"""Streams whose bytes pass through untouched: watched event by event, decoded only as far as must be known.

Every event is decoded into a small struct: that shows it whole, and tells content, finish, usage and errors.
Nothing is forwarded before the first content, and only whole events after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from freehold.dialects.usage import merged
from freehold.gateway.instream import kind_in
from freehold.gateway.told import FINISHES, GEMINI_CALLS, named
from freehold.gateway.wires import (
    NOTHING,
    Delta,
    OpenAIQuick,
    OpenAIUsage,
    OpenAIWhole,
    Whole,
    named_by,
    read_anthropic,
    read_anthropic_usage,
    read_anthropic_whole,
    read_gemini,
    read_gemini_usage,
    read_openai,
    read_openai_first,
    read_openai_quick,
    read_openai_usage,
    read_openai_whole,
    read_responses,
    read_responses_usage,
    read_responses_whole,
)
from freehold.types.conversation import Usage

EVENT_BYTES_MAX: Final = 16 * 1024 * 1024
TOKENS_MAX: Final = 1_000_000_000
# Kinds of events.
NONE: Final = 0
LIFECYCLE: Final = 1
CONTENT: Final = 2
FINISH: Final = 3
TERMINAL: Final = 4
ERROR: Final = 5
USAGE_ONLY: Final = 6


class Seen:
    """What one event is, and what it says about usage."""

    __slots__ = ("finish", "id", "keeps", "kind", "message", "model", "usage")

    def __init__(
        self, kind: int, usage: msgspec.Raw | None = None, message: str = "", model: str = "",
        finish: str = "", id: Any = "", keeps: str = "",
    ) -> None:  # fmt: skip
        self.kind, self.usage, self.message, self.model = kind, usage, message, model
        self.finish = finish  # why it ended, in the dialect's words
        self.id = id  # what the vendor calls its answer, if it is text
        self.keeps = keeps  # see Told


# --- OpenAI chat completions ---


_EMPTY: Final = frozenset({b"", b"null", b'""', b"[]", b"{}"})
_NULL: Final = (b"", b"null")


def openai_early(data: bytes) -> Seen:
    """Until the first content: is there any in this event?"""
    if data == b"[DONE]":
        return Seen(TERMINAL)
    chunk = read_openai_first(data)
    if (error := there(chunk.error)) is not None:
        return Seen(ERROR, message=bytes(error)[:500].decode("utf-8", "replace"))
    usage = there(chunk.usage)
    kind = USAGE_ONLY if usage is not None and not chunk.choices else LIFECYCLE
    for choice in chunk.choices:
        if choice.finish_reason is not None:
            return Seen(FINISH, usage, "", chunk.model, choice.finish_reason, chunk.id)
        if choice.delta is not None and _says(choice.delta):
            kind = CONTENT
    return Seen(kind, usage, "", chunk.model, "", chunk.id)


def _says(delta: Delta) -> bool:
    """Is there anything in it that a caller waits for?"""
    if _given(delta.content):
        return True
    others = (
        delta.tool_calls, delta.refusal, delta.reasoning_content, delta.reasoning, delta.function_call,
        delta.audio,
    )  # fmt: skip
    return any(_given(field) for field in others)


def _given(field: msgspec.Raw) -> bool:
    return field is not NOTHING and bytes(field) not in _EMPTY


_CONTENT: Final = Seen(CONTENT)


def openai_later(data: bytes) -> Seen:
    if data == b"[DONE]":
        return Seen(TERMINAL)
    chunk = read_openai(data)
    choices = chunk.choices
    if (
        chunk.usage is NOTHING
        and chunk.error is NOTHING
        and len(choices) == 1
        and choices[0].finish_reason is None
    ):
        return _CONTENT  # nearly every event of a stream
    if (error := there(chunk.error)) is not None:
        return Seen(ERROR, message=bytes(error)[:500].decode("utf-8", "replace"))
    if not choices:
        return Seen(USAGE_ONLY if there(chunk.usage) else LIFECYCLE, there(chunk.usage))
    finish = next((choice.finish_reason for choice in choices if choice.finish_reason is not None), None)
    return Seen(CONTENT if finish is None else FINISH, there(chunk.usage), finish=finish or "")


def there(field: msgspec.Raw) -> msgspec.Raw | None:
    """The field, unless it is absent or null."""
    return None if field is NOTHING or bytes(field) in _NULL else field


def usage_openai(raw: msgspec.Raw) -> Usage:
    return _openai_counted(read_openai_usage(raw))


def _openai_counted(wire: OpenAIUsage) -> Usage:
    details, out = wire.prompt_tokens_details, wire.completion_tokens_details
    if details is None and out is None:
        return Usage(fresh=_tokens(wire.prompt_tokens), output=_tokens(wire.completion_tokens))
    cached = _tokens(details.cached_tokens if details else None) or 0
    written = _tokens(details.cache_write_tokens if details else None)
    prompt, counted = _tokens(wire.prompt_tokens), cached + (written or 0)  # both are in the total
    return Usage(
        fresh=None if prompt is None or prompt < counted else prompt - counted,
        cache_read=_tokens(details.cached_tokens if details else None),
        cache_write=written,
        output=_tokens(wire.completion_tokens),
        reasoning=_tokens(out.reasoning_tokens if out else None),
    )


# --- Anthropic messages ---


_ANTHROPIC_KINDS = {
    "message_start": LIFECYCLE, "ping": LIFECYCLE, "content_block_start": LIFECYCLE,
    "content_block_delta": CONTENT, "content_block_stop": LIFECYCLE, "message_stop": TERMINAL,
}  # fmt: skip


def anthropic_any(data: bytes) -> Seen:
    event = read_anthropic(data)
    kind = event.type
    if kind == "content_block_delta":
        return _CONTENT
    if kind == "error":
        return Seen(ERROR, message=event.error.message if event.error else "")
    if kind == "message_delta":
        if event.delta is None or (why := event.delta.stop_reason) is None:
            return Seen(LIFECYCLE, there(event.usage))
        return Seen(FINISH, there(event.usage), finish=why, keeps=named_by(event.delta.container))
    if event.message is not None:
        message = event.message
        return Seen(LIFECYCLE, there(message.usage), model=message.model, id=message.id)
    return Seen(_ANTHROPIC_KINDS.get(kind, LIFECYCLE))


def usage_anthropic(raw: msgspec.Raw) -> Usage:
    wire = read_anthropic_usage(raw)
    return Usage(
        fresh=_tokens(wire.input_tokens),
        cache_read=_tokens(wire.cache_read_input_tokens),
        cache_write=_tokens(wire.cache_creation_input_tokens),
        output=_tokens(wire.output_tokens),
    )


# --- OpenAI responses ---


_RESPONSES_ENDS = frozenset({"response.completed", "response.incomplete"})


def responses_any(data: bytes) -> Seen:
    if data == b"[DONE]":
        return Seen(TERMINAL)
    event = read_responses(data)
    kind = event.type
    if kind.endswith(".delta"):
        return _CONTENT
    if kind in ("error", "response.failed"):
        said = there(event.response.error) if event.response is not None else None
        words = bytes(said)[:500].decode("utf-8", "replace") if said is not None else ""
        return Seen(ERROR, message=event.message or words)
    body = event.response
    if body is None:
        return Seen(CONTENT if kind.endswith(".done") else LIFECYCLE)
    shown = FINISH if kind in _RESPONSES_ENDS else LIFECYCLE
    return Seen(shown, there(body.usage), "", body.model, body.finish, body.id)


def usage_responses(raw: msgspec.Raw) -> Usage:
    wire = read_responses_usage(raw)
    details, out = wire.input_tokens_details, wire.output_tokens_details
    cached = _tokens(details.cached_tokens if details else None) or 0
    written = _tokens(details.cache_write_tokens if details else None)
    prompt, counted = _tokens(wire.input_tokens), cached + (written or 0)
    return Usage(
        fresh=None if prompt is None or prompt < counted else prompt - counted,
        cache_read=_tokens(details.cached_tokens if details else None),
        cache_write=written,
        output=_tokens(wire.output_tokens),
        reasoning=_tokens(out.reasoning_tokens if out else None),
    )


# --- Gemini ---


def gemini_any(data: bytes) -> Seen:
    chunk = read_gemini(data)
    if (error := there(chunk.error)) is not None:
        return Seen(ERROR, message=bytes(error)[:500].decode("utf-8", "replace"))
    usage = there(chunk.usage_metadata)
    model, id = chunk.model_version, chunk.response_id
    for candidate in chunk.candidates:
        called = GEMINI_CALLS if b'"functionCall"' in bytes(candidate.content) else ""
        if candidate.finish_reason:
            return Seen(FINISH, usage, "", model, called or candidate.finish_reason, id)
        if b'"parts"' in bytes(candidate.content):
            return Seen(CONTENT, usage, "", model, called, id)
    return Seen(LIFECYCLE, usage, "", model, "", id)


def usage_gemini(raw: msgspec.Raw) -> Usage:
    wire = read_gemini_usage(raw)
    prompt, cached = _tokens(wire.prompt_token_count), _tokens(wire.cached_content_token_count) or 0
    said, thought = _tokens(wire.candidates_token_count), _tokens(wire.thoughts_token_count)
    given = None if prompt is None else prompt + (_tokens(wire.tool_use_prompt_token_count) or 0)
    return Usage(
        fresh=None if given is None or given < cached else given - cached,
        cache_read=_tokens(wire.cached_content_token_count),
        output=None if said is None and thought is None else (said or 0) + (thought or 0),
        reasoning=thought,
    )


def _tokens(value: int | None) -> int | None:
    """A count that can be one; anything else is unknown."""
    return value if value is not None and 0 <= value <= TOKENS_MAX else None


class Watch(NamedTuple):
    """How the events of one dialect are read: a row per dialect whose streams may pass through."""

    early: Callable[[bytes], Seen]
    later: Callable[[bytes], Seen]
    usage: Callable[[msgspec.Raw], Usage]
    terminal: bytes  # what closes a stream whose finish came and whose last frame did not


WATCHES: dict[str, Watch] = {
    "openai": Watch(openai_early, openai_later, usage_openai, b"data: [DONE]\n\n"),
    "anthropic": Watch(
        anthropic_any, anthropic_any, usage_anthropic,
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ),
    "responses": Watch(responses_any, responses_any, usage_responses, b""),
    "gemini": Watch(gemini_any, gemini_any, usage_gemini, b""),
}  # fmt: skip

# States of a stream.
HOLD: Final = 0
LIVE: Final = 1
FINISHED: Final = 2
ENDED: Final = 3
FAILED: Final = 4


class PassLane:
    """One stream on its way through. `feed` gives the bytes that may go to the caller now."""

    __slots__ = (
        "_early", "_finishes", "_held", "_hide_usage", "_keep_max", "_later", "_pending", "_read_usage",
        "_terminal", "finish", "keeps", "kept", "kept_bytes", "model", "state", "usage", "vendor_id", "why",
    )  # fmt: skip

    def __init__(self, dialect: str, keep_bytes_max: int, hide_usage: bool) -> None:
        self._early, self._later, self._read_usage, self._terminal = WATCHES[dialect]
        self._finishes = FINISHES[dialect]
        self._hide_usage = hide_usage  # the caller did not ask for the event that tells usage; we did
        self._keep_max = keep_bytes_max
        self._pending = b""
        self.state = HOLD
        self.usage: Usage | None = None
        self.model = self.finish = self.vendor_id = self.keeps = self.why = ""
        self._held: list[bytes] = []  # until the first content
        self.kept: list[bytes] = []  # what was forwarded, for a rescue that continues it
        self.kept_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Whole events only; b"" while nothing may be shown. A failure leaves state FAILED."""
        if self._pending:
            data, self._pending = self._pending + data, b""
        if not data.endswith(b"\n\n"):
            data = self._whole_part(data)
            if not data:
                return b""
        if self.state == LIVE and data.count(b"\n") == 2 and data.startswith(b"data: "):
            try:  # one event of one line, as nearly always
                if self._later(data[6:-2]) is _CONTENT:
                    return self._passed(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return self._fail("unreadable", b"")
        return self._frames(data)

    def _whole_part(self, data: bytes) -> bytes:
        """Up to the end of the last whole event; line ends as a stream may have them, made one kind."""
        if b"\r" in data:
            held = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        cut = data.rfind(b"\n\n") + 2
        if cut < 2:
            cut = 0
        self._pending = data[cut:]
        if len(self._pending) > EVENT_BYTES_MAX:
            self._fail("event_too_large", b"")
        return data[:cut]

    def _frames(self, data: bytes) -> bytes:
        out: list[bytes] = []
        for frame in data.split(b"\n\n"):
            if not frame:
                continue
            body = _data_of(frame)
            if body is None:  # a comment or a bare event name
                if self.state != HOLD:
                    out.append(frame + b"\n\n")
                continue
            try:
                seen = (self._early if self.state == HOLD else self._later)(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                if self.state >= FINISHED:
                    continue  # the answer is complete: nothing of it was lost
                return self._fail("unreadable", b"".join(out))
            if seen.kind == ERROR:
                if self.state >= FINISHED:
                    continue
                return self._fail(f"{kind_in(body)}: {seen.message}", b"".join(out))
            self._note(seen)
            if not (seen.kind == USAGE_ONLY and self._hide_usage):
                out.append(frame + b"\n\n")
            self._advance(seen.kind)
        return self._flush(b"".join(out))

    def _flush(self, passed: bytes) -> bytes:
        """Held frames go out with the first content; before it, nothing does."""
        if self.state == HOLD:
            self._held.append(passed)
            return b""
        if self._held:
            passed = b"".join((*self._held, passed))
            self._held.clear()
        return self._passed(passed)

    def _advance(self, kind: int) -> None:
        if kind == CONTENT and self.state == HOLD:
            self.state = LIVE
        elif kind == FINISH and self.state < FINISHED:
            self.state = FINISHED
        elif kind == TERMINAL:
            if self.state >= FINISHED:
                self.state = ENDED
            else:
                self._fail("no_finish", b"")

    def _passed(self, data: bytes) -> bytes:
        if self._keep_max:
            self.kept_bytes += len(data)
            if self.kept_bytes <= self._keep_max:
                self.kept.append(data)
            else:
                self.kept.clear()  # too long to be continued: a cut will be told as an error
        return data

    def _note(self, seen: Seen) -> None:
        if seen.model and not self.model:
            self.model = seen.model
        if seen.id and not self.vendor_id:
            self.vendor_id = named(seen.id)
        self.keeps = seen.keeps or self.keeps
        if seen.finish and self.finish != "tool_use":  # Gemini finishes with STOP after a call
            self.finish = self._finishes.get(seen.finish, "error")
        if seen.usage is None:
            return
        try:
            usage = self._read_usage(seen.usage)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # usage that is none stays unknown; the answer is not spoilt by it
        self.usage = usage if self.usage is None else merged(self.usage, usage)

    def _fail(self, why: str, out: bytes) -> bytes:
        """What was said before the failure still goes out, unless none of it was content."""
        shown = self._flush(out) if self.state != HOLD and out else b""
        self.state, self.why = FAILED, why
        return shown

    def close(self) -> bytes:
        """The home's connection ended, or its response did. With the finish seen, the answer is complete."""
        if self.state == FINISHED:
            self.state = ENDED
            return self._terminal
        if self.state != ENDED:
            self._fail("cut", b"")
        return b""


def _data_of(frame: bytes) -> bytes | None:
    """The data of one event; None for a comment."""
    if frame.startswith(b"data: ") and b"\n" not in frame:
        return frame[6:]
    lines = [line for line in frame.split(b"\n") if line.startswith(b"data:")]
    if not lines:
        return None
    return b"\n".join(line[6:] if line.startswith(b"data: ") else line[5:] for line in lines)


# --- whole answers ---


_OPENAI: Final = FINISHES["openai"]


def whole_openai(body: bytes) -> Whole:
    wire: OpenAIQuick | OpenAIWhole
    try:
        wire = read_openai_quick(body)
        usage = None if wire.usage is None else _openai_counted(wire.usage)
    except msgspec.ValidationError:
        wire = read_openai_whole(body)
        usage = read_usage(usage_openai, wire.usage)
    choices = wire.choices
    why = choices[0].finish_reason if choices else None
    finish = "" if why is None else _OPENAI.get(why, "error")
    if len(choices) == 1:
        return Whole(why is not None, usage, wire.model, finish, named(wire.id))
    complete = bool(choices) and all(choice.finish_reason is not None for choice in choices)
    return Whole(complete, usage, wire.model, finish, named(wire.id))


def whole_anthropic(body: bytes) -> Whole:
    wire = read_anthropic_whole(body)
    complete = wire.type == "message" and wire.stop_reason is not None
    finish = FINISHES["anthropic"].get(wire.stop_reason or "", "error")
    usage, keeps = read_usage(usage_anthropic, wire.usage), named_by(wire.container)
    return Whole(complete, usage, wire.model, finish, named(wire.id), keeps)


def whole_responses(body: bytes) -> Whole:
    wire = read_responses_whole(body)
    complete = wire.status in ("completed", "incomplete", "queued", "in_progress")
    finish = FINISHES["responses"].get(wire.finish, "")
    return Whole(complete, read_usage(usage_responses, wire.usage), wire.model, finish, named(wire.id))


def whole_gemini(body: bytes) -> Whole:
    wire = read_gemini(body)
    blocked = not wire.candidates and b"blockReason" in body
    complete = blocked or (bool(wire.candidates) and all(one.finish_reason for one in wire.candidates))
    called = b'"functionCall"' in body
    why = next((one.finish_reason for one in wire.candidates if one.finish_reason), "")
    finish = "content_filter" if blocked else FINISHES["gemini"].get(why, "error")
    if called and finish == "stop":
        finish = "tool_use"
    usage = read_usage(usage_gemini, wire.usage_metadata)
    return Whole(complete, usage, wire.model_version, finish, named(wire.response_id))


WHOLES: dict[str, Callable[[bytes], Whole]] = {
    "openai": whole_openai, "anthropic": whole_anthropic, "responses": whole_responses,
    "gemini": whole_gemini,
}  # fmt: skip


def read_usage(read: Callable[[msgspec.Raw], Usage], raw: msgspec.Raw) -> Usage | None:
    """Usage that cannot be read is unknown; the answer is not spoilt by it."""
    if there(raw) is None:
        return None
    try:
        return read(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
