"""What becomes of a request that its home cannot take as it is, and that caller and record are told."""

from __future__ import annotations

import msgspec
import pytest

from tests.gateway.running import ask, street

ANTHROPIC_NEW = {"api_version": "2026-10-21"}


def header(got: object) -> str:
    return str(got.headers.get("x-freehold-adapted", ""))  # type: ignore[attr-defined]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_change_is_told_to_the_caller_and_kept_in_the_record(stream: bool) -> None:
    async with street(("bedrock-converse",)) as place:
        got = await place.post({**ask("to be", stream=stream), "presence_penalty": 0.5})
        (record,) = place.kept.calls
    assert header(got).startswith("presence_penalty 0.5 dropped")
    assert record.adapted[0].startswith("presence_penalty 0.5 dropped")


async def test_change_in_a_request_of_the_same_form_is_told_too() -> None:
    async with street(("anthropic",), options=ANTHROPIC_NEW) as place:
        asked = {**ask("to be"), "max_tokens": 9, "temperature": 0.2}
        got = await place.post(asked, "/v1/messages")
        (record,) = place.kept.calls
        assert b"temperature" not in place.homes[0].log.entries[0].body.encode()
    assert "temperature dropped" in header(got) or "temperature 0.2 dropped" in header(got)
    assert record.adapted


async def test_untouched_request_is_told_nothing_about() -> None:
    async with street(("openai",)) as place:
        got = await place.post(ask("to be"))
        (record,) = place.kept.calls
    assert (header(got), record.adapted) == ("", ())


async def test_home_that_was_left_out_is_named_with_its_reason_and_no_words_of_the_caller() -> None:
    asked = {**ask("to be"), "secret plan": True}
    async with street(("anthropic", "openai-compatible")) as place:
        got = await place.post(asked)
        (record,) = place.kept.calls
    assert (got.status, got.headers["x-freehold-home"]) == (200, "home1")
    assert "home0 left out: only openai has the field 'secret plan'" in header(got)
    assert record.adapted == (
        "home0 left out: only openai has the field '...', and this home cannot be told it",
    )


async def test_what_no_home_can_do_is_refused_with_every_reason() -> None:
    asked = {**ask("to be"), "secret plan": True}
    async with street(("anthropic", "bedrock-converse")) as place:
        got = await place.post(asked)
        (record,) = place.kept.calls
    assert got.status == 400
    assert "home0" in got.error
    assert "home1" in got.error
    assert len(record.adapted) == 2
    assert "secret" not in msgspec.json.encode(record).decode()
