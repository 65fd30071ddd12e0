"""A blast in words, and what people call things."""

from __future__ import annotations

import pytest

from freehold.errors import InputError
from freehold.estate.graph import graph_of
from freehold.estate.impact import Impact, impact, resolve, shared
from freehold.estate.model import Estate
from tests.estate.conftest import load_example


def blast(estate: Estate, *words: str) -> Impact:
    graph = graph_of(estate)
    return impact(estate, graph, resolve(words, estate, graph))


def states(found: Impact) -> dict[str, str]:
    return {str(one.workload): one.state for one in found.workloads}


def test_blast_says_dead_degraded_and_untouched() -> None:
    estate, _ = load_example("lab")
    assert states(blast(estate, "azure.foundry-quota")) == {
        "assistant": "untouched",
        "judge": "dead",
        "judge-spread": "degraded",
        "constitution-run": "untouched",
    }


def test_chain_of_reasons_goes_from_what_failed_to_the_home() -> None:
    estate, _ = load_example("startup")
    found = blast(estate, "us-east-1.dynamodb")
    chains = {one.home: one.chain for one in found.homes if one.chain}
    assert chains["claude-us"] == (  # type: ignore[index]
        "aws.us-east-1.dynamodb", "aws.us-east-1.sts", "aws.us-east-1.bedrock", "home.claude-us",
    )  # fmt: skip


def test_lost_capacity_alone_degrades() -> None:
    estate, _ = load_example("bank")
    found = blast(estate, "home.bedrock-frankfurt")
    letters = next(one for one in found.workloads if one.workload == "advice-letters")
    assert letters.state == "degraded" and letters.served_share == pytest.approx(250 / 400)
    assert "capacity for 62%" in letters.why


@pytest.mark.parametrize("word", ["aws.us-east-1", "us-east-1", "home.claude-us", "vendor.aws"])
def test_service_is_found_by_what_people_call_it(word: str) -> None:
    estate, _ = load_example("startup")
    assert states(blast(estate, word))["support-chat"] in ("dead", "degraded")


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("us-east-9", "estate.no-such-service"),
        ("bedrock-models", "estate.ambiguous-service"),
        ("", "estate.no-such-service"),
    ],
)
def test_service_that_is_not_one_is_refused(word: str, code: str) -> None:
    estate, _ = load_example("startup")
    with pytest.raises(InputError) as caught:
        blast(estate, word)
    assert caught.value.code == code and caught.value.fix


def test_shared_tells_what_kills_both_and_what_weakens_both() -> None:
    estate, _ = load_example("lab")
    graph = graph_of(estate)
    assert (
        "azure.foundry-quota"
        in shared(estate, graph, "judge-foundry-sweden", "judge-foundry-east").kills_both
    )
    assert shared(estate, graph, "own-h200", "google-tpu").kills_both == ()
    with pytest.raises(InputError):
        shared(estate, graph, "own-h200", "nobody")
