"""Is a certificate of the chain revoked, by OCSP answers that were fetched earlier and kept?

An answer counts if it is signed by the issuer itself or by a responder the issuer named, is about exactly
this certificate, and is fresh at the given time. "Could not be fetched" never becomes "good".
"""

from __future__ import annotations

from freehold.seal.attest import der
from freehold.seal.attest.certificate import Certificate
from freehold.seal.attest.chain import Chain
from freehold.seal.attest.context import Context
from freehold.seal.attest.ocsp import OcspAnswer, OcspEntry
from freehold.seal.attest.result import Checks
from freehold.seal.attest.times import show_time

EXTENDED_KEY_USAGE, OCSP_SIGNING = "2.5.29.37", "1.3.6.1.5.5.7.3.9"


def check_ocsp(checks: Checks, chain: Chain, context: Context, *, lowest: int = 1) -> None:
    """From certificate number `lowest` up. A device's leaf (0) is issued inside the device and has no
    responder."""
    said: list[str] = []
    unknown: list[str] = []
    for certificate, issuer in zip(
        chain.certificates[lowest:], chain.certificates[lowest + 1 :], strict=False
    ):
        revoked, why = revoked_by_answer(certificate, issuer, context)
        if revoked:
            checks.bad("revocation", f"{certificate.title!r}: {why}")
            return
        (unknown if revoked is None else said).append(f"{certificate.title!r}: {why}")
    if unknown:
        checks.open("revocation", "; ".join(unknown))
    else:
        checks.ok("revocation", "; ".join(said))


def revoked_by_answer(
    certificate: Certificate, issuer: Certificate, context: Context
) -> tuple[bool | None, str]:
    """True revoked, False not, None unknown; and why."""
    stale = "no answer about it is at hand"
    for answer in context.collateral.ocsp:
        for entry in answer.entries:
            if not entry.about(certificate, issuer):
                continue
            if problem := _signer_fault(answer, issuer, context):
                stale = problem
            elif entry.status == "revoked":
                return True, f"revoked or on hold, answered {show_time(entry.this_update_s)}"
            elif problem := _stale(entry, context):
                stale = problem
            else:
                return False, f"good, answered {show_time(entry.this_update_s)}"
    return None, stale


def _stale(entry: OcspEntry, context: Context) -> str:
    policy, at_s = context.policy, context.at_s
    answered = show_time(entry.this_update_s)
    if entry.status != "good":
        return "the responder does not know it"
    if entry.this_update_s > at_s + policy.clock_skew_max_s:
        return f"the answer is from the future, {answered}"
    if entry.next_update_s is not None and at_s > entry.next_update_s:
        return f"the answer of {answered} has ended"
    if at_s - entry.this_update_s > policy.revocation_age_max_s:
        return f"the answer of {answered} is older than the policy's {policy.revocation_age_max}"
    return ""


def _signer_fault(answer: OcspAnswer, issuer: Certificate, context: Context) -> str:
    if context.memo.holds(issuer.spki, answer.algorithm, answer.tbs, answer.signature):
        return ""
    for responder in answer.certificates:
        named = responder.issuer == issuer.subject and _may_answer(responder)
        valid = responder.not_before_s <= context.at_s <= responder.not_after_s
        if not (named and valid):
            continue
        issued = context.memo.holds(issuer.spki, responder.algorithm, responder.tbs, responder.signature)
        if issued and context.memo.holds(responder.spki, answer.algorithm, answer.tbs, answer.signature):
            return ""
    return "the answer is not signed by the issuer or a responder it named"


def _may_answer(responder: Certificate) -> bool:
    usage = responder.extensions.get(EXTENDED_KEY_USAGE)
    return usage is not None and any(
        child.oid() == OCSP_SIGNING for child in der.whole(usage.value).children()
    )
