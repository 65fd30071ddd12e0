"""What a file is, told from its bytes and never from its name.

A file holds one piece of evidence, one piece of support for it (a certificate, a list, a log), or is a
container of another tool that holds some of these: text in hexadecimal or base64, JSON with known keys, a
report followed by its certificates. Containers are opened a few levels deep. What is not recognised is an
error that says what is.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator

import msgspec

from freehold.seal.attest.malformed import EVIDENCE_BYTES_MAX, malformed
from freehold.seal.attest.strict_json import load_json

DEPTH_MAX = 4
PIECES_MAX = 256
NITRO_STARTS = (bytes.fromhex("8444a1013822"), bytes.fromhex("d28444a1013822"))
NITRO_PREFIX_MAX = 64
SNP_BYTES = 1184
QUOTE_KEY_TYPES = (b"\x02\x00", b"\x03\x00")
CERTIFICATE_TABLE_ENTRY = 24
_HEX = re.compile(rb"[0-9a-fA-F\s]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_\-\s]+")
_JWT = re.compile(rb"\s*[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\s*")
EVIDENCE_ROLES = frozenset({"snp", "tdx", "sgx", "nitro", "azure", "nvidia", "nvidia-eat", "token"})


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One recognised thing. `attached` came in the same container and is for this piece alone."""

    role: str
    name: str
    data: bytes
    attached: tuple[bytes, ...] = ()

    @property
    def is_evidence(self) -> bool:
        return self.role in EVIDENCE_ROLES


def recognise(name: str, data: bytes) -> tuple[Piece, ...]:
    """Every piece in one file."""
    if len(data) > EVIDENCE_BYTES_MAX:
        raise malformed(f"{name} has {len(data)} bytes", why=f"at most {EVIDENCE_BYTES_MAX} are read")
    found = tuple(_open(name, data, 0))
    if len(found) > PIECES_MAX:
        raise malformed(f"{name} holds {len(found)} pieces", why=f"at most {PIECES_MAX} are read")
    return found


def _open(name: str, data: bytes, depth: int) -> Iterator[Piece]:
    if depth > DEPTH_MAX:
        raise malformed(f"{name} is packed more than {DEPTH_MAX} times")
    for role, holds in BINARY:
        if holds(data):
            yield from _binary(name, role, data)
            return
    yield from _text(name, data, depth)


def _binary(name: str, role: str, data: bytes) -> Iterator[Piece]:
    if role == "snp" and len(data) > SNP_BYTES:
        yield Piece(role="snp", name=name, data=data[:SNP_BYTES])
        yield from _certificate_table(name, data[SNP_BYTES:])
    elif role == "nitro":
        start = min(at for at in (data.find(each, 0, NITRO_PREFIX_MAX) for each in NITRO_STARTS) if at >= 0)
        yield Piece(role="nitro", name=name, data=data[start:])
    else:
        yield Piece(role=role, name=name, data=data)


def _certificate_table(name: str, table: bytes) -> Iterator[Piece]:
    """What the kernel appends to an extended report: {GUID, offset, length} entries up to an empty one.

    Zeros alone are the rest of the kernel's buffer.
    """
    at = 0
    while table[at : at + CERTIFICATE_TABLE_ENTRY].strip(b"\x00"):
        entry = table[at : at + CERTIFICATE_TABLE_ENTRY]
        if len(entry) < CERTIFICATE_TABLE_ENTRY:
            raise malformed(f"the certificate table in {name} is cut off")
        offset, length = int.from_bytes(entry[16:20], "little"), int.from_bytes(entry[20:24], "little")
        body = table[offset : offset + length]
        if len(body) != length or offset < at + 2 * CERTIFICATE_TABLE_ENTRY:
            raise malformed(f"the certificate table in {name} points past its end, or into itself")
        yield from _open(f"{name}#certificate", body, DEPTH_MAX - 1)
        at += CERTIFICATE_TABLE_ENTRY


def _is_snp(data: bytes) -> bool:
    if len(data) < SNP_BYTES:
        return False
    version, algorithm = int.from_bytes(data[:4], "little"), int.from_bytes(data[0x34:0x38], "little")
    return len(data) == SNP_BYTES or (2 <= version <= 5 and algorithm == 1)


def _is_quote(data: bytes, tee: int) -> bool:
    return (
        len(data) > 432
        and data[0] in (3, 4, 5)
        and data[1] == 0
        and data[2:4] in QUOTE_KEY_TYPES
        and int.from_bytes(data[4:8], "little") == tee
    )


def _is_nitro(data: bytes) -> bool:
    return any(data.find(start, 0, NITRO_PREFIX_MAX) >= 0 for start in NITRO_STARTS)


def _der_shape(data: bytes) -> str:
    """certificate, crl or ocsp, by the first tags inside; empty for anything else."""
    if data[:1] != b"\x30" or len(data) < 16:
        return ""
    inner = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    if data[inner : inner + 1] == b"\x0a":
        return "ocsp"
    if data[inner : inner + 1] != b"\x30" or inner + 1 >= len(data):
        return ""
    first = inner + 2 + (data[inner + 1] & 0x7F if data[inner + 1] & 0x80 else 0)
    return {b"\xa0": "certificate", b"\x02": "crl"}.get(data[first : first + 1], "")


def _is_event_log(data: bytes) -> bool:
    return data[4:8] == b"\x03\x00\x00\x00" and data[8:28] == bytes(20) and data[32:47] == b"Spec ID Event03"


BINARY: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("azure", lambda data: data.startswith(b"HCLA")),
    ("tpm-quote", lambda data: data.startswith(b"\xffTCG\x80\x18")),
    ("acpi-table", lambda data: data.startswith(b"CCEL") and len(data) == 56),
    ("event-log", _is_event_log),
    ("certificate", lambda data: _der_shape(data) == "certificate"),
    ("crl", lambda data: _der_shape(data) == "crl"),
    ("ocsp", lambda data: _der_shape(data) == "ocsp"),
    ("nvidia", lambda data: len(data) > 300 and data[:2] == b"\x11\xe0" and data[37:39] == b"\x11\x60"),
    ("tdx", lambda data: _is_quote(data, 0x81)),
    ("sgx", lambda data: _is_quote(data, 0)),
    ("nitro", _is_nitro),
    ("snp", _is_snp),
)  # fmt: skip
"""Role -> is it that? The first that answers yes."""


def _text(name: str, data: bytes, depth: int) -> Iterator[Piece]:
    stripped = data.strip()
    if b"-----BEGIN CERTIFICATE-----" in stripped and not stripped.startswith((b"{", b"[")):
        yield Piece(role="certificates-pem", name=name, data=data)
    elif stripped.startswith(b"-----BEGIN X509 CRL-----"):
        body = stripped.removeprefix(b"-----BEGIN X509 CRL-----").removesuffix(b"-----END X509 CRL-----")
        yield from _open(name, _decoded(name, body), depth + 1)
    elif stripped.startswith(b"<"):
        yield Piece(role="rim", name=name, data=data)
    elif stripped.startswith((b"{", b"[")):
        yield from _json(name, load_json(stripped, name), stripped, depth)
    elif _JWT.fullmatch(data):
        yield Piece(role="token", name=name, data=stripped)
    elif stripped and (_HEX.fullmatch(stripped) or _BASE64.fullmatch(stripped)):
        yield from _open(name, _decoded(name, stripped), depth + 1)
    else:
        raise _unknown(name, f"its first bytes are {data[:8].hex() or 'none'}")


def _decoded(name: str, text: bytes) -> bytes:
    """Hexadecimal if it is all hexadecimal, else base64 in either alphabet."""
    compact = b"".join(text.split())
    try:
        if _HEX.fullmatch(compact) and len(compact) % 2 == 0:
            return bytes.fromhex(compact.decode("ascii"))
        compact = compact.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise _unknown(name, "it is neither hexadecimal nor base64") from error


def _json(name: str, value: object, data: bytes, depth: int) -> Iterator[Piece]:
    if isinstance(value, list):
        yield from _json_list(name, value, data, depth)
    elif isinstance(value, dict):
        keys = set(value)
        for needed, reader in JSON_SHAPES:
            if needed <= keys:
                yield from reader(name, value, data, depth)
                return
        raise _unknown(name, f"it is JSON with the keys {', '.join(sorted(map(str, keys))[:8])}")
    else:
        raise _unknown(name, "it is JSON, but neither an object nor a list")


def _json_list(name: str, value: list[object], data: bytes, depth: int) -> Iterator[Piece]:
    first = value[0] if value else None
    if isinstance(first, list) and first[:1] == ["JWT"]:
        yield Piece(role="nvidia-eat", name=name, data=data)
        return
    for number, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise _unknown(name, "it is a list of things that are not objects")
        yield from _json(f"{name}[{number}]", entry, json.dumps(entry).encode(), depth + 1)


def _whole(role: str) -> JsonReader:
    def read(name: str, value: dict[str, object], data: bytes, depth: int) -> Iterator[Piece]:
        yield Piece(role=role, name=name, data=data)

    return read


def _nvidia_device(name: str, value: dict[str, object], data: bytes, depth: int) -> Iterator[Piece]:
    """NVIDIA's own evidence file: a report and its chain, base64. Its nonce is not signed and not used."""
    report, chain = _member(name, value, "evidence"), _member(name, value, "certificate")
    yield Piece(role="nvidia", name=name, data=report, attached=(chain,))


def _dcap(name: str, value: dict[str, object], data: bytes, depth: int) -> Iterator[Piece]:
    """Collateral as Intel's and Phala's libraries keep it: documents and signatures in separate members."""
    for key, role, outer in (
        ("tcb_info", "tcb-info", "tcbInfo"),
        ("qe_identity", "enclave-identity", "enclaveIdentity"),
    ):
        body, signature = value.get(key), value.get(f"{key}_signature")
        if not isinstance(body, str) or not isinstance(signature, str):
            raise _unknown(name, f"{key} or its signature is missing")
        joined = b'{"%s":%s,"signature":%s}' % (outer.encode(), body.encode(), json.dumps(signature).encode())
        yield Piece(role=role, name=f"{name}#{key}", data=joined)
    for key, member in value.items():
        if key.endswith("_chain") and isinstance(member, str):
            yield Piece(role="certificates-pem", name=f"{name}#{key}", data=member.encode())
        elif key.endswith("_crl") and isinstance(member, str):
            yield from _open(f"{name}#{key}", member.encode(), depth + 1)


def _members(name: str, value: dict[str, object], data: bytes, depth: int) -> Iterator[Piece]:
    """Any object with members that hold evidence as text, or objects of the same kind."""
    for key in sorted(MEMBERS & value.keys()):
        member = value[key]
        if isinstance(member, str) and member:
            yield from _open(f"{name}#{key}", member.encode(), depth + 1)
        elif isinstance(member, dict):
            yield from _json(f"{name}#{key}", member, json.dumps(member).encode(), depth + 1)


def _member(name: str, value: dict[str, object], key: str) -> bytes:
    member = value.get(key)
    if not isinstance(member, str):
        raise _unknown(name, f"its member {key} is not text")
    return _decoded(f"{name}#{key}", member.encode())


MEMBERS = frozenset({
    "quote", "td_quote", "report", "attestation_report", "attestationReport", "snp_report", "document",
    "attestation_document", "evidence", "cert_chain", "certificates", "vcek", "vlek", "cc_eventlog",
    "event_log", "ccel", "token",
})  # fmt: skip
JsonReader = Callable[[str, dict[str, object], bytes, int], Iterator[Piece]]
JSON_SHAPES: tuple[tuple[frozenset[str], JsonReader], ...] = (
    (frozenset({"tcbInfo", "signature"}), _whole("tcb-info")),
    (frozenset({"enclaveIdentity", "signature"}), _whole("enclave-identity")),
    (frozenset({"tcb_info", "qe_identity"}), _dcap),
    (frozenset({"tpm_quote", "hcl_report"}), _whole("azure")),
    (frozenset({"evidence", "certificate", "arch"}), _nvidia_device),
    (frozenset({"keys"}), _whole("key-set")),
    *((frozenset({key}), _members) for key in sorted(MEMBERS)),
)
"""The keys that must be there -> how to read it. The first that fits."""


def _unknown(name: str, why: str) -> Exception:
    return malformed(
        f"{name} is not recognised", why=why,
        fix="give a report, quote, document, token, certificate, list, log or reference file; see "
        "docs/reference/attest.md",
    )  # fmt: skip
