"""AWS Nitro on fakes: fields out of range, keys twice, bundles out of order, old and future documents."""

from __future__ import annotations

import cbor2
import msgspec
import pytest

from freehold.errors import FreeholdError
from freehold.seal.attest import Result
from freehold.seal.attest.fake import aws, evidence_set
from tests.seal.attest.conftest import AT_S, judge_fake

MADE = evidence_set("nitro", at_s=AT_S)
SAID = aws.Enclave(
    nonce=MADE.binding.nonce, user_data=MADE.binding.report_data(), public_key=MADE.binding.hpke_key
)


def judge(document: bytes, **rules: object) -> Result:
    return judge_fake(MADE, files={"document.cbor": document}, **rules)


def with_fields(**changes: object) -> bytes:
    """A payload with some fields changed, signed by the leaf."""
    fields = {**aws.payload(SAID, at_s=AT_S), **changes}
    return aws.signed(cbor2.dumps(fields))


@pytest.mark.parametrize(
    "changes",
    [
        {"module_id": ""},
        {"module_id": 7},
        {"digest": "SHA256"},
        {"timestamp": 0},
        {"timestamp": -1},
        {"timestamp": True},
        {"timestamp": "now"},
        {"pcrs": {}},
        {"pcrs": {32: bytes(48)}},
        {"pcrs": {0: bytes(47)}},
        {"pcrs": {"0": bytes(48)}},
        {"pcrs": [bytes(48)]},
        {"certificate": b""},
        {"certificate": bytes(2000)},
        {"cabundle": []},
        {"cabundle": [b"x"]},
        {"cabundle": "x"},
        {"user_data": "text"},
        {"user_data": bytes(2000)},
        {"nonce": 7},
    ],
)
def test_nitro_with_a_field_out_of_range_fails_at_the_format(changes: dict[str, object]) -> None:
    assert "nitro:format" in judge(with_fields(**changes)).failed


@pytest.mark.parametrize("name", ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"])
def test_nitro_without_a_field_fails_at_the_format(name: str) -> None:
    document = aws.document(msgspec.structs.replace(SAID, leave_out=name), at_s=AT_S)
    assert "nitro:format" in judge(document).failed


def test_nitro_with_a_key_twice_fails_at_the_format() -> None:
    body = cbor2.dumps(aws.payload(SAID, at_s=AT_S))
    doubled = bytes([body[0] + 1]) + cbor2.dumps("module_id") + cbor2.dumps("another") + body[1:]
    assert "nitro:format" in judge(aws.signed(doubled)).failed


def test_nitro_field_that_is_not_known_is_noted() -> None:
    document = aws.document(msgspec.structs.replace(SAID, extra={"colour": "blue"}), at_s=AT_S)
    result = judge(document)
    assert result.passed
    assert any("colour" in note for note in result.parts[0].notes)


def turned(kind: str) -> list[bytes]:
    _, bundle = aws.chain(at_s=AT_S)
    root, regional, zonal, instance = bundle
    return {
        "reversed": [instance, zonal, regional, root], "doubled": [*bundle, root],
        "missing": [root, regional, instance], "no-root": [regional, zonal, instance],
        "swapped": [root, zonal, regional, instance],
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["reversed", "doubled", "missing", "no-root", "swapped"])
def test_nitro_bundle_that_is_not_the_chain_in_order_is_refused(kind: str) -> None:
    assert "nitro:chain" in judge(with_fields(cabundle=turned(kind))).failed


@pytest.mark.parametrize("pcrs", [{0: bytes(48), 1: bytes(48), 2: bytes(48)}, {4: b"\x01" * 48}])
def test_nitro_of_a_debug_enclave_is_refused(pcrs: dict[int, bytes]) -> None:
    assert "nitro:debug" in judge(with_fields(pcrs=pcrs)).failed


@pytest.mark.parametrize("away_s", [-3600, 3600])
def test_nitro_from_the_future_or_long_ago_is_refused(away_s: int) -> None:
    assert judge(with_fields(timestamp=(AT_S + away_s) * 1000)).failed == ("nitro:validity",)


def test_nitro_under_another_algorithm_fails_at_the_format() -> None:
    outer = cbor2.loads(aws.document(SAID, at_s=AT_S))
    outer[0] = cbor2.dumps({1: -7})
    assert not passes(cbor2.dumps(outer))


def passes(document: bytes) -> bool:
    try:
        return judge(document).passed
    except FreeholdError:
        return False


def test_nitro_with_unprotected_headers_is_refused() -> None:
    outer = cbor2.loads(aws.document(SAID, at_s=AT_S))
    outer[1] = {4: b"kid"}
    assert not passes(cbor2.dumps(outer))


def test_nitro_tagged_as_the_standard_allows_passes() -> None:
    assert passes(b"\xd2" + aws.document(SAID, at_s=AT_S))


def test_nitro_measurement_and_signer_of_the_policy_are_held() -> None:
    document = aws.document(SAID, at_s=AT_S)
    assert judge(document, signers=("7a" * 48,)).passed
    assert judge(document, signers=("7b" * 48,)).failed == ("nitro:signer",)
    assert judge(document, measurements=("00" * 48,)).failed == ("nitro:measurement",)


def test_nitro_with_the_key_in_its_own_field_alone_is_bound() -> None:
    document = aws.document(msgspec.structs.replace(SAID, user_data=None), at_s=AT_S)
    assert judge(document).passed


def test_nitro_without_any_key_is_refused() -> None:
    document = aws.document(msgspec.structs.replace(SAID, user_data=None, public_key=None), at_s=AT_S)
    assert judge(document).failed == ("nitro:binding",)
