from __future__ import annotations

import json
from typing import Any

import pytest

from freehold.dialects import DialectError, Target, codec, route
from freehold.dialects.carry import tag
from freehold.dialects.passthrough import peek, same_form, splice
from tests.dialects.homes import FORMS
from tests.dialects.matrix import MODELS, recorded, target
from tests.dialects.sdks import FEATURES

CHAT = '{"model" : "m", "messages":[{"role":"user","content":"caf\\u00e9  1.50"}] ,"x_new":{"a":1.50}'


def chat(more: str = "", api: str = "openai", model: str = "gpt-4.1", version: str | None = None) -> Any:
    inbound = route("POST", "/v1/chat/completions")
    assert inbound is not None
    return splice(
        peek(inbound, f"{CHAT}{more}}}".encode()), Target(api=api, model=model, api_version=version)
    )


def messages(body: dict[str, Any], target: Target) -> Any:
    inbound = route("POST", "/v1/messages", {"anthropic-version": "2026-10-21", "anthropic-beta": "b1"})
    assert inbound is not None
    given = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **body}
    return splice(peek(inbound, json.dumps(given).encode()), target)


def test_only_the_model_is_changed() -> None:
    request, notes = chat()
    assert b'"content":"caf\\u00e9  1.50"' in request.body
    assert b'"x_new":{"a":1.50}' in request.body
    assert (json.loads(request.body)["model"], notes) == ("gpt-4.1", ())


def test_usage_of_a_stream_is_asked_for_where_the_caller_did_not() -> None:
    request, _ = chat(',"stream":true')
    assert json.loads(request.body)["stream_options"] == {"include_usage": True}


def test_limit_is_renamed_for_the_home() -> None:
    request, notes = chat(',"max_tokens":5')
    assert json.loads(request.body)["max_completion_tokens"] == 5
    assert notes == ("max_tokens renamed max_completion_tokens",)


def test_refused_parameter_is_dropped_and_said() -> None:
    request, notes = chat(',"temperature":0.5', model="gpt-5.4")
    assert "temperature" not in json.loads(request.body)
    assert "temperature dropped" in notes[0]


def test_version_and_betas_travel_with_the_request() -> None:
    request, _ = messages({}, Target(api="anthropic", model="claude-sonnet-4-6"))
    assert request.headers["anthropic-version"] == "2026-10-21"
    assert request.headers["anthropic-beta"] == "b1"


def test_home_may_fix_its_version() -> None:
    request, _ = messages({}, Target(api="anthropic", model="claude-sonnet-4-6", api_version="2023-06-01"))
    assert request.headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize("form", FORMS)
def test_recorded_request_of_every_feature_is_spliced(form: str) -> None:
    for feature in FEATURES:
        asked = recorded(form, feature)
        if asked is None or (form, feature) == ("openai", "thinking"):
            continue
        spliced = splice(peek(asked.inbound, asked.body), target(form, feature))
        assert spliced is not None, feature
        assert spliced[0].path == codec(form).write_request(asked.conversation, target(form, feature)).path


def test_other_form_goes_the_whole_way() -> None:
    inbound = route("POST", "/v1/chat/completions")
    assert inbound is not None
    assert not same_form(inbound, "anthropic")
    assert chat(api="anthropic") is None


@pytest.mark.parametrize("content", [
    [{"type": "thinking", "thinking": "x", "signature": tag("s", "bedrock", "anthropic")}],
    [{"type": "tool_use", "id": "t_freehold-signed_gemini_c2ln", "name": "x", "input": {}}],
])  # fmt: skip
def test_signature_of_another_vendor_goes_the_whole_way(content: Any) -> None:
    turn = {"role": "assistant", "content": content}
    assert messages({"messages": [turn]}, Target(api="anthropic", model="claude-sonnet-4-5")) is None


@pytest.mark.parametrize("body", [
    {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "so"}]},
    {"temperature": 1.5},
    {"temperature": 0.5, "top_p": 0.5},
])  # fmt: skip
def test_what_the_home_may_refuse_goes_the_whole_way(body: Any) -> None:
    assert messages(body, Target(api="anthropic", model="claude-sonnet-4-6")) is None


def test_url_goes_the_whole_way_to_a_home_that_needs_bytes() -> None:
    source = {"type": "url", "url": "https://x/y.png"}
    inbound = route("POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict")
    assert inbound is not None
    turn = {"role": "user", "content": [{"type": "image", "source": source}]}
    body = json.dumps({"max_tokens": 9, "messages": [turn]}).encode()
    assert splice(peek(inbound, body), target("vertex-claude", "text")) is None


def test_stored_state_is_seen_at_the_top() -> None:
    inbound = route("POST", "/v1/responses")
    assert inbound is not None
    peeked = peek(inbound, b'{"model":"m","input":"x","previous_response_id":"resp_1"}')
    assert [(state.kind, state.id) for state in peeked.stored] == [("previous_response", "resp_1")]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"model":1}', b'{"messages":[]}', b'{"model":"m","stream":3}']
)
def test_unreadable_top_is_refused(body: bytes) -> None:
    inbound = route("POST", "/v1/chat/completions")
    assert inbound is not None
    with pytest.raises(DialectError):
        peek(inbound, body)


@pytest.mark.parametrize("form", ["bedrock", "gemini"])
def test_body_passes_byte_for_byte_where_the_path_names_the_model(form: str) -> None:
    asked = recorded(form, "text")
    assert asked is not None
    spliced = splice(peek(asked.inbound, asked.body), Target(api=form, model=MODELS[form]))
    assert spliced is not None
    assert spliced[0].body == asked.body
