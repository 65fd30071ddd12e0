"""The seal room's part of freehold.toml: which evidence is enough, and where the broker listens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from freehold.seal.policy import AttestPolicy

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
PathText = Annotated[str, Meta(min_length=1, max_length=4000)]


class SealSettings(Struct, frozen=True, kw_only=True):
    """Attestation and the key broker."""

    broker_port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)], Meta(description="The key broker's port.")
    ] = 4103
    collateral: Annotated[
        PathText | None, Meta(description="The folder of vendor certificates and revocation lists.")
    ] = None
    policies: Annotated[dict[Name, AttestPolicy], Meta(description="Attestation policies, by name.")] = {}
