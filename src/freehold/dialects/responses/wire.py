"""What is on the wire in Responses: an event of a stream.

Structs read their annotations at run time, so this file stays interpreted where the rest is compiled.
"""

from __future__ import annotations

import msgspec

from freehold.dialects.fields import NOTHING


class WireEvent(msgspec.Struct):
    type: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: str | None = None
    arguments: str | None = None
    item: msgspec.Raw = NOTHING
    response: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    code: str | int | None = None
    message: str | None = None


class _Kind(msgspec.Struct):
    type: str = ""


decode_event = msgspec.json.Decoder(WireEvent).decode


decode_kind = msgspec.json.Decoder(_Kind).decode
