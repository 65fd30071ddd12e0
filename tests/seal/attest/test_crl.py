"""Revocation lists and OCSP answers, made by us and by the library, and out of shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as ocsp_of_library

from freehold.errors import InputError
from freehold.seal.attest.certificate import parse_certificate
from freehold.seal.attest.crl import parse_crl
from freehold.seal.attest.fake import intel, nvidia
from freehold.seal.attest.fake.keys import spki_of
from freehold.seal.attest.fake.writer import Extra, sequence, tlv
from freehold.seal.attest.ocsp import parse_ocsp
from freehold.seal.attest.signature import Memo
from tests.seal.attest.conftest import AT_S

NOW = datetime.fromtimestamp(AT_S, UTC)
WINDOW = {"this_s": AT_S, "next_s": AT_S + 60}


def test_crl_of_ours_is_read_by_the_library_alike() -> None:
    data = intel.root().crl((1, 2**100), number=7, **WINDOW)
    ours, theirs = parse_crl(data), x509.load_der_x509_crl(data)
    assert ours.revoked == {entry.serial_number for entry in theirs} == {1, 2**100}
    assert (ours.number, ours.this_update_s) == (7, int(theirs.last_update_utc.timestamp()))
    assert theirs.is_signature_valid(intel.root().key.public_key())  # type: ignore[arg-type]  # a curve's key


def test_crl_of_the_library_is_read_by_us() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]),
        last_update=NOW, next_update=NOW + timedelta(days=1),
    )  # fmt: skip
    entry = x509.RevokedCertificateBuilder(99, NOW)
    reason = entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
    crl = builder.add_revoked_certificate(reason.build()).sign(key, SHA256())
    found = parse_crl(crl.public_bytes(Encoding.DER))
    assert found.revoked == {99}
    assert Memo().holds(spki_of(key), found.algorithm, found.tbs, found.signature)


def test_certificate_of_the_library_is_read_by_us() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 2**80, NOW, NOW + timedelta(days=1))
    built = builder.add_extension(x509.BasicConstraints(True, 3), critical=True).sign(key, SHA256())
    found = parse_certificate(built.public_bytes(Encoding.DER))
    assert (found.serial, found.title, found.algorithm) == (2**80, "x", "ecdsa-sha256")
    assert Memo().holds(found.spki, found.algorithm, found.tbs, found.signature)


def test_crl_that_covers_only_a_part_is_refused() -> None:
    partial = Extra("2.5.29.28", sequence(tlv(0x81, b"\xff")), True).encoded()
    data = intel.root().crl((), **WINDOW)
    plain = Extra("2.5.29.20", b"\x02\x01\x01").encoded()
    assert plain in data
    longer = data.replace(plain, plain + partial)
    with pytest.raises(InputError):
        parse_crl(longer)


@pytest.mark.parametrize("length", [0, 2, 40, 120])
def test_crl_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InputError):
        parse_crl(intel.root().crl((1,), **WINDOW)[:length])


def test_ocsp_of_ours_is_read_by_the_library_alike() -> None:
    data = nvidia.answers(at_s=AT_S)[0]
    ours, theirs = parse_ocsp(data), ocsp_of_library.load_der_ocsp_response(data)
    assert theirs.certificate_status is ocsp_of_library.OCSPCertStatus.GOOD
    assert (ours.entries[0].serial, ours.entries[0].status) == (theirs.serial_number, "good")
    assert ours.tbs == theirs.tbs_response_bytes
    assert ours.signature == theirs.signature


@pytest.mark.parametrize("data", [b"\x30\x03\x0a\x01\x06", b"\x30\x03\x0a\x01\x00", b"", b"\x30\x00"])
def test_ocsp_answer_that_is_not_a_good_one_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_ocsp(data)
