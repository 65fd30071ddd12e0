"""The seal room's part of freehold.toml: which evidence is enough before a key is released."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.config.values import Duration

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)]
PathText = Annotated[str, Meta(min_length=1, max_length=4000)]
DigestText = Annotated[str, Meta(pattern=r"^sha(256|384|512):[0-9a-f]{64,128}$")]


class SealPolicySettings(Struct, frozen=True, kw_only=True):
    """What evidence must show before a key is released."""

    kinds: Annotated[
        tuple[Literal["tdx", "sev-snp", "nitro", "nvidia", "tpm"], ...],
        Meta(description="Kinds of hardware evidence accepted. None listed: nothing is released."),
    ] = ()
    measurements: Annotated[tuple[DigestText, ...], Meta(description="Measurements accepted.")] = ()
    debug_allowed: Annotated[bool, Meta(description="Accept machines in debug mode. For tests only.")] = False
    age_max: Annotated[Duration, Meta(description="The oldest evidence that counts.")] = Duration("5m")


class SealSettings(Struct, frozen=True, kw_only=True):
    """Attestation and the key broker."""

    broker_port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)], Meta(description="The key broker's port.")
    ] = 4103
    collateral: Annotated[
        PathText | None, Meta(description="The folder of vendor certificates and revocation lists.")
    ] = None
    policies: Annotated[dict[Name, SealPolicySettings], Meta(description="Release policies, by name.")] = {}
