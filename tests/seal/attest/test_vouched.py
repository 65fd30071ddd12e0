"""Operators' tokens: all four kinds, and every way in which a token must be refused."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest

from freehold.seal.attest import Result
from freehold.seal.attest.fake import FakeSet, evidence_set, tokens
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("token", at_s=AT_S)
NONCE = MADE.binding.quote_nonce()


def said(operator: tokens.Operator = "azure-maa", **changes: object) -> tokens.Said:
    return msgspec.structs.replace(tokens.Said(operator=operator, nonce=NONCE), **changes)


def judge(token: bytes, operator: tokens.Operator = "azure-maa", **rules: object) -> Result:
    files = (("token.jwt", token), ("keys.json", tokens.key_set(operator)))
    return judge_fake(FakeSet(kind="token", files=files, binding=MADE.binding, at_s=AT_S), **rules)


@pytest.mark.parametrize("operator", tokens.OPERATORS)
def test_vouched_token_of_every_operator_passes_as_vouched(operator: tokens.Operator) -> None:
    waive = {"google-confidential-space": ("tcb",), "nvidia-nras": ("measurement",)}.get(operator, ())
    result = judge(tokens.token(said(operator), at_s=AT_S), operator, waive=waive)
    assert result.passed, (result.failed, result.unchecked)
    assert result.tier == "vouched"


@pytest.mark.parametrize("operator", tokens.OPERATORS)
def test_vouched_token_about_a_debug_machine_is_refused(operator: tokens.Operator) -> None:
    assert "token:debug" in judge(tokens.token(said(operator, debug=True), at_s=AT_S), operator).failed


@pytest.mark.parametrize("operator", ["azure-maa", "intel-trust-authority", "nvidia-nras"])
def test_vouched_token_about_an_outdated_machine_is_refused(operator: tokens.Operator) -> None:
    assert "token:tcb" in judge(tokens.token(said(operator, good=False), at_s=AT_S), operator).failed


@pytest.mark.parametrize(
    ("claims", "failed"),
    [
        ({"iss": "https://other.example"}, "token:issuer"),
        ({"iss": tokens.ISSUERS["azure-maa"] + "/"}, "token:issuer"),
        ({"aud": "https://other.example"}, "token:audience"),
        ({"exp": AT_S - 600}, "token:validity"),
        ({"exp": None}, "token:validity"),
        ({"iat": None}, "token:validity"),
        ({"iat": AT_S + 600}, "token:validity"),
        ({"iat": AT_S - 3600}, "token:validity"),
        ({"nbf": AT_S + 600}, "token:validity"),
        ({"exp": "never"}, "token:validity"),
        ({"exp": True}, "token:validity"),
    ],
)
def test_vouched_token_is_refused_for_what_is_wrong(claims: dict[str, object], failed: str) -> None:
    assert failed in judge(tokens.token(said(claims=claims), at_s=AT_S)).failed


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"crit": ["x"]}, {"alg": 7}])
def test_vouched_token_with_a_dangerous_header_fails_at_the_format(header: dict[str, object]) -> None:
    assert "token:format" in judge(tokens.token(said(header=header), at_s=AT_S)).failed


def test_vouched_token_that_brings_its_own_key_is_refused() -> None:
    own = json.loads(tokens.key_set("nvidia-nras"))["keys"][0]
    forged = tokens.signed(
        "nvidia-nras", {"iss": tokens.ISSUERS["azure-maa"]}, {"jwk": own, "kid": "test-azure-maa"}
    )
    assert judge(forged).failed


def test_vouched_token_by_a_key_that_is_at_hand_but_not_pinned_is_refused() -> None:
    issuer = msgspec.structs.replace(tokens.trusted("azure-maa"), keys=("00" * 32,))
    assert judge(tokens.token(said(), at_s=AT_S), issuers=(issuer,)).failed == ("token:issuer",)


def test_vouched_token_with_the_algorithm_of_another_key_is_refused() -> None:
    assert judge(tokens.token(said(header={"alg": "PS256"}), at_s=AT_S)).failed


def test_vouched_token_with_changed_claims_is_refused() -> None:
    head, body, signature = tokens.token(said(), at_s=AT_S).split(b".")
    claims = json.loads(base64.urlsafe_b64decode(body + b"=="))
    claims["aud"] = [tokens.AUDIENCE, "x"]
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    assert judge(b".".join((head, changed, signature))).failed == ("token:signature",)


def test_vouched_token_with_a_claim_twice_fails_at_the_format() -> None:
    head = tokens.token(said(), at_s=AT_S).split(b".")[0]
    body = base64.urlsafe_b64encode(b'{"iss": "a", "iss": "b"}').rstrip(b"=")
    assert judge(b".".join((head, body, b"AAAA"))).failed == ("token:format",)


def test_vouched_token_whose_audience_is_not_named_by_the_policy_is_left_unchecked() -> None:
    issuer = msgspec.structs.replace(tokens.trusted("azure-maa"), audiences=())
    result = judge(tokens.token(said(), at_s=AT_S), issuers=(issuer,))
    assert result.unchecked == ("token:audience",)
    assert not result.passed


def test_vouched_token_is_never_attested_even_beside_hardware_evidence() -> None:
    snp, token = evidence_set("snp", at_s=AT_S), MADE
    both = FakeSet(kind="both", files=snp.files + token.files, binding=snp.binding, at_s=AT_S)
    result = judge_fake(both)
    assert result.passed, (result.failed, result.unchecked)
    assert result.tier == "vouched"
