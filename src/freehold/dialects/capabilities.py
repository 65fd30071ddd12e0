"""What a home can do, by api, API version and model: the one table that requests are fitted to.

Rows are read in order, and each says only what it changes. As of 2026-11-20, from the vendors' documentation
and typed SDKs; a row that says too little leaves a home out, one that says too much earns a 400.
"""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from freehold.dialects.media import DOCUMENT_FORMATS

Source = Literal["base64", "url", "text"]
_MAX_TOKENS_DEFAULT = 4096


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """What one api takes for one model. `frozenset()` and False: it cannot."""

    max_tokens_field: str = "max_tokens"
    max_tokens_required: bool = False
    max_tokens_default: int = _MAX_TOKENS_DEFAULT  # where a limit is required and the caller gave none
    temperature: bool = True
    temperature_max: float = 2.0
    top_p: bool = True
    top_k: bool = False
    one_of_temperature_top_p: bool = False
    penalties: bool = False
    seed: bool = False
    n_max: int = 1
    stop_max: int = 4
    images: frozenset[Source] = frozenset(("base64", "url"))
    documents: frozenset[Source] = frozenset()
    result_media: bool = False  # images and documents inside a tool's result
    document_types: frozenset[str] = frozenset()  # where bytes are taken; empty: any
    tools: bool = True
    strict_tools: bool = True
    vendor_tools: tuple[str, ...] = ("*",)  # kinds of the dialect's own tools that this api offers
    tool_choice_none: bool = True
    parallel_control: bool = True
    json_mode: bool = False
    schema_mode: bool = False
    system_turns: bool = False  # a system message after the first user turn
    prefill: bool = False  # an assistant turn at the end is continued
    thinking: frozenset[Literal["effort", "budget", "adaptive"]] = frozenset()
    thinking_off: bool = True
    efforts: tuple[str, ...] = ()
    cache_marks: bool = False
    assistant_documents: bool = True  # documents in the assistant's turns, citations on a user's text
    version: str | None = None  # the newest version this model takes, where it is not the newest there is
    marks_foreign_calls: bool = False  # a replayed call without its signature has to say that it is not ours
    user: bool = True
    embeddings: bool = False
    count: bool = False
    reasons: dict[str, str] = {}  # field -> why, in the words of the row that said so


class Row(msgspec.Struct, frozen=True, kw_only=True):
    apis: tuple[str, ...]
    models: tuple[str, ...] = ("*",)
    versions: tuple[str, ...] = ("*",)
    says: dict[str, Any]
    why: str = ""


def _row(apis: str, models: str = "*", versions: str = "*", why: str = "", **says: Any) -> Row:
    return Row(
        apis=tuple(apis.split()), models=tuple(models.split()), versions=tuple(versions.split()), why=why,
        says=says,
    )  # fmt: skip


_CLAUDE = (
    "anthropic foundry-anthropic bedrock-messages claude-platform-aws claude-gcp vertex-claude bedrock-invoke"
)
_OWN_CLAUDE = "anthropic foundry-anthropic bedrock-messages claude-platform-aws claude-gcp"
_CLAUDE_46_ON = (
    "*claude-opus-4-[6-9]* *claude-sonnet-4-[6-9]* *claude-haiku-4-[6-9]* *claude-opus-5* *claude-sonnet-5* "
    "*claude-haiku-5* *claude-fable* *claude-mythos*"
)
_CONVERSE = "bedrock bedrock-converse"
_GEMINI = "gemini vertex-gemini"
_CHAT = "openai azure-openai azure-openai-v1"
_RESPONSES = "responses azure-responses"
_EFFORTS = ("minimal", "low", "medium", "high")
_BOTH: frozenset[Source] = frozenset(("base64", "url"))
_BYTES: frozenset[Source] = frozenset(("base64",))

ROWS: tuple[Row, ...] = (
    # OpenAI chat completions.
    _row(
        _CHAT, max_tokens_field="max_completion_tokens", penalties=True, seed=True, n_max=128, stop_max=4,
        documents=frozenset(("base64", "text")), json_mode=True, schema_mode=True, system_turns=True,
        embeddings=True,
    ),
    _row(
        "openai-compatible", penalties=True, seed=True, n_max=128, stop_max=16, top_k=False,
        documents=frozenset(("text",)), json_mode=True, schema_mode=True, system_turns=True, embeddings=True,
        parallel_control=True,
    ),
    _row("vertex-openai", penalties=True, seed=True, n_max=8, stop_max=5, json_mode=True, schema_mode=True,
         images=_BOTH, documents=frozenset(("text",))),
    _row(
        f"{_CHAT} {_RESPONSES}", "gpt-5* o1* o3* o4* gpt-6*", temperature=False, top_p=False, penalties=False,
        thinking=frozenset(("effort",)), thinking_off=False, efforts=_EFFORTS,
        why="reasoning models refuse sampling parameters",
    ),
    _row(_CHAT, "gpt-5* o1* o3* o4* gpt-6*", stop_max=0, why="reasoning models refuse stop"),
    _row(f"{_CHAT} {_RESPONSES}", "gpt-5.1* gpt-5.2* gpt-6*", thinking_off=True,
         efforts=("none", *_EFFORTS, "xhigh")),
    # OpenAI Responses.
    _row(
        _RESPONSES, max_tokens_field="max_output_tokens", stop_max=0,
        documents=frozenset(("base64", "url", "text")), result_media=True, json_mode=True, schema_mode=True,
        system_turns=True, count=True, why="Responses has no stop sequences",
    ),
    # Claude, wherever it is served in its own form.
    _row(
        _CLAUDE, max_tokens_required=True, max_tokens_default=8192, temperature_max=1.0, top_k=True,
        stop_max=8191, documents=frozenset(("base64", "url", "text")), result_media=True, system_turns=True,
        schema_mode=True, prefill=True, thinking=frozenset(("budget",)), cache_marks=True, count=True,
    ),
    _row("vertex-claude bedrock-invoke", images=_BYTES, documents=frozenset(("base64", "text")),
         why="this surface fetches no URLs"),
    _row("bedrock-invoke", system_turns=False, count=False),
    _row("vertex-claude bedrock-invoke", vendor_tools=("bash_*", "text_editor_*", "computer_*", "memory_*")),
    # Claude by Converse, and Bedrock's other models.
    _row(
        _CONVERSE, max_tokens_field="maxTokens", temperature_max=1.0, stop_max=4, images=_BYTES,
        documents=frozenset(("base64", "text")), result_media=True, tool_choice_none=False,
        parallel_control=False, schema_mode=True, user=False, count=True,
        why="Converse takes bytes only and does not control parallel calls",
    ),
    _row(_CONVERSE, "*claude*", top_k=True, stop_max=8191, prefill=True, thinking=frozenset(("budget",)),
         cache_marks=True),
    _row(_CONVERSE, "*nova*", cache_marks=True, prefill=True, schema_mode=False),
    _row(_CONVERSE, document_types=frozenset(DOCUMENT_FORMATS)),
    _row(_CHAT, document_types=frozenset(("application/pdf",))),
    _row(_CLAUDE, document_types=frozenset(("application/pdf",))),
    _row(_CONVERSE, "*llama* *mistral*", schema_mode=False, documents=frozenset(("base64", "text"))),
    # What Claude 4.6 and later changed.
    _row(
        f"{_CLAUDE} {_CONVERSE}",
        _CLAUDE_46_ON,
        prefill=False, thinking=frozenset(("adaptive", "effort", "budget")), max_tokens_default=16384,
        efforts=("low", "medium", "high", "max"), why="prefill is a 400 from 4.6 on",
    ),
    _row(
        f"{_CLAUDE} {_CONVERSE}", f"*claude-opus-4-1* *claude-*-4-5* {_CLAUDE_46_ON}",
        one_of_temperature_top_p=True,
    ),
    _row(
        f"{_CLAUDE} {_CONVERSE}", "*claude-3-* *claude-3.*", schema_mode=False, thinking=frozenset(),
        max_tokens_default=4096, why="Claude 3 has no structured output",
    ),
    _row(
        _CLAUDE, "*", "2026-10-21", temperature=False, top_p=False, top_k=False, assistant_documents=False,
        why="temperature, top_p and top_k are a 400 on 2026-10-21, at their default values too",
    ),
    _row(
        "bedrock-invoke", "*claude-3* *claude-*-4-20* *claude-*-4-[1-6]*", version="bedrock-2023-05-31",
        why="models named by an ARN version do not know 2026-10-21 on Bedrock",
    ),
    # Gemini.
    _row(
        _GEMINI, max_tokens_field="maxOutputTokens", top_k=True, penalties=True, seed=True, n_max=8,
        stop_max=5, images=_BYTES, documents=frozenset(("base64", "text")), tool_choice_none=True,
        parallel_control=False,
        json_mode=True, schema_mode=True, thinking=frozenset(("budget",)), user=False,
        count=True, embeddings=True, why="Gemini reads its own files and inline bytes",
    ),
    _row(_GEMINI, "*gemini-3*", thinking=frozenset(("effort", "budget")), efforts=("low", "medium", "high"),
         thinking_off=False, marks_foreign_calls=True),
    _row(_GEMINI, "*gemini-1* *gemini-2.0*", thinking=frozenset()),
)  # fmt: skip


@functools.lru_cache(maxsize=1024)
def capability(api: str, model: str, version: str | None = None) -> Capability:
    """What the rows say of this api, model and version; where none of them speaks, the cautious default."""
    says: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for row in ROWS:
        if api in row.apis and _any(row.models, model) and _any(row.versions, version or ""):
            says.update(row.says)
            reasons.update(dict.fromkeys(row.says, row.why))
    return Capability(**says, reasons=reasons)


def _any(patterns: tuple[str, ...], value: str) -> bool:
    return any(pattern == "*" or fnmatchcase(value, pattern) for pattern in patterns)
