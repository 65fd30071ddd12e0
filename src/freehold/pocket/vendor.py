"""What a home of each dialect is like beside its codec: what it also speaks, its ids, its limits' manner."""

from __future__ import annotations

import msgspec

from freehold.dialects import Inbound


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    speaks: dict[str, frozenset[str]]  # dialects, each with the surfaces it has here; none named: all
    request_id: str | None  # the header that carries one
    id_prefix: str

    def knows(self, inbound: Inbound) -> bool:
        surfaces = self.speaks.get(inbound.dialect)
        return surfaces is not None and (not surfaces or inbound.surface in surfaces)


LENIENT = frozenset({"openai-compatible"})  # servers of that form take fields they do not know
_ALL: frozenset[str] = frozenset()
_ON_GOOGLE = frozenset({"vertex", "claude-gcp"})
_OPENAI = {"openai": _ALL, "responses": _ALL}
VENDORS: dict[str, Vendor] = {
    "openai": Vendor(speaks=_OPENAI, request_id="x-request-id", id_prefix="chatcmpl-"),
    "responses": Vendor(speaks=_OPENAI, request_id="x-request-id", id_prefix="resp_"),
    "anthropic": Vendor(speaks={"anthropic": _ALL}, request_id="request-id", id_prefix="msg_"),
    "bedrock": Vendor(
        speaks={
            "bedrock": _ALL,
            "anthropic": frozenset({"messages", "foundry"}),
        },  # Mantle's path is Foundry's
        request_id="x-amzn-requestid",
        id_prefix="msg_bdrk_",
    ),
    "gemini": Vendor(
        speaks={"gemini": _ALL, "anthropic": _ON_GOOGLE, "openai": _ON_GOOGLE}, request_id=None, id_prefix=""
    ),
}


def manner(inbound: Inbound | None, dialect: str) -> str:
    """Whose rate-limit headers and retry hints: the surface decides, since a dialect has several sellers."""
    if inbound is None:
        return dialect
    return "azure" if "azure" in inbound.surface or "foundry" in inbound.surface else inbound.dialect
