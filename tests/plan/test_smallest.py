from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.plan.smallest import smallest

MEMBERS = "abcdefg"
CONFLICTS = st.lists(st.frozensets(st.sampled_from(MEMBERS), min_size=1, max_size=4), max_size=5)


def holds_against(conflicts: list[frozenset[str]]):  # type: ignore[no-untyped-def]  # a small closure
    return lambda kept: not any(one <= kept for one in conflicts)


@given(CONFLICTS)
@settings(max_examples=60, deadline=None)
def test_smallest_is_what_looking_at_every_subset_finds(conflicts: list[frozenset[str]]) -> None:
    found = smallest(MEMBERS, holds_against(conflicts))
    sizes = [
        size
        for size in range(len(MEMBERS) + 1)
        for some in itertools.combinations(MEMBERS, size)
        if not holds_against(conflicts)(frozenset(some))
    ]
    if not sizes:
        assert found is None
        return
    assert found is not None
    assert found.proved
    assert len(found.members) == min(sizes)
    assert not holds_against(conflicts)(frozenset(found.members))


@given(CONFLICTS)
@settings(max_examples=60, deadline=None)
def test_every_correction_mends_it(conflicts: list[frozenset[str]]) -> None:
    found = smallest(MEMBERS, holds_against(conflicts))
    for correction in found.corrections if found else ():
        assert holds_against(conflicts)(frozenset(MEMBERS) - correction)


def test_irreducible_is_not_taken_for_smallest() -> None:
    """Dropping in order ends at {d, e, f, g}; {a, b} is smaller."""
    conflicts = [frozenset("ab"), frozenset("defg")]
    found = smallest(MEMBERS, holds_against(conflicts))
    assert found is not None
    assert set(found.members) == {"a", "b"}


def test_too_few_questions_say_that_it_was_not_proved() -> None:
    conflicts = [frozenset("ab"), frozenset("defg")]
    found = smallest(MEMBERS, holds_against(conflicts), questions_max=9)
    assert found is not None
    assert not found.proved
    assert set(found.members) == set("defg")


def test_unanswered_questions_are_told() -> None:
    found = smallest("ab", lambda kept: False if kept == frozenset("ab") else None)
    assert found is not None
    assert set(found.members) == {"a", "b"}
    assert not found.proved
