"""The verifier: a pure function of evidence, collateral, anchors, policy, time and nonce. No clock, no
network.

What the same inputs gave once they give always; so a recorded verification can be replayed years later.
"""

from __future__ import annotations

import hashlib

import msgspec

from freehold.errors import InputError, UsageError
from freehold.seal.attest.anchors import ANCHORS, TEST_ANCHORS, Anchor
from freehold.seal.attest.binding import Binding, gpu_evidence_digest
from freehold.seal.attest.collateral import NONE, Collateral, collect, digest_of
from freehold.seal.attest.context import Context
from freehold.seal.attest.freshness import NONCE_BYTES_MAX, NONCE_BYTES_MIN
from freehold.seal.attest.kinds import kind, verifier
from freehold.seal.attest.policy import DEFAULT, AttestPolicy
from freehold.seal.attest.recognise import Piece, recognise
from freehold.seal.attest.result import Check, Checks, Part, Result, worst
from freehold.seal.attest.signature import Memo
from freehold.seal.attest.times import show_time
from freehold.types.names import Digest

FILES_MAX = 128


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One evidence set: the bytes of its files and what they were recognised as."""

    pieces: tuple[Piece, ...]
    digest: Digest

    @classmethod
    def read(cls, files: list[tuple[str, bytes]]) -> Evidence:
        if not 0 < len(files) <= FILES_MAX:
            raise UsageError(
                f"an evidence set has {len(files)} files", why=f"it needs 1 to {FILES_MAX}",
                fix="name the report and what belongs to it", code="seal.evidence-set",
            )  # fmt: skip
        pieces = tuple(piece for name, data in files for piece in recognise(name, data))
        return cls(pieces=pieces, digest=digest_of([("file", data) for _, data in files]))


def verify(
    evidence: Evidence,
    *,
    collateral: Collateral = NONE,
    anchors: tuple[Anchor, ...] = ANCHORS,
    policy: AttestPolicy = DEFAULT,
    at_s: int,
    nonce: bytes | None = None,
    binding: Binding | None = None,
    memo: Memo | None = None,
) -> Result:
    """Judge one evidence set. `memo` may carry signatures that already held; it cannot change the answer."""
    _check_nonce_length(nonce if binding is None else binding.nonce)
    subjects = [piece for piece in evidence.pieces if piece.is_evidence]
    if not subjects:
        raise InputError(
            "the set holds no evidence", why="certificates, lists and logs prove nothing by themselves",
            fix="add the report, quote, document or token", code="seal.no-evidence",
        )  # fmt: skip
    support = tuple(piece for piece in evidence.pieces if not piece.is_evidence)
    memo = memo or Memo()
    context = Context(
        collateral=collateral.joined(collect(support, memo=memo)), policy=policy, at_s=at_s,
        anchors=anchors + (TEST_ANCHORS if policy.test_roots else ()),
        nonce=nonce, binding=_with_devices(binding, subjects), memo=memo,
        event_logs=tuple(piece.data for piece in support if piece.role == "event-log"),
    )  # fmt: skip
    parts = tuple(_part(piece, context) for piece in subjects)
    checks = _check_set(parts, support, context)
    refused = [
        check for group in (checks, *(part.checks for part in parts)) for check in group
        if check.outcome == "fail" or (check.outcome == "not checked" and check.name not in policy.waive)
    ]  # fmt: skip
    return Result(
        passed=not refused, tier=worst(tuple(part.tier for part in parts)), parts=parts, checks=checks,
        policy_digest=policy.digest, evidence=evidence.digest, collateral=collateral.digest, at_s=at_s,
        nonce=_digest(nonce), binding=_digest(binding.report_data() if binding else None),
        waived=policy.waive,
    )  # fmt: skip


def _part(piece: Piece, context: Context) -> Part:
    """One piece through its verifier. Bytes that cannot be read are a failed check."""
    row = kind(piece.role)
    try:
        part = verifier(piece.role)(piece, context)
    except InputError as error:
        why = error.what + (f": {error.why}" if error.why else "")
        check = Check(name="format", outcome="fail", why=why)
        part = Part(kind=piece.role, source=piece.name, tier=row.tier, checks=(check,))
    made = {check.name for check in part.checks}
    skipped = tuple(
        Check(name=name, outcome="not checked", why="an earlier step failed")
        for name in row.needs if name not in made
    )  # fmt: skip
    return msgspec.structs.replace(part, checks=part.checks + skipped)


def _with_devices(binding: Binding | None, subjects: list[Piece]) -> Binding | None:
    """The digest of the device reports is ours to compute: it is what the CPU's report must name."""
    if (
        binding is None
        or binding.gpu_evidence is not None
        or all(piece.role == "nvidia" for piece in subjects)
    ):
        return binding
    reports = gpu_evidence_digest(piece.data for piece in subjects if piece.role == "nvidia")
    return msgspec.structs.replace(binding, gpu_evidence=reports)


def _check_set(parts: tuple[Part, ...], support: tuple[Piece, ...], context: Context) -> tuple[Check, ...]:
    """What only the whole set can show: kinds, counts of devices, the pack, files that nothing used."""
    checks, policy = Checks(), context.policy
    barred = sorted({part.kind for part in parts if policy.kinds and part.kind not in policy.kinds})
    if policy.kinds:
        checks.expect(
            "kind",
            not barred,
            "the policy accepts these kinds",
            f"the policy does not accept {', '.join(barred)}",
        )
    _check_devices(checks, parts, context)
    if (pack := pack_check(context.collateral, policy, context.at_s)) is not None:
        checks.found.append(pack)
    held = {f"{name}" for part in parts for name in _registers(part)}
    if missing := sorted(set(policy.registers) - held):
        checks.open("registers", f"the policy names {', '.join(missing)}, which nothing here holds")
    has_registers = any(part.kind in ("tdx", "azure") for part in parts)
    if any(piece.role == "event-log" for piece in support) and not has_registers:
        checks.open("unused", "an event log came without a quote whose registers it could explain")
    return tuple(checks.found)


def _registers(part: Part) -> tuple[str, ...]:
    found = part.claims.get("measurements")
    return tuple(found) if isinstance(found, dict) else ()


def _check_devices(checks: Checks, parts: tuple[Part, ...], context: Context) -> None:
    """As many GPUs and switches as expected, each a different one: one GPU must not answer for eight."""
    policy = context.policy
    devices = [part for part in parts if part.kind == "nvidia"]
    if not devices and any(part.kind == "nvidia-eat" for part in parts):
        return  # which counts the devices it speaks of itself
    for noun, expected in (("gpu", policy.gpus), ("switch", policy.switches)):
        found = [part for part in devices if part.claims.get("x-device") == noun]
        if expected is not None:
            checks.expect(
                "devices",
                len(found) == expected,
                f"{len(found)} of type {noun}, as expected",
                f"{len(found)} of type {noun}, the policy expects {expected}",
            )
        elif found:
            checks.open(
                "devices", f"{len(found)} of type {noun}; the policy does not say how many there must be"
            )
    names = [part.claims.get("ueid") for part in devices]
    if len(set(map(str, names))) != len(names):
        checks.bad("devices", "one device answers more than once")


def pack_check(collateral: Collateral, policy: AttestPolicy, at_s: int) -> Check | None:
    """A pack counts by its key and its version; loose files are judged by their own signatures alone."""
    checks, pack = Checks(), collateral.pack
    if pack is None:
        if not (policy.collateral_keys or policy.collateral_version_min):
            return None
        checks.open("pack", "the policy names keys or versions of packs, and no signed pack was given")
    elif not pack.signature_holds:
        checks.bad("pack", f"the pack {pack.name!r} is not signed by the key it names")
    elif pack.version < policy.collateral_version_min:
        checks.bad("pack", f"it is version {pack.version}, the policy wants {policy.collateral_version_min}")
    elif pack.created_s > at_s + policy.clock_skew_max_s:
        checks.bad("pack", f"the pack is from the future: {show_time(pack.created_s)}")
    elif not policy.collateral_keys:
        checks.open("pack", f"signed by {pack.key[:16]}..., and the policy names no key to trust")
    else:
        known = pack.key.lower() in {key.lower() for key in policy.collateral_keys}
        good = f"version {pack.version}, signed by a key of the policy"
        checks.expect("pack", known, good, "signed by a key that the policy does not name")
    return checks.found[0]


def _check_nonce_length(nonce: bytes | None) -> None:
    if nonce is not None and not NONCE_BYTES_MIN <= len(nonce) <= NONCE_BYTES_MAX:
        raise UsageError(
            f"the nonce has {len(nonce)} bytes", why=f"it needs {NONCE_BYTES_MIN} to {NONCE_BYTES_MAX}",
            fix="use 32 random bytes", code="seal.nonce",
        )  # fmt: skip


def _digest(data: bytes | None) -> Digest | None:
    return None if data is None else Digest("sha256:" + hashlib.sha256(data).hexdigest())
