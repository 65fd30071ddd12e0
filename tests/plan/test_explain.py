from __future__ import annotations

import pytest

from freehold.errors import InputError
from freehold.plan.explain import explain, headroom
from tests.plan.conftest import Planner


def test_explain_says_where_why_not_elsewhere_and_where_never(planned: Planner) -> None:
    words = "\n".join(explain(planned(), "search"))
    assert "search has 5 replicas at h100-nebius" in words
    assert "Not at trn1-use1" in words
    assert "$/h more" in words
    assert "Never at trn2-use2: its price is unknown" in words
    assert "The worst single loss" in words


def test_explain_tells_the_interval_and_what_it_rests_on(planned: Planner) -> None:
    words = "\n".join(explain(planned(), "search"))
    assert "tokens/s (" in words
    assert "it rests on" in words


def test_explain_of_a_full_home_says_that_others_use_it_up(planned: Planner) -> None:
    made = planned(
        ('silicon = "h100"\nchips = 64', 'silicon = "h100"\nchips = 12'), ("chips = 16\n", "chips = 1\n")
    )
    words = "\n".join(line for one in ("search", "finetune") for line in explain(made, one))
    assert "used up by others" in words


def test_explain_of_an_unknown_workload_names_the_closest(planned: Planner) -> None:
    with pytest.raises(InputError) as caught:
        explain(planned(), "serch")
    assert caught.value.code == "plan.unknown-workload"
    assert "'search'" in caught.value.why


def test_explain_of_a_workload_left_out_says_why(planned: Planner) -> None:
    made = planned(("requests_per_min = 400\n", ""))
    assert explain(made, "eu-summaries")[0].startswith("eu-summaries was not planned")


def test_headroom_is_the_share_that_is_free(planned: Planner) -> None:
    free = headroom(planned())
    assert 0 < free["chips of h100-nebius"] < 1
    assert free["chips of trn1-use1"] == 1
