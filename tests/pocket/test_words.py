from hypothesis import given
from hypothesis import strategies as st

from freehold.pocket import words


@given(st.text())
def test_pieces_join_to_what_was_said(said: str) -> None:
    assert "".join(words.pieces(said)) == said


@given(st.text(), st.integers(0, 40), st.integers(0, 400))
def test_rest_continues_exactly_where_a_cut_fell(seed: str, count: int, cut: int) -> None:
    full = words.text(seed, count)
    assert full[:cut] + words.rest(full, full[:cut]) == full


@given(st.text(), st.integers(0, 50), st.integers(0, 50))
def test_text_of_a_seed_grows_without_changing(seed: str, count: int, more: int) -> None:
    assert words.text(seed, count + more).startswith(words.text(seed, count))


def test_rest_of_something_else_is_all_of_it() -> None:
    assert words.rest("one two", "three") == "one two"
