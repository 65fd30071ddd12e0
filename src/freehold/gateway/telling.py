"""What shows, without reading a body, that it may need a closer look before it passes to a home."""

from __future__ import annotations

from freehold.dialects import carry
from freehold.dialects.capabilities import Capability

_FIELDS = (
    ("temperature", b'"temperature"'), ("top_p", b'"top_p"'), ("top_k", b'"top_k"'),
    ("penalties", b'_penalty"'), ("seed", b'"seed"'),
)  # fmt: skip
_FORMATS = (b'"response_format"', b'"output_config"', b'"output_format"', b'"text"')


def telling(dialect: str, can: Capability) -> tuple[bytes, ...]:
    """What a body holds if it may hold something this home does not take as it is. A caller who
    escapes a field's name hides it from this search, and has the home's own refusal.
    """
    found = [carry.WORD.encode()]
    found += [written for name, written in _FIELDS if not getattr(can, name)]
    if can.temperature_max < 2 or can.one_of_temperature_top_p:
        found.append(b'"temperature"')
    if not can.schema_mode:
        found += _FORMATS
    if dialect == "openai":
        found.append(b'"max_tokens"' if can.max_tokens_field != "max_tokens" else b'"max_completion_tokens"')
        found += [] if {"base64", "url"} <= can.images else [b'"image_url"']
        found += [] if "base64" in can.documents else [b'"file_data"']
        found += [b'"stop"'] if can.stop_max == 0 else []
    if dialect == "anthropic":
        found += [b'"thinking"']
        found += [] if can.prefill else [b'"assistant"']
        found += [] if "url" in can.images and "url" in can.documents else [b'"url"']
    return tuple(dict.fromkeys(found))
