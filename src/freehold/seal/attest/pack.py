"""Collateral packs: a folder of collateral with one signed list of what is in it and a version that only
grows.

The vendors' signatures say that each piece is genuine. They cannot say that nothing newer exists, and key
sets carry no signature at all. So whoever gathers collateral signs the list; the policy names that key; and
whoever uses packs remembers the last version seen, so that an old pack cannot hide a revocation that a newer
one told of.
"""

from __future__ import annotations

import hashlib
import json
import re

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from freehold.errors import InputError, IntegrityError
from freehold.seal.attest.collateral import PIECES_MAX, Collateral, PackFacts, collect
from freehold.seal.attest.malformed import EVIDENCE_BYTES_MAX
from freehold.seal.attest.recognise import Piece, recognise
from freehold.seal.attest.times import parse_time_s, show_time
from freehold.types.contracts import Signer
from freehold.types.names import Digest

SCHEMA = "freehold.collateral/1"
LIST_NAME, SIGNATURE_NAME = "pack.json", "pack.sig"
SIGNED_PREFIX = b"freehold-collateral-v1\n"
LIST_BYTES_MAX = 1024 * 1024
PACK_BYTES_MAX = 256 * 1024 * 1024
VERSION_MAX = 1 << 53
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    sha256: str
    size: int


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signed list. `replaces` is the digest of the list before it, empty in the first."""

    schema: str
    name: str
    version: int
    created: str
    key: str
    replaces: str
    files: tuple[Entry, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The newest version of a pack that was ever used here."""

    version: int
    digest: Digest


Files = dict[str, bytes]


def make_pack(files: Files, signer: Signer, *, name: str, at_s: int, previous: Files | None = None) -> Files:
    """The pack's files: the collateral, the list and its signature. One before it makes the version grow."""
    before = read_listing(previous) if previous else None
    if before is not None:
        _refuse_going_back(files, before, previous or {}, name)
    listing = Listing(
        schema=SCHEMA, name=name, version=before.version + 1 if before else 1, created=show_time(at_s),
        key=signer.public_key.hex(), replaces=_digest((previous or {})[LIST_NAME]) if before else "",
        files=tuple(_entry(each, data) for each, data in sorted(files.items())),
    )  # fmt: skip
    body = json.dumps(msgspec.to_builtins(listing), indent=2).encode() + b"\n"
    signature = signer.sign(SIGNED_PREFIX + body).hex().encode() + b"\n"
    return {**files, LIST_NAME: body, SIGNATURE_NAME: signature}


def _entry(name: str, data: bytes) -> Entry:
    if not _FILE_NAME.fullmatch(name) or name in (LIST_NAME, SIGNATURE_NAME):
        raise _broken(
            f"{name!r} cannot be the name of a file in a pack", "use letters, digits, dots and dashes"
        )
    if len(data) > EVIDENCE_BYTES_MAX:
        raise _broken(f"{name} has {len(data)} bytes", f"at most {EVIDENCE_BYTES_MAX} fit in a pack")
    return Entry(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def read_collateral(files: Files) -> Collateral:
    """A folder of collateral: a signed pack where it has a list, else loose files."""
    if sum(map(len, files.values())) > PACK_BYTES_MAX or len(files) > PIECES_MAX:
        raise _broken(
            "the collateral is too large", f"at most {PIECES_MAX} files and {PACK_BYTES_MAX} bytes are read"
        )
    if LIST_NAME not in files:
        return collect(pieces_of(files))
    listing = read_listing(files)
    _check_files(listing, files)
    content = {name: data for name, data in files.items() if name not in (LIST_NAME, SIGNATURE_NAME)}
    facts = PackFacts(
        name=listing.name, version=listing.version, created_s=parse_time_s(listing.created, "created"),
        key=listing.key, signature_holds=_signature_holds(listing, files),
    )  # fmt: skip
    return collect(pieces_of(content), facts)


def pieces_of(files: Files) -> tuple[Piece, ...]:
    return tuple(piece for name, data in sorted(files.items()) for piece in recognise(name, data))


def read_listing(files: Files) -> Listing:
    body = files.get(LIST_NAME, b"")
    if not 0 < len(body) <= LIST_BYTES_MAX:
        raise _broken(
            f"{LIST_NAME} is absent, empty or too large", f"at most {LIST_BYTES_MAX} bytes are read"
        )
    try:
        listing = msgspec.json.decode(body, type=Listing)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(f"{LIST_NAME} is not a list of collateral", str(error)) from error
    names = [entry.name for entry in listing.files]
    if listing.schema != SCHEMA or not 0 < listing.version < VERSION_MAX:
        raise _broken(
            f"{LIST_NAME} is of schema {listing.schema!r}, version {listing.version}", f"expected {SCHEMA}"
        )
    if len(set(names)) != len(names) or not all(_FILE_NAME.fullmatch(each) for each in names):
        raise _broken(
            f"{LIST_NAME} names a file twice, or a path", "names are of one file each in this folder"
        )
    return listing


def _check_files(listing: Listing, files: Files) -> None:
    """Exactly the files of the list, each with its digest: nothing missing, nothing slipped in."""
    expected = {entry.name: entry for entry in listing.files}
    present = set(files) - {LIST_NAME, SIGNATURE_NAME}
    if present != set(expected):
        odd = sorted(present ^ set(expected))
        raise IntegrityError(
            f"the pack {listing.name!r} and its list differ: {', '.join(odd[:4])}",
            why="every file must be on the list, and every file of the list must be there",
            fix="fetch the pack again, whole", code="seal.pack-broken",
        )  # fmt: skip
    for name, entry in expected.items():
        if hashlib.sha256(files[name]).hexdigest() != entry.sha256:
            raise IntegrityError(
                f"{name} of the pack {listing.name!r} was changed",
                why="its digest is not the one on the signed list",
                fix="fetch the pack again, whole", code="seal.pack-broken",
            )  # fmt: skip


def _signature_holds(listing: Listing, files: Files) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(listing.key))
        signature = bytes.fromhex(files.get(SIGNATURE_NAME, b"").decode("ascii").strip())
        key.verify(signature, SIGNED_PREFIX + files[LIST_NAME])
    except (ValueError, UnicodeDecodeError, InvalidSignature):
        return False  # said as the failed check `pack`
    return True


def seen_after(seen: dict[str, Seen], files: Files) -> dict[str, Seen]:
    """What to remember after using this pack; refuses a pack older than one that was used before."""
    if LIST_NAME not in files:
        return seen
    listing = read_listing(files)
    now = Seen(version=listing.version, digest=Digest("sha256:" + _digest(files[LIST_NAME])))
    last = seen.get(f"{listing.name} {listing.key}")
    if last is not None and (
        now.version < last.version or (now.version == last.version and now.digest != last.digest)
    ):
        raise IntegrityError(
            f"the pack {listing.name!r} is version {now.version}, and version {last.version} was used "
            "here before",
            why="an older pack can hide a revocation; two packs of one version cannot both be right",
            fix="use the newest pack", code="seal.pack-rolled-back",
        )  # fmt: skip
    return {**seen, f"{listing.name} {listing.key}": now}


def _refuse_going_back(files: Files, before: Listing, previous: Files, name: str) -> None:
    """A new pack must not carry an older table or list than the one it replaces."""
    if before.name != name:
        raise _broken(
            f"the folder holds the pack {before.name!r}, not {name!r}", "use another folder, or the same name"
        )
    old, new = collect(pieces_of(_content(previous))), collect(pieces_of(files))
    for subject, was in _ages(old).items():
        now = _ages(new).get(subject)
        if now is not None and now < was:
            raise IntegrityError(
                f"{subject} in the new pack is older than in version {before.version}",
                why="a pack never goes backwards: the older one may hide a revocation",
                fix="fetch it again, or keep the newer file", code="seal.pack-backwards",
            )  # fmt: skip


def _content(files: Files) -> Files:
    return {name: data for name, data in files.items() if name not in (LIST_NAME, SIGNATURE_NAME)}


def _ages(collateral: Collateral) -> dict[str, tuple[int, int]]:
    """Subject -> (number, date) of the newest piece about it."""
    found: dict[str, tuple[int, int]] = {}
    dated = [
        (
            f"TCB information {each.value.id} {each.value.fmspc}",
            (each.value.tcb_evaluation_data_number, each.value.issued_s),
        )
        for each in collateral.tcb_infos
    ]
    dated += [
        (f"enclave identity {each.value.id}", (each.value.tcb_evaluation_data_number, each.value.issued_s))
        for each in collateral.identities
    ]
    dated += [
        (
            f"revocation list of {hashlib.sha256(crl.issuer).hexdigest()[:16]}",
            (crl.number or 0, crl.this_update_s),
        )
        for crl in collateral.crls
    ]
    for subject, age in dated:
        found[subject] = max(found.get(subject, age), age)
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _broken(what: str, why: str) -> InputError:
    return InputError(what, why=why, fix="fetch the pack again, or make a new one", code="seal.pack-broken")
