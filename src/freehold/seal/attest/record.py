"""A verification as a ledger record, with the digests of everything the answer depends on, and its replay.

The record names evidence, collateral and policy by digest, and the time and nonce that were given. Whoever
kept those bytes can run the verification again years later; the verifier is a pure function, so the answer
must be the same.
"""

from __future__ import annotations

from freehold.seal.attest.result import Result
from freehold.types.names import HomeId, PolicyId, RecordId, Tier
from freehold.types.records import AttestationRecord, HomeFacts
from freehold.units import NS_PER_S

CLAIMS_MAX = 64
CLAIM_CHARACTERS_MAX = 512


def to_record(
    result: Result, *, id: RecordId, time_ns: int, policy: str, home: str | None = None
) -> AttestationRecord:
    """`id` and `time_ns` are of the recording; the time the evidence was judged at is in the result."""
    return AttestationRecord(
        id=id, time_ns=time_ns, policy=PolicyId(policy), policy_digest=result.policy_digest,
        actual=HomeFacts(home=HomeId(home)) if home is not None else None, tier=_tier(result),
        evidence_kind="+".join(part.kind for part in result.parts), passed=result.passed,
        evidence=result.evidence, attestation=result.evidence, collateral=result.collateral,
        at_ns=result.at_s * NS_PER_S, nonce=result.nonce, claims=_claims(result),
        checks_failed=result.failed, checks_open=result.unchecked,
    )  # fmt: skip


def _tier(result: Result) -> Tier:
    """What did not pass leaves only the contract."""
    return result.tier if result.passed and result.tier is not None else "contract"


def _claims(result: Result) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, part in enumerate(result.parts):
        for level in part.levels:
            found[f"{number}.{part.kind}.level.{level.layer}"] = level.status
        for name, value in part.claims.items():
            if value is not None and not isinstance(value, dict | list):
                found[f"{number}.{part.kind}.{name}"] = str(value)[:CLAIM_CHARACTERS_MAX]
    return dict(list(found.items())[:CLAIMS_MAX])


def same_answer(record: AttestationRecord, result: Result) -> tuple[str, ...]:
    """What differs between a record and a verification run again from the same bytes; nothing, if it is
    replayed."""
    again = to_record(result, id=record.id, time_ns=record.time_ns, policy=str(record.policy or ""))
    names = (
        "evidence", "collateral", "policy_digest", "at_ns", "nonce", "evidence_kind", "passed",
        "checks_failed", "checks_open", "claims", "tier",
    )  # fmt: skip
    return tuple(name for name in names if getattr(record, name) != getattr(again, name))
