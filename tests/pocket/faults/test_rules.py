from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.pocket.faults import FAULTS, Chooser, FaultName, FaultRule, Seen, problems
from freehold.pocket.faults.rules import fits

ANY = frozenset(FAULTS)


def seen(
    *, home: str = "pocket", path: str = "/v1/chat/completions", model: str = "m", body: bytes = b"{}",
    elapsed_s: float = 0.0, headers: dict[str, str] | None = None,
) -> Seen:  # fmt: skip
    return Seen(home=home, path=path, model=model, headers=headers or {}, body=body, elapsed_s=elapsed_s)


def played(rule: FaultRule, requests: Sequence[Seen]) -> list[bool]:
    chooser = Chooser({"one": rule})
    return [chooser.choose(request, ANY) is not None for request in requests]


def test_count_is_the_most_it_is_played() -> None:
    assert played(FaultRule(fault="stall", count=2), [seen()] * 4) == [True, True, False, False]


def test_skip_lets_the_first_ones_pass() -> None:
    assert played(FaultRule(fault="stall", skip=2, count=1), [seen()] * 4) == [False, False, True, False]


def test_skip_counts_only_requests_that_fit() -> None:
    rule = FaultRule(fault="stall", skip=1, model="a")
    assert played(rule, [seen(model="b"), seen(model="a"), seen(model="a")]) == [False, False, True]


def test_window_is_from_its_start_until_before_its_end() -> None:
    rule = FaultRule(fault="stall", from_s=1, to_s=3)
    assert played(rule, [seen(elapsed_s=at) for at in (0.9, 1, 2.9, 3)]) == [False, True, True, False]


@pytest.mark.parametrize(
    ("rule", "request_seen"),
    [
        (FaultRule(fault="stall", contains="needle"), seen(body=b'{"text":"a needle"}')),
        (FaultRule(fault="stall", model="big"), seen(model="big")),
        (FaultRule(fault="stall", path="/embeddings"), seen(path="/v1/embeddings")),
        (FaultRule(fault="stall", header="x-test"), seen(headers={"x-test": "1"})),
        (FaultRule(fault="stall", header="X-Test: 1"), seen(headers={"x-test": "1"})),
        (FaultRule(fault="stall", home="west"), seen(home="west")),
    ],
)
def test_rule_fits_what_it_names_and_nothing_else(rule: FaultRule, request_seen: Seen) -> None:
    assert fits(rule, request_seen)
    assert not fits(rule, seen(headers={"x-test-2": "1"}))


def test_first_rule_that_fits_is_played() -> None:
    chooser = Chooser({"a": FaultRule(fault="stall", model="x"), "b": FaultRule(fault="silent")})
    assert [chooser.choose(seen(model=model), ANY) for model in ("x", "y")] == [
        ("a", FaultRule(fault="stall", model="x")),
        ("b", FaultRule(fault="silent")),
    ]


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_draws_repeat_with_the_same_seed(seed: int, probability: float) -> None:
    rule = FaultRule(fault="stall", probability=probability, seed=seed)
    assert played(rule, [seen()] * 20) == played(rule, [seen()] * 20)


def test_probability_is_about_how_often() -> None:
    times = sum(played(FaultRule(fault="stall", probability=0.25), [seen()] * 2000))
    assert 400 < times < 600


def test_door_is_shut_in_its_window_and_says_when_that_ends() -> None:
    chooser = Chooser({"down": FaultRule(fault="refuse", from_s=5, to_s=9)})
    assert [chooser.door("pocket", at) for at in (0, 5, 8.9, 9)] == [
        (False, 5), (True, 9), (True, 9), (False, None),
    ]  # fmt: skip


def test_door_of_another_home_stays_open() -> None:
    assert Chooser({"down": FaultRule(fault="refuse", home="west")}).door("east", 0) == (False, None)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (FaultRule(fault="stall", from_s=2, to_s=2), "to_s"),
        (FaultRule(fault="refuse", count=1), "count"),
        (FaultRule(fault="refuse", probability=0.5), "probability"),
        (FaultRule(fault="refuse", contains="x"), "contains"),
        (FaultRule(fault="reset_on_accept", header="x"), "header"),
    ],
)
def test_problems_name_the_field_that_cannot_work(rule: FaultRule, field: str) -> None:
    (problem,) = problems({"one": rule})
    assert problem.path == f"faults.one.{field}"


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_problems_of_a_plain_rule_are_none(fault: FaultName) -> None:
    assert problems({"one": FaultRule(fault=fault)}) == []
