"""The neutral conversation: what every dialect is read into and written from.

A superset of the content-block form. Two rules hold everywhere: a signed or opaque block is carried
untouched and never moved to another vendor, and a field we do not know is carried in `extra`, never dropped.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["user", "assistant", "system"]
Finish = Literal["stop", "length", "stop_sequence", "tool_use", "refusal", "content_filter", "pause", "error"]
Extra = dict[str, msgspec.Raw]


class _Neutral(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    pass


class Text(_Neutral, frozen=True, kw_only=True, tag="text"):
    text: str
    cache: msgspec.Raw | None = None  # a cache mark of the dialect it came from
    extra: Extra = {}


class Image(_Neutral, frozen=True, kw_only=True, tag="image"):
    """Bytes in base64, or a URL. The URL is never fetched by Freehold."""

    media_type: str | None = None
    data_base64: str | None = None
    url: str | None = None
    detail: str | None = None
    cache: msgspec.Raw | None = None
    extra: Extra = {}


class Document(_Neutral, frozen=True, kw_only=True, tag="document"):
    media_type: str | None = None
    data_base64: str | None = None
    text: str | None = None
    url: str | None = None
    title: str | None = None
    cache: msgspec.Raw | None = None
    extra: Extra = {}


class Thinking(_Neutral, frozen=True, kw_only=True, tag="thinking"):
    """Reasoning. `signature` and `redacted` belong to `origin` and are never edited or moved elsewhere."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    origin: str = ""
    extra: Extra = {}


class ToolUse(_Neutral, frozen=True, kw_only=True, tag="tool_use"):
    id: str
    name: str
    input_json: str = "{}"  # exactly as the model wrote it
    signature: str | None = None  # Gemini signs function calls
    origin: str = ""
    cache: msgspec.Raw | None = None
    extra: Extra = {}


class ToolResult(_Neutral, frozen=True, kw_only=True, tag="tool_result"):
    tool_use_id: str
    name: str | None = None
    content: tuple[Text | Image | Document | Opaque, ...] = ()
    is_error: bool = False
    cache: msgspec.Raw | None = None
    extra: Extra = {}


class Opaque(_Neutral, frozen=True, kw_only=True, tag="opaque"):
    """A block of `origin` that we carry and do not understand."""

    origin: str
    kind: str
    value: msgspec.Raw


Block = Text | Image | Document | Thinking | ToolUse | ToolResult | Opaque


class Turn(_Neutral, frozen=True, kw_only=True):
    role: Role
    blocks: tuple[Block, ...]
    extra: Extra = {}


class Tool(_Neutral, frozen=True, kw_only=True, tag="tool"):
    name: str
    description: str | None = None
    schema: msgspec.Raw | None = None  # JSON schema of the input
    strict: bool | None = None
    cache: msgspec.Raw | None = None
    extra: Extra = {}


class ToolChoice(_Neutral, frozen=True, kw_only=True):
    mode: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    parallel: bool | None = None


class OutputFormat(_Neutral, frozen=True, kw_only=True):
    """Structured output."""

    mode: Literal["json", "schema"]
    schema: msgspec.Raw | None = None
    name: str | None = None
    strict: bool | None = None


class ThinkingConfig(_Neutral, frozen=True, kw_only=True):
    mode: Literal["off", "on", "adaptive"]
    budget_tokens: int | None = None
    effort: str | None = None
    extra: Extra = {}


class StoredState(_Neutral, frozen=True, kw_only=True):
    """State at a vendor that this call names, such as a previous response; it pins the call to one home."""

    kind: Literal["previous_response", "conversation", "container", "file", "batch"]
    id: str


class Conversation(_Neutral, frozen=True, kw_only=True):
    """One request to a model."""

    model: str
    turns: tuple[Turn, ...]
    system: tuple[Text | Opaque, ...] = ()
    tools: tuple[Tool | Opaque, ...] = ()
    tool_choice: ToolChoice | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    n: int | None = None  # how many answers; a neutral answer is the first, the others are in its `extra`
    stop: tuple[str, ...] = ()
    stream: bool = False
    stream_usage: bool = False
    output_format: OutputFormat | None = None
    thinking: ThinkingConfig | None = None
    user: str | None = None
    stored: tuple[StoredState, ...] = ()
    asked_s: int = 0  # when, in seconds since 1970, for answers that say so; 0: nobody noted it
    dialect: str = ""  # where it came from; `extra` is meaningful only there
    extra: Extra = {}


class Usage(_Neutral, frozen=True, kw_only=True):
    """Tokens, counted once: `fresh` excludes cached ones, `output` includes `reasoning`. None: unknown."""

    fresh: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None
    extra: Extra = {}


class Answer(_Neutral, frozen=True, kw_only=True):
    """One whole response of a model."""

    id: str
    model: str
    blocks: tuple[Block, ...]
    finish: Finish
    stop_sequence: str | None = None
    usage: Usage = Usage()
    dialect: str = ""
    extra: Extra = {}


class Begin(_Neutral, frozen=True, kw_only=True, tag="begin"):
    """The stream is open. A lifecycle frame: no content yet."""

    id: str
    model: str
    usage: Usage = Usage()
    dialect: str = ""  # whose stream this is; every `extra` in it is meaningful only there
    extra: Extra = {}


class BlockStart(_Neutral, frozen=True, kw_only=True, tag="block_start"):
    index: int
    block: Block  # empty text, thinking or tool use, or a whole opaque block


class TextDelta(_Neutral, frozen=True, kw_only=True, tag="text_delta"):
    index: int
    text: str


class ThinkingDelta(_Neutral, frozen=True, kw_only=True, tag="thinking_delta"):
    index: int
    text: str = ""
    signature: str | None = None
    origin: str = ""  # who signed, where it is not the block's own origin


class ToolDelta(_Neutral, frozen=True, kw_only=True, tag="tool_delta"):
    index: int
    json: str  # a fragment of the argument text


class BlockEnd(_Neutral, frozen=True, kw_only=True, tag="block_end"):
    index: int


class Finished(_Neutral, frozen=True, kw_only=True, tag="finished"):
    """The dialect's own end of the answer. Usage may still follow in `UsageReport`."""

    finish: Finish
    stop_sequence: str | None = None
    usage: Usage = Usage()
    extra: Extra = {}


class UsageReport(_Neutral, frozen=True, kw_only=True, tag="usage"):
    usage: Usage
    extra: Extra = {}


class End(_Neutral, frozen=True, kw_only=True, tag="end"):
    """The terminal frame, such as `[DONE]` or `message_stop`."""


class Ping(_Neutral, frozen=True, kw_only=True, tag="ping"):
    pass


class StreamError(_Neutral, frozen=True, kw_only=True, tag="stream_error"):
    """An error inside a stream that began with 200."""

    kind: str
    message: str
    status: int | None = None
    extra: Extra = {}


class UnknownEvent(_Neutral, frozen=True, kw_only=True, tag="unknown"):
    origin: str
    name: str
    value: msgspec.Raw


Event = (
    Begin | BlockStart | TextDelta | ThinkingDelta | ToolDelta | BlockEnd
    | Finished | UsageReport | End | Ping | StreamError | UnknownEvent
)  # fmt: skip
