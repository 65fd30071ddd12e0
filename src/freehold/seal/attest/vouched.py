"""Tokens in which an operator says that it verified evidence: Azure, Google, Intel, NVIDIA.

The tier is `vouched`, never `attested`: we check who says it, to whom, when and about which nonce; whether it
is true we take from the operator.

Steps, and the attack each stops:
  1. compact form, strict JSON, a known algorithm       a token unsigned, or read in two ways
  2. an issuer the policy names, exactly                a token of another operator, or of one's own
  3. a key of a key set, pinned by the policy           a key that the token or a stranger brought along
  4. the signature                                      changed claims
  5. expiry, not-before, issue time, age                a token presented again later
  6. an audience the policy names                       a token that was made for another service
  7. what it says about debug, level, measurement       a genuine environment that is not the one wanted
  8. nonce and binding                                  a replay, or a token about somebody else's machine
"""

from __future__ import annotations

import base64
import contextlib
import hmac
from collections.abc import Callable, Iterator
from typing import NamedTuple

from freehold.seal.attest.anchors import TEST_TOKEN_KEYS
from freehold.seal.attest.context import Context
from freehold.seal.attest.jwt import Token, candidate_keys, parse_token, token_holds
from freehold.seal.attest.policy import TrustedIssuer
from freehold.seal.attest.recognise import Piece
from freehold.seal.attest.result import Checks, Claim, Level, Part
from freehold.seal.attest.times import show_time

LEEWAY_CLAIMS = ("exp", "nbf", "iat")
TIME_MAX = 1 << 40


class Said(NamedTuple):
    """What a token says, in one form for all operators. None: it does not say."""

    nonces: tuple[str, ...]
    debug: bool | None
    measurement: str | None
    status: str | None
    hwmodel: str | None


def _azure(claims: dict[str, object]) -> Said:
    tee = _table(claims, "x-ms-isolation-tee") or claims
    kind = _text(tee, "x-ms-attestation-type")
    payload = _table(_table(claims, "x-ms-runtime"), "client-payload")
    debug = _flag(tee, "x-ms-sevsnpvm-is-debuggable", "x-ms-sgx-is-debuggable", "tdx_td_attributes_debug")
    compliant = _text(tee, "x-ms-compliance-status")
    return Said(
        nonces=_texts(claims, "nonce") + _texts(payload, "nonce"), debug=debug,
        measurement=_text(tee, "x-ms-sevsnpvm-launchmeasurement", "tdx_mrtd", "x-ms-sgx-mrenclave"),
        status="UpToDate" if compliant == "azure-compliant-cvm" else compliant, hwmodel=kind,
    )  # fmt: skip


def _google(claims: dict[str, object]) -> Said:
    debug = _text(claims, "dbgstat")
    container = _table(_table(claims, "submods"), "container")
    return Said(
        nonces=_texts(claims, "eat_nonce"), debug=None if debug is None else debug != "disabled-since-boot",
        measurement=_text(container, "image_digest"), status=None, hwmodel=_text(claims, "hwmodel"),
    )  # fmt: skip


def _intel(claims: dict[str, object]) -> Said:
    tee = _table(claims, "tdx") or _table(claims, "sgx") or claims
    nonce = _table(tee, "verifier_nonce")
    return Said(
        nonces=_texts(nonce, "val") + _texts(tee, "attester_held_data"),
        debug=_flag(tee, "tdx_is_debuggable", "sgx_is_debuggable", "tdx_td_attributes_debug"),
        measurement=_text(tee, "tdx_mrtd", "sgx_mrenclave"), status=_text(tee, "attester_tcb_status"),
        hwmodel=_text(tee, "attester_type"),
    )  # fmt: skip


def _nvidia(claims: dict[str, object]) -> Said:
    debug = _text(claims, "dbgstat")
    overall = claims.get("x-nvidia-overall-att-result")
    status = _text(claims, "measres")
    good = overall is True or status == "success"
    return Said(
        nonces=_texts(claims, "eat_nonce"), debug=None if debug is None else debug != "disabled",
        measurement=None, status="UpToDate" if good else (status or "failed"),
        hwmodel=_text(claims, "hwmodel"),
    )  # fmt: skip


READERS: dict[str, Callable[[dict[str, object]], Said]] = {
    "azure-maa": _azure,
    "google-confidential-space": _google,
    "intel-trust-authority": _intel,
    "nvidia-nras": _nvidia,
}
"""Operator -> how its claims are read."""


def verify(piece: Piece, context: Context) -> Part:
    checks = Checks()
    token = parse_token(piece.data)  # 1
    checks.ok("format", f"a token signed with {token.algorithm}")
    issuer = check_token(checks, token, context)  # 2 to 6
    claims: dict[str, Claim] = {"x-issuer": str(token.claims.get("iss", ""))}
    if issuer is not None:
        said = READERS[issuer.kind](token.claims)
        check_said(checks, said, context)  # 7
        check_token_nonce(checks, said, context)  # 8
        claims |= {
            "x-operator": issuer.kind, "hwmodel": said.hwmodel or "unknown",
            "dbgstat": {True: "enabled", False: "disabled-since-boot", None: "not said"}[said.debug],
            "measurements": {"image": said.measurement} if said.measurement else {},
        }  # fmt: skip
    return Part(
        kind="token", source=piece.name, tier="vouched", claims=claims, checks=tuple(checks.found),
        levels=tuple(checks.levels), advisories=(), notes=tuple(checks.notes),
    )  # fmt: skip


def check_token(
    checks: Checks, token: Token, context: Context, *, audience: bool = True
) -> TrustedIssuer | None:
    """Steps 2 to 6; the issuer the policy trusts, or None where it trusts none for this token."""
    named = token.claims.get("iss")
    issuer = next((each for each in context.policy.issuers if each.issuer == named), None)
    if issuer is None:
        checks.bad("issuer", f"the issuer {named!r} is not one the policy names")
        return None
    keys = candidate_keys(token, context.collateral)
    pinned = [key for key in keys if key.digest in {entry.lower() for entry in issuer.keys}]
    if not pinned:
        found = "a key of that name is at hand, but not pinned" if keys else "no key of that name is at hand"
        checks.bad("issuer", f"the token's key {token.kid!r}: {found}")
        return None
    checks.ok("issuer", f"{issuer.kind}, {issuer.issuer}, by a pinned key")
    if any(key.digest in TEST_TOKEN_KEYS for key in pinned):
        bad = "that key is a published test key, with which anybody can make tokens"
        checks.expect("test-roots", context.policy.test_roots, "a fake token, which this policy allows", bad)
    holds = any(token_holds(token, key, context.memo) for key in pinned)
    checks.expect("signature", holds, "signed by that key", "not signed by that key")  # 4
    check_token_times(checks, token, context)  # 5
    if audience:
        _check_audience(checks, token, issuer)  # 6
    return issuer


def check_token_times(checks: Checks, token: Token, context: Context) -> None:
    times: dict[str, int] = {}
    for name in LEEWAY_CLAIMS:
        value = token.claims.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < TIME_MAX:
            times[name] = int(value)
        elif value is not None:
            checks.bad("validity", f"{name} is not a time")
            return
    policy, at_s = context.policy, context.at_s
    skew_s = policy.clock_skew_max_s
    if "exp" not in times or "iat" not in times:
        checks.bad("validity", "the token does not say when it was made and when it ends")
    elif at_s >= times["exp"] + skew_s:
        checks.bad("validity", f"the token ended {show_time(times['exp'])}")
    elif max(times["iat"], times.get("nbf", 0)) > at_s + skew_s:
        checks.bad("validity", f"the token is from the future: {show_time(times['iat'])}")
    elif at_s - times["iat"] > policy.evidence_age_max_s + skew_s:
        checks.bad(
            "validity",
            f"the token was made {show_time(times['iat'])}, older than the policy's "
            f"{policy.evidence_age_max}",
        )
    else:
        checks.ok("validity", f"made {show_time(times['iat'])}, ends {show_time(times['exp'])}")


def _check_audience(checks: Checks, token: Token, issuer: TrustedIssuer) -> None:
    audiences = _texts(token.claims, "aud")
    if not audiences:
        checks.open("audience", "the token names no audience")
    elif not issuer.audiences:
        checks.open("audience", f"the token is for {', '.join(audiences)}; the policy names no audience")
    else:
        known = bool(set(audiences) & set(issuer.audiences))
        checks.expect(
            "audience",
            known,
            f"made for {', '.join(audiences)}",
            f"made for {', '.join(audiences)}, not for an audience of the policy",
        )


def check_said(checks: Checks, said: Said, context: Context) -> None:
    """Step 7: an operator that does not say is not taken to mean well."""
    policy = context.policy
    if said.debug is None:
        checks.open("debug", "the token does not say whether debug is off")
    else:
        checks.expect(
            "debug",
            policy.debug or not said.debug,
            "debug is allowed" if said.debug else "debug is off",
            "debug is on",
        )
    if said.status is None:
        checks.open("tcb", "the token does not say how current the platform is")
    else:
        checks.levels.append(Level(layer="platform", status=said.status))
        checks.expect(
            "tcb",
            said.status in policy.tcb_status,
            f"the operator says {said.status}",
            f"the operator says {said.status}",
        )
    if said.measurement is None:
        checks.open("measurement", "the token does not say what was launched")
    else:
        checks.listed("measurement", said.measurement, policy.measurements, "the measurement")


def check_token_nonce(checks: Checks, said: Said, context: Context) -> None:
    """Step 8."""
    binding = context.binding
    if binding is not None:
        wanted = (binding.report_data(), binding.quote_nonce(), binding.gpu_nonce())
        same = any(holds_nonce(said.nonces, each) for each in wanted)
        if binding.nonce is None:
            checks.open("nonce", "no nonce was asked for, so this may be a replay")
        else:
            checks.expect(
                "nonce", same, "the token holds this request's nonce", "the token holds another nonce"
            )
        checks.expect(
            "binding", same, "the token names exactly these keys", "the token names other keys, or none"
        )
        return
    if context.nonce is None:
        checks.open("nonce", "no nonce was given to compare with, so this may be a replay")
    else:
        same = holds_nonce(said.nonces, context.nonce)
        checks.expect("nonce", same, "the token holds this nonce", "the token holds another nonce")
    checks.open("binding", "no key was given, so this token may be about somebody else's machine")


def holds_nonce(texts: tuple[str, ...], nonce: bytes) -> bool:
    """Operators write nonces as hexadecimal, as base64 in either alphabet, or as the text itself."""
    return any(hmac.compare_digest(form, nonce) for text in texts for form in _forms(text))


def _forms(text: str) -> Iterator[bytes]:
    yield text.encode("utf-8")
    with contextlib.suppress(ValueError):  # not hexadecimal: one of the other forms
        yield bytes.fromhex(text)
    with contextlib.suppress(ValueError):  # not base64 either: only the text itself is left
        compact = text.replace("-", "+").replace("_", "/").rstrip("=")
        yield base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)


def _table(claims: dict[str, object], name: str) -> dict[str, object]:
    value = claims.get(name)
    return value if isinstance(value, dict) else {}


def _text(claims: dict[str, object], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := claims.get(name), str)), None)


def _texts(claims: dict[str, object], name: str) -> tuple[str, ...]:
    value = claims.get(name)
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _flag(claims: dict[str, object], *names: str) -> bool | None:
    return next((value for name in names if isinstance(value := claims.get(name), bool)), None)
