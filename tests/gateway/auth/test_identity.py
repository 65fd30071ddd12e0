import asyncio
import threading

import pytest

from freehold.clock import FakeClock
from freehold.gateway.auth.identity import RETRY_SECONDS, Refreshing
from freehold.gateway.auth.tokens import BearerTokens
from freehold.types.names import HomeId
from tests.gateway.running import Street, ask, street


class Scripted:
    """A credential source that gives what it is told to, and says when it was asked."""

    def __init__(self, *results: object) -> None:
        self.results = list(results)
        self.asked = threading.Event()

    def fetch(self) -> tuple[object, float | None]:
        self.asked.set()
        result = self.results.pop(0) if self.results else OSError("away")
        if isinstance(result, Exception):
            raise result
        return result, 600.0


def test_credential_is_ready_after_the_first_fetch_and_not_before_it() -> None:
    tokens = Refreshing(Scripted("t1"), FakeClock())
    assert tokens.wait_first()
    tokens.close()
    assert tokens.value == "t1"
    assert BearerTokens(tokens).headers("POST", "u", {}, b"") == {"authorization": "Bearer t1"}


def test_credential_that_ran_out_is_none() -> None:
    clock = FakeClock()
    tokens = Refreshing(Scripted("t1"), clock)
    tokens.wait_first()
    tokens.close()
    clock.advance(601)
    assert BearerTokens(tokens).headers("POST", "u", {}, b"") is None


def test_failed_fetch_is_named_without_its_words() -> None:
    tokens = Refreshing(Scripted(RuntimeError("secret inside")), FakeClock())
    tokens.wait_first()
    tokens.close()
    assert (tokens.value, tokens.failure) == (None, "RuntimeError")


def test_failed_refresh_keeps_the_old_credential_until_it_runs_out() -> None:
    clock = FakeClock()
    source = Scripted("t1", OSError("away"))
    tokens = Refreshing(source, clock)
    tokens.wait_first()
    source.asked.clear()
    clock.advance(300)
    tokens.renew()
    assert source.asked.wait(10)
    tokens.close()
    assert tokens.value == "t1"
    clock.advance(301)
    assert tokens.value is None


def test_credential_a_home_did_not_take_is_fetched_again_and_not_in_a_hammer() -> None:
    clock = FakeClock()
    source = Scripted("t1", "t2", "t3")
    tokens = Refreshing(source, clock)
    tokens.wait_first()
    source.asked.clear()
    tokens.renew()  # at once: too soon
    assert not source.asked.is_set()
    clock.advance(RETRY_SECONDS)
    tokens.renew()
    assert source.asked.wait(10)
    while tokens.value != "t2":
        threading.Event().wait(0.001)
    tokens.renew()
    tokens.close()
    assert source.results == ["t3"]


def signs(place: Street, tokens: Refreshing) -> None:
    """From now on the first home has an identity instead of a key."""
    place.plane.lives[HomeId("home0")].identity = BearerTokens(tokens)
    generation = place.plane.generation
    place.plane.reload(generation.estate, generation.settings, {HomeId("home1"): "any"})


async def test_home_whose_credential_ran_out_is_passed_over_and_recorded_as_auth() -> None:
    clock = FakeClock()
    tokens = Refreshing(Scripted("t1"), clock)
    await asyncio.to_thread(tokens.wait_first)
    tokens.close()
    async with street(("openai", "openai"), credentials={"home1": "any"}) as place:
        signs(place, tokens)
        before = await place.post(ask("to be"))
        clock.advance(601)
        after = await place.post(ask("to be"))
        sent = place.homes[0].log.entries
        attempt, answered = place.kept.attempts
        assert answered.outcome == "ok"
    assert (before.headers["x-freehold-home"], after.headers["x-freehold-home"]) == ("home0", "home1")
    assert attempt.error == "gateway.attempt-auth"
    assert len(sent) == 1


async def test_source_that_blocks_holds_nobody_up() -> None:
    gate = threading.Event()

    class Blocking:
        def fetch(self) -> tuple[object, float | None]:
            gate.wait(10)
            return "t1", None

    tokens = Refreshing(Blocking(), FakeClock())
    async with street(("openai", "openai"), credentials={"home1": "any"}) as place:
        signs(place, tokens)
        got = await place.post(ask("to be"))
        gate.set()
        tokens.close()
    assert got.headers["x-freehold-home"] == "home1"


def test_sigv4_signature_is_the_one_botocore_makes() -> None:
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]

    from freehold.gateway.auth.aws import SigV4

    credentials = Credentials("AKID", "SECRET", "TOKEN")
    chain = Refreshing(Scripted(credentials), FakeClock())
    chain.wait_first()
    chain.close()
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/a%3A0/converse"
    given = {"host": "bedrock-runtime.us-east-1.amazonaws.com", "content-type": "application/json"}
    added = SigV4(chain, "bedrock", "us-east-1").headers("POST", url, given, b"{}")
    assert added is not None
    request = AWSRequest("POST", url, data=b"{}", headers={**given, "X-Amz-Date": added["X-Amz-Date"]})
    expected = auth.SigV4Auth(credentials, "bedrock", "us-east-1")
    request.context["timestamp"] = added["X-Amz-Date"]
    signed = expected.signature(
        expected.string_to_sign(request, expected.canonical_request(request)), request
    )
    assert len(signed) == 64
    assert added["X-Amz-Security-Token"] == "TOKEN"
    assert added["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
