"""Reference values of device firmware: NVIDIA's signed manifests (SWID tags with an XML signature).

Steps, and the attack each stops:
  1. restricted XML, one signature under the root       entities, wrapped signatures, documents with two roots
  2. exactly the algorithms NVIDIA uses                 a transform that leaves out what was changed
  3. the digest is that of the whole document           changed values
  4. the signer chains to the pinned root, valid now    values of one's own
  5. the signature over SignedInfo                      a changed digest
  6. every active value equals the device's             changed firmware
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from freehold.errors import InputError
from freehold.seal.attest.c14n import Element, canonical, parse_xml
from freehold.seal.attest.certificate import Certificate, parse_certificate
from freehold.seal.attest.chain import Chain, build, fault
from freehold.seal.attest.context import Context
from freehold.seal.attest.malformed import malformed
from freehold.seal.attest.reader import hexadecimal
from freehold.seal.attest.result import Checks
from freehold.seal.attest.spdm import DeviceReport
from freehold.seal.attest.times import show_time

DS = "http://www.w3.org/2000/09/xmldsig#"
SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
SHA384_URI = "http://www.w3.org/2001/04/xmlenc#sha384"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"
ENVELOPED = DS + "enveloped-signature"
ECDSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
DIGEST_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
CERTIFICATES_MAX, RESOURCES_MAX, ALTERNATIVES_MAX = 8, 256, 64
NVDEC_INDEX = 35
"""The measurement of a video decoder; where the report says that it is disabled there is nothing to compare.
"""
DISABLED = 0x55


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`values` are the active ones: index -> the digests any one of which is right."""

    product: str
    version: str
    values: dict[int, tuple[bytes, ...]]
    digest_holds: bool
    signed_info: bytes
    signature: bytes
    certificates: tuple[Certificate, ...]


def parse_manifest(data: bytes) -> Manifest:
    """Steps 1 to 3."""
    root = parse_xml(data)
    signatures = _all(root, DS, "Signature")
    if len(signatures) != 1 or signatures[0] not in root.elements(DS, "Signature"):
        raise malformed(
            f"the manifest has {len(signatures)} signatures", why="it needs one, directly under its root"
        )
    if (root.uri, root.local) != (SWID, "SoftwareIdentity"):
        raise malformed(f"the manifest's root is {root.local!r}, not a SoftwareIdentity")
    signature = signatures[0]
    info, value = _one(signature, DS, "SignedInfo"), _one(signature, DS, "SignatureValue")
    said = _signed_info_digest(info)
    computed = hashlib.sha384(canonical(root, without=signature)).digest()
    holder = _one(_one(signature, DS, "KeyInfo"), DS, "X509Data")
    listed = holder.elements(DS, "X509Certificate")
    if not 0 < len(listed) <= CERTIFICATES_MAX:
        raise malformed(f"the manifest carries {len(listed)} certificates")
    meta = _one(root, SWID, "Meta")
    return Manifest(
        product=meta.attribute("product") or "", version=meta.attribute("colloquialVersion") or "",
        values=_values(_one(root, SWID, "Payload")), digest_holds=computed == said,
        signed_info=canonical(info), signature=_base64(value.text, "the signature value"),
        certificates=tuple(parse_certificate(_base64(each.text, "a certificate")) for each in listed),
    )  # fmt: skip


def _signed_info_digest(info: Element) -> bytes:
    """Step 2: SignedInfo must be exactly this, so that nothing of the document is left out of the digest."""
    reference = _one(info, DS, "Reference")
    transforms = [
        each.attribute("Algorithm") for each in _one(reference, DS, "Transforms").elements(DS, "Transform")
    ]
    used = (
        _one(info, DS, "CanonicalizationMethod").attribute("Algorithm"),
        _one(info, DS, "SignatureMethod").attribute("Algorithm"),
        _one(reference, DS, "DigestMethod").attribute("Algorithm"),
        reference.attribute("URI"),
    )
    if used != (C14N11, ECDSA_SHA384, DIGEST_SHA384, "") or transforms != [ENVELOPED, C14N11]:
        raise malformed(
            "the manifest's signature uses other algorithms or covers less than the whole document"
        )
    return _base64(_one(reference, DS, "DigestValue").text, "the digest value")


def _values(payload: Element) -> dict[int, tuple[bytes, ...]]:
    found: dict[int, tuple[bytes, ...]] = {}
    seen: set[int] = set()
    for resource in payload.elements(SWID, "Resource"):
        if resource.attribute("type") != "Measurement":
            continue
        index, alternatives = (
            _small(resource, "index", RESOURCES_MAX),
            _small(resource, "alternatives", ALTERNATIVES_MAX),
        )
        if index in seen:
            raise malformed(f"the manifest has measurement {index} twice")
        seen.add(index)
        if resource.attribute("active") != "True":
            continue
        size = _small(resource, "size", 64)
        hashes = [resource.attribute(f"Hash{number}", SHA384_URI) for number in range(alternatives)]
        found[index] = tuple(hexadecimal(each, f"measurement {index}", size) for each in hashes)
    return found


def _small(element: Element, name: str, limit: int) -> int:
    text = element.attribute(name) or ""
    if not text.isascii() or not text.isdigit() or len(text) > 4 or int(text) > limit:
        raise malformed(f"{name} of a measurement is {text!r}, not a number up to {limit}")
    return int(text)


def _all(root: Element, uri: str, local: str) -> list[Element]:
    found, queue = [], [root]
    while queue:
        element = queue.pop()
        if (element.uri, element.local) == (uri, local):
            found.append(element)
        queue.extend(child for child in element.children if isinstance(child, Element))
    return found


def _one(parent: Element, uri: str, local: str) -> Element:
    found = parent.elements(uri, local)
    if len(found) != 1:
        raise malformed(f"the manifest has {len(found)} elements {local} where it needs one")
    return found[0]


def _base64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(f"{name} is not base64") from error


def manifest_fault(manifest: Manifest, context: Context) -> tuple[str, Chain | None]:
    """Steps 3 to 5: why this manifest cannot be used, or nothing; and its chain."""
    if not manifest.digest_holds:
        return "its values were changed after it was signed", None
    chain = build(manifest.certificates[0], manifest.certificates, "nvidia-rim", context)
    if chain.anchor is None:
        return chain.why, None
    if problem := fault(chain, "nvidia-rim"):
        return problem, None
    for certificate in chain.certificates:
        if not certificate.not_before_s <= context.at_s <= certificate.not_after_s:
            return f"its signer {certificate.title!r} is not valid at {show_time(context.at_s)}", None
    holds = context.memo.holds_raw(
        chain.leaf.spki, "ecdsa-sha384", manifest.signed_info, manifest.signature, keep=True
    )
    return ("" if holds else "it is not signed by its signer"), chain


def check_reference(
    checks: Checks, report: DeviceReport, wanted: dict[str, str | None], context: Context
) -> bool | None:
    """Step 6. `wanted` names the firmware the report says it runs: driver and VBIOS, with their versions.

    True: every part has reference values and all are equal. False: one is not. None: some part has none.
    """
    manifests, problems = _relevant(wanted, context)
    for problem in problems:
        checks.bad("collateral", problem)
    golden: dict[int, tuple[bytes, ...]] = {}
    missing = []
    for part, version in wanted.items():
        manifest = manifests.get(part)
        if manifest is None:
            missing.append(f"{part} {version or 'of unknown version'}")
            continue
        if both := sorted(golden.keys() & manifest.values.keys()):
            checks.bad("reference", f"two manifests claim measurement {both[0]}")
            return False
        golden |= manifest.values
    if report.fields.get("nvdec0-status") == bytes([DISABLED]):
        golden.pop(NVDEC_INDEX, None)
    wrong = [index for index, values in golden.items() if report.measurements.get(index + 1) not in values]
    if wrong:
        checks.bad("reference", f"measurement {', '.join(map(str, sorted(wrong)))} is not a reference value")
        return False
    if missing:
        checks.open("reference", f"no usable reference values for {' and '.join(missing)}")
        return None
    checks.ok("reference", f"{len(golden)} measurements equal the signed reference values")
    return True


def _relevant(wanted: dict[str, str | None], context: Context) -> tuple[dict[str, Manifest], list[str]]:
    """The manifest for each part of the firmware, and what is wrong with those that cannot be used."""
    found: dict[str, Manifest] = {}
    problems = []
    for data in context.collateral.rims:
        try:
            manifest = parse_manifest(data)
        except InputError as error:
            problems.append(f"a manifest cannot be read: {error.what}")
            continue
        for part, version in wanted.items():
            if version is None or manifest.version.upper() != version.upper():
                continue
            problem, _chain = manifest_fault(manifest, context)
            if problem:
                problems.append(f"the manifest for {part} {version}: {problem}")
            else:
                found[part] = manifest
    return found, problems
