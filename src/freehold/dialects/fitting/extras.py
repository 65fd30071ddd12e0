"""Fields outside the neutral form: of another dialect they are dropped with a note where that is harmless,
and keep a home out where it is not, or where nobody can tell."""

from __future__ import annotations

import msgspec

from freehold.dialects.fitting.draft import Draft

# Bookkeeping, hints of speed and place in a queue: the answer is the same answer without them.
HARMLESS: dict[str, frozenset[str]] = {
    "openai": frozenset({
        "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options", "stream_options", "prediction", "verbosity",
    }),
    "responses": frozenset({
        "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options", "stream_options", "include", "text",
    }),
    "anthropic": frozenset({"metadata", "service_tier", "anthropic_beta", "speed", "cache_control",
                            "user_profile_id"}),
    "bedrock": frozenset({"performanceConfig", "requestMetadata", "serviceTier",
                          "additionalModelResponseFieldPaths"}),
    "gemini": frozenset({"labels", "safetySettings", "store"}),
}  # fmt: skip
# Fields whose usual value says nothing.
_IDLE: dict[str, tuple[bytes, ...]] = {
    "modalities": (b'["text"]',), "truncation": (b'"disabled"',), "background": (b"false",),
    "store": (b"false",), "logprobs": (b"false",), "top_logprobs": (b"0",), "logit_bias": (b"{}",),
}  # fmt: skip
_STATE = ("previous_response_id", "conversation", "container", "cachedContent")  # told by `stored`


def fit_extras(draft: Draft) -> None:
    if draft.own:
        return
    if draft.now.stored:
        kinds = sorted({state.kind for state in draft.now.stored})
        draft.leave_out(f"the call names state that is kept at its vendor: {', '.join(kinds)}")
    whose = draft.now.dialect
    harmless = HARMLESS.get(whose, frozenset())
    for name, value in draft.now.extra.items():
        if name in _STATE or _idle(name, value):
            continue
        if name in harmless:
            draft.note(f"{name} dropped: only {whose} has it, and the answer does not depend on it")
        else:
            draft.leave_out(f"only {whose} has the field {name!r}, and this home cannot be told it")


def _idle(name: str, value: msgspec.Raw) -> bool:
    said = bytes(value)
    return said in (b"null", b"[]") or said in _IDLE.get(name, ())
