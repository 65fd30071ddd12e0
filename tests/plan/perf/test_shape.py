from __future__ import annotations

import pytest

from freehold.errors import InputError
from freehold.plan.perf.shape import guessed, known, shape_of


def test_shape_is_found_by_any_of_its_names() -> None:
    assert shape_of("Llama3.3-70B") == shape_of("llama-3.3-70b")


def test_shape_of_an_unknown_model_names_the_closest() -> None:
    with pytest.raises(InputError) as caught:
        shape_of("lama-3.3-70b")
    assert caught.value.code == "plan.unknown-shape"
    assert "llama-3.3-70b" in caught.value.why


@pytest.mark.parametrize("shape", sorted({s.name: s for s in known().values()}.items()))
def test_shape_has_about_the_parameters_that_its_layers_give(shape: tuple[str, object]) -> None:
    one = known()[shape[0]]
    by_layers = 12 * one.layers * one.hidden**2 / 1e9
    assert 0.3 < one.active_b / by_layers < 2.5 or one.mixture


def test_guessed_shape_says_that_it_is_one() -> None:
    shape = guessed("mine", 70.0)
    assert shape.assumed
    assert 60 <= shape.layers <= 120
