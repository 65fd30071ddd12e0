import msgspec
from hypothesis import given
from hypothesis import strategies as st

from freehold.dialects import Outcome
from freehold.gateway.failover import FINAL_THERE, PASSING, SILENT, Give, Go, Place, Rules, Tried, next_step
from freehold.types.names import HomeId

PLENTY_MS = 60_000.0


def places(*names: str, **windows: int) -> tuple[Place, ...]:
    return tuple(Place(home=HomeId(name), context_tokens=windows.get(name)) for name in names)


def tried(home: str, kind: str = "server_error", action: str = "next_home", **fields: object) -> Tried:
    outcome = Outcome(action=action, kind=kind, status=500, **fields)  # type: ignore[arg-type]
    return Tried(home=HomeId(home), outcome=outcome)


def step(homes: tuple[Place, ...], *before: Tried, left_ms: float = PLENTY_MS, **rules: object) -> Go | Give:
    return next_step(homes, before, Rules(**rules), left_ms, "chat")  # type: ignore[arg-type]


def test_next_home_is_asked_after_a_failure() -> None:
    assert step(places("a", "b"), tried("a")) == Go(home=HomeId("b"))


def test_passing_fault_of_the_only_home_is_retried_once_and_no_more() -> None:
    first = step(places("a"), tried("a", "reset"))
    assert isinstance(first, Go)
    assert first.home == "a"
    assert isinstance(step(places("a"), tried("a", "reset"), tried("a", "reset")), Give)


def test_silent_home_is_not_asked_twice_in_one_call() -> None:
    assert isinstance(step(places("a"), tried("a", "header_timeout")), Give)


def test_retry_after_is_waited_for_when_nobody_else_is_left() -> None:
    limited = tried("a", "rate_limited", retry_after_ms=1500)
    assert step(places("a"), limited) == Go(home=HomeId("a"), after_ms=1500, for_room=True)


def test_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    limited = tried("a", "rate_limited", retry_after_ms=1500)
    assert isinstance(step(places("a"), limited, left_ms=1000), Give)


def test_spent_quota_is_never_retried_there() -> None:
    assert isinstance(step(places("a"), tried("a", "quota_exhausted", retry_after_ms=10)), Give)


def test_callers_fault_ends_the_call_at_once() -> None:
    told = step(places("a", "b"), tried("a", "bad_request", "client_fault"))
    assert isinstance(told, Give)
    assert told.verbatim


def test_filter_is_an_answer_and_is_not_shopped_around() -> None:
    filtered = tried("a", "content_filter", "client_fault")
    assert isinstance(step(places("a", "b"), filtered), Give)
    assert step(places("a", "b"), filtered, shop_refusals=True) == Go(home=HomeId("b"))


def test_too_long_goes_only_to_a_larger_window() -> None:
    homes = places("a", "b", "c", a=8000, b=8000, c=32000)
    assert step(homes, tried("a", "too_long")) == Go(home=HomeId("c"))
    assert isinstance(step(homes[:2], tried("a", "too_long")), Give)


def test_attempts_have_a_limit() -> None:
    assert isinstance(step(places("a", "b", "c"), tried("a"), tried("b"), attempts_max=2), Give)


def test_caller_is_told_the_first_cause() -> None:
    told = step(places("a", "b"), tried("a", "too_long"), tried("b", "auth"))
    assert isinstance(told, Give)
    assert (told.failure.kind, told.failure.status) == ("too_long", 400)
    assert "b: auth" in told.failure.why


def test_home_that_could_not_take_the_request_is_the_cause_only_where_none_could() -> None:
    mixed = step(places("a", "b"), tried("a", "unsupported"), tried("b", "header_timeout"))
    neither = step(places("a", "b"), tried("a", "unsupported"), tried("b", "unsupported"))
    assert isinstance(mixed, Give)
    assert isinstance(neither, Give)
    assert (mixed.failure.status, neither.failure.status) == (504, 400)


def test_caller_is_told_to_come_back_only_where_that_can_help() -> None:
    again = step(places("a"), tried("a", "rate_limited", retry_after_ms=90_000))
    never = step(places("a"), tried("a", "auth", retry_after_ms=90_000))
    assert isinstance(again, Give)
    assert isinstance(never, Give)
    assert (again.failure.retry_after_ms, never.failure.retry_after_ms) == (90_000, None)


KINDS = st.sampled_from(sorted(PASSING | SILENT | FINAL_THERE | {"rate_limited", "too_long"}))


@given(st.integers(1, 4), st.lists(KINDS, min_size=1, max_size=12), st.integers(1, 8))
def test_failover_always_ends_and_never_leaves_the_candidates(
    homes: int, kinds: list[str], limit: int
) -> None:
    candidates = places(*"abcd"[:homes])
    before: tuple[Tried, ...] = (tried("a", kinds[0]),)
    for kind in [*kinds[1:], *kinds * 5]:
        taken = step(candidates, *before, attempts_max=limit)
        if isinstance(taken, Give):
            break
        assert taken.home in {place.home for place in candidates}
        before = (*before, tried(taken.home, kind))
    assert len(before) <= min(limit, homes + 1)
    assert all(sum(one.home == home for one in before) <= 2 for home in "abcd")
    assert msgspec.to_builtins(step(candidates, *before, attempts_max=len(before)))


def test_home_without_room_is_passed_over_while_another_has_some() -> None:
    full, other = places("full")[0].full(800), places("other")[0]
    assert step((full, other), tried("a")) == Go(home=HomeId("other"))


def test_home_without_room_is_waited_for_where_the_others_had_none_either() -> None:
    homes = (*places("a"), places("full")[0].full(800))
    limited = tried("a", "rate_limited", retry_after_ms=900)
    assert step(homes, limited) == Go(home=HomeId("full"), after_ms=800, for_room=True)


def test_home_without_room_is_asked_at_once_where_another_was_sick() -> None:
    homes = (*places("a"), places("full")[0].full(800))
    assert step(homes, tried("a")) == Go(home=HomeId("full"))


def test_room_that_comes_too_late_is_not_waited_for() -> None:
    homes = (*places("a"), places("full")[0].full(60_000))
    assert isinstance(step(homes, tried("a", "rate_limited")), Give)
