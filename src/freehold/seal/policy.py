"""What must hold, as a value. Every default refuses; what a policy leaves out is checked or stays unchecked.

A check that was not made refuses, unless `waive` names it: so a policy shows what it does not look at.
A check that failed cannot be waived: the setting that allows it must be changed.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from freehold.config.values import Duration
from freehold.types.names import Digest
from freehold.units import NS_PER_S

KindName = Literal["snp", "tdx", "sgx", "nitro", "azure", "nvidia", "nvidia-eat", "token"]
Operator = Literal["azure-maa", "google-confidential-space", "intel-trust-authority", "nvidia-nras"]
HexText = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]+$", max_length=256)]
MeasurementText = Annotated[str, Meta(pattern=r"^(sha(256|384|512):)?[0-9a-fA-F]+$", max_length=256)]
Text = Annotated[str, Meta(min_length=1, max_length=512)]
Count = Annotated[int, Meta(ge=0)]


class TrustedIssuer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may vouch by a token: the exact issuer, and the keys it signs with."""

    kind: Annotated[Operator, Meta(description="Whose claims they are.")]
    issuer: Annotated[Text, Meta(description="The token's `iss`, exactly.")]
    keys: Annotated[tuple[HexText, ...], Meta(description="SHA-256 of each of its public keys.")] = ()
    audiences: Annotated[tuple[Text, ...], Meta(description="Audiences (`aud`) that are ours.")] = ()


class AttestPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What evidence must show. Every default refuses."""

    kinds: Annotated[tuple[KindName, ...], Meta(description="Kinds accepted. None listed: every kind.")] = ()
    waive: Annotated[tuple[Text, ...], Meta(description="Checks that may stay unchecked, by name.")] = ()
    test_roots: Annotated[bool, Meta(description="Accept our published test keys. For tests only.")] = False
    debug: Annotated[bool, Meta(description="Accept guests whose memory the host can read.")] = False
    migration: Annotated[bool, Meta(description="Accept guests that a migration agent can move.")] = False
    vmpl: Annotated[tuple[Count, ...], Meta(description="SNP privilege levels allowed.")] = (0,)
    measurements: Annotated[
        tuple[MeasurementText, ...],
        Meta(description="Allowed MEASUREMENT, MRTD, MRENCLAVE or PCR0."),
    ] = ()
    signers: Annotated[
        tuple[HexText, ...],
        Meta(description="Allowed ID or author key, MROWNER, MRSIGNER or PCR8."),
    ] = ()
    registers: Annotated[
        dict[Text, tuple[HexText, ...]], Meta(description="Allowed values of a register: rtmr1, pcr4.")
    ] = {}
    host_data: Annotated[tuple[HexText, ...], Meta(description="Allowed HOST_DATA or MRCONFIGID.")] = ()
    chips: Annotated[tuple[HexText, ...], Meta(description="Chips allowed, by CHIP_ID or PPID.")] = ()
    tcb_floor: Annotated[
        dict[Text, dict[Text, Count]],
        Meta(description="AMD: the least firmware, by product: bootloader, tee, snp, microcode, fmc."),
    ] = {}
    tcb_status: Annotated[
        tuple[Text, ...], Meta(description="Intel and tokens: the levels that are good enough.")
    ] = ("UpToDate",)
    tcb_evaluation_min: Annotated[Count, Meta(description="Intel: the least tcbEvaluationDataNumber.")] = 0
    advisories_barred: Annotated[tuple[Text, ...], Meta(description="Advisories that refuse.")] = ()
    platform_demands: Annotated[
        tuple[Text, ...], Meta(description="Settings that must be on, such as snp.alias-check.")
    ] = ()
    platform_bars: Annotated[
        tuple[Text, ...], Meta(description="Settings that must be off, such as snp.smt.")
    ] = ()
    unknown_bits: Annotated[
        Literal["report", "refuse"], Meta(description="What to do with bits that have no meaning yet.")
    ] = "report"
    collateral_age_max: Annotated[Duration, Meta(description="The oldest table that counts.")] = Duration(
        "7d"
    )
    revocation_age_max: Annotated[
        Duration, Meta(description="The oldest revocation list or answer that counts.")
    ] = Duration("7d")
    collateral_keys: Annotated[
        tuple[HexText, ...], Meta(description="Ed25519 public keys that may sign a collateral pack.")
    ] = ()
    collateral_version_min: Annotated[Count, Meta(description="The least version of a collateral pack.")] = 0
    serials_denied: Annotated[
        tuple[HexText, ...], Meta(description="Certificates refused, by serial or SHA-256 of the public key.")
    ] = ()
    clock_skew_max: Annotated[Duration, Meta(description="How far clocks may differ.")] = Duration("2m")
    evidence_age_max: Annotated[Duration, Meta(description="The oldest evidence that counts.")] = Duration(
        "5m"
    )
    gpus: Annotated[Count | None, Meta(description="How many GPUs there must be.")] = None
    switches: Annotated[Count | None, Meta(description="How many switches there must be.")] = None
    gpu_mode: Annotated[
        tuple[Literal["single", "multi", "protected-pcie"], ...], Meta(description="Sharing modes allowed.")
    ] = ("single", "multi")
    issuers: Annotated[tuple[TrustedIssuer, ...], Meta(description="Who may vouch by a token.")] = ()

    @property
    def collateral_age_max_s(self) -> int:
        return self.collateral_age_max.ns // NS_PER_S

    @property
    def revocation_age_max_s(self) -> int:
        return self.revocation_age_max.ns // NS_PER_S

    @property
    def clock_skew_max_s(self) -> int:
        return self.clock_skew_max.ns // NS_PER_S

    @property
    def evidence_age_max_s(self) -> int:
        return self.evidence_age_max.ns // NS_PER_S

    @property
    def digest(self) -> Digest:
        """Of every value, defaults included, so that a later change of a default is seen."""
        body = msgspec.json.encode(self, order="deterministic", enc_hook=str)
        return Digest("sha256:" + hashlib.sha256(body).hexdigest())
