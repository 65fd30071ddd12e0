"""Chains: swapped, with missing links, too long, wrong constraints, roots that bear real names."""

from __future__ import annotations

import msgspec
import pytest

from freehold.seal.attest.anchors import ANCHORS, TEST_ANCHORS
from freehold.seal.attest.certificate import parse_certificate
from freehold.seal.attest.chain import build, check_chain
from freehold.seal.attest.collateral import Collateral
from freehold.seal.attest.context import Context
from freehold.seal.attest.fake import intel
from freehold.seal.attest.fake.keys import curve_key
from freehold.seal.attest.fake.writer import Extra, Issuer, authority_extras, leaf_extras, name, sequence
from freehold.seal.attest.policy import DEFAULT
from freehold.seal.attest.result import Checks
from freehold.seal.attest.signature import Memo
from tests.seal.attest.conftest import AT_S

WINDOW = {"start_s": AT_S - 1000, "end_s": AT_S + 1000}
CONTEXT = Context(
    collateral=Collateral(), anchors=ANCHORS + TEST_ANCHORS,
    policy=msgspec.structs.replace(DEFAULT, test_roots=True), at_s=AT_S, memo=Memo(),
)  # fmt: skip
ROOT = intel.root()


def issuer(title: str, number: int = 0) -> Issuer:
    return Issuer(
        subject=name(title), key=curve_key(f"{title} {number}", "secp256r1"), algorithm="ecdsa-sha256"
    )


def verdict(*chain: bytes) -> str:
    """pass, or why the chain from the first certificate does not hold."""
    checks = Checks()
    parsed = [parse_certificate(each) for each in chain]
    check_chain(checks, parsed[0], parsed, "intel", CONTEXT)
    bad = [check.why for check in checks.found if check.outcome == "fail"]
    return bad[0] if bad else "pass"


def issue(above: Issuer, title: str, extras: tuple[Extra, ...] = (), *, start_s: int = AT_S - 9) -> bytes:
    end_s = AT_S + 1000
    below = issuer(title)
    return above.certificate(below.subject, below.key, serial=5, start_s=start_s, end_s=end_s, extras=extras)


def test_chain_of_root_authority_and_leaf_holds() -> None:
    middle = issue(ROOT, "middle", authority_extras(0))
    assert verdict(issue(issuer("middle"), "leaf", leaf_extras()), middle, ROOT.own(**WINDOW)) == "pass"


def test_chain_with_a_missing_link_stops_there() -> None:
    leaf = issue(issuer("middle"), "leaf", leaf_extras())
    assert "missing" in verdict(leaf, ROOT.own(**WINDOW))


def test_chain_with_a_swapped_authority_of_the_same_name_stops_there() -> None:
    leaf = issue(issuer("middle"), "leaf", leaf_extras())
    other = ROOT.certificate(
        name("middle"), issuer("middle", 1).key, serial=6, extras=authority_extras(), **WINDOW
    )
    assert "not signed by" in verdict(leaf, other, ROOT.own(**WINDOW))


def test_chain_under_a_root_of_ones_own_with_intels_name_stops_there() -> None:
    own = Issuer(subject=ROOT.subject, key=issuer("mine").key, algorithm="ecdsa-sha256")
    assert "not pinned" in verdict(issue(own, "leaf", leaf_extras()), own.own(**WINDOW))


def test_chain_finds_the_right_one_of_two_authorities_with_one_name() -> None:
    leaf = issue(issuer("middle"), "leaf", leaf_extras())
    wrong = ROOT.certificate(
        name("middle"), issuer("middle", 1).key, serial=6, extras=authority_extras(), **WINDOW
    )
    right = issue(ROOT, "middle", authority_extras(0))
    assert verdict(leaf, wrong, right, ROOT.own(**WINDOW)) == "pass"


def test_chain_through_a_leaf_that_is_no_authority_is_refused() -> None:
    middle = issue(ROOT, "middle", leaf_extras())
    assert "no authority" in verdict(
        issue(issuer("middle"), "leaf", leaf_extras()), middle, ROOT.own(**WINDOW)
    )


def test_chain_through_an_authority_that_may_not_sign_certificates_is_refused() -> None:
    middle = issue(ROOT, "middle", (authority_extras(0)[0], *leaf_extras()))
    assert "may not sign" in verdict(
        issue(issuer("middle"), "leaf", leaf_extras()), middle, ROOT.own(**WINDOW)
    )


def test_chain_with_more_authorities_than_allowed_is_refused() -> None:
    upper = issue(ROOT, "upper", authority_extras(0))
    lower = issue(issuer("upper"), "lower", authority_extras(0))
    leaf = issue(issuer("lower"), "leaf", leaf_extras())
    assert "authorities below it" in verdict(leaf, lower, upper, ROOT.own(**WINDOW))


def test_chain_without_end_is_refused() -> None:
    links = [issue(issuer("0"), "leaf", leaf_extras())]
    links += [issue(issuer(str(i + 1)), str(i), authority_extras()) for i in range(12)]
    assert "longer than" in verdict(*links)


def test_chain_that_runs_in_a_circle_is_refused() -> None:
    links = [issue(issuer("a"), "leaf", leaf_extras())]
    links += [issue(issuer("b"), "a", authority_extras()), issue(issuer("a"), "b", authority_extras())]
    assert "missing" in verdict(*links)


def test_chain_with_a_leaf_that_is_an_authority_is_refused() -> None:
    assert "not a leaf" in verdict(issue(ROOT, "leaf", authority_extras()), ROOT.own(**WINDOW))


def test_chain_with_a_critical_extension_nobody_understands_is_refused() -> None:
    strange = Extra("1.2.3.4", sequence(), True)
    assert "not understood" in verdict(issue(ROOT, "leaf", (*leaf_extras(), strange)), ROOT.own(**WINDOW))


def test_chain_with_a_weaker_algorithm_is_refused() -> None:
    mixed = Issuer(subject=ROOT.subject, key=ROOT.key, algorithm="ecdsa-sha384")
    assert "is signed with" in verdict(issue(mixed, "leaf", leaf_extras()), ROOT.own(**WINDOW))


@pytest.mark.parametrize("start_s", [AT_S + 1, AT_S + 900])
def test_chain_with_a_certificate_that_is_not_valid_yet_is_refused(start_s: int) -> None:
    assert "is valid" in verdict(issue(ROOT, "leaf", leaf_extras(), start_s=start_s), ROOT.own(**WINDOW))


def test_chain_that_is_the_root_alone_is_refused() -> None:
    assert "stands where a leaf" in verdict(ROOT.own(**WINDOW))


def test_chain_under_a_root_of_another_vendor_is_refused() -> None:
    leaf = parse_certificate(issue(ROOT, "leaf", leaf_extras()))
    chain = build(leaf, [leaf, parse_certificate(ROOT.own(**WINDOW))], "amd", CONTEXT)
    assert chain.anchor is None


def test_chain_with_an_extension_that_comes_twice_is_refused() -> None:
    with pytest.raises(Exception, match="twice"):
        parse_certificate(issue(ROOT, "leaf", leaf_extras() * 2))


def test_chain_certificate_with_two_algorithms_is_refused() -> None:
    body = bytearray(issue(ROOT, "leaf", leaf_extras()))
    at = body.rindex(bytes.fromhex("2a8648ce3d040302")) + 7
    body[at] = 3
    with pytest.raises(Exception, match="two signature algorithms"):
        parse_certificate(bytes(body))
