"""Where each vendor's clients put their key, and whether it is one of ours."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from urllib.parse import parse_qs

from freehold import wire

SECRET_HEADERS = frozenset({
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token", "cookie",
    "proxy-authorization", "x-pocket-token",
})  # fmt: skip
# In the order in which the vendor looks.
PLACES: dict[str, tuple[str, ...]] = {
    "openai": ("bearer", "api-key"),
    "responses": ("bearer", "api-key"),
    "anthropic": ("x-api-key", "api-key", "bearer", "sigv4"),
    "bedrock": ("bearer", "sigv4"),
    "gemini": ("x-goog-api-key", "query", "bearer"),
}
_SIGV4 = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/")


def presented(request: wire.Request, dialect: str) -> str | None:
    """The key the vendor would look at; of a signed request, its access key id. No signature is checked."""
    return next((key for place in PLACES[dialect] if (key := _at(place, request))), None)


def allowed(request: wire.Request, dialect: str, keys: Iterable[str]) -> bool:
    key = presented(request, dialect)
    return key is not None and any(hmac.compare_digest(key.encode(), one.encode()) for one in keys)


def _at(place: str, request: wire.Request) -> str | None:
    authorization = request.headers.get("authorization", "")
    match place:
        case "bearer":
            scheme, _, key = authorization.partition(" ")
            return key.strip() if scheme.lower() == "bearer" else None
        case "sigv4":
            found = _SIGV4.match(authorization)
            return found[1] if found else None
        case "query":
            return parse_qs(request.target.partition("?")[2]).get("key", [None])[0]
        case _:
            return request.headers.get(place)
