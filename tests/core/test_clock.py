from hypothesis import given
from hypothesis import strategies as st

from freehold.clock import CROCKFORD, FakeClock, SystemClock, ulid


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_ulids_sort_by_their_time(first_ns: int, second_ns: int) -> None:
    early, late = sorted((first_ns, second_ns))
    assert ulid(early, bytes(10)) <= ulid(late, bytes(10))


def test_ulid_is_26_characters_of_its_alphabet() -> None:
    made = ulid(SystemClock().now_ns())
    assert len(made) == 26
    assert set(made) <= set(CROCKFORD)


def test_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock(start_ns=1_000)
    clock.advance(1.5)
    assert (clock.now_ns(), clock.monotonic_ns()) == (1_500_001_000, 1_500_000_000)
