from __future__ import annotations

from typing import Any

import msgspec
import pytest

from freehold.dialects import Target
from freehold.dialects.fitting import Fit, LeaveOut, Refuse, fit
from freehold.types.conversation import (
    Conversation,
    Document,
    Image,
    Opaque,
    OutputFormat,
    StoredState,
    Text,
    ThinkingConfig,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)

ASKED = Turn(role="user", blocks=(Text(text="hi"),))
TOOL = Tool(name="look", schema=msgspec.Raw(b'{"type":"object"}'))
CALLED = Turn(role="assistant", blocks=(ToolUse(id="t:1", name="look", input_json="{}"),))
ANSWERED = Turn(role="user", blocks=(ToolResult(tool_use_id="t:1", content=(Text(text="x"),)),))
CLAUDE, OLD_CLAUDE = "claude-sonnet-4-6", "claude-sonnet-4-5"


def conversation(**fields: Any) -> Conversation:
    return Conversation(
        **{"model": "m", "turns": (ASKED,), "max_tokens": 4000, "dialect": "openai", **fields}
    )


def fitted(api: str, model: str = "m", version: str | None = None, **fields: Any) -> Fit | LeaveOut | Refuse:
    return fit(conversation(**fields), Target(api=api, model=model, api_version=version))


def adapted(
    api: str, model: str = "m", version: str | None = None, **fields: Any
) -> tuple[Conversation, str]:
    found = fitted(api, model, version, **fields)
    assert isinstance(found, Fit), found
    return found.conversation, "; ".join(found.notes)


def left_out(api: str, model: str = "m", **fields: Any) -> str:
    found = fitted(api, model, **fields)
    assert isinstance(found, LeaveOut), found
    return found.reason


def test_what_fits_is_untouched_and_unnoted() -> None:
    asked = conversation()
    found = fit(asked, Target(api="openai", model="gpt-4.1"))
    assert found == Fit(conversation=asked)


def test_sampling_is_dropped_for_the_version_that_refuses_it() -> None:
    found, notes = adapted("anthropic", CLAUDE, "2026-10-21", temperature=0.5, top_p=0.9, top_k=3)
    assert (found.temperature, found.top_p, found.top_k) == (None, None, None)
    assert "2026-10-21" in notes


def test_sampling_is_kept_for_the_version_before() -> None:
    found, _ = adapted("anthropic", OLD_CLAUDE, "2023-06-01", temperature=0.5, top_k=3)
    assert (found.temperature, found.top_k) == (0.5, 3)


def test_reasoning_model_loses_its_temperature() -> None:
    found, notes = adapted("openai", "gpt-5.4", temperature=0.2)
    assert found.temperature is None
    assert "reasoning models" in notes


def test_temperature_above_the_range_is_lowered_and_said() -> None:
    found, notes = adapted("bedrock", "x.claude-sonnet-4-5", temperature=1.5)
    assert found.temperature == 1.0
    assert "lowered" in notes


def test_temperature_and_top_p_together_lose_one() -> None:
    found, notes = adapted("anthropic", CLAUDE, temperature=0.5, top_p=0.9)
    assert (found.temperature, found.top_p) == (0.5, None)
    assert "not both" in notes


def test_missing_limit_is_set_where_one_is_required() -> None:
    found, notes = adapted("anthropic", CLAUDE, max_tokens=None)
    assert found.max_tokens == 16384
    assert "16384" in notes


@pytest.mark.parametrize(("api", "image", "word"), [
    ("bedrock", Image(url="https://x/y.png"), "fetches no URLs"),
    ("gemini", Image(url="https://x/y.png"), "fetches no URLs"),
    ("vertex-claude", Image(url="https://x/y.png"), "fetches no URLs"),
    ("bedrock", Image(media_type="image/tiff", data_base64="aa=="), "image/tiff"),
])  # fmt: skip
def test_home_is_left_out_of_images_it_cannot_take(api: str, image: Image, word: str) -> None:
    assert word in left_out(api, CLAUDE, turns=(Turn(role="user", blocks=(image,)),))


def test_image_url_goes_to_a_home_that_fetches_it_itself() -> None:
    turns = (Turn(role="user", blocks=(Image(url="https://x/y.png"),)),)
    found, notes = adapted("anthropic", CLAUDE, turns=turns)
    assert (found.turns, notes) == (turns, "")


@pytest.mark.parametrize(("api", "document", "word"), [
    ("openai", Document(url="https://x/y.pdf"), "fetches no URLs"),
    ("openai-compatible", Document(media_type="application/pdf", data_base64="aa=="), "no documents"),
    ("openai", Document(media_type="text/csv", data_base64="aa=="), "text/csv"),
])  # fmt: skip
def test_home_is_left_out_of_documents_it_cannot_take(api: str, document: Document, word: str) -> None:
    assert word in left_out(api, turns=(Turn(role="user", blocks=(document,)),))


def test_prefill_leaves_out_homes_that_do_not_continue() -> None:
    turns = (ASKED, Turn(role="assistant", blocks=(Text(text="so"),)))
    assert "does not continue" in left_out("anthropic", CLAUDE, turns=turns)
    assert adapted("anthropic", OLD_CLAUDE, turns=turns)[0].turns == turns


def test_block_of_another_vendor_leaves_a_home_out() -> None:
    block = Opaque(origin="anthropic", kind="search_result", value=msgspec.Raw(b"{}"))
    assert "search_result" in left_out(
        "gemini", turns=(Turn(role="user", blocks=(block,)),), dialect="anthropic"
    )


def test_tool_run_by_a_vendor_leaves_others_out() -> None:
    tool = Opaque(origin="anthropic", kind="tool.web_search_20260101", value=msgspec.Raw(b"{}"))
    assert "web_search" in left_out("openai", tools=(tool,), dialect="anthropic")
    assert "not offered" in left_out("bedrock-invoke", CLAUDE, tools=(tool,), dialect="anthropic")


def test_several_answers_are_not_carried_across() -> None:
    assert "3 answers" in left_out("anthropic", CLAUDE, n=3)
    adapted("openai", "gpt-4.1", n=3)


def test_forbidden_parallel_calls_leave_out_homes_that_cannot_hold_back() -> None:
    choice = ToolChoice(mode="auto", parallel=False)
    assert "parallel" in left_out("bedrock", CLAUDE, tools=(TOOL,), tool_choice=choice)
    adapted("anthropic", CLAUDE, tools=(TOOL,), tool_choice=choice)


def test_choice_of_none_takes_the_tools_away_where_there_is_no_word_for_it() -> None:
    found, notes = adapted("bedrock", CLAUDE, tools=(TOOL,), tool_choice=ToolChoice(mode="none"))
    assert found.tools == ()
    assert "none" in notes


def test_choice_of_an_unknown_tool_is_refused() -> None:
    found = fitted("anthropic", CLAUDE, tools=(TOOL,), tool_choice=ToolChoice(mode="tool", name="other"))
    assert isinstance(found, Refuse)


def test_result_without_its_call_is_refused() -> None:
    assert isinstance(fitted("anthropic", CLAUDE, turns=(ANSWERED,), tools=(TOOL,)), Refuse)


def test_ids_are_renamed_where_their_characters_are_refused() -> None:
    found, _ = adapted("anthropic", CLAUDE, turns=(ASKED, CALLED, ANSWERED), tools=(TOOL,))
    call, result = found.turns[1].blocks[0], found.turns[2].blocks[0]
    assert isinstance(call, ToolUse)
    assert isinstance(result, ToolResult)
    assert call.id == result.tool_use_id == "call_0"


@pytest.mark.parametrize("mode", ["json", "schema"])
def test_structured_output_leaves_out_homes_that_cannot_promise_it(mode: Any) -> None:
    asked = OutputFormat(mode=mode, schema=msgspec.Raw(b'{"type":"object"}'))
    assert "cannot promise" in left_out("anthropic", "claude-3-haiku-20240307", output_format=asked)


def test_schema_is_closed_where_the_home_requires_it() -> None:
    schema = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"object"}}}')
    found, notes = adapted("anthropic", CLAUDE, output_format=OutputFormat(mode="schema", schema=schema))
    assert found.output_format is not None
    assert bytes(found.output_format.schema or b"").count(b'"additionalProperties":false') == 2
    assert "additionalProperties" in notes


def test_schema_open_on_purpose_leaves_the_home_out() -> None:
    schema = msgspec.Raw(b'{"type":"object","additionalProperties":true}')
    assert "does not name" in left_out(
        "bedrock", CLAUDE, output_format=OutputFormat(mode="schema", schema=schema)
    )


@pytest.mark.parametrize(("api", "model", "asked", "said"), [
    ("anthropic", OLD_CLAUDE, ThinkingConfig(mode="on", effort="low"), ("on", 2048, None)),
    ("anthropic", OLD_CLAUDE, ThinkingConfig(mode="on", effort="high"), ("on", 2000, None)),
    ("anthropic", CLAUDE, ThinkingConfig(mode="on", effort="high"), ("adaptive", None, "high")),
    ("openai", "gpt-5.4", ThinkingConfig(mode="on", budget_tokens=9000), ("adaptive", None, "high")),
    ("gemini", "gemini-2.5-pro", ThinkingConfig(mode="on", effort="medium"), ("on", 8192, None)),
    ("gemini", "gemini-3-pro", ThinkingConfig(mode="on", effort="minimal"), ("adaptive", None, "low")),
    ("openai", "o3", ThinkingConfig(mode="off", effort="none"), ("off", None, "none")),
    ("gemini", "gemini-3-pro", ThinkingConfig(mode="off"), ("on", None, "low")),
])  # fmt: skip
def test_amount_of_thinking_is_said_in_the_homes_words(api: str, model: str, asked: Any, said: Any) -> None:
    found, _ = adapted(api, model, thinking=asked)
    assert found.thinking is not None
    assert (found.thinking.mode, found.thinking.budget_tokens, found.thinking.effort) == said


def test_thinking_is_dropped_for_a_model_that_does_not_think() -> None:
    found, notes = adapted("anthropic", "claude-3-haiku", thinking=ThinkingConfig(mode="on", effort="low"))
    assert found.thinking is None
    assert "does not think" in notes


def test_temperature_gives_way_to_thinking() -> None:
    asked = ThinkingConfig(mode="on", effort="low")
    found, notes = adapted("anthropic", OLD_CLAUDE, thinking=asked, temperature=0.3)
    assert found.temperature is None
    assert "beside thinking" in notes


def test_thinking_gives_way_to_a_forced_tool() -> None:
    asked = ThinkingConfig(mode="on", effort="low")
    found, _ = adapted("anthropic", CLAUDE, thinking=asked, tools=(TOOL,), tool_choice=ToolChoice(mode="any"))
    assert found.thinking is None


def test_thinking_is_off_for_a_tool_call_that_was_thought_out_elsewhere() -> None:
    asked = ThinkingConfig(mode="on", budget_tokens=2000)
    turns = (ASKED, CALLED, ANSWERED)
    found, notes = adapted("anthropic", OLD_CLAUDE, thinking=asked, tools=(TOOL,), turns=turns)
    assert found.thinking is None
    assert "elsewhere" in notes


def test_harmless_field_is_dropped_and_said() -> None:
    _, notes = adapted("anthropic", CLAUDE, extra={"prompt_cache_key": msgspec.Raw(b'"x"')})
    assert "prompt_cache_key dropped" in notes


@pytest.mark.parametrize("name", ["logit_bias", "audio", "something_new"])
def test_meaningful_or_unknown_field_leaves_other_dialects_out(name: str) -> None:
    assert name in left_out("anthropic", CLAUDE, extra={name: msgspec.Raw(b'{"1":2}')})
    adapted("openai", "gpt-4.1", extra={name: msgspec.Raw(b'{"1":2}')})


def test_idle_value_of_a_field_says_nothing() -> None:
    _, notes = adapted("anthropic", CLAUDE, extra={"logprobs": msgspec.Raw(b"false")})
    assert notes == ""


def test_stored_state_keeps_other_dialects_out() -> None:
    state = (StoredState(kind="previous_response", id="resp_1"),)
    assert "previous_response" in left_out("anthropic", CLAUDE, stored=state, dialect="responses")


def test_system_message_in_the_middle_leaves_out_homes_without_a_place_for_it() -> None:
    turns = (ASKED, Turn(role="system", blocks=(Text(text="now in French"),)), ASKED)
    assert "system message" in left_out("gemini", turns=turns)
    adapted("anthropic", CLAUDE, turns=turns)


def test_empty_texts_are_dropped_where_they_are_refused() -> None:
    turns = (Turn(role="user", blocks=(Text(text=""), Text(text="hi"))),)
    found, notes = adapted("bedrock", CLAUDE, turns=turns)
    assert found.turns[0].blocks == (Text(text="hi"),)
    assert "empty" in notes


def test_conversation_without_turns_is_refused() -> None:
    assert isinstance(fitted("openai", turns=()), Refuse)


def test_every_reason_is_told_at_once() -> None:
    blocks = (Image(url="https://x"),)
    reason = left_out("bedrock", CLAUDE, n=2, turns=(Turn(role="user", blocks=blocks),))
    assert "2 answers" in reason
    assert "fetches no URLs" in reason


def test_document_of_the_assistant_and_citations_of_a_user_are_refused_by_the_newest_version() -> None:
    document = Document(media_type="application/pdf", data_base64="aa==")
    said = Turn(role="assistant", blocks=(document, Text(text="see")))
    cited = Turn(role="user", blocks=(Text(text="x", extra={"citations": msgspec.Raw(b'[{"a":1}]')}),))
    for turns in ((ASKED, said, ASKED), (cited,)):
        found = fitted("anthropic", CLAUDE, "2026-10-21", turns=turns, dialect="anthropic")
        assert isinstance(found, LeaveOut)
        assert "this version refuses" in found.reason
        assert isinstance(fitted("anthropic", CLAUDE, "2023-06-01", turns=turns, dialect="anthropic"), Fit)


def test_thinking_is_dropped_before_a_result_whose_assistant_said_nothing() -> None:
    turns = (
        Turn(role="assistant", blocks=(ToolUse(id="c", name="look"),)),
        Turn(role="assistant", blocks=()),
        Turn(role="user", blocks=(ToolResult(tool_use_id="c"),)),
    )
    said = Conversation(
        model="m", turns=turns, tools=(Tool(name="look"),), max_tokens=9000, dialect="openai",
        thinking=ThinkingConfig(mode="on", budget_tokens=2000),
    )  # fmt: skip
    verdict = fit(said, Target(api="anthropic", model="claude-sonnet-4-6"))
    assert isinstance(verdict, Fit)
    assert verdict.conversation.thinking is None
