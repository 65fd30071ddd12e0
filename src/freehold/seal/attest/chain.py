"""Certificate chains: from a leaf to a key pinned in the code, by signatures, never by names.

Steps, and the attack each stops:
  1. follow signatures upwards until a pinned key      a chain of one's own that carries the vendor's names
  2. only the vendor's algorithms, only known          a weaker algorithm, or a constraint that we do not
     critical extensions                               understand and would ignore
  3. authorities are authorities, as deep as allowed   a leaf that issues certificates of its own
  4. every certificate is valid at the given time      old evidence presented again, stolen old keys
  5. nothing in the chain is revoked                   keys known to be lost
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.seal.attest import der
from freehold.seal.attest.anchors import Anchor, Vendor, find, is_test_key
from freehold.seal.attest.certificate import Certificate
from freehold.seal.attest.context import Context
from freehold.seal.attest.crl import Crl
from freehold.seal.attest.result import Checks
from freehold.seal.attest.times import show_time

CHAIN_LENGTH_MAX = 8
KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE = "2.5.29.15", "2.5.29.19", "2.5.29.37"
KNOWN_CRITICAL = {KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE}
DIGITAL_SIGNATURE, CERT_SIGN, CRL_SIGN = 1 << 0, 1 << 5, 1 << 6
ALGORITHMS: dict[Vendor, str] = {
    "amd": "rsa-pss-sha384-48",
    "intel": "ecdsa-sha256",
    "aws": "ecdsa-sha384",
    "nvidia-device": "ecdsa-sha384",
    "nvidia-rim": "ecdsa-sha384",
}


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Leaf first, anchor last."""

    certificates: tuple[Certificate, ...]
    anchor: Anchor | None
    why: str = ""

    @property
    def leaf(self) -> Certificate:
        return self.certificates[0]


def build(leaf: Certificate, pool: Iterable[Certificate], vendor: Vendor, context: Context) -> Chain:
    """Step 1: follow signatures upwards until a pinned key."""
    by_subject: dict[bytes, list[Certificate]] = {}
    for certificate in pool:
        by_subject.setdefault(certificate.subject, []).append(certificate)
    links = [leaf]
    while len(links) <= CHAIN_LENGTH_MAX:
        current = links[-1]
        if anchor := find(context.anchors, vendor, current.spki_digest):
            return _ended(links, anchor, context)
        above = [each for each in by_subject.get(current.issuer, ()) if each not in links]
        if not above:
            missing = _why_it_stops(current)
            return Chain(
                certificates=tuple(links), anchor=None, why=f"the chain stops at {current.title!r}: {missing}"
            )
        signers = [
            each
            for each in above
            if context.memo.holds(each.spki, current.algorithm, current.tbs, current.signature)
        ]
        if not signers:
            why = f"{current.title!r} is not signed by the certificate that bears its issuer's name"
            return Chain(certificates=tuple(links), anchor=None, why=why)
        links.append(signers[0])
    return Chain(certificates=tuple(links), anchor=None, why=f"the chain is longer than {CHAIN_LENGTH_MAX}")


def _why_it_stops(top: Certificate) -> str:
    if is_test_key(top.spki_digest):
        return "that is a published test key, with which anybody can make evidence"
    return "it is self-signed by a key that is not pinned" if top.self_issued else "its issuer is missing"


def _ended(links: list[Certificate], anchor: Anchor, context: Context) -> Chain:
    """The pinned key was met. Its own certificate must be signed by it, or its dates would be anybody's."""
    root = links[-1]
    if len(links) == 1:
        return Chain(
            certificates=tuple(links), anchor=None, why="the root's own key stands where a leaf is expected"
        )
    if not root.self_issued or not context.memo.holds(root.spki, root.algorithm, root.tbs, root.signature):
        return Chain(
            certificates=tuple(links), anchor=None, why=f"the root {root.title!r} is not signed by itself"
        )
    return Chain(certificates=tuple(links), anchor=anchor)


def fault(chain: Chain, vendor: Vendor) -> str:
    """Steps 2 and 3: what is wrong with the certificates of a chain, or nothing."""
    for depth, certificate in enumerate(chain.certificates):
        if certificate.algorithm != ALGORITHMS[vendor]:
            return f"{certificate.title!r} is signed with {certificate.algorithm}, not {ALGORITHMS[vendor]}"
        strange = [
            oid
            for oid, found in certificate.extensions.items()
            if found.critical and oid not in KNOWN_CRITICAL
        ]
        if strange:
            return f"{certificate.title!r} has the critical extension {strange[0]}, which is not understood"
        problem = _authority_fault(certificate, depth) if depth else _leaf_fault(certificate)
        if problem:
            return f"{certificate.title!r} {problem}"
    return ""


def _authority_fault(certificate: Certificate, depth: int) -> str:
    authority, length = basic_constraints(certificate)
    if not authority:
        return "issued a certificate but is no authority"
    if length is not None and depth - 1 > length:
        return f"allows {length} authorities below it, and {depth - 1} are"
    usage = certificate.extensions.get(KEY_USAGE)
    if usage is None or not der.whole(usage.value, der.BIT_STRING).flags() & CERT_SIGN:
        return "may not sign certificates"
    return ""


def _leaf_fault(certificate: Certificate) -> str:
    if basic_constraints(certificate)[0]:
        return "is an authority, not a leaf"
    usage = certificate.extensions.get(KEY_USAGE)
    if usage is not None and not der.whole(usage.value, der.BIT_STRING).flags() & DIGITAL_SIGNATURE:
        return "may not sign evidence"
    return ""


def basic_constraints(certificate: Certificate) -> tuple[bool, int | None]:
    """Is it an authority, and how many authorities may stand below it?"""
    found = certificate.extensions.get(BASIC_CONSTRAINTS)
    if found is None:
        return False, None
    fields = der.whole(found.value).parts()
    authority = flag.boolean() if (flag := fields.optional(der.BOOLEAN)) else False
    length = number.integer() if (number := fields.optional(der.INTEGER)) else None
    fields.finish()
    return authority, length


def check_chain(
    checks: Checks, leaf: Certificate, pool: Iterable[Certificate], vendor: Vendor, context: Context
) -> Chain | None:
    """Steps 1 to 4 as the checks `chain`, `test-roots` and `validity`; None where the chain does not hold."""
    chain = build(leaf, pool, vendor, context)
    if chain.anchor is None:
        checks.bad("chain", chain.why)
        return None
    if problem := fault(chain, vendor):
        checks.bad("chain", problem)
        return None
    checks.ok("chain", f"{len(chain.certificates)} certificates end in {chain.anchor.name}, pinned by key")
    check_test_roots(checks, chain.anchor)
    check_validity(checks, chain.certificates, context)
    return chain


def check_test_roots(checks: Checks, anchor: Anchor) -> None:
    """Said aloud: test anchors are handed in only under a policy that allows them."""
    if anchor.test:
        checks.ok(
            "test-roots", f"fake evidence: {anchor.name} is a published test key, which this policy allows"
        )


def check_validity(checks: Checks, certificates: Iterable[Certificate], context: Context) -> None:
    """Step 4: every certificate is valid at the given time."""
    at_s = context.at_s
    for certificate in certificates:
        if not certificate.not_before_s <= at_s <= certificate.not_after_s:
            window = f"{show_time(certificate.not_before_s)} to {show_time(certificate.not_after_s)}"
            checks.bad("validity", f"{certificate.title!r} is valid {window}, not at {show_time(at_s)}")
            return
    ends = min(certificate.not_after_s for certificate in certificates)
    checks.ok("validity", f"all are valid at {show_time(at_s)}; the first ends {show_time(ends)}")


def revoked_by_list(
    certificate: Certificate, issuer: Certificate, context: Context
) -> tuple[bool | None, str]:
    """Step 5 with lists: True revoked, False not, None unknown; and why. A list that is not fresh says
    nothing."""
    stale = "no list of its issuer is at hand"
    age_max_s = context.policy.revocation_age_max_s
    for crl in context.collateral.crls:
        if crl.issuer != issuer.subject:
            continue
        if not context.memo.holds(issuer.spki, crl.algorithm, crl.tbs, crl.signature):
            return None, f"the list of {issuer.title!r} is not signed by it"
        if certificate.serial in crl.revoked:  # also an old list: revocation is for ever
            return True, f"{certificate.title!r} is on the list of {issuer.title!r}"
        if crl.this_update_s > context.at_s + context.policy.clock_skew_max_s:
            stale = f"the list of {issuer.title!r} is from the future, {show_time(crl.this_update_s)}"
        elif crl.next_update_s is None or context.at_s > crl.next_update_s:
            stale = f"the list of {issuer.title!r} has ended"
        elif context.at_s - crl.this_update_s > age_max_s and not _long_lived(crl):
            made = show_time(crl.this_update_s)
            stale = f"the list of {issuer.title!r} of {made} is older than the policy allows"
        else:
            return False, f"not on the list of {issuer.title!r} of {show_time(crl.this_update_s)}"
    return None, stale


LONG_LIVED_S = 180 * 86400


def _long_lived(crl: Crl) -> bool:
    """A root's list is made once a year from an offline key; its own window is its age limit."""
    return crl.next_update_s is not None and crl.next_update_s - crl.this_update_s > LONG_LIVED_S


def check_revocation(checks: Checks, chain: Chain, context: Context, *, leaf_listed: bool = True) -> None:
    """Step 5: each certificate below the root against its issuer's list, and all against the policy's deny
    list."""
    if check_denied(checks, chain.certificates, context):
        return
    said: list[str] = []
    unknown: list[str] = []
    lowest = 0 if leaf_listed else 1  # some vendors list authorities only
    for certificate, issuer in zip(
        chain.certificates[lowest:], chain.certificates[lowest + 1 :], strict=False
    ):
        revoked, why = revoked_by_list(certificate, issuer, context)
        if revoked:
            checks.bad("revocation", why)
            return
        (unknown if revoked is None else said).append(
            f"{certificate.title!r}: {why}" if revoked is None else why
        )
    if unknown:
        checks.open("revocation", "; ".join(unknown))
    else:
        checks.ok("revocation", "; ".join(said))


def check_denied(checks: Checks, certificates: Iterable[Certificate], context: Context) -> bool:
    """Is a serial number, or the digest of a key, on the policy's own deny list?"""
    deny = {entry.lower().removeprefix("0x") for entry in context.policy.serials_denied}
    for certificate in certificates:
        if deny and not deny.isdisjoint((f"{certificate.serial:x}", certificate.spki_digest)):
            checks.bad("revocation", f"{certificate.title!r} is on the policy's own deny list")
            return True
    return False
