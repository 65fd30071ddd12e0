"""A signed token (JWS compact form), read and checked against pinned keys.

What decides is never in the token: not its key (`jwk`, `x5c`), not where to fetch one (`jku`, `x5u`), and not
whether it is signed at all (`alg` none). The header only names one of the keys that the policy already
trusts.
"""

from __future__ import annotations

import msgspec

from freehold.seal.attest.collateral import Collateral
from freehold.seal.attest.jwk import KeyEntry, base64url, parse_key_set
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.signature import Memo
from freehold.seal.attest.strict_json import load_object

TOKEN_BYTES_MAX = 256 * 1024
ALGORITHMS = {
    "RS256": "rsa-pkcs1-sha256", "RS384": "rsa-pkcs1-sha384", "RS512": "rsa-pkcs1-sha512",
    "PS256": "rsa-pss-sha256", "PS384": "rsa-pss-sha384", "ES256": "ecdsa-sha256", "ES384": "ecdsa-sha384",
}  # fmt: skip


class Token(msgspec.Struct, frozen=True, kw_only=True):
    algorithm: str
    kid: str | None
    claims: dict[str, object]
    signed: bytes
    signature: bytes


def parse_token(data: bytes) -> Token:
    if len(data) > TOKEN_BYTES_MAX:
        raise malformed(f"a token has {len(data)} bytes", why=f"at most {TOKEN_BYTES_MAX} are read")
    try:
        pieces = data.strip().decode("ascii").split(".")
    except UnicodeDecodeError as error:
        raise malformed("a token is not ASCII") from error
    if len(pieces) != 3:
        raise malformed(f"a token has {len(pieces)} parts, not 3")
    header = load_object(base64url(pieces[0], "the token's header"), "the token's header")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise malformed(f"a token is signed with {algorithm!r}", why=f"accepted are {', '.join(ALGORITHMS)}")
    if "crit" in header:
        raise malformed("a token demands an extension that is not understood")
    return Token(
        algorithm=algorithm, kid=kid if isinstance(kid, str) else None,
        claims=load_object(base64url(pieces[1], "the token's claims"), "the token's claims"),
        signed=f"{pieces[0]}.{pieces[1]}".encode(), signature=base64url(pieces[2], "the token's signature"),
    )  # fmt: skip


def candidate_keys(token: Token, collateral: Collateral) -> tuple[KeyEntry, ...]:
    """Keys of the key sets at hand with the token's key name and, where a key says it is for one, its
    algorithm."""
    return tuple(
        key for data in collateral.key_sets for key in parse_key_set(data)
        if (token.kid is None or key.kid == token.kid) and key.algorithm in (None, token.algorithm)
    )  # fmt: skip


def token_holds(token: Token, key: KeyEntry, memo: Memo) -> bool:
    algorithm = ALGORITHMS[token.algorithm]
    if algorithm.startswith("ecdsa"):
        return memo.holds_raw(key.spki, algorithm, token.signed, token.signature)
    return memo.holds(key.spki, algorithm, token.signed, token.signature, keep=False)
