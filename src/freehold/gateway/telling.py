"""What shows, without reading a body, that it may need a closer look before it passes to a home.

Fields of the body's top are known from a peek. Words further down cost a pass over the whole body each, so
only those are looked for that this home could not take.
"""

from __future__ import annotations

from freehold.dialects import carry
from freehold.dialects.capabilities import Capability

_FORMATS = ("response_format", "output_config", "output_format", "text")


def telling_fields(dialect: str, can: Capability) -> tuple[str, ...]:
    """Fields of the top that this home may not take as they are."""
    found = [name for name in ("temperature", "top_p", "top_k", "seed") if not getattr(can, name)]
    if not can.penalties:
        found += ["presence_penalty", "frequency_penalty"]
    if can.temperature_max < 2 or can.one_of_temperature_top_p:
        found.append("temperature")
    if not can.schema_mode:
        found += _FORMATS
    if dialect == "openai":
        found.append("max_tokens" if can.max_tokens_field != "max_tokens" else "max_completion_tokens")
        found += ["stop"] if can.stop_max == 0 else []
    if dialect == "anthropic":
        found.append("thinking")
    return tuple(dict.fromkeys(found))


def telling_words(dialect: str, can: Capability, alone: bool) -> tuple[bytes, ...]:
    """Words of a body that this home may not take as they are. `alone`: no home of the workload speaks
    another dialect, so no block can have been signed by another vendor.
    """
    found = [] if alone else [carry.WORD.encode()]
    if dialect == "openai":
        found += [] if {"base64", "url"} <= can.images else [b'"image_url"']
        found += [] if "base64" in can.documents else [b'"file_data"']
    if dialect == "anthropic":
        found += [] if can.prefill else [b'"assistant"']
        found += [] if "url" in can.images and "url" in can.documents else [b'"url"']
    return tuple(found)
