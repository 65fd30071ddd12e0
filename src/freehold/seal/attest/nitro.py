"""AWS Nitro Enclaves: what the Nitro hypervisor says about one enclave, as a COSE_Sign1 document.

Steps, and the attack each stops:
  1. COSE and payload, strictly: no key twice          a document that two readers read differently
  2. every field of the kind and size AWS defines      fields out of range
  3. leaf through the bundle, in order, to the root    a document by a key of one's own
  4. valid at the given time, and not old              a document presented again: leaves live three hours
  5. the signature over header and payload             a changed measurement
  6. PCR 0 to 2 are not zero                           a debug enclave, whose memory the host can read
  7. PCRs against the policy                           a genuine enclave that runs something else
  8. nonce, user data, public key                      a replay, or a document made for somebody else
AWS publishes no revocation for this chain: certificates of hours stand in for it.
"""

from __future__ import annotations

import hmac

import cbor2
import msgspec

from freehold.seal.attest.cbor import Value, load_first, load_whole
from freehold.seal.attest.certificate import Certificate, parse_certificate
from freehold.seal.attest.chain import check_chain, check_denied
from freehold.seal.attest.context import Context
from freehold.seal.attest.freshness import check_nonce
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.registers import check_registers
from freehold.seal.attest.result import Checks, Claim, Part
from freehold.seal.attest.times import show_time

DOCUMENT_BYTES_MAX = 64 * 1024
TAG_COSE_SIGN1 = 0xD2
PROTECTED_ES384 = {1: -35}
PCRS_MAX, PCR_BYTES = 32, 48
CERTIFICATE_BYTES_MAX, BUNDLE_MAX = 1024, 8
OPTIONAL_BYTES_MAX = 1024
"""AWS's text says 512 for user data in one place and 1024 in another; the larger is read."""
DEBUG_PCRS = (0, 1, 2)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    protected: bytes
    payload: bytes
    signature: bytes
    module_id: str
    timestamp_ms: int
    pcrs: dict[int, bytes]
    certificate: Certificate
    bundle: tuple[Certificate, ...]
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None
    unknown: tuple[str, ...]
    trailing: int


def parse_document(data: bytes) -> Document:
    """Steps 1 and 2."""
    if len(data) > DOCUMENT_BYTES_MAX:
        raise malformed(f"the document has {len(data)} bytes", why=f"at most {DOCUMENT_BYTES_MAX} are read")
    start = 1 if data[:1] == bytes([TAG_COSE_SIGN1]) else 0
    outer, end = load_first(data[start:])
    if not isinstance(outer, list) or len(outer) != 4:
        raise malformed("the document is not a COSE_Sign1 of four parts")
    protected, unprotected, payload, signature = outer
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise malformed("a part of the COSE_Sign1 is not bytes")
    if load_whole(protected) != PROTECTED_ES384 or unprotected != {}:
        raise malformed("the COSE header is not ES384 alone")
    if len(signature) != 96:
        raise malformed(f"the signature has {len(signature)} bytes, not 96")
    fields = load_whole(payload)
    if not isinstance(fields, dict):
        raise malformed("the payload is not a map")
    return _document(fields, protected, payload, signature, len(data) - start - end)


def _document(
    fields: dict[Value, Value], protected: bytes, payload: bytes, signature: bytes, trailing: int
) -> Document:
    known = {
        "module_id",
        "digest",
        "timestamp",
        "pcrs",
        "certificate",
        "cabundle",
        "public_key",
        "user_data",
        "nonce",
    }
    module_id, timestamp = fields.get("module_id"), fields.get("timestamp")
    bundle = fields.get("cabundle")
    if not isinstance(module_id, str) or not 0 < len(module_id) <= 256 or fields.get("digest") != "SHA384":
        raise malformed("module_id or digest is not as AWS defines it")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int) or not 0 < timestamp < 1 << 53:
        raise malformed("timestamp is not a positive number of milliseconds")
    if not isinstance(bundle, list) or not 0 < len(bundle) <= BUNDLE_MAX:
        raise malformed(f"cabundle is not a list of 1 to {BUNDLE_MAX} certificates")
    return Document(
        protected=protected, payload=payload, signature=signature, module_id=module_id,
        timestamp_ms=timestamp,
        pcrs=_pcrs(fields.get("pcrs")), certificate=_certificate(fields.get("certificate")),
        bundle=tuple(_certificate(each) for each in bundle), public_key=_optional(fields, "public_key"),
        user_data=_optional(fields, "user_data"), nonce=_optional(fields, "nonce"),
        unknown=tuple(str(key) for key in fields if key not in known), trailing=trailing,
    )  # fmt: skip


def _pcrs(value: Value) -> dict[int, bytes]:
    if not isinstance(value, dict) or not 0 < len(value) <= PCRS_MAX:
        raise malformed(f"pcrs is not a map of 1 to {PCRS_MAX} registers")
    found = {}
    for number, register in value.items():
        if (
            not isinstance(number, int)
            or not 0 <= number < PCRS_MAX
            or not isinstance(register, bytes)
            or len(register) != PCR_BYTES
        ):
            raise malformed(f"PCR {number!r} is not a SHA-384 value of a register from 0 to {PCRS_MAX - 1}")
        found[number] = register
    return found


def _certificate(value: Value) -> Certificate:
    if not isinstance(value, bytes) or not 0 < len(value) <= CERTIFICATE_BYTES_MAX:
        raise malformed(f"a certificate is not of 1 to {CERTIFICATE_BYTES_MAX} bytes")
    return parse_certificate(value)


def _optional(fields: dict[Value, Value], name: str) -> bytes | None:
    """AWS's text says that no field may be null; real documents carry null where one is absent."""
    value = fields.get(name)
    if value is not None and (not isinstance(value, bytes) or len(value) > OPTIONAL_BYTES_MAX):
        raise malformed(f"{name} is not of at most {OPTIONAL_BYTES_MAX} bytes")
    return value


def verify(piece: Piece, context: Context) -> Part:
    checks = Checks()
    document = parse_document(piece.data)  # 1, 2
    checks.ok("format", "a COSE_Sign1 attestation document")
    if document.trailing:
        checks.notes.append(
            f"{document.trailing} bytes follow the document; they are not signed and were not read"
        )
    if document.unknown:
        checks.notes.append(f"fields not known: {', '.join(document.unknown)}")
    _check_chain(checks, document, context)  # 3
    _check_age(checks, document, context)  # 4
    message = cbor2.dumps(["Signature1", document.protected, b"", document.payload])
    holds = context.memo.holds_raw(
        document.certificate.spki, "ecdsa-sha384", message, document.signature
    )  # 5
    checks.expect(
        "signature", holds, "signed by the enclave's certificate", "not signed by the certificate it carries"
    )
    _check_enclave(checks, document, context)  # 6, 7
    _check_fresh(checks, document, context)  # 8
    return Part(
        kind="nitro", source=piece.name, tier="attested", claims=_claims(document),
        checks=tuple(checks.found),
        levels=(), advisories=tuple(checks.advisories), notes=tuple(checks.notes),
    )  # fmt: skip


def _check_chain(checks: Checks, document: Document, context: Context) -> None:
    """Step 3: exactly the chain root, ..., issuer of the leaf, with nothing left over and nothing out of
    order."""
    chain = check_chain(checks, document.certificate, document.bundle, "aws", context)
    if chain is None:
        return
    if tuple(each.raw for each in chain.certificates[1:]) != tuple(
        each.raw for each in reversed(document.bundle)
    ):
        checks.bad("chain", "the bundle is not the chain from the root to the leaf's issuer, in that order")
    check_denied(checks, chain.certificates, context)


def _check_age(checks: Checks, document: Document, context: Context) -> None:
    made_s, policy = document.timestamp_ms // 1000, context.policy
    if made_s > context.at_s + policy.clock_skew_max_s:
        checks.bad("validity", f"the document is from the future: {show_time(made_s)}")
    elif context.at_s - made_s > policy.evidence_age_max_s:
        checks.bad(
            "validity",
            f"the document was made {show_time(made_s)}, older than the policy's {policy.evidence_age_max}",
        )


def _check_enclave(checks: Checks, document: Document, context: Context) -> None:
    """Steps 6 and 7."""
    policy, pcrs = context.policy, document.pcrs
    debug = not any(any(pcrs.get(number, b"")) for number in DEBUG_PCRS)
    checks.expect(
        "debug",
        policy.debug or not debug,
        "debug is allowed" if debug else "PCR 0 to 2 are set: no debug",
        "PCR 0 to 2 are zero: a debug enclave, which the host can read",
    )
    checks.listed("measurement", pcrs.get(0, b"").hex(), policy.measurements, "PCR0")
    if policy.signers:
        checks.listed("signer", pcrs.get(8, b"").hex(), policy.signers, "PCR8")
    check_registers(checks, {f"pcr{number}": value.hex() for number, value in pcrs.items()}, context)


def _check_fresh(checks: Checks, document: Document, context: Context) -> None:
    """Step 8: the nonce has its own field; a key stands in its own field or in our hash in the user data."""
    if context.binding is None:
        check_nonce(checks, document.nonce, context, "the nonce")
        checks.open("binding", "no key was given, so this document may be relayed from somewhere else")
        return
    binding = context.binding
    hashed = hmac.compare_digest(document.user_data or b"", binding.report_data())
    if binding.nonce is None:
        checks.open("nonce", "no nonce was asked for, so this may be a replay")
    else:
        checks.expect(
            "nonce",
            hashed or document.nonce == binding.nonce,
            "the document holds this nonce",
            "the document holds another nonce",
        )
    named = hashed or (document.public_key is not None and document.public_key in binding.public_keys)
    checks.expect("binding", named, "the document names this key", "the document names another key, or none")


def _claims(document: Document) -> dict[str, Claim]:
    debug = not any(any(document.pcrs.get(number, b"")) for number in DEBUG_PCRS)
    claims: dict[str, Claim] = {
        "oemid": "AWS", "hwmodel": "nitro-enclave", "ueid": document.module_id,
        "iat": document.timestamp_ms // 1000, "dbgstat": "enabled" if debug else "disabled-since-boot",
        "measurements": {f"pcr{i}": value.hex() for i, value in document.pcrs.items() if any(value)},
    }  # fmt: skip
    for name in ("nonce", "user_data", "public_key"):
        value: bytes | None = getattr(document, name)
        if value is not None:
            claims["eat_nonce" if name == "nonce" else f"x-{name.replace('_', '-')}"] = value.hex()
    return claims
