"""Signatures on their way through a client that speaks another dialect.

A signed block belongs to the vendor that signed it. A client only ever hands it back, so the vendor's name
travels inside the signature text; on the way back it is taken off again, and the block goes to its vendor
or nowhere. A signed function call has no place for its signature in most dialects: there it rides in the id.
"""

from __future__ import annotations

import base64
import binascii

# Long on purpose: whether it occurs in a body can then be told in a fraction of a microsecond.
WORD = "freehold-signed"
WORD_BASE64 = base64.b64encode(WORD.encode()).decode()  # 15 bytes: whole groups, whatever follows
_MARK = f"{WORD}."
_IN_ID = f"_{WORD}_"


def tag(signature: str, origin: str, here: str) -> str:
    """The signature as a client of dialect `here` is given it."""
    return signature if origin in ("", here) else f"{_MARK}{origin}.{signature}"


def untag(signature: str, here: str) -> tuple[str, str]:
    """(signature, origin) of what a client of dialect `here` handed back."""
    if not signature.startswith(_MARK):
        return signature, here
    origin, _, plain = signature[len(_MARK) :].partition(".")
    return plain, origin


def tag_base64(signature: str, origin: str, here: str) -> str:
    """As `tag`, for fields that must hold base64."""
    if origin in ("", here):
        return signature
    return base64.b64encode(tag(signature, origin, here).encode()).decode()


def untag_base64(signature: str, here: str) -> tuple[str, str]:
    try:
        inner = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return signature, here
    if not inner.startswith(_MARK.encode()):
        return signature, here
    return untag(inner.decode("utf-8", "replace"), here)


def tag_id(id: str, signature: str | None, origin: str) -> str:
    """A tool call's id with its signature inside, in the characters every vendor allows."""
    if signature is None or not origin:
        return id
    return f"{id}{_IN_ID}{origin}_{base64.urlsafe_b64encode(signature.encode()).decode().rstrip('=')}"


def untag_id(id: str) -> tuple[str, str | None, str]:
    """(id, signature, origin)."""
    plain, mark, rest = id.partition(_IN_ID)
    origin, _, packed = rest.partition("_")
    if not mark or not packed:
        return id, None, ""
    try:
        return plain, base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode(), origin
    except (binascii.Error, ValueError):
        return id, None, ""
