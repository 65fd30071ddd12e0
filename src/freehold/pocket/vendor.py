"""What a home of each dialect is like beside its codec: what it also speaks, its ids, its limits' manner."""

from __future__ import annotations

import msgspec

from freehold.dialects import Inbound


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    speaks: frozenset[str]  # dialects accepted on their native paths
    request_id: str | None  # the header that carries one
    id_prefix: str


VENDORS: dict[str, Vendor] = {
    "openai": Vendor(
        speaks=frozenset({"openai", "responses"}), request_id="x-request-id", id_prefix="chatcmpl-"
    ),
    "responses": Vendor(
        speaks=frozenset({"openai", "responses"}), request_id="x-request-id", id_prefix="resp_"
    ),
    "anthropic": Vendor(speaks=frozenset({"anthropic"}), request_id="request-id", id_prefix="msg_"),
    "bedrock": Vendor(
        speaks=frozenset({"bedrock", "anthropic"}), request_id="x-amzn-requestid", id_prefix="msg_bdrk_"
    ),
    "gemini": Vendor(speaks=frozenset({"gemini", "anthropic"}), request_id=None, id_prefix=""),
}


def manner(inbound: Inbound | None, dialect: str) -> str:
    """Whose rate-limit headers and retry hints: the surface decides, since a dialect has several sellers."""
    if inbound is None:
        return dialect
    return "azure" if "azure" in inbound.surface or "foundry" in inbound.surface else inbound.dialect
