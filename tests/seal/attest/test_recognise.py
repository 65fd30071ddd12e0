"""Files are told by their bytes, containers are opened, and nothing but our error comes out."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freehold.errors import FreeholdError, InputError
from freehold.seal.attest import Evidence, Memo, verify
from freehold.seal.attest.collateral import collect
from freehold.seal.attest.fake import amd, aws, evidence_set, intel
from freehold.seal.attest.fake.sets import MAKERS
from freehold.seal.attest.malformed import EVIDENCE_BYTES_MAX
from freehold.seal.attest.recognise import recognise
from tests.seal.attest.conftest import AT_S

SAMPLES = {kind: evidence_set(kind, at_s=AT_S) for kind in MAKERS}
BODIES = [data for made in SAMPLES.values() for _, data in made.files]


def roles(data: bytes) -> list[str]:
    return [piece.role for piece in recognise("file", data)]


@pytest.mark.parametrize(
    ("kind", "first"),
    [(kind, kind.partition("+")[0]) for kind in MAKERS],
)
def test_recognise_tells_the_evidence_of_every_set(kind: str, first: str) -> None:
    assert roles(SAMPLES[kind].files[0][1]) == [first]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("leaf.der", "certificate"),
        ("amd.crl", "crl"),
        ("tcb_info.json", "tcb-info"),
        ("qe_identity.json", "enclave-identity"),
        ("tcb_signing_chain.pem", "certificates-pem"),
        ("ccel.bin", "event-log"),
        ("answer-0.ocsp", "ocsp"),
        ("rim_driver.xml", "rim"),
        ("keys.json", "key-set"),
    ],
)
def test_recognise_tells_every_piece_of_collateral(name: str, role: str) -> None:
    data = next(data for made in SAMPLES.values() for each, data in made.files if each == name)
    assert roles(data) == [role]


@pytest.mark.parametrize("kind", ["snp", "tdx", "nitro"])
@pytest.mark.parametrize("form", ["hex", "base64", "base64url"])
def test_recognise_opens_text_forms(kind: str, form: str) -> None:
    data = SAMPLES[kind].files[0][1]
    text = {
        "hex": data.hex().encode(), "base64": base64.encodebytes(data),
        "base64url": base64.urlsafe_b64encode(data).rstrip(b"="),
    }[form]  # fmt: skip
    assert roles(text) == [kind]


def test_recognise_opens_json_containers_of_other_tools() -> None:
    quote, log = (dict(SAMPLES["tdx"].files)[name] for name in ("quote.bin", "ccel.bin"))
    body = {
        "quote": base64.b64encode(quote).decode(),
        "cc_eventlog": base64.b64encode(log).decode(),
        "runtime": 1,
    }
    assert sorted(roles(json.dumps(body).encode())) == ["event-log", "tdx"]
    assert sorted(roles(json.dumps({"evidence": body, "tee": "tdx"}).encode())) == ["event-log", "tdx"]


def test_recognise_opens_a_report_followed_by_its_certificate_table() -> None:
    said = amd.Snp()
    chain = amd.chain(said, at_s=AT_S)
    table, bodies, at = b"", b"", 24 * 3
    for body in (chain.leaf, chain.authorities[0]):
        table += bytes([1] * 16) + (at + len(bodies)).to_bytes(4, "little") + len(body).to_bytes(4, "little")
        bodies += body
    assert roles(amd.report(said) + table + bytes(24) + bodies) == ["snp", "certificate", "certificate"]


def test_recognise_finds_a_nitro_document_behind_another_tools_prefix() -> None:
    document = aws.document(at_s=AT_S)
    assert roles(b"\x00\x02\xc5\x46" + document + b"tail") == ["nitro"]
    assert recognise("file", b"\x00\x02\xc5\x46" + document)[0].data == document


def test_recognise_splits_collateral_of_other_libraries() -> None:
    files = intel.collateral(at_s=AT_S)
    info, identity = json.loads(files["tcb_info.json"]), json.loads(files["qe_identity.json"])
    inner = files["tcb_info.json"].decode()
    body = {
        "tcb_info": inner[len('{"tcbInfo":') : inner.rindex(',"signature"')],
        "tcb_info_signature": info["signature"],
        "qe_identity": json.dumps(identity["enclaveIdentity"], separators=(",", ":")),
        "qe_identity_signature": identity["signature"],
        "tcb_info_issuer_chain": files["tcb_signing_chain.pem"].decode(),
        "pck_crl": files["pck_crl.der"].hex(),
    }  # fmt: skip
    found = collect(recognise("file", json.dumps(body).encode()))
    assert (len(found.tcb_infos), len(found.identities), len(found.crls), len(found.certificates)) == (
        1,
        1,
        1,
        2,
    )


@pytest.mark.parametrize(
    "data", [b"", b"hello there", b"\x00" * 4000, b"{}", b"[]x", b"[1]", b'{"a": 1}', b"null"]
)
def test_recognise_refuses_what_it_does_not_know(data: bytes) -> None:
    with pytest.raises(InputError):
        Evidence.read([("file", data)])
        verify(Evidence.read([("file", data)]), at_s=AT_S)


def test_recognise_refuses_what_is_too_large() -> None:
    with pytest.raises(InputError, match="bytes"):
        recognise("file", b"0" * (EVIDENCE_BYTES_MAX + 1))


def test_recognise_refuses_containers_in_containers_without_end() -> None:
    data = SAMPLES["snp"].files[0][1]
    for _ in range(8):
        data = base64.b64encode(data)
    with pytest.raises(InputError, match="packed"):
        recognise("file", data)


@given(st.binary(max_size=400))
@example(b"\x30\x80")
@example(b"HCLA")
@example(b'{"quote": {"quote": {}}}')
@settings(max_examples=300)
def test_recognise_of_anything_raises_only_our_errors(data: bytes) -> None:
    with contextlib.suppress(FreeholdError):
        verify(Evidence.read([("file", data)]), at_s=AT_S)


@given(st.data())
@settings(max_examples=200)
def test_recognise_of_spliced_evidence_raises_only_our_errors(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(BODIES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 64))
        body[at : at + length] = data.draw(st.binary(max_size=64))
    made = data.draw(st.sampled_from(list(SAMPLES.values())))
    with contextlib.suppress(FreeholdError):
        evidence = Evidence.read([*made.files, ("changed", bytes(body))])
        verify(evidence, policy=made.policy, at_s=AT_S, binding=made.binding, memo=MEMO)


MEMO = Memo()
