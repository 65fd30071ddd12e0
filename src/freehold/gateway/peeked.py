"""The few fields of a request's body that decide where it goes, and how they are found."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Final

import msgspec

NOTHING: Final = msgspec.Raw(b"")  # an absent field


class Peek(msgspec.Struct):
    """The few fields of a body that decide where it goes."""

    model: str | None = None
    stream: bool | None = None
    stream_options: msgspec.Raw = NOTHING
    previous_response_id: str | None = None
    conversation: msgspec.Raw = NOTHING
    container: msgspec.Raw = NOTHING
    cached: msgspec.Raw = msgspec.field(default=NOTHING, name="cachedContent")
    cached_snake: msgspec.Raw = msgspec.field(default=NOTHING, name="cached_content")
    # Whether a home takes these as they are is asked of its capabilities; see `telling`.
    temperature: msgspec.Raw = NOTHING
    top_p: msgspec.Raw = NOTHING
    top_k: msgspec.Raw = NOTHING
    presence_penalty: msgspec.Raw = NOTHING
    frequency_penalty: msgspec.Raw = NOTHING
    seed: msgspec.Raw = NOTHING
    stop: msgspec.Raw = NOTHING
    max_tokens: msgspec.Raw = NOTHING
    max_completion_tokens: msgspec.Raw = NOTHING
    response_format: msgspec.Raw = NOTHING
    output_config: msgspec.Raw = NOTHING
    output_format: msgspec.Raw = NOTHING
    text: msgspec.Raw = NOTHING
    thinking: msgspec.Raw = NOTHING


peek = msgspec.json.Decoder(Peek).decode


class UsageOption(msgspec.Struct):
    include_usage: bool | None = None


usage_option = msgspec.json.Decoder(UsageOption | None).decode


def any_of(fields: tuple[str, ...]) -> Callable[[Peek], bool]:
    """Is any of these fields of the top there? One look at all of them at once."""
    if not fields:
        return lambda peeked: False
    values, none = attrgetter(*fields, *fields), (NOTHING,) * (2 * len(fields))  # twice: never a single one
    return lambda peeked: values(peeked) != none
