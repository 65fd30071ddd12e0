"""Signatures by the cryptography library: a literal table of algorithms, and a memory of what already held.

A signature either holds or it does not; it does not depend on the time. So a `Memo` may remember the ones
over certificates and collateral between calls. Only successes are remembered, under the full bytes that were
checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

MEMO_ENTRIES_MAX = 4096
MEMO_BYTES_MAX = 1024 * 1024
T = TypeVar("T")
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 8192

_SHA384_NULL = "300d06096086480165030402020500"
_PSS = f"06092a864886f70d01010a3034a00f{_SHA384_NULL}a11c301a06092a864886f70d010108{_SHA384_NULL}a203020130"
_PSS_TRAILER = _PSS.replace("0a3034a0", "0a3039a0") + "a303020101"
ALGORITHMS: dict[bytes, str] = {
    bytes.fromhex("300a06082a8648ce3d040302"): "ecdsa-sha256",
    bytes.fromhex("300a06082a8648ce3d040303"): "ecdsa-sha384",
    bytes.fromhex("300a06082a8648ce3d040304"): "ecdsa-sha512",
    bytes.fromhex("300d06092a864886f70d01010b0500"): "rsa-pkcs1-sha256",
    bytes.fromhex("300d06092a864886f70d01010c0500"): "rsa-pkcs1-sha384",
    bytes.fromhex("300d06092a864886f70d01010d0500"): "rsa-pkcs1-sha512",
    bytes.fromhex("3041" + _PSS): "rsa-pss-sha384-48",
    bytes.fromhex("3046" + _PSS_TRAILER): "rsa-pss-sha384-48",
}
"""The exact bytes of an AlgorithmIdentifier -> our name for it. Anything else is not supported."""

_HASHES: dict[str, HashAlgorithm] = {"sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512()}
CURVE_BYTES = {"secp256r1": 32, "secp384r1": 48, "secp521r1": 66}

_SignatureKey = tuple[str, bytes, bytes, bytes]


class Memo:
    """What was read, and signatures that held. One for a process or for a call: the answer is the same."""

    __slots__ = ("_held", "_keys", "_read")

    def __init__(self) -> None:
        self._read: dict[tuple[Callable[[bytes], object], bytes], object] = {}
        self._keys: dict[bytes, PublicKeyTypes | None] = {}
        self._held: set[_SignatureKey] = set()

    def read(self, parse: Callable[[bytes], T], data: bytes) -> T:
        """`parse(data)`, done once for the same bytes. Only for values that nobody can change."""
        found = self._read.get((parse, data))
        if found is None:
            if len(self._read) >= MEMO_ENTRIES_MAX:
                self._read.clear()
            found = parse(data)
            if len(data) <= MEMO_BYTES_MAX:
                self._read[parse, data] = found
        return cast(T, found)

    def key(self, spki: bytes) -> PublicKeyTypes | None:
        """The public key in a SubjectPublicKeyInfo, or None where it is none we can use."""
        if spki not in self._keys:
            if len(self._keys) >= MEMO_ENTRIES_MAX:
                self._keys.clear()
            self._keys[spki] = _load(spki)
        return self._keys[spki]

    def holds(
        self, spki: bytes, algorithm: str, message: bytes, signature: bytes, *, keep: bool = True
    ) -> bool:
        """Does `signature` hold? `keep` is for certificates and collateral, which come again."""
        entry = (algorithm, spki, signature, message)
        if keep and entry in self._held:
            return True
        if not _holds(self.key(spki), algorithm, message, signature):
            return False
        if keep:
            if len(self._held) >= MEMO_ENTRIES_MAX:
                self._held.clear()
            self._held.add(entry)
        return True

    def holds_raw(
        self, spki: bytes, algorithm: str, message: bytes, signature: bytes, *, keep: bool = False
    ) -> bool:
        """The same for an ECDSA signature written as r || s, big endian, each of the curve's length."""
        key = self.key(spki)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        half = CURVE_BYTES.get(key.curve.name)
        if half is None or len(signature) != 2 * half:
            return False
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        return self.holds(spki, algorithm, message, encode_dss_signature(r, s), keep=keep)


def _load(spki: bytes) -> PublicKeyTypes | None:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm, TypeError):
        return None  # the caller reports that no signature holds under it
    if isinstance(key, rsa.RSAPublicKey) and not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        return None
    return key


def _holds(key: PublicKeyTypes | None, algorithm: str, message: bytes, signature: bytes) -> bool:
    family, _, rest = algorithm.partition("-")
    try:
        if family == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(_HASHES[rest]))
        elif algorithm == "rsa-pss-sha384-48" and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PSS(padding.MGF1(SHA384()), 48), SHA384())
        elif rest.startswith("pss-") and isinstance(key, rsa.RSAPublicKey):
            digest = _HASHES[rest.removeprefix("pss-")]
            key.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        elif rest.startswith("pkcs1-") and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), _HASHES[rest.removeprefix("pkcs1-")])
        elif algorithm == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm, KeyError):
        return False
    return True


_EC_HEADS = {
    "secp256r1": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
    "secp384r1": bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"),
    "secp521r1": bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"),
}


def point_spki(curve: str, point: bytes) -> bytes:
    """x || y as a SubjectPublicKeyInfo; whether it lies on the curve is found when the key is loaded."""
    return _EC_HEADS[curve] + point
