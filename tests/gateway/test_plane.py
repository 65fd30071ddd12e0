import asyncio
import re

import httpx
import msgspec
import pytest

from freehold import wire
from freehold.clock import SystemClock
from freehold.errors import InputError
from freehold.gateway.plane import HEAD_KEPT_BYTES_MAX, HEADS_KEPT_MAX
from freehold.gateway.settings import GatewaySettings, TimeoutSettings
from freehold.pocket import FaultRule
from freehold.types.contracts import Refused
from freehold.types.homes import Policy, Substitute
from freehold.types.names import HomeId, ModelId
from tests.gateway.chaos import PATIENT, chaos
from tests.gateway.running import MODEL, Kept, ask, street


async def test_call_is_answered_and_leaves_one_record_named_in_the_header() -> None:
    async with street(("openai",)) as place:
        got = await place.post(ask("to be or not"))
        (record,) = place.kept.calls
    assert got.text == "to be or not"
    assert got.headers["x-freehold-receipt"] == record.id
    assert (record.outcome, record.workload, record.attempts, record.rescued) == ("ok", "chat", 1, False)


async def test_answer_names_home_model_and_attempts() -> None:
    async with street(("openai",)) as place:
        got = await place.post(ask())
    named = [got.headers[f"x-freehold-{name}"] for name in ("home", "model", "attempts")]
    assert named == ["home0", MODEL, "1"]


async def test_stream_passes_through_and_counts_tokens_the_caller_did_not_ask_about() -> None:
    async with street(("openai",)) as place:
        got = await place.post(ask("to be or not", stream=True))
        (record,) = place.kept.calls
    assert got.finished
    assert b'"usage"' not in got.body
    assert record.tokens is not None
    assert record.tokens.output == 4


async def test_usage_is_streamed_to_a_caller_who_asks_for_it() -> None:
    async with street(("openai",)) as place:
        got = await place.post({**ask(stream=True), "stream_options": {"include_usage": True}})
    assert b'"completion_tokens":12' in got.body


async def test_anthropic_caller_is_answered_by_an_openai_home() -> None:
    async with street(("openai",)) as place:
        got = await place.post({**ask("to be"), "max_tokens": 9}, "/v1/messages")
    answer = msgspec.json.decode(got.body)
    assert (answer["type"], answer["content"][0]["text"]) == ("message", "to be")


async def test_unknown_model_is_told_what_there_is() -> None:
    async with street(("openai",)) as place:
        got = await place.post(ask(model="nothing"))
        (record,) = place.kept.calls
    assert got.status == 404
    assert "chat" in got.error
    assert record.outcome == "client_fault"


async def test_model_that_one_workload_runs_is_enough_of_a_name() -> None:
    async with street(("openai",)) as place:
        got = await place.post(ask(model=MODEL))
        assert place.kept.calls[0].workload == "chat"
    assert got.status == 200


async def test_bad_request_gets_the_dialects_own_error_shape() -> None:
    async with street(("openai",)) as place:
        openai = await place.post(b"{")
        anthropic = await place.post(b"{", "/v1/messages")
    assert msgspec.json.decode(openai.body)["error"]["type"] == "invalid_request_error"
    assert msgspec.json.decode(anthropic.body)["type"] == "error"


async def test_work_does_not_start_when_evidence_cannot_be_kept() -> None:
    kept = Kept(Refused(code="ledger.away", why="the disk is full"))
    async with street(("openai",), kept=kept) as place:
        got = await place.post(ask())
    assert got.status == 503
    assert "the disk is full" in got.error


async def test_path_of_no_dialect_is_a_404() -> None:
    async with street(("openai",)) as place, await wire.request("GET", f"{place.url}/elsewhere") as response:
        assert response.status == 404


async def test_empty_candidate_set_names_the_rule() -> None:
    async with street(("openai",), policy=Policy(regions=("eu-west-1",))) as place:
        got = await place.post(ask())
    assert got.status == 403
    assert "its region (r) is not one of eu-west-1" in got.error


async def test_web_page_of_another_host_is_not_answered() -> None:
    async with street(("openai",)) as place:
        by_host = await place.post(ask(), headers={"host": "evil.example"})
        by_origin = await place.post(ask(), headers={"origin": "https://evil.example"})
    assert (by_host.status, by_origin.status) == (403, 403)


async def test_settings_apply_to_calls_that_begin_after_a_reload() -> None:
    async with street(("openai", "openai")) as place:
        before = await place.post(ask())
        estate = place.plane.generation.estate
        chat = msgspec.structs.replace(estate.workloads["chat"], homes=("home1",))  # type: ignore[index,arg-type]
        changed = msgspec.structs.replace(estate, workloads={chat.id: chat})
        place.plane.reload(changed, GatewaySettings(), {})
        after = await place.post(ask())
    assert (before.headers["x-freehold-home"], after.headers["x-freehold-home"]) == ("home0", "home1")


async def test_call_at_work_finishes_on_the_settings_it_began_with() -> None:
    asked = ask("[pocket words tokens=20 tokens_per_s=200]", stream=True)
    async with street(("openai", "openai")) as place:
        running = asyncio.create_task(place.post(asked))
        while not place.homes[0].log.entries and not place.plane.in_flight:
            await asyncio.sleep(0.001)
        estate = place.plane.generation.estate
        (chat,) = estate.workloads.values()
        left = msgspec.structs.replace(chat, homes=chat.homes[1:])
        changed = msgspec.structs.replace(estate, workloads={chat.id: left})
        place.plane.reload(changed, GatewaySettings(), dict.fromkeys(estate.homes, "any"))
        after = await place.post(ask())
        before = await running
        assert set(place.plane.lives) == {"home1"}
    assert (before.headers["x-freehold-home"], after.headers["x-freehold-home"]) == ("home0", "home1")
    assert (len(before.text.split()), before.finished) == (20, True)


async def test_settings_that_cannot_be_built_leave_the_old_ones_whole() -> None:
    async with street(("openai", "openai")) as place:
        before = dict(place.plane.lives)
        estate = place.plane.generation.estate
        moved = msgspec.structs.replace(estate.homes[HomeId("home0")], url="http://127.0.0.1:1")
        nowhere = msgspec.structs.replace(estate.homes[HomeId("home1")], api="bedrock", url=None, region=None)
        changed = msgspec.structs.replace(estate, homes={moved.id: moved, nowhere.id: nowhere})
        with pytest.raises(InputError, match="has no address"):
            place.plane.reload(changed, GatewaySettings(), {})
        got = await place.post(ask())
    assert (got.status, got.headers["x-freehold-home"]) == (200, "home0")
    assert place.plane.lives == before
    assert place.plane.generation.number == 1


async def test_heads_with_keys_in_them_are_few_small_and_soon_forgotten() -> None:
    async with street(("openai",)) as place, httpx.AsyncClient() as client:
        for key in ("small", "k" * HEAD_KEPT_BYTES_MAX):
            url = f"{place.url}/v1/chat/completions"
            assert (await client.post(url, json=ask(), headers={"x-api-key": key})).status_code == 200
        (head,) = place.plane.heads.values()
        for number in range(2 * HEADS_KEPT_MAX):
            place.plane.remember(b"%d" % number, head)
            assert len(place.plane.heads) <= HEADS_KEPT_MAX
        place.plane._sweep()
        assert place.plane.heads == {}


async def test_names_that_callers_make_up_do_not_pile_up() -> None:
    async with street(("openai",)) as place:
        for number in range(20):
            await place.post(ask(model="m" * 10_000 + str(number)))
        kept = place.plane.generation._resolved
    assert kept == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [("timeout_idle_s", "soon"), ("timeout_total_s", "-1"), ("timeout_header_s", "nan"),
     ("continues", "maybe"), ("holds_state", "true")],
)  # fmt: skip
async def test_option_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InputError, match=f"homes.home0.options.{name} is '{value}'"):
        async with street(("openai",), options={name: value}):
            pass


async def test_own_timeout_of_a_home_is_in_force() -> None:
    stall = {0: {"it": FaultRule(fault="silent")}}
    waits = TimeoutSettings()  # minutes
    options = {"timeout_header_s": "0.05"}
    async with street(("openai",), faults=stall, timeouts=waits, options=options) as place:
        got = await place.post(ask())
    assert "header_timeout" in got.error


async def test_substitute_answers_where_the_policy_names_it_and_is_marked() -> None:
    async with street(("openai", "anthropic"), policy=Policy(substitution=True)) as place:
        estate = place.plane.generation.estate
        (chat,) = estate.workloads.values()
        own, other = HomeId("home0"), HomeId("home1")
        homes = {**estate.homes, other: msgspec.structs.replace(estate.homes[other], model=ModelId("other"))}
        stand_in = msgspec.structs.replace(
            chat, homes=(own,), substitutes=(Substitute(home=other, quality=0.9),)
        )
        changed = msgspec.structs.replace(estate, homes=homes, workloads={chat.id: stand_in})
        place.plane.reload(changed, GatewaySettings(), dict.fromkeys(homes, "any"))
        await place.homes[0].set_faults({"down": FaultRule(fault="refuse")})
        got = await place.post(ask())
    named = [got.headers[f"x-freehold-{name}"] for name in ("home", "model", "substitute")]
    assert (got.status, named) == (200, ["home1", "other", "yes"])


async def test_models_are_the_workloads() -> None:
    async with street(("openai",)) as place, await wire.request("GET", f"{place.url}/v1/models") as response:
        listed = msgspec.json.decode(await response.read())
    assert [row["id"] for row in listed["data"]] == ["chat"]


async def test_no_answer_is_wrong_and_hardly_one_fails_while_homes_come_and_go() -> None:
    tally = await chaos(calls=300, seed=11, on_cut="continue", between_seconds=0.3)
    assert (tally.wrong, tally.hung, tally.calls) == (0, 0, 300), tally.notes[:3]
    # Homes change places about as fast as a silence is seen: on a busy machine a call may meet three faults.
    assert tally.honest <= 3, tally.notes[:3]
    assert tally.rescued > 0


async def test_stream_that_is_not_rescued_says_so_and_is_never_cut_short() -> None:
    tally = await chaos(calls=200, seed=5, on_cut="error", between_seconds=0.3)
    assert (tally.wrong, tally.hung, tally.calls) == (0, 0, 200), tally.notes[:3]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_ten_thousand_calls_in_chaos_are_all_right(seed: int) -> None:
    tally = await chaos(5000, seed, "continue", between_seconds=5.0, timeouts=PATIENT)
    assert (tally.right, tally.wrong, tally.hung, tally.honest) == (5000, 0, 0, 0), tally.notes[:3]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_answer_told_anew_says_when_it_was_asked_for(stream: bool) -> None:
    before = SystemClock().now_ns() // 1_000_000_000
    async with street(("anthropic",)) as place:
        chat = await place.post(ask(stream=stream))
        spoken = await place.post({"model": "chat", "stream": stream, "input": "Hello"}, "/v1/responses")
    after = SystemClock().now_ns() // 1_000_000_000
    said = {int(found) for found in re.findall(rb'"created(?:_at)?": ?(\d+)', chat.body + spoken.body)}
    assert said
    assert all(before <= seconds <= after for seconds in said)
