"""Calls that name what a vendor keeps go to the home that keeps it, or are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold import wire
from freehold.gateway.pins import PinFile
from freehold.gateway.stored import files_in
from freehold.pocket import FaultRule
from freehold.types.homes import Policy
from tests.gateway.running import Got, Street, street
from tests.gateway.sharing import keys_for

KEEPERS = ("responses", "responses")
CHAT = "/v1/chat/completions"


def said(text: str = "to be", **more: object) -> dict[str, object]:
    return {"model": "chat", "input": text, **more}


async def respond(place: Street, body: dict[str, object], **headers: str) -> Got:
    return await place.post(body, "/v1/responses", headers=headers)


def id_of(got: Got) -> str:
    if got.headers["content-type"].startswith("application/json"):
        return str(msgspec.json.decode(got.body)["id"])
    events = [line[6:] for line in got.body.split(b"\n") if line.startswith(b"data: {")]
    return str(msgspec.json.decode(events[-1])["response"]["id"])


async def made_at_second(place: Street, **more: object) -> str:
    """A response that the second home keeps: the first was down when it was made."""
    await place.homes[0].set_faults({"down": FaultRule(fault="server_error")})
    got = await respond(place, said(**more))
    assert got.headers["x-freehold-home"] == "home1"
    await place.homes[0].set_faults({})
    return id_of(got)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_follow_up_goes_to_the_home_that_holds_the_response(stream: bool) -> None:
    async with street(KEEPERS) as place:
        id = await made_at_second(place, stream=stream)
        asked = [len(home.log.entries) for home in place.homes]
        await respond(place, said("and then", previous_response_id=id))
        (first, second) = [len(home.log.entries) for home in place.homes]
        record = place.kept.calls[-1]
    assert (first - asked[0], second - asked[1]) == (0, 1)
    assert record.why_home == "it holds the stored state that the call names"


async def test_call_is_refused_when_the_home_that_holds_its_state_is_gone() -> None:
    async with street(KEEPERS) as place:
        id = await made_at_second(place)
        await place.homes[1].stop()
        before = len(place.homes[0].log.entries)
        got = await respond(place, said(previous_response_id=id))
        assert len(place.homes[0].log.entries) == before  # never asked: it would not know it
    assert got.status == 503
    assert f"it holds '{id}', which the call names" in got.error
    assert "home1: refused" in got.error


async def test_call_that_waits_for_room_waits_for_the_home_that_holds_its_state() -> None:
    async with street(KEEPERS) as place:
        id = await made_at_second(place)
        before = len(place.homes[0].log.entries)
        await place.homes[1].set_faults({"full": FaultRule(fault="rate_limited", retry_after_s=0.1, count=1)})
        got = await respond(place, said(previous_response_id=id))
        assert len(place.homes[0].log.entries) == before
    assert (got.status, got.headers["x-freehold-home"]) == (200, "home1")


async def test_call_is_refused_when_that_home_is_no_candidate_any_more() -> None:
    async with street(KEEPERS) as place:
        id = await made_at_second(place)
        estate = place.plane.generation.estate
        (chat,) = estate.workloads.values()
        left = msgspec.structs.replace(chat, homes=chat.homes[:1])
        changed = msgspec.structs.replace(estate, workloads={chat.id: left})
        place.plane.reload(changed, place.plane.generation.settings, dict.fromkeys(estate.homes, "any"))
        got = await respond(place, said(previous_response_id=id))
    assert got.status == 409
    assert "home home1 holds it and is not one that this call may go to" in got.error
    assert got.headers["x-should-retry"] == "false"


async def test_state_nobody_saw_being_made_goes_to_the_only_home_that_could_hold_it() -> None:
    async with street(("anthropic", "responses")) as place:
        await respond(place, said(previous_response_id="resp_elsewhere"))
        assert [len(home.log.entries) for home in place.homes] == [0, 1]


async def test_state_that_two_homes_could_hold_is_refused_until_one_is_said_to() -> None:
    async with street(KEEPERS) as place:
        refused = await respond(place, said(conversation={"id": "conv_1"}))
        estate = place.plane.generation.estate
        homes = dict(estate.homes)
        for id, home in estate.homes.items():
            options = {**home.options, "holds_state": "yes" if id == "home1" else "no"}
            homes[id] = msgspec.structs.replace(home, options=options)
        changed = msgspec.structs.replace(estate, homes=homes)
        place.plane.reload(changed, place.plane.generation.settings, dict.fromkeys(homes, "any"))
        await respond(place, said(conversation={"id": "conv_1"}))
        asked = [len(home.log.entries) for home in place.homes]
    assert refused.status == 409
    assert "home0, home1 could each hold it" in refused.error
    assert asked == [0, 1]


async def test_homes_of_one_account_hold_the_same() -> None:
    async with street(KEEPERS) as place:
        estate = place.plane.generation.estate
        one, two = estate.homes.values()
        same = msgspec.structs.replace(two, url=one.url)
        changed = msgspec.structs.replace(estate, homes={one.id: one, two.id: same})
        place.plane.reload(changed, place.plane.generation.settings, dict.fromkeys(estate.homes, "any"))
        got = await respond(place, said(previous_response_id="resp_elsewhere"))
    assert got.headers["x-freehold-home"] == "home0"


async def test_another_keys_state_is_not_known(tmp_path: Path) -> None:
    keys, secrets = keys_for(tmp_path, "ann", "bob")
    ann, bob = secrets["ann"], secrets["bob"]
    async with street(KEEPERS, keys=keys) as place:
        id = id_of(await respond(place, said(), **{"x-api-key": ann}))
        mine = await respond(place, said(previous_response_id=id), **{"x-api-key": ann})
        yours = await respond(place, said(previous_response_id=id), **{"x-api-key": bob})
    assert mine.headers.get("x-freehold-home") == "home0"
    assert (yours.status, "did not see it being made" in yours.error) == (409, True)


async def test_pins_outlive_the_process_and_are_shared_by_its_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "pins.db"
    async with street(KEEPERS, pins=PinFile(path)) as place, street(KEEPERS, pins=PinFile(path)) as other:
        id = await made_at_second(place)
        await respond(other, said(previous_response_id=id))
        assert [len(home.log.entries) for home in other.homes] == [0, 1]
    async with street(KEEPERS, pins=PinFile(path)) as later:
        await respond(later, said(previous_response_id=id))
        assert [len(home.log.entries) for home in later.homes] == [0, 1]
    assert path.stat().st_mode & 0o077 == 0


async def test_pins_that_cannot_be_kept_are_said_once_and_work_in_memory(tmp_path: Path) -> None:
    (tmp_path / "pins.db").mkdir()
    async with street(KEEPERS, pins=PinFile(tmp_path / "pins.db")) as place:
        id = await made_at_second(place)
        await respond(place, said(previous_response_id=id))
        unknown = await respond(place, said(previous_response_id="resp_other"))
        assert place.plane.pins.away
        assert place.homes[1].log.entries[-1].path == "/v1/responses"
    assert unknown.status == 409


async def test_stream_that_two_homes_wrote_is_kept_by_neither() -> None:
    faults = {0: {"cut": FaultRule(fault="cut_fin", after=4)}}
    asked = said("[pocket words tokens=12]", stream=True)
    async with street(KEEPERS, faults=faults, policy=Policy(on_cut="continue")) as place:
        id = id_of(await respond(place, asked))
        got = await respond(place, said(previous_response_id=id))
        assert place.kept.calls[0].joined == "continued"
    assert got.status == 409


FILE_PART = {"type": "file", "file": {"file_id": "file-1"}}
NAMING: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", CHAT, {"messages": [{"role": "user", "content": [FILE_PART]}]}),
    ("anthropic", "/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}}]}]}),
    ("anthropic", "/v1/messages", {"max_tokens": 9, "container": {"id": "container_1"}, "messages": [
        {"role": "user", "content": "x"}]}),
    ("responses", "/v1/responses", {"input": [{"role": "user", "content": [
        {"type": "input_file", "file_id": "file-1"}]}]}),
    ("responses", "/v1/responses", {"input": "x", "tools": [
        {"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
    ("gemini", "/v1beta/models/chat:generateContent", {"cachedContent": "cachedContents/1", "contents": [
        {"role": "user", "parts": [{"text": "x"}]}]}),
    ("gemini", "/v1beta/models/chat:generateContent", {"contents": [{"role": "user", "parts": [
        {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1"}}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("api", "path", "body"), NAMING)
async def test_file_that_two_homes_could_hold_is_not_looked_for_by_trying(
    api: str, path: str, body: dict[str, Any]
) -> None:
    async with street((api, api)) as place:
        got = await place.post({"model": "chat", **body} if "model" not in path else body, path)
        asked = [len(home.log.entries) for home in place.homes]
    assert (got.status, asked) == (409, [0, 0])
    assert "could each hold it" in got.error


@pytest.mark.parametrize(("api", "path", "body"), NAMING)
async def test_file_goes_past_homes_of_other_dialects_to_the_one_that_can_hold_it(
    api: str, path: str, body: dict[str, Any]
) -> None:
    async with street(("bedrock-converse", api)) as place:
        await place.post({"model": "chat", **body} if "model" not in path else body, path)
        assert [len(home.log.entries) for home in place.homes] == [0, 1]


def test_words_about_files_are_no_files() -> None:
    body = msgspec.json.encode({"messages": [{"role": "user", "content": 'say {"file_id": "file-1"}'}]})
    assert files_in("openai", body) == ()


@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from([0, 4096]))
def test_file_id_is_found_however_many_underscores_are_before_it(before: int, after: int, long: int) -> None:
    body = b'{"a":"%b","file_id":"f","b":"%b%b"}' % (b"_" * before, b"_" * after, b"x" * long)
    assert [one.id for one in files_in("openai", body)] == ["f"]


def test_object_in_a_bucket_is_no_stored_state() -> None:
    body = msgspec.json.encode({"contents": [{"parts": [{"fileData": {"fileUri": "gs://b/o.pdf"}}]}]})
    assert files_in("gemini", body) == ()


REFUSED = [
    ("POST", "/v1/batches", "batch endpoints"), ("GET", "/v1/files", "file endpoints"),
    ("POST", "/v1/uploads", "file endpoints"), ("POST", "/v1/messages/batches", "batch endpoints"),
    ("POST", "/async-invoke", "batch endpoints"), ("POST", "/v1beta/cachedContents", "stored state"),
    ("POST", "/upload/v1beta/files", "file endpoints"), ("DELETE", "/v1/responses/resp_1", "stored state"),
    ("POST", "/v1/conversations", "stored state"),
    ("POST", "/v1/projects/p/locations/l/batchPredictionJobs", "batch endpoints"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "named"), REFUSED)
async def test_endpoint_that_is_not_passed_on_is_refused_by_name(method: str, path: str, named: str) -> None:
    async with street(("openai",)) as place:
        async with await wire.request(method, place.url + path, body=b"{}") as response:
            words = (await response.read()).decode()
        assert len(place.homes[0].log.entries) == 0
    assert response.status == (400 if path == "/async-invoke" else 501)  # boto3 would try a 5xx again
    assert named in words
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "path", ["/v1/realtime?model=chat", "/v1/responses", "/ws/google.ai.generativelanguage"]
)
async def test_websocket_is_refused_by_name(path: str) -> None:
    headers = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13",
               "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    async with (
        street(("openai",)) as place,
        await wire.request("GET", place.url + path, headers=headers) as response,
    ):
        words = (await response.read()).decode()
    assert response.status == 501
    assert "WebSockets are not taken here" in words
