"""What a person reads: the example of the specification, and the honest words for what is not known."""

from __future__ import annotations

from freehold.estate.graph import graph_of
from freehold.estate.sentence import sentence
from freehold.estate.survey import survey
from tests.estate.conftest import Read

TWO = """\
[services.okta]
kind = "identity"
[homes.a]
vendor = "aws"
region = "us-east-1"
silicon = "trainium2"
api = "bedrock"
model = "claude-sonnet"
needs = ["okta"]
[homes.b]
vendor = "google"
region = "europe-west4"
silicon = "tpu-v6e"
api = "vertex"
model = "claude-sonnet"
needs = ["okta"]
[workloads.support-chat]
homes = ["a", "b"]
"""
ONE = """\
[homes.a]
vendor = "anthropic"
api = "anthropic"
model = "claude-sonnet"
[workloads.chat]
homes = ["a"]
"""


def said(read: Read, text: str) -> str:
    estate, catalog = read(text)
    (found,) = survey(estate, graph_of(estate)).values()
    return sentence(found, estate, catalog)


def test_sentence_names_everything_and_what_it_does_not_survive(read: Read) -> None:
    assert said(read, TWO) == (
        "support-chat runs claude-sonnet through Bedrock Converse on Trainium2 in us-east-1 and through "
        "Claude on Vertex AI on TPU v6e in europe-west4, operated by AWS and Google Cloud; it survives any "
        "one region and any one vendor, but not the loss of okta, which both stand on."
    )


def test_unknown_silicon_and_region_are_said_to_be_unknown(read: Read) -> None:
    text = said(read, ONE)
    assert "(silicon unknown)" in text and "region not known" in text
    assert "survives any one region" not in text


def test_operator_is_who_runs_the_silicon_not_whose_address_it_is(read: Read) -> None:
    front = 'vendor = "aws"\nregion = "us-west-2"\napi = "claude-on-aws"'
    text = ONE.replace('vendor = "anthropic"\napi = "anthropic"', front)
    assert "operated by Anthropic" in said(read, text)


def test_home_that_the_policy_bars_is_named_with_the_reason(read: Read) -> None:
    policy = 'policy = "eu"\n[policies.eu]\njurisdictions = ["eu"]\n'
    text = said(read, TWO + policy)
    assert (
        "It names a (its jurisdiction (us) is not one of eu), which its policy does not let it use." in text
    )
    assert "through Bedrock" not in text


def test_workload_without_an_allowed_home_says_why(read: Read) -> None:
    text = said(read, ONE + 'policy = "eu"\n[policies.eu]\njurisdictions = ["eu"]\n')
    assert text == "chat has no home it may use: a: its jurisdiction (unknown) is not one of eu."


def test_two_homes_that_share_nothing_survive_any_one_thing(read: Read) -> None:
    text = said(read, TWO.replace('needs = ["okta"]\n', ""))
    assert text.endswith("it survives the loss of any one region, vendor or service that is known.")
