import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.instream import BROKE, kind_in, kind_of
from freehold.pocket import FaultRule
from tests.gateway.running import ask, street


@pytest.mark.parametrize(
    "event",
    [
        b'{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}',
        b'{"type":"error","error":{"type":"rate_limit_error","message":"m"}}',
        b'{"type":"error","code":"rate_limit_exceeded","message":"m"}',
        b'{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"m"}}}',
        b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}',
    ],
)
def test_no_more_room_is_known_in_every_dialect(event: bytes) -> None:
    assert kind_in(event) == "rate_limited"


def test_quota_that_is_used_up_is_known_and_anything_else_is_a_break() -> None:
    assert kind_in(b'{"error":{"code":"insufficient_quota"}}') == "quota_exhausted"
    assert kind_in(b'{"error":{"type":"overloaded_error"}}') == BROKE
    assert kind_of("rate_limited") == "rate_limited" and kind_of("server_error") == BROKE


@given(st.binary(max_size=100))
def test_any_bytes_can_be_read(noise: bytes) -> None:
    assert kind_in(noise) == BROKE


@pytest.mark.parametrize("api", ["openai", "anthropic", "bedrock-converse"])
async def test_throttle_inside_a_stream_closes_the_pool(api: str) -> None:
    rule = FaultRule(fault="error_in_stream", after=0, kind="rate_limited", count=1)
    async with street((api, "openai"), faults={0: {"it": rule}}) as place:
        got = await place.post(ask(stream=True))
        assert got.finished and got.headers["x-freehold-home"] == "home1"
        pool = place.plane.traffic.capacity.pools["home:home0"]
        assert pool.throttled_count == 1 and pool.closed_until > 0
