"""The fakes: complete, accepted under a test policy with nothing waived, and refused everywhere else."""

from __future__ import annotations

import msgspec
import pytest

from freehold.seal.attest import AttestPolicy, Evidence, verify
from freehold.seal.attest.anchors import ANCHORS, TEST_ANCHORS, TEST_TOKEN_KEYS
from freehold.seal.attest.fake import evidence_set, tokens
from freehold.seal.attest.fake.sets import MAKERS, anchor_digests
from freehold.seal.attest.kinds import KINDS
from freehold.seal.attest.result import CHECKS
from tests.seal.attest.conftest import AT_S, judge_fake

EVERY = tuple(MAKERS)


@pytest.mark.parametrize("kind", EVERY)
def test_fake_of_every_kind_passes_its_test_policy_with_nothing_waived(kind: str) -> None:
    result = judge_fake(evidence_set(kind, at_s=AT_S))
    assert result.passed, (result.failed, result.unchecked)
    assert result.unchecked == ()
    assert result.waived == ()


@pytest.mark.parametrize("kind", EVERY)
def test_fake_of_every_kind_is_refused_without_test_roots(kind: str) -> None:
    result = judge_fake(evidence_set(kind, at_s=AT_S), test_roots=False)
    assert not result.passed
    assert result.failed


@pytest.mark.parametrize("kind", EVERY)
def test_fake_of_every_kind_is_refused_with_every_check_waived(kind: str) -> None:
    made = evidence_set(kind, at_s=AT_S)
    policy = AttestPolicy(waive=tuple(CHECKS))
    assert not verify(Evidence.read(list(made.files)), policy=policy, at_s=AT_S, binding=made.binding).passed


@pytest.mark.parametrize("kind", EVERY)
def test_fake_says_aloud_that_it_is_fake(kind: str) -> None:
    result = judge_fake(evidence_set(kind, at_s=AT_S))
    assert all(part.check("test-roots") is not None for part in result.parts)


def test_fake_roots_are_the_ones_pinned_as_test_anchors() -> None:
    pinned = {anchor.name.removeprefix("test "): anchor.spki_sha256 for anchor in TEST_ANCHORS}
    assert pinned == anchor_digests()
    assert {anchor.name for anchor in ANCHORS} == set(pinned)


def test_fake_roots_share_no_key_with_real_ones() -> None:
    assert not {anchor.spki_sha256 for anchor in ANCHORS} & {anchor.spki_sha256 for anchor in TEST_ANCHORS}
    assert not any(anchor.test for anchor in ANCHORS)


def test_fake_token_keys_are_the_ones_known_as_test_keys() -> None:
    assert {tokens.trusted(operator).keys[0] for operator in tokens.OPERATORS} == TEST_TOKEN_KEYS


def test_fake_exists_for_every_kind_in_the_table() -> None:
    assert {row.role for row in KINDS} <= set(MAKERS)


def test_fake_check_names_are_all_documented() -> None:
    used = {check.name for kind in EVERY for _, check in judge_fake(evidence_set(kind, at_s=AT_S)).all_checks}
    needed = {name for row in KINDS for name in row.needs}
    assert (used | needed) <= set(CHECKS)


@pytest.mark.parametrize("kind", EVERY)
def test_fake_made_for_another_nonce_is_refused(kind: str) -> None:
    made = evidence_set(kind, at_s=AT_S)
    asked = msgspec.structs.replace(
        made, binding=msgspec.structs.replace(made.binding, nonce=b"another nonce, 32 bytes or more..")
    )
    assert any(name.endswith(":nonce") for name in judge_fake(asked).failed)


@pytest.mark.parametrize("kind", EVERY)
def test_fake_relayed_for_another_key_is_refused(kind: str) -> None:
    made = evidence_set(kind, at_s=AT_S)
    asked = msgspec.structs.replace(
        made, binding=msgspec.structs.replace(made.binding, hpke_key=b"my own public key")
    )
    assert any(name.endswith(":binding") for name in judge_fake(asked).failed)


@pytest.mark.parametrize("kind", EVERY)
def test_fake_with_no_nonce_asked_for_is_refused_as_unchecked(kind: str) -> None:
    made = evidence_set(kind, at_s=AT_S)
    result = verify(Evidence.read(list(made.files)), policy=made.policy, at_s=AT_S)
    assert not result.passed
    assert any(name.endswith(":nonce") for name in result.unchecked)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("away_s", [-3 * 366 * 86400, 3 * 366 * 86400])
def test_fake_judged_long_before_or_after_is_refused(kind: str, away_s: int) -> None:
    result = judge_fake(evidence_set(kind, at_s=AT_S), at_s=AT_S + away_s)
    assert any(name.endswith(":validity") for name in result.failed)


@pytest.mark.parametrize("kind", EVERY)
def test_fake_files_in_another_order_give_the_same_answer(kind: str) -> None:
    made = evidence_set(kind, at_s=AT_S)
    turned = msgspec.structs.replace(made, files=tuple(reversed(made.files)))
    one, other = judge_fake(made), judge_fake(turned)
    assert (one.passed, one.evidence) == (other.passed, other.evidence)


@pytest.mark.parametrize("kind", EVERY)
def test_fake_of_a_kind_the_policy_does_not_name_is_refused(kind: str) -> None:
    other = "sgx" if kind != "sgx" else "tdx"
    assert "set:kind" in judge_fake(evidence_set(kind, at_s=AT_S), kinds=(other,)).failed
