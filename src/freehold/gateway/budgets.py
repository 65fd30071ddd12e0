"""What a call may cost at most, before it is sent, and what it did cost, once it is over. Pure.

A bound is never below the truth: a token is at least one byte, an answer ends at its limit, the dearest home
that the call may reach sets the price. What cannot be bounded is refused by name, not counted as nothing.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from freehold.types.conversation import Usage
from freehold.types.homes import Price
from freehold.types.records import Charged

MTOK: Final = 1_000_000
TEMPLATE_TOKENS: Final = 512  # what a chat template adds, beside what the JSON around the words makes up for
TOOLS_TOKENS: Final = 2048  # what vendors put in front of tools
CACHE_WRITE_FACTOR: Final = 2  # of the input price: the dearest that a vendor asks for, where it is not known
CHOICES_MAX: Final = 1024
# What tells that bytes do not tell all, found in one pass. First, tools that the vendor runs: it asks the
# model again with what they found, as often as it likes. Second, what counts otherwise than by its bytes: a
# picture, a document, a file by its name. Third, what vendors put words of their own in front of.
_HOSTED, _MEDIA, _TOOLS = 1, 2, 3
_TELLING: Final = re.compile(
    rb'"(?:(type"\s*:\s*"(?:web_search|web_fetch|code_execution|code_interpreter|file_search|mcp'
    rb"|image_generation|tool_search|advisor)"
    rb"|(?:mcp_servers|googleSearch|google_search|googleSearchRetrieval|googleMaps|google_maps|urlContext"
    rb'|url_context|codeExecution|systemTool|web_search_options)"\s*:)'
    rb'|(type"\s*:\s*"(?:image|input_image|input_file|input_audio|document|file|video|audio|search_result)'
    rb"|(?:image|image_url|inlineData|inline_data|fileData|file_data|file_id|file|document|video|audio|s3Location"
    rb"|previous_response_id|conversation|container|prompt|cachedContent|cached_content|searchResult)"
    rb'"\s*:)'
    rb'|((?:tools|toolConfig|functions|response_format|output_config)"\s*:))'
)
_ESCAPED: Final = re.compile(rb"\\u00[2-7]")  # a field's name may be written with escapes


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of all the homes that a call may reach; None where it is not known of one of them."""

    context_tokens: int | None = None
    output_tokens: int | None = None
    input_nano_usd_per_mtok: int | None = None
    output_nano_usd_per_mtok: int | None = None
    unpriced: tuple[str, ...] = ()


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a call can use. `nano_usd` is None where no limit of the key counts dollars."""

    input_tokens: int = 0
    output_tokens: int = 0
    nano_usd: int | None = None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Unbounded(msgspec.Struct, frozen=True, kw_only=True):
    """No bound can be given, and why."""

    why: str
    fix: str
    code: str


class _Generation(msgspec.Struct):
    maxOutputTokens: int | None = None
    max_output_tokens: int | None = None
    candidateCount: int | None = None
    candidate_count: int | None = None


class _Inference(msgspec.Struct):
    maxTokens: int | None = None


class _Limits(msgspec.Struct):
    """The fields of every dialect that end an answer, or multiply it."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    generationConfig: _Generation | None = None
    generation_config: _Generation | None = None
    inferenceConfig: _Inference | None = None


_limits = msgspec.json.Decoder(_Limits).decode


def bound_of(body: bytes, facts: Facts, *, dollars: bool, answers: bool = True) -> Bound | Unbounded:
    """The most this request can use at any of its homes. `answers`: it asks a model to write."""
    if dollars and facts.unpriced:
        return Unbounded(
            why=f"the price of {', '.join(facts.unpriced[:5])} is unknown, and unknown is not zero",
            fix="set the home's price, or call with a key that has no dollar budget",
            code="gateway.key-no-price",
        )
    input_tokens = _input_bound(body, facts)
    if isinstance(input_tokens, Unbounded):
        return input_tokens
    output_tokens = _output_bound(body, facts) if answers else 0
    if isinstance(output_tokens, Unbounded):
        return output_tokens
    nano = cost_bound(input_tokens, output_tokens, facts) if dollars else None
    return Bound(input_tokens=input_tokens, output_tokens=output_tokens, nano_usd=nano)


def _input_bound(body: bytes, facts: Facts) -> int | Unbounded:
    tokens = len(body) + TEMPLATE_TOKENS
    if _ESCAPED.search(body):
        body = msgspec.json.encode(msgspec.json.decode(body))
    found = {match.lastindex for match in _TELLING.finditer(body)}
    if _HOSTED in found:
        return Unbounded(
            why="it names a tool that the vendor runs, which may read any number of tokens",
            fix="run the tool yourself, or call with a key that has no token or dollar limit",
            code="gateway.key-no-bound",
        )
    context = facts.context_tokens
    if _MEDIA in found:
        if context is None:
            return Unbounded(
                why="it holds or names something whose tokens its bytes do not tell, such as a picture,"
                " and the longest input of the model is not known",
                fix="set context_tokens of the model, or call with a key that has no token or dollar limit",
                code="gateway.key-no-bound",
            )
        return context
    if _TOOLS in found:
        tokens += TOOLS_TOKENS
    return tokens if context is None else min(tokens, context)


def _output_bound(body: bytes, facts: Facts) -> int | Unbounded:
    try:
        limits = _limits(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        limits = _Limits()  # a field is no number: the home will say so, or take no notice of it
    generation = limits.generationConfig or limits.generation_config or _Generation()
    given = [
        limit
        for limit in (
            limits.max_tokens, limits.max_completion_tokens, limits.max_output_tokens,
            generation.maxOutputTokens, generation.max_output_tokens,
            limits.inferenceConfig.maxTokens if limits.inferenceConfig else None,
        )
        if limit is not None and limit > 0
    ]  # fmt: skip
    most = facts.output_tokens if facts.output_tokens is not None else facts.context_tokens
    if given:
        most = max(given) if most is None else min(max(given), most)
    if most is None:
        return Unbounded(
            why="it sets no limit for its answer, and the longest answer of the model is not known",
            fix="set max_tokens, or output_tokens of the model",
            code="gateway.key-no-bound",
        )
    choices = max(
        1, limits.n or 1, limits.best_of or 1, generation.candidateCount or 1, generation.candidate_count or 1
    )
    return most * min(choices, CHOICES_MAX)


def cost_bound(input_tokens: int, output_tokens: int, facts: Facts) -> int:
    """In nano-dollars, rounded up."""
    nano = input_tokens * (facts.input_nano_usd_per_mtok or 0)
    nano += output_tokens * (facts.output_nano_usd_per_mtok or 0)
    return -(-nano // MTOK)


def dearest_input(price: Price) -> int | None:
    """The most that one input token can cost here: caching may make it dearer."""
    plain = price.input_nano_usd_per_mtok
    if plain is None:
        return None
    write, read = price.cache_write_nano_usd_per_mtok, price.cache_read_nano_usd_per_mtok
    return max(plain, plain * CACHE_WRITE_FACTOR if write is None else write, read or 0)


def charge(
    bound: Bound, usage: Usage | None, cost_nano_usd: int | None, facts: Facts, *, complete: bool,
    sent_bytes: int, answers: bool = True,
) -> Charged:  # fmt: skip
    """What a call counts against its key's limits.

    A whole answer with its usage: that usage, and its cost where it is known. A whole answer without: the
    bound. One that was broken off after content: what is known of its input, and for its output no more than
    the bytes that were seen. Nothing was answered: nothing.
    """
    known_input = usage is not None and usage.fresh is not None
    if complete and usage is not None and known_input and (usage.output is not None or not answers):
        tokens = input_of(usage) + (usage.output or 0)
        if cost_nano_usd is None and bound.nano_usd is not None:
            cost_nano_usd = cost_bound(input_of(usage), usage.output or 0, facts)
            return Charged(tokens=tokens, nano_usd=cost_nano_usd, by="bound")
        return Charged(tokens=tokens, nano_usd=None if bound.nano_usd is None else cost_nano_usd, by="usage")
    if not complete and not sent_bytes:
        return Charged(tokens=0, nano_usd=None if bound.nano_usd is None else 0, by="nothing")
    input_tokens = input_of(usage) if usage is not None and known_input else bound.input_tokens
    seen = usage.output or 0 if usage is not None else 0
    output_tokens = bound.output_tokens if complete else max(seen, min(bound.output_tokens, sent_bytes))
    nano = None if bound.nano_usd is None else cost_bound(input_tokens, output_tokens, facts)
    return Charged(tokens=input_tokens + output_tokens, nano_usd=nano, by="bound")


def input_of(usage: Usage) -> int:
    """Every input token once: `fresh` leaves the cached ones out in every dialect's usage."""
    return (usage.fresh or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
