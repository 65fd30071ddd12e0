"""Where each SDK puts its caller's key.

A SigV4 signature is made with a secret that Freehold only holds the hash of, so it cannot be checked; the
access key id is then the caller's key by itself, and is to be treated like one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

import msgspec

Place = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "query", "sigv4"]
_HEADERS: tuple[Place, ...] = ("x-api-key", "api-key", "x-goog-api-key")
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
_SIGV4 = "AWS4-HMAC-SHA256"
_QUERY_NAMES = ("key", "api_key", "api-key")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The key as given, where it was, and the target without it."""

    key: str | None
    place: Place | None = None
    target: str

    def __repr__(self) -> str:
        return f"Caller(key={'<set>' if self.key else None}, place={self.place!r})"


def caller_key(headers: Mapping[str, str], target: str) -> Caller:
    """Header names are small. Where several keys are given, the vendor's own header wins over a bearer."""
    clean, in_query = strip_key(target)
    for name in _HEADERS:
        if value := headers.get(name, "").strip():
            return Caller(key=value, place=name, target=clean)
    given = headers.get("authorization", "").strip()
    scheme, _, rest = given.partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return Caller(key=rest.strip(), place="bearer", target=clean)
    if scheme == _SIGV4 and (found := _CREDENTIAL.search(rest)) is not None:
        return Caller(key=unquote(found[1]), place="sigv4", target=clean)
    if in_query:
        return Caller(key=in_query, place="query", target=clean)
    return Caller(key=None, target=clean)


def strip_key(target: str) -> tuple[str, str | None]:
    """The target without any key in its query, and that key: so that nothing downstream can log it."""
    path, mark, query = target.partition("?")
    if not mark:
        return target, None
    key, kept = None, []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if unquote(name) in _QUERY_NAMES:
            key = unquote(value) or key
        else:
            kept.append(pair)
    return (f"{path}?{'&'.join(kept)}" if kept else path), key
