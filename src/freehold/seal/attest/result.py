"""What a verification says: claims, checks, levels, and never one boolean alone.

A check passed, failed, or was not checked, and says why. "Not checked" is not a pass: it refuses unless the
policy waives that check by name. `Checks` collects them while a verifier walks through its numbered steps.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.types.names import Digest, Tier

Outcome = Literal["pass", "fail", "not checked"]

CHECKS: dict[str, str] = {
    "format": "every length, version, reserved field and structure is what the format says",
    "test-roots": "the evidence does not end in the published test keys, or the policy allows them",
    "chain": "each certificate is signed by the next, up to a key pinned in the code",
    "validity": "every certificate is inside its validity window at the given time",
    "revocation": "fresh signed lists or answers say that no certificate of the chain is revoked",
    "leaf": "the leaf certificate is the one of this chip, this firmware or this enclave",
    "signature": "the evidence is signed by the key the chain certifies",
    "collateral": "the vendor's collateral is signed, inside its window, and no older than the policy allows",
    "pack": "the collateral pack is signed by a key the policy names, and not an older version",
    "tcb": "the firmware that made the evidence is at or above the policy's floor or the vendor's level",
    "tcb-committed": "the firmware cannot be rolled back below the floor",
    "debug": "the guest cannot be inspected by the host through a debug interface",
    "vmpl": "the report was asked for from an allowed privilege level",
    "migration": "no migration agent can move the guest to another host",
    "measurement": "what was launched is on the policy's list",
    "signer": "who signed what was launched is on the policy's list",
    "registers": "runtime registers hold the values the policy names",
    "chip": "the chip is on the policy's list",
    "host-data": "the data the host gave at launch is on the policy's list",
    "platform": "the platform's settings are those the policy demands",
    "nonce": "the evidence was made for this request and is not a replay",
    "binding": "the evidence was made for this key or channel and is not relayed for another",
    "event-log": "replaying the event log gives exactly the runtime registers",
    "quote": "the virtual TPM's quote is signed by the key the hardware report binds",
    "cc-mode": "the GPU runs in confidential mode, not in developer mode",
    "reference": "the measurements equal the vendor's signed reference values",
    "devices": "the number of devices is the one the policy expects",
    "issuer": "the token comes from an issuer and key the policy pins",
    "audience": "the token was made for an audience the policy names",
    "kind": "the policy accepts this kind of evidence",
    "unused": "every file of the set was used",
}
"""Every check there is. The reference documentation has a row for each."""

Claim = str | int | bool | list[str] | dict[str, str] | dict[str, int] | None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    outcome: Outcome
    why: str


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """How current one layer is, in its vendor's word. Layers are never folded into one."""

    layer: Literal["platform", "module", "enclave", "device"]
    status: str
    since: str | None = None
    advisories: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence and everything said about it."""

    kind: str
    source: str
    tier: Tier
    claims: dict[str, Claim] = {}
    checks: tuple[Check, ...] = ()
    levels: tuple[Level, ...] = ()
    advisories: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def check(self, name: str) -> Check | None:
        return next((check for check in self.checks if check.name == name), None)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one evidence set, with the digests of everything it depends on."""

    passed: bool
    tier: Tier | None
    parts: tuple[Part, ...]
    checks: tuple[Check, ...]
    policy_digest: Digest
    evidence: Digest
    collateral: Digest | None
    at_s: int
    nonce: Digest | None = None
    binding: Digest | None = None
    waived: tuple[str, ...] = ()

    @property
    def all_checks(self) -> tuple[tuple[str, Check], ...]:
        """Every check with the kind of evidence it is about; the set's own come first."""
        own = tuple(("set", check) for check in self.checks)
        return own + tuple((part.kind, check) for part in self.parts for check in part.checks)

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(f"{kind}:{check.name}" for kind, check in self.all_checks if check.outcome == "fail")

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What was left unchecked, waived or not."""
        return tuple(
            f"{kind}:{check.name}" for kind, check in self.all_checks if check.outcome == "not checked"
        )


class Checks:
    """Collects the checks of one part, in the order of the verifier's steps."""

    __slots__ = ("advisories", "found", "levels", "notes")

    def __init__(self) -> None:
        self.found: list[Check] = []
        self.levels: list[Level] = []
        self.advisories: list[str] = []
        self.notes: list[str] = []

    def ok(self, name: str, why: str) -> None:
        self.found.append(Check(name=name, outcome="pass", why=why))

    def bad(self, name: str, why: str) -> None:
        self.found.append(Check(name=name, outcome="fail", why=why))

    def open(self, name: str, why: str) -> None:
        self.found.append(Check(name=name, outcome="not checked", why=why))

    def expect(self, name: str, holds: bool, good: str, bad: str) -> bool:
        """Record a pass or a failure, and say which."""
        self.found.append(Check(name=name, outcome="pass" if holds else "fail", why=good if holds else bad))
        return holds

    def listed(self, name: str, value: str, allowed: tuple[str, ...], noun: str) -> None:
        """The value must be on the policy's list; an empty list leaves it unchecked."""
        if not allowed:
            self.open(name, f"{noun} is {value}; the policy lists none to compare it with")
        else:
            known = _bare(value) in {_bare(entry) for entry in allowed}
            self.expect(
                name,
                known,
                f"{noun} {value} is on the policy's list",
                f"{noun} {value} is not on the policy's list",
            )

    def failed(self) -> bool:
        return any(check.outcome == "fail" for check in self.found)


def _bare(digest: str) -> str:
    """Without the name of the hash in front, which some write and some do not."""
    return digest.lower().rpartition(":")[2]


def worst(outcomes: tuple[Tier, ...]) -> Tier | None:
    """The weakest tier of several, or None of none."""
    order: tuple[Tier, ...] = ("contract", "vouched", "attested")
    return min(outcomes, key=order.index, default=None)
