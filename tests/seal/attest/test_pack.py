"""Collateral packs: signed, whole, versioned, and never going backwards."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.errors import InputError, IntegrityError
from freehold.ledger import FileSigner
from freehold.seal.attest import Evidence, Result, verify
from freehold.seal.attest.fake import evidence_set, intel
from freehold.seal.attest.inventory import earliest_end_s, inventory_of
from freehold.seal.attest.pack import LIST_NAME, SIGNATURE_NAME, Files, make_pack, read_collateral, seen_after
from tests.seal.attest.conftest import AT_S

SIGNER = FileSigner("test", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = FileSigner("other", Ed25519PrivateKey.from_private_bytes(bytes(32)))
MADE = evidence_set("tdx", at_s=AT_S)
CONTENT = {name: data for name, data in MADE.files if name not in ("quote.bin", "ccel.bin")}
PACK = make_pack(CONTENT, SIGNER, name="intel", at_s=AT_S)
KEY = SIGNER.public_key.hex()


def judge(pack: Files, **rules: object) -> Result:
    evidence = Evidence.read([(name, data) for name, data in MADE.files if name in ("quote.bin", "ccel.bin")])
    policy = msgspec.structs.replace(MADE.policy, **{"collateral_keys": (KEY,), **rules})
    return verify(evidence, collateral=read_collateral(pack), policy=policy, at_s=AT_S, binding=MADE.binding)


def newer(at_s: int = AT_S, **changes: object) -> Files:
    tables = intel.Tables(**{"evaluation": 19, **changes})  # type: ignore[arg-type]  # fields of Tables
    return make_pack(intel.collateral(tables, at_s=at_s), SIGNER, name="intel", at_s=at_s, previous=PACK)


def test_pack_gives_the_same_answer_as_loose_files() -> None:
    assert judge(PACK).passed
    assert judge(CONTENT, collateral_keys=()).passed


def test_pack_by_a_key_the_policy_does_not_name_is_refused() -> None:
    assert judge(make_pack(CONTENT, OTHER, name="intel", at_s=AT_S)).failed == ("set:pack",)


def test_pack_where_the_policy_names_no_key_is_left_unchecked_and_so_refused() -> None:
    result = judge(PACK, collateral_keys=())
    assert (result.passed, result.unchecked) == (False, ("set:pack",))


def test_pack_that_is_not_signed_where_the_policy_wants_one_is_refused() -> None:
    result = judge(CONTENT)
    assert (result.passed, result.unchecked) == (False, ("set:pack",))


@pytest.mark.parametrize("signature", [b"", b"00" * 64, b"zz", PACK[SIGNATURE_NAME][:-3]])
def test_pack_with_another_signature_is_refused(signature: bytes) -> None:
    assert judge({**PACK, SIGNATURE_NAME: signature}).failed == ("set:pack",)


def test_pack_with_a_changed_list_is_refused() -> None:
    assert judge({**PACK, LIST_NAME: PACK[LIST_NAME].replace(b'"version": 1', b'"version": 9')}).failed == (
        "set:pack",
    )


@pytest.mark.parametrize("change", ["changed", "added", "left-out"])
def test_pack_whose_files_are_not_those_of_its_list_is_broken(change: str) -> None:
    files = dict(PACK)
    if change == "changed":
        files["tcb_info.json"] += b" "
    elif change == "added":
        files["more.pem"] = b"-----BEGIN"
    else:
        del files["pck_crl.der"]
    with pytest.raises(IntegrityError):
        read_collateral(files)


def test_pack_under_the_policys_least_version_is_refused() -> None:
    assert judge(PACK, collateral_version_min=2).failed == ("set:pack",)
    assert judge(newer(), collateral_version_min=2).passed


def test_pack_from_the_future_is_refused() -> None:
    assert judge(make_pack(CONTENT, SIGNER, name="intel", at_s=AT_S + 3600)).failed == ("set:pack",)


def test_pack_version_grows_by_one_and_names_what_it_replaces() -> None:
    listing = newer()[LIST_NAME]
    assert b'"version": 2' in listing
    assert b'"replaces": ""' not in listing


@pytest.mark.parametrize("changes", [{"evaluation": 17}, {"evaluation": 18, "issued_s": AT_S - 3 * 86400}])
def test_pack_with_an_older_table_than_before_is_not_made(changes: dict[str, int]) -> None:
    with pytest.raises(IntegrityError, match="older"):
        newer(**changes)


def test_pack_with_an_older_revocation_list_than_before_is_not_made() -> None:
    older = intel.collateral(intel.Tables(evaluation=19, issued_s=AT_S), at_s=AT_S - 9 * 86400)
    with pytest.raises(IntegrityError, match="revocation list"):
        make_pack(older, SIGNER, name="intel", at_s=AT_S, previous=PACK)


def test_pack_of_another_name_does_not_replace_it() -> None:
    with pytest.raises(InputError, match="not 'amd'"):
        make_pack(CONTENT, SIGNER, name="amd", at_s=AT_S, previous=PACK)


def test_pack_older_than_one_used_before_is_refused() -> None:
    seen = seen_after(seen_after({}, PACK), newer())
    with pytest.raises(IntegrityError, match="used here before"):
        seen_after(seen, PACK)
    assert seen_after(seen, CONTENT) == seen


def test_pack_of_the_same_version_with_other_content_is_refused() -> None:
    other = make_pack({"pck_crl.der": CONTENT["pck_crl.der"]}, SIGNER, name="intel", at_s=AT_S)
    with pytest.raises(IntegrityError):
        seen_after(seen_after({}, PACK), other)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", LIST_NAME, "x" * 200])
def test_pack_with_a_name_that_is_a_path_is_not_made(name: str) -> None:
    with pytest.raises(InputError):
        make_pack({name: b"x"}, SIGNER, name="intel", at_s=AT_S)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"schema": "other/1"}', b"x" * 2_000_000])
def test_pack_with_an_unreadable_list_is_broken(body: bytes) -> None:
    with pytest.raises(InputError):
        read_collateral({**PACK, LIST_NAME: body})


def test_pack_inventory_names_every_piece_and_the_first_end() -> None:
    collateral, items = inventory_of(PACK, at_s=AT_S, policy=MADE.policy)
    assert collateral.pack is not None and collateral.pack.version == 1
    assert {item.standing for item in items} == {"pass", "not checked"}
    assert earliest_end_s(items) == AT_S + 29 * 86400


def test_pack_inventory_says_what_is_not_genuine_or_not_current() -> None:
    files = {**CONTENT, "tcb_info.json": CONTENT["tcb_info.json"].replace(b'"svn":5', b'"svn":0')}
    _, items = inventory_of(files, at_s=AT_S + 60 * 86400, policy=MADE.policy)
    by_name = {item.name: item for item in items}
    assert by_name["tcb_info.json"].standing == "fail"
    assert not by_name["pck_crl.der"].current(AT_S + 60 * 86400)


def test_pack_inventory_of_gpu_collateral_reads_references_answers_and_keys() -> None:
    gpu, eat = evidence_set("nvidia", at_s=AT_S), evidence_set("nvidia-eat", at_s=AT_S)
    files = {name: data for name, data in (*gpu.files, *eat.files) if name not in ("gpu.json", "eat.json")}
    _, items = inventory_of(files, at_s=AT_S, policy=gpu.policy)
    assert {item.role for item in items} == {"OCSP answer", "reference values", "key"}
    assert not [item for item in items if item.standing == "fail"]
