"""The verifier as a whole: pure, bounded, and honest about what was not checked."""

from __future__ import annotations

import msgspec
import pytest

from freehold.errors import InputError, UsageError
from freehold.seal.attest import Binding, Evidence, Memo, verify
from freehold.seal.attest.explain import MEANING, PROVES, explain
from freehold.seal.attest.fake import evidence_set
from freehold.seal.attest.fake.sets import MAKERS
from freehold.seal.attest.kinds import KINDS, verifier
from freehold.seal.attest.result import CHECKS
from tests.seal.attest.conftest import AT_S, judge_fake


@pytest.mark.parametrize("kind", tuple(MAKERS))
def test_verify_with_a_memory_of_signatures_gives_the_same_answer(kind: str) -> None:
    made, memo = evidence_set(kind, at_s=AT_S), Memo()
    first, second, fresh = judge_fake(made, memo=memo), judge_fake(made, memo=memo), judge_fake(made)
    assert first == second == fresh


def test_verify_with_a_memory_does_not_remember_what_did_not_hold() -> None:
    made, memo = evidence_set("snp", at_s=AT_S), Memo()
    report = bytearray(dict(made.files)["report.bin"])
    report[0x90] ^= 1
    for _ in range(2):
        assert not judge_fake(made, files={"report.bin": bytes(report)}, memo=memo).passed
    assert judge_fake(made, memo=memo).passed


def test_verify_without_evidence_is_an_error() -> None:
    files = [each for each in evidence_set("snp", at_s=AT_S).files if each[0] != "report.bin"]
    with pytest.raises(InputError, match="no evidence"):
        verify(Evidence.read(files), at_s=AT_S)


@pytest.mark.parametrize("count", [0, 129])
def test_verify_of_no_files_or_too_many_is_an_error(count: int) -> None:
    with pytest.raises(UsageError):
        Evidence.read([("x", b"x")] * count)


@pytest.mark.parametrize("length", [0, 7, 513])
def test_verify_with_a_nonce_that_can_be_guessed_or_is_too_long_is_an_error(length: int) -> None:
    made = evidence_set("snp", at_s=AT_S)
    with pytest.raises(UsageError, match="nonce"):
        verify(Evidence.read(list(made.files)), policy=made.policy, at_s=AT_S, nonce=bytes(length))


def test_verify_with_a_bare_nonce_checks_it_and_leaves_the_binding_open() -> None:
    made = evidence_set("snp", at_s=AT_S)
    nonce = made.binding.report_data()
    result = verify(Evidence.read(list(made.files)), policy=made.policy, at_s=AT_S, nonce=nonce)
    assert (result.failed, result.unchecked) == ((), ("snp:binding",))


def test_verify_names_every_check_that_an_earlier_failure_kept_from_being_made() -> None:
    result = judge_fake(evidence_set("snp", at_s=AT_S), files={"report.bin": bytes(1184)})
    needed = {f"snp:{name}" for name in next(row.needs for row in KINDS if row.role == "snp")}
    assert needed <= {*result.failed, *result.unchecked}


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.role)
def test_verify_finds_a_verifier_sentences_and_checks_for_every_kind(row: object) -> None:
    kind = next(each for each in KINDS if each is row)
    assert callable(verifier(kind.role))
    assert kind.role in PROVES
    assert set(kind.needs) <= set(CHECKS)


def test_verify_explanation_says_what_is_open_wrong_and_never_proved() -> None:
    made = evidence_set("snp", at_s=AT_S)
    text = "\n".join(explain(judge_fake(made, tcb_floor={}, vmpl=(1,))))
    assert MEANING["tcb"] in text
    assert "Wrong: asked for from VMPL 0" in text
    assert "secured is not safe" in text and "refuses it" in text


def test_verify_explanation_of_forged_evidence_claims_nothing() -> None:
    made = evidence_set("snp", at_s=AT_S)
    text = explain(judge_fake(made, test_roots=False))[0]
    assert "Nothing" in text


def test_binding_parts_never_hash_alike_when_moved_between_fields() -> None:
    one = Binding(nonce=b"12345678", tls_key=b"k")
    others = [Binding(nonce=b"12345678", hpke_key=b"k"), Binding(nonce=b"1234567", ledger=b"8"), Binding()]
    digests = {each.report_data() for each in (one, *others)} | {one.quote_nonce(), one.gpu_nonce()}
    assert len(digests) == 6


def test_binding_covers_every_one_of_its_fields() -> None:
    full = Binding(nonce=b"12345678", tls_key=b"t", hpke_key=b"h", ledger=b"l", gpu_evidence=b"g")
    for name in full.__struct_fields__:
        assert msgspec.structs.replace(full, **{name: b"other"}).report_data() != full.report_data(), name
