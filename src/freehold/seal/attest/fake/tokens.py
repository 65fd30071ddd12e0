"""Fake operators' tokens: Azure, Google, Intel and NVIDIA, and the key sets they are checked with."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256

from freehold.seal.attest.fake.keys import PrivateKey, curve_key, rsa_key, spki_of
from freehold.seal.attest.fake.writer import public_point, raw_signature
from freehold.seal.policy import TrustedIssuer

Operator = Literal["azure-maa", "google-confidential-space", "intel-trust-authority", "nvidia-nras"]
OPERATORS: tuple[Operator, ...] = (
    "azure-maa", "google-confidential-space", "intel-trust-authority", "nvidia-nras",
)  # fmt: skip
ISSUERS: dict[Operator, str] = {
    "azure-maa": "https://test.attest.example",
    "google-confidential-space": "https://confidentialcomputing.example",
    "intel-trust-authority": "https://portal.trustauthority.example",
    "nvidia-nras": "https://nras.example",
}
AUDIENCE = "https://broker.example"
MEASUREMENT = "ab" * 48
LIFETIME_S = 3600


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a fake token says. `claims` overwrites or, with None, drops single claims; `header` the same."""

    operator: Operator = "azure-maa"
    nonce: bytes = b"freehold-test-nonce"
    debug: bool = False
    good: bool = True
    claims: dict[str, object] = {}
    header: dict[str, object] = {}


PLAIN = Said()


def key_of(operator: Operator) -> PrivateKey:
    """Two operators sign with RSA, two on curves, as the real ones do."""
    return curve_key(f"token {operator}", "secp384r1") if operator == "nvidia-nras" else rsa_key("tpm")


def trusted(operator: Operator) -> TrustedIssuer:
    """The policy's entry that pins this operator's test key."""
    digest = hashlib.sha256(spki_of(key_of(operator))).hexdigest()
    return TrustedIssuer(kind=operator, issuer=ISSUERS[operator], keys=(digest,), audiences=(AUDIENCE,))


def key_set(operator: Operator) -> bytes:
    key = key_of(operator)
    entry: dict[str, str] = {"kid": f"test-{operator}", "use": "sig", "alg": _algorithm(operator)}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = public_point(key)
        entry |= {"kty": "EC", "crv": "P-384", "x": _b64(point[:48]), "y": _b64(point[48:])}
    else:
        numbers = key.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        entry |= {
            "kty": "RSA",
            "n": _b64(numbers.n.to_bytes(size, "big")),
            "e": _b64(numbers.e.to_bytes(3, "big")),
        }
    return json.dumps({"keys": [entry]}).encode()


def token(said: Said = PLAIN, *, at_s: int) -> bytes:
    claims: dict[str, object] = {
        "iss": ISSUERS[said.operator], "aud": AUDIENCE, "iat": at_s - 5, "nbf": at_s - 5,
        "exp": at_s + LIFETIME_S,
        **_claims(said), **said.claims,
    }  # fmt: skip
    return signed(
        said.operator, {name: value for name, value in claims.items() if value is not None}, said.header
    )


def signed(operator: Operator, claims: dict[str, object], header: dict[str, object] | None = None) -> bytes:
    """Any claims, signed by this operator's test key."""
    head = {"alg": _algorithm(operator), "kid": f"test-{operator}", "typ": "JWT", **(header or {})}
    body = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(claims).encode())}".encode()
    key = key_of(operator)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = raw_signature(key, body)
    else:
        signature = key.sign(body, padding.PKCS1v15(), SHA256())
    return body + b"." + _b64(signature).encode()


def _algorithm(operator: Operator) -> str:
    return "ES384" if operator == "nvidia-nras" else "RS256"


def _claims(said: Said) -> dict[str, object]:
    if said.operator == "azure-maa":
        tee = {
            "x-ms-attestation-type": "sevsnpvm", "x-ms-sevsnpvm-is-debuggable": said.debug,
            "x-ms-sevsnpvm-launchmeasurement": MEASUREMENT,
            "x-ms-compliance-status": "azure-compliant-cvm" if said.good else "not-compliant",
        }  # fmt: skip
        payload = {"nonce": base64.b64encode(said.nonce).decode()}
        return {"x-ms-isolation-tee": tee, "x-ms-runtime": {"client-payload": payload}}
    if said.operator == "google-confidential-space":
        return {
            "eat_nonce": [said.nonce.hex()], "dbgstat": "enabled" if said.debug else "disabled-since-boot",
            "hwmodel": "GCP_INTEL_TDX", "submods": {"container": {"image_digest": MEASUREMENT}},
        }  # fmt: skip
    if said.operator == "intel-trust-authority":
        return {
            "attester_type": "TDX", "attester_tcb_status": "UpToDate" if said.good else "OutOfDate",
            "tdx_is_debuggable": said.debug, "tdx_mrtd": MEASUREMENT,
            "verifier_nonce": {"val": base64.b64encode(said.nonce).decode()},
        }  # fmt: skip
    return {
        "eat_nonce": said.nonce.hex(), "dbgstat": "enabled" if said.debug else "disabled", "hwmodel": "GH100",
        "measres": "success" if said.good else "fail", "secboot": True,
    }  # fmt: skip


def detached_eat(devices: dict[str, Said], *, at_s: int, overall: Said | None = None) -> bytes:
    """One token for each device, and the overall token with their digests."""
    tokens = {name: token(said, at_s=at_s).decode() for name, said in devices.items()}
    digests = {
        name: ["DIGEST", ["SHA-256", hashlib.sha256(each.encode()).hexdigest()]]
        for name, each in tokens.items()
    }
    said = overall or Said(operator="nvidia-nras", nonce=next(iter(devices.values())).nonce)
    claims = {
        "x-nvidia-overall-att-result": said.good,
        "submods": digests,
        "dbgstat": None,
        "measres": None,
        **said.claims,
    }
    head = token(msgspec.structs.replace(said, claims=claims), at_s=at_s).decode()
    return json.dumps([["JWT", head], tokens]).encode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
