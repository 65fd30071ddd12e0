"""Keys in JSON (RFC 7517), to a SubjectPublicKeyInfo. Like every key here they are pinned by its digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from freehold.seal.attest.certificate import parse_certificate
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.signature import CURVE_BYTES, RSA_BITS_MAX, RSA_BITS_MIN, point_spki
from freehold.seal.attest.strict_json import load_object

CURVES = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1"}
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
KEYS_MAX = 256


def base64url(value: object, name: str) -> bytes:
    """Strict base64url without padding, and only the one form of each value."""
    if not isinstance(value, str) or not _BASE64URL.fullmatch(value):
        raise malformed(f"{name} is not base64url")
    try:
        data = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError) as error:
        raise malformed(f"{name} is not base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != value:
        raise malformed(f"{name} is base64url with stray bits")
    return data


def rsa_spki(key: dict[str, object]) -> bytes:
    if key.get("kty") != "RSA":
        raise malformed("a key is not RSA")
    n = int.from_bytes(base64url(key.get("n"), "n"), "big")
    e = int.from_bytes(base64url(key.get("e"), "e"), "big")
    if not RSA_BITS_MIN <= n.bit_length() <= RSA_BITS_MAX or not n & 1 or not e & 1 or not 3 <= e < 1 << 32:
        raise malformed("an RSA key is too small, too large or no RSA key")
    try:
        return (
            RSAPublicNumbers(e, n).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
    except ValueError as error:
        raise malformed("an RSA key cannot be used") from error


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a set: its name there, its public key, and the one algorithm it is for, if it says so."""

    kid: str
    spki: bytes
    algorithm: str | None

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.spki).hexdigest()


def parse_key_set(data: bytes) -> tuple[KeyEntry, ...]:
    """Every usable key of a set. Keys of other types are skipped: sets hold keys for other purposes too."""
    listed = load_object(data, "the key set").get("keys")
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise malformed(f"a key set is not a list of at most {KEYS_MAX} keys")
    return tuple(_entry(key) for key in listed if isinstance(key, dict) and key.get("kty") in ("RSA", "EC"))


def _entry(key: dict[str, object]) -> KeyEntry:
    algorithm = key.get("alg")
    return KeyEntry(
        kid=str(key.get("kid", "")),
        spki=spki(key),
        algorithm=algorithm if isinstance(algorithm, str) else None,
    )


def spki(key: dict[str, object]) -> bytes:
    """Of an RSA or an elliptic curve key; Azure gives some keys only as a certificate."""
    chain = key.get("x5c")
    if "n" not in key and "x" not in key and isinstance(chain, list) and chain and isinstance(chain[0], str):
        try:
            return parse_certificate(base64.b64decode(chain[0], validate=True)).spki
        except binascii.Error as error:
            raise malformed("a key's certificate is not base64") from error
    if key.get("kty") == "RSA":
        return rsa_spki(key)
    curve = CURVES.get(str(key.get("crv"))) if key.get("kty") == "EC" else None
    if curve is None:
        raise malformed(f"a key of type {key.get('kty')!r} is not read")
    x, y = base64url(key.get("x"), "x"), base64url(key.get("y"), "y")
    if len(x) != CURVE_BYTES[curve] or len(y) != CURVE_BYTES[curve]:
        raise malformed("the coordinates of a key are not as long as its curve's field")
    return point_spki(curve, x + y)
