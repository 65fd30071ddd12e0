"""The arithmetic of bounds and charges: a bound is never below the truth, a charge never above the bound."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import codec
from freehold.gateway.budgets import (
    TEMPLATE_TOKENS,
    Bound,
    Facts,
    Unbounded,
    bound_of,
    charge,
    cost_bound,
    dearest_input,
    input_of,
)
from freehold.gateway.passing import WHOLES
from freehold.gateway.template import nano_usd
from freehold.types.conversation import Usage
from freehold.types.homes import Price

COUNT = st.integers(0, 10**6)
NANO = st.integers(0, 100 * 10**9)
FACTS = Facts(
    context_tokens=200_000, output_tokens=64_000, input_nano_usd_per_mtok=10**9,
    output_nano_usd_per_mtok=5 * 10**9,
)  # fmt: skip


def body(**fields: object) -> bytes:
    return msgspec.json.encode({"messages": [{"role": "user", "content": "hello"}], **fields})


def bounded(data: bytes, facts: Facts = FACTS) -> Bound:
    found = bound_of(data, facts, dollars=True)
    assert isinstance(found, Bound)
    return found


@given(st.text(max_size=2000))
def test_input_is_bounded_by_the_bytes_of_its_words(text: str) -> None:
    found = bound_of(body(max_tokens=1, x=text), Facts(), dollars=False)
    assert isinstance(found, Bound)
    assert found.input_tokens >= len(text.encode()) + TEMPLATE_TOKENS


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"max_tokens": 7}, 7), ({"max_completion_tokens": 8}, 8), ({"max_output_tokens": 9}, 9),
        ({"generationConfig": {"maxOutputTokens": 10}}, 10), ({"inferenceConfig": {"maxTokens": 11}}, 11),
        ({"max_tokens": 7, "n": 3}, 21), ({"max_tokens": 7, "max_completion_tokens": 9}, 9),
        ({"generationConfig": {"maxOutputTokens": 10, "candidateCount": 4}}, 40), ({}, 64_000),
        ({"max_tokens": 10**9}, 64_000), ({"max_tokens": -5}, 64_000), ({"max_tokens": "7"}, 64_000),
    ],
)  # fmt: skip
def test_output_is_bounded_by_what_ends_it_in_each_dialect(fields: dict[str, object], tokens: int) -> None:
    assert bounded(body(**fields)).output_tokens == tokens


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "http://x"}}, {"type": "image", "source": {}},
        {"inlineData": {"data": ""}}, {"type": "input_file", "file_id": "f"}, {"document": {"name": "d"}},
        {"fileData": {"fileUri": "gs://x"}},
    ],
)  # fmt: skip
def test_what_bytes_do_not_tell_counts_as_the_longest_input(part: dict[str, object]) -> None:
    data = body(content=[part], max_tokens=1)
    assert bounded(data).input_tokens == 200_000
    unknown = bound_of(data, Facts(output_tokens=5), dollars=False)
    assert isinstance(unknown, Unbounded)
    assert unknown.code == "gateway.key-no-bound"


def test_escaped_names_hide_nothing() -> None:
    data = b'{"max_tokens":1,"content":[{"\\u0069mage_url":{"url":"http://x"}}]}'
    assert bounded(data).input_tokens == 200_000


def test_words_about_a_picture_are_only_words() -> None:
    data = body(content='look at "image_url" and \\u0041', max_tokens=1)
    assert bounded(data).input_tokens < 1000


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_20250305", "name": "web_search"}, {"type": "code_interpreter"},
        {"googleSearch": {}}, {"type": "mcp", "server_url": "http://x"}, {"systemTool": {"name": "x"}},
    ],
)  # fmt: skip
def test_tool_that_the_vendor_runs_cannot_be_bounded(tool: dict[str, object]) -> None:
    found = bound_of(body(tools=[tool], max_tokens=1), FACTS, dollars=False)
    assert isinstance(found, Unbounded)


def test_answer_without_any_limit_cannot_be_bounded() -> None:
    found = bound_of(body(), Facts(), dollars=False)
    assert isinstance(found, Unbounded)
    assert "max_tokens" in found.fix


def test_unknown_price_is_refused_by_name_and_not_taken_for_nothing() -> None:
    facts = Facts(output_tokens=5, unpriced=("home-b",))
    found = bound_of(body(), facts, dollars=True)
    assert isinstance(found, Unbounded)
    assert (found.code, "home-b" in found.why) == ("gateway.key-no-price", True)
    assert isinstance(bound_of(body(), facts, dollars=False), Bound)


@given(COUNT, COUNT, COUNT, COUNT, NANO, NANO, NANO, NANO)
def test_cost_of_any_usage_within_the_bound_is_within_the_bound(
    fresh: int, read: int, write: int, output: int, p_in: int, p_read: int, p_write: int, p_out: int
) -> None:
    price = Price(
        input_nano_usd_per_mtok=p_in, cache_read_nano_usd_per_mtok=p_read,
        cache_write_nano_usd_per_mtok=p_write, output_nano_usd_per_mtok=p_out,
    )  # fmt: skip
    usage = Usage(fresh=fresh, cache_read=read, cache_write=write, output=output)
    facts = Facts(input_nano_usd_per_mtok=dearest_input(price), output_nano_usd_per_mtok=p_out)
    cost = nano_usd(usage, price)
    assert cost is not None
    bound = cost_bound(input_of(usage), output, facts)
    assert cost <= bound
    made = charge(
        Bound(input_tokens=input_of(usage), output_tokens=output, nano_usd=bound), usage, cost,
        facts, complete=True, sent_bytes=0,
    )  # fmt: skip
    assert (made.nano_usd, made.by) == (cost, "usage")


@given(st.booleans(), COUNT, st.none() | COUNT, st.none() | COUNT, COUNT, COUNT)
def test_charge_is_never_above_the_bound_where_usage_is_not(
    complete: bool, sent: int, fresh: int | None, output: int | None, more_in: int, more_out: int
) -> None:
    bound = Bound(
        input_tokens=(fresh or 0) + more_in, output_tokens=(output or 0) + more_out,
        nano_usd=cost_bound((fresh or 0) + more_in, (output or 0) + more_out, FACTS),
    )  # fmt: skip
    made = charge(bound, Usage(fresh=fresh, output=output), None, FACTS, complete=complete, sent_bytes=sent)
    assert made.tokens <= bound.tokens
    assert bound.nano_usd is not None and made.nano_usd is not None
    assert made.nano_usd <= bound.nano_usd


def test_whole_answer_whose_usage_is_unknown_counts_as_the_bound() -> None:
    bound = Bound(input_tokens=100, output_tokens=50, nano_usd=cost_bound(100, 50, FACTS))
    made = charge(bound, None, None, FACTS, complete=True, sent_bytes=10)
    assert (made.tokens, made.nano_usd, made.by) == (150, bound.nano_usd, "bound")


def test_nothing_answered_counts_nothing() -> None:
    bound = Bound(input_tokens=100, output_tokens=50, nano_usd=9)
    assert charge(bound, None, None, FACTS, complete=False, sent_bytes=0).by == "nothing"


# 1,050 tokens went in, 900 read from the cache and 50 written to it (Gemini does not tell of writing); ten
# came out, four of them in thought. Whatever the words of a vendor, a token is counted once.
VENDORS = {
    "openai": {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        "id": "i", "object": "chat.completion", "created": 1, "model": "m",
        "usage": {
            "prompt_tokens": 1050, "completion_tokens": 10, "total_tokens": 1060,
            "prompt_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 50},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
    },
    "responses": {
        "id": "i", "object": "response", "created_at": 1, "model": "m", "status": "completed",
        "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "x", "annotations": []}]}],
        "usage": {
            "input_tokens": 1050, "output_tokens": 10, "total_tokens": 1060,
            "input_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 50},
            "output_tokens_details": {"reasoning_tokens": 4},
        },
    },
    "anthropic": {
        "id": "i", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": "x"}],
        "usage": {
            "input_tokens": 100, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 50,
            "output_tokens": 10,
        },
    },
    "bedrock-converse": {
        "output": {"message": {"role": "assistant", "content": [{"text": "x"}]}}, "stopReason": "end_turn",
        "metrics": {"latencyMs": 1},
        "usage": {"inputTokens": 100, "outputTokens": 10, "totalTokens": 1060, "cacheReadInputTokens": 900,
                  "cacheWriteInputTokens": 50},
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP",
                        "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 990, "cachedContentTokenCount": 900, "candidatesTokenCount": 6,
            "thoughtsTokenCount": 4, "toolUsePromptTokenCount": 10, "totalTokenCount": 1010,
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("api", sorted(VENDORS))
def test_cached_tokens_are_counted_once_by_each_vendors_own_rule(api: str) -> None:
    usage = codec(api).read_answer(msgspec.json.encode(VENDORS[api])).usage
    written = 0 if api == "gemini" else 50
    assert (usage.fresh, usage.cache_read, usage.cache_write or 0) == (100, 900, written)
    assert usage.output == 10
    price = Price(
        input_nano_usd_per_mtok=10**9, cache_read_nano_usd_per_mtok=10**8,
        cache_write_nano_usd_per_mtok=2 * 10**9, output_nano_usd_per_mtok=5 * 10**9,
    )  # fmt: skip
    nano = 100 * 10**9 + 900 * 10**8 + written * 2 * 10**9 + 10 * 5 * 10**9
    assert nano_usd(usage, price) == nano // 10**6


@pytest.mark.parametrize("api", sorted(set(VENDORS) & set(WHOLES)))
def test_answer_that_passes_through_is_counted_by_the_same_rule(api: str) -> None:
    usage = WHOLES[api](msgspec.json.encode(VENDORS[api])).usage
    told = codec(api).read_answer(msgspec.json.encode(VENDORS[api])).usage
    assert usage is not None
    for name in ("fresh", "cache_read", "cache_write", "output"):
        assert (getattr(usage, name) or 0) == (getattr(told, name) or 0)
