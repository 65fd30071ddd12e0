"""Fake AWS Nitro documents: a chain of five under a test root, and everything a document may carry."""

from __future__ import annotations

from itertools import pairwise

import cbor2
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.seal.attest.fake.keys import curve_key
from freehold.seal.attest.fake.writer import (
    Extra,
    Issuer,
    authority_extras,
    leaf_extras,
    name,
    raw_signature,
)

HOUR_S = 3600
PCRS = {0: b"\x77" * 48, 1: b"\x78" * 48, 2: b"\x79" * 48, 8: b"\x7a" * 48}
NAMES = (
    "aws.nitro-enclaves",
    "test.us-east-1.aws.nitro-enclaves",
    "zonal.test.aws.nitro-enclaves",
    "i-0test.aws",
)


class Enclave(msgspec.Struct, frozen=True, kw_only=True):
    """What a fake document says. `extra` adds fields AWS does not define; `leave_out` drops one it does."""

    pcrs: dict[int, bytes] = msgspec.field(default_factory=PCRS.copy)
    nonce: bytes | None = None
    user_data: bytes | None = None
    public_key: bytes | None = None
    module_id: str = "i-0test-enc0test"
    extra: dict[str, object] = {}
    leave_out: str = ""


PLAIN = Enclave()


def issuers() -> tuple[Issuer, ...]:
    """Root, regional, zonal and instance authority."""
    return tuple(
        Issuer(subject=name(title), key=curve_key(f"aws {title}", "secp384r1"), algorithm="ecdsa-sha384")
        for title in NAMES
    )


def chain(*, at_s: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The leaf, and the bundle from the root down."""
    listed = issuers()
    window = {"start_s": at_s - HOUR_S, "end_s": at_s + 2 * HOUR_S}
    bundle = [listed[0].own(**window)]
    for depth, (above, below) in enumerate(pairwise(listed)):
        extras = authority_extras(len(listed) - 2 - depth)
        bundle.append(above.certificate(below.subject, below.key, serial=depth + 2, extras=extras, **window))
    extras_of_leaf: tuple[Extra, ...] = leaf_extras()
    leaf = listed[-1].certificate(
        name("i-0test-enc0test.aws"), leaf_key(), serial=9, extras=extras_of_leaf, **window
    )
    return leaf, tuple(bundle)


def leaf_key() -> ec.EllipticCurvePrivateKey:
    return curve_key("aws leaf", "secp384r1")


def payload(said: Enclave, *, at_s: int) -> dict[str, object]:
    leaf, bundle = chain(at_s=at_s)
    fields: dict[str, object] = {
        "module_id": said.module_id, "digest": "SHA384", "timestamp": at_s * 1000, "pcrs": said.pcrs,
        "certificate": leaf, "cabundle": list(bundle), "public_key": said.public_key,
        "user_data": said.user_data, "nonce": said.nonce, **said.extra,
    }  # fmt: skip
    fields.pop(said.leave_out, None)
    return fields


def document(said: Enclave = PLAIN, *, at_s: int) -> bytes:
    return signed(cbor2.dumps(payload(said, at_s=at_s)))


def signed(body: bytes) -> bytes:
    """Any payload, signed by the leaf: also one that no enclave would make."""
    protected = cbor2.dumps({1: -35})
    signature = raw_signature(leaf_key(), cbor2.dumps(["Signature1", protected, b"", body]))
    return cbor2.dumps([protected, {}, body, signature])
