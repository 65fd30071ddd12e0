"""NVIDIA's detached EAT: one signed token over all devices, and one signed token for each device beside it.

Steps, and the attack each stops:
  1. the pair of overall token and device tokens        a list that two readers read differently
  2. the overall token: issuer, key, signature, times   claims of one's own (see `vouched`)
  3. the devices are exactly those it has digests of    a device left out, added or exchanged
  4. each device token: the same issuer, its signature  claims of another service under the same digest
  5. each device: measurements, secure boot, debug      a device in developer mode, or with changed firmware
  6. each device has this nonce; the count is expected  a replay, one GPU that answers for eight
"""

from __future__ import annotations

import hashlib

from freehold.seal.attest.context import Context
from freehold.seal.attest.jwt import parse_token
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.result import Checks, Claim, Part
from freehold.seal.attest.strict_json import load_json
from freehold.seal.attest.vouched import READERS, check_said, check_token, check_token_nonce

DEVICES_MAX = 64
ISSUER_KIND = "nvidia-nras"


def parse_eat(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Step 1: the overall token, and the token of each device by its name."""
    value = load_json(data, "the detached EAT")
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not isinstance(value[0], list)
        or not isinstance(value[1], dict)
    ):
        raise malformed('the detached EAT is not a pair of ["JWT", token] and device tokens')
    head, devices = value
    if len(head) != 2 or head[0] != "JWT" or not isinstance(head[1], str):
        raise malformed('the detached EAT does not begin with ["JWT", token]')
    if not 0 < len(devices) <= DEVICES_MAX or not all(isinstance(token, str) for token in devices.values()):
        raise malformed(f"the detached EAT does not hold 1 to {DEVICES_MAX} device tokens")
    return head[1].encode(), {name: token.encode() for name, token in devices.items()}


def verify(piece: Piece, context: Context) -> Part:
    checks = Checks()
    overall_bytes, devices = parse_eat(piece.data)  # 1
    overall = parse_token(overall_bytes)
    checks.ok("format", f"a detached EAT over {len(devices)} devices")
    issuer = check_token(checks, overall, context, audience=False)  # 2
    if issuer is not None and issuer.kind != ISSUER_KIND:
        checks.bad("issuer", f"the policy trusts this issuer as {issuer.kind}, not as {ISSUER_KIND}")
    _check_digests(checks, overall.claims.get("submods"), devices)  # 3
    if issuer is not None:
        said = READERS[ISSUER_KIND](overall.claims)
        checks.expect(
            "tcb", said.status == "UpToDate", "the overall result is good", "the overall result is not good"
        )
        check_token_nonce(checks, said, context)
        for name, token in devices.items():
            _check_device(checks, name, token, context)  # 4, 5
    _check_count(checks, devices, context)  # 6
    claims: dict[str, Claim] = {
        "x-issuer": str(overall.claims.get("iss", "")),
        "x-operator": ISSUER_KIND,
        "x-devices": sorted(devices),
    }
    return Part(
        kind="nvidia-eat", source=piece.name, tier="vouched", claims=claims, checks=tuple(checks.found),
        levels=tuple(checks.levels), advisories=(), notes=tuple(checks.notes),
    )  # fmt: skip


def _check_digests(checks: Checks, submods: object, devices: dict[str, bytes]) -> None:
    """Step 3."""
    if not isinstance(submods, dict):
        checks.bad("leaf", "the overall token has no digests of the device tokens")
        return
    expected = {
        name: ["DIGEST", ["SHA-256", hashlib.sha256(token).hexdigest()]] for name, token in devices.items()
    }
    checks.expect(
        "leaf",
        submods == expected,
        "the device tokens are exactly those of the overall token",
        "the device tokens are not those the overall token has digests of",
    )


def _check_device(checks: Checks, name: str, token_bytes: bytes, context: Context) -> None:
    """Steps 4 and 5. Only what is wrong or open is said for each device, with its name."""
    own = Checks()
    token = parse_token(token_bytes)
    issuer = check_token(own, token, context, audience=False)
    if issuer is not None:
        said = READERS[ISSUER_KIND](token.claims)
        check_said(own, said, context)
        check_token_nonce(own, said, context)
        good = (
            token.claims.get("measres") == "success"
            and token.claims.get("secboot") is True
            and said.debug is False
        )
        own.expect(
            "cc-mode",
            good,
            "measured, secure boot, no developer mode",
            "measurements, secure boot or debug state are not as they must be",
        )
    named = {check.name for check in own.found if check.outcome != "pass"} - {"measurement"}
    for check in own.found:
        if check.name in named and check.outcome == "fail":
            checks.bad(check.name, f"{name}: {check.why}")
        elif check.name in named and check.outcome == "not checked":
            checks.open(check.name, f"{name}: {check.why}")
    if not named:
        checks.ok("cc-mode", f"{name}: measured, secure boot, no developer mode")


def _check_count(checks: Checks, devices: dict[str, bytes], context: Context) -> None:
    """Step 6."""
    for noun, prefix, expected in (
        ("gpu", "GPU", context.policy.gpus),
        ("switch", "SWITCH", context.policy.switches),
    ):
        found = sum(1 for name in devices if name.upper().startswith(prefix))
        if expected is not None:
            checks.expect(
                "devices",
                found == expected,
                f"{found} of type {noun}, as expected",
                f"{found} of type {noun}, the policy expects {expected}",
            )
        elif found:
            checks.open("devices", f"{found} of type {noun}; the policy does not say how many there must be")
